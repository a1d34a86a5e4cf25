-- What persons say of places in a task's difference. Each is bound to the commits that were seen, and is given to runs
-- until one that had it ends well. Adds a table only; code from before does not read it, and its runs do not see remarks.
CREATE TABLE remarks (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    task_id INTEGER NOT NULL REFERENCES tasks (id),
    -- What was compared with, and what was compared.
    base_sha TEXT NOT NULL,
    head_sha TEXT NOT NULL,
    path TEXT NOT NULL,
    -- Which of the two the line is counted in: `new` or `old`.
    side TEXT NOT NULL,
    -- From 1 on; none for the file as a whole.
    line INTEGER,
    -- The line as it was seen, cut.
    excerpt TEXT NOT NULL,
    text TEXT NOT NULL,
    person TEXT NOT NULL,
    channel TEXT NOT NULL,
    at_ms INTEGER NOT NULL,
    -- The latest run that was given it.
    run_id INTEGER REFERENCES runs (id)
) STRICT;
CREATE INDEX remarks_task ON remarks (task_id, id);
