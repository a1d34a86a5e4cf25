-- What a person has to see stays until somebody acknowledges it. Notices went to notifiers only, and whoever did not
-- read along missed them. Tasks that stand still get the alert that they would have raised. Older code does not know
-- the table and leaves it as it is.
CREATE TABLE alerts (
    id INTEGER PRIMARY KEY,
    -- The kind of notice.
    kind TEXT NOT NULL,
    -- None: it is about the host.
    task_id INTEGER REFERENCES tasks (id),
    repo TEXT,
    -- What tells it from others of its kind and task: those that agree in it are counted in one row.
    about TEXT NOT NULL,
    -- The latest of them as JSON.
    notice TEXT NOT NULL,
    first_ms INTEGER NOT NULL,
    last_ms INTEGER NOT NULL,
    count INTEGER NOT NULL CHECK (count > 0),
    acknowledged_by TEXT,
    acknowledged_ms INTEGER,
    CHECK ((acknowledged_by IS NULL) = (acknowledged_ms IS NULL))
) STRICT;
CREATE UNIQUE INDEX alerts_open ON alerts (kind, coalesce(task_id, 0), about) WHERE acknowledged_ms IS NULL;
CREATE INDEX alerts_of_task ON alerts (task_id) WHERE acknowledged_ms IS NULL;
CREATE INDEX alerts_last ON alerts (last_ms);

INSERT INTO alerts (kind, task_id, repo, about, notice, first_ms, last_ms, count)
SELECT 'earlier', id, repo, text, json_object(
        'subject', json_object('task', json_object('id', id, 'work_item', work_item, 'repo', repo)),
        'at_ms', updated_ms,
        'kind', json_object('earlier', json_object('text', text))),
    updated_ms, updated_ms, 1
FROM (SELECT id, repo, work_item, updated_ms, work_item || ' waits for a person at `' || stage || '`' AS text
    FROM tasks WHERE status IN ('awaiting-approval', 'needs-input', 'blocked'));
