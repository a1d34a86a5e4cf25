-- Messages say where they go: each destination is served by itself, what is given up stays for people to see, and what
-- the other side called a delivered message is kept. The payload is the whole message as JSON, of a closed enum.
-- The table is made again, because every row needs a destination; rows that are there become notices in the words that
-- they had, and removals of workspaces. Code from before refuses a database with this mark.
CREATE TABLE outbox_next (
    id INTEGER PRIMARY KEY,
    task_id INTEGER REFERENCES tasks (id),
    -- `forge:REPOSITORY`, `tracker:NAME`, `notifier:NAME` or `host`
    destination TEXT NOT NULL,
    kind TEXT NOT NULL,
    key TEXT NOT NULL UNIQUE,
    payload TEXT NOT NULL,
    created_ms INTEGER NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0,
    next_ms INTEGER NOT NULL,
    done_ms INTEGER,
    dead_ms INTEGER,
    -- What the other side calls it.
    external_id TEXT,
    last_error TEXT,
    CHECK (done_ms IS NULL OR dead_ms IS NULL)
) STRICT;
INSERT INTO outbox_next (id, task_id, destination, kind, key, payload, created_ms, attempts, next_ms, done_ms, last_error)
SELECT o.id, o.task_id, 'notifier:log', 'notice', o.key,
    json_object('notice', json_object('to', 'log', 'notice', json_object(
        'subject', json(CASE WHEN t.id IS NULL THEN '"host"' ELSE json_object('task',
            json_object('id', t.id, 'work_item', t.work_item, 'repo', t.repo)) END),
        'at_ms', o.created_ms,
        'kind', json_object('earlier', json_object('text', o.payload))))),
    o.created_ms, o.attempts, o.next_ms, o.done_ms, o.last_error
FROM outbox o LEFT JOIN tasks t ON t.id = o.task_id WHERE o.kind = 'alert';
INSERT INTO outbox_next (id, task_id, destination, kind, key, payload, created_ms, attempts, next_ms, done_ms, last_error)
SELECT o.id, o.task_id, 'host', 'remove-workspace', o.key,
    json_object('remove-workspace', json_object('task', t.id, 'work_item', t.work_item, 'repo', t.repo)),
    o.created_ms, o.attempts, o.next_ms, o.done_ms, o.last_error
FROM outbox o JOIN tasks t ON t.id = o.task_id WHERE o.kind = 'remove-workspace';
DROP TABLE outbox;
ALTER TABLE outbox_next RENAME TO outbox;

-- When the next message of a destination is due.
CREATE INDEX outbox_due ON outbox (destination, next_ms) WHERE done_ms IS NULL AND dead_ms IS NULL;
-- Messages of a destination in their order, and whether an older one of the same task waits.
CREATE INDEX outbox_order ON outbox (destination, id) WHERE done_ms IS NULL AND dead_ms IS NULL;
CREATE INDEX outbox_task ON outbox (task_id, destination, id) WHERE done_ms IS NULL AND dead_ms IS NULL;
