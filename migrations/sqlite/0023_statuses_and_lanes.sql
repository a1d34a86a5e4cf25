-- A commit status says where to read more and who posted it, and failures that tasks have in common are counted: three
-- in a row at one step of a repository hold its lane back. Adds columns and a table only; older code leaves them.
ALTER TABLE commit_statuses ADD COLUMN url TEXT;
ALTER TABLE commit_statuses ADD COLUMN reporter TEXT;

-- Tasks that a step of a repository blocked since it last came to an end, one row for a task.
CREATE TABLE step_failures (
    repo TEXT NOT NULL,
    -- Name of the step: an entry's id, a role's run or work of the host.
    step TEXT NOT NULL,
    -- The block reason.
    reason TEXT NOT NULL,
    task_id INTEGER NOT NULL REFERENCES tasks (id),
    at_ms INTEGER NOT NULL,
    PRIMARY KEY (repo, step, reason, task_id)
) STRICT, WITHOUT ROWID;
