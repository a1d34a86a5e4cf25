-- What gates found in the round of a task that goes on, until it is said in one review on the pull request.
-- Adds a table only; code that does not know it reviews nothing.
CREATE TABLE round_findings (
    task_id INTEGER NOT NULL REFERENCES tasks (id),
    entry TEXT NOT NULL,
    -- JSON.
    findings TEXT NOT NULL,
    PRIMARY KEY (task_id, entry)
) STRICT;
