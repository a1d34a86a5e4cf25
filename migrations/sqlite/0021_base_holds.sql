-- The latest hold of a repository's base: by which task, until when, and when that one landed under it.
-- A new table only; older code holds nothing and leaves it as it is.
CREATE TABLE base_holds (
    repo TEXT PRIMARY KEY,
    task_id INTEGER NOT NULL REFERENCES tasks (id),
    until_ms INTEGER NOT NULL,
    landed_ms INTEGER
) STRICT;
