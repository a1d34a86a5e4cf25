-- What sets a repository up, and hooks that run files of the branch, have the network of agents, and some of them are no
-- runs. SQLite changes no column in place, so the table is made anew with everything in it. Code from before refuses a
-- database with this mark.
CREATE TABLE connections_next (
    id INTEGER PRIMARY KEY,
    run_id INTEGER REFERENCES runs (id),
    -- The task of what was no run, if it was for one; a base is nobody's.
    task_id INTEGER REFERENCES tasks (id),
    -- The repository of what was no run.
    repo TEXT,
    at_ms INTEGER NOT NULL,
    -- As it was asked for, which need be no name.
    host TEXT NOT NULL,
    port INTEGER NOT NULL,
    reached TEXT NOT NULL,
    sent_bytes INTEGER NOT NULL,
    received_bytes INTEGER NOT NULL,
    CHECK ((run_id IS NULL) = (repo IS NOT NULL))
) STRICT;
INSERT INTO connections_next (id, run_id, at_ms, host, port, reached, sent_bytes, received_bytes)
    SELECT id, run_id, at_ms, host, port, reached, sent_bytes, received_bytes FROM connections;
DROP TABLE connections;
ALTER TABLE connections_next RENAME TO connections;
CREATE INDEX connections_run ON connections (run_id, reached);
CREATE INDEX connections_task ON connections (task_id) WHERE task_id IS NOT NULL;
CREATE INDEX connections_repo ON connections (repo, id) WHERE repo IS NOT NULL;
