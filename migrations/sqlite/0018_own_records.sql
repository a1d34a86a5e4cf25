-- What the host itself goes by stands apart from what its local forge and tracker show: which issue belongs to a task
-- and where the host wants it, which of its branches got a pull request and landed, which commits it tests.
-- The tables of the local forge and tracker (pull_requests, commit_statuses, issue_moves, issue_comments) stay as they
-- are, and are written by its implementation alone. Code from before refuses a database with this mark.

-- Where the host wants a task's issue, and which issue of which tracker that is.
CREATE TABLE issues_next (
    task_id INTEGER PRIMARY KEY REFERENCES tasks (id),
    tracker TEXT NOT NULL,
    issue TEXT NOT NULL,
    state TEXT NOT NULL,
    updated_ms INTEGER NOT NULL,
    -- From which position of the tracker on the issue stands there: what people have not seen they cannot have
    -- answered. None while it was not moved there.
    shown_at INTEGER
) STRICT;
INSERT INTO issues_next (task_id, tracker, issue, state, updated_ms, shown_at)
    SELECT task_id, 'local', CAST(task_id AS TEXT), state, updated_ms,
        coalesce((SELECT max(id) FROM issue_moves m WHERE m.task_id = i.task_id AND actor = 'orch'), 0)
    FROM issues i;
DROP TABLE issues;
ALTER TABLE issues_next RENAME TO issues;
CREATE INDEX issues_place ON issues (tracker, issue, task_id);

-- Branches of a task that were to get a pull request, with what became of them.
CREATE TABLE task_branches (
    task_id INTEGER NOT NULL REFERENCES tasks (id),
    branch TEXT NOT NULL,
    -- The forge's number for the pull request, once it is open.
    pull_request TEXT,
    landed_sha TEXT,
    opened_ms INTEGER NOT NULL,
    landed_ms INTEGER,
    PRIMARY KEY (task_id, branch),
    CHECK ((landed_sha IS NULL) = (landed_ms IS NULL))
) STRICT;
INSERT INTO task_branches (task_id, branch, pull_request, landed_sha, opened_ms, landed_ms)
    SELECT task_id, branch, CAST(id AS TEXT), merged_sha, created_ms, merged_ms FROM pull_requests;
CREATE TRIGGER task_branches_land_once BEFORE UPDATE ON task_branches
WHEN OLD.landed_sha IS NOT NULL AND NEW.landed_sha IS NOT OLD.landed_sha
BEGIN
    SELECT RAISE(ABORT, 'a branch lands once');
END;

-- Commits that the host tests, or has tested.
CREATE TABLE commit_tests (
    repo TEXT NOT NULL,
    sha TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('asked', 'passed', 'failed')),
    -- How often the test was asked for again after it was lost.
    asked_again INTEGER NOT NULL DEFAULT 0,
    updated_ms INTEGER NOT NULL,
    PRIMARY KEY (repo, sha)
) STRICT;
-- The host's own statuses were its record so far; how often a test was asked for again stood in their text.
INSERT INTO commit_tests (repo, sha, state, asked_again, updated_ms)
    SELECT repo, sha, CASE state WHEN 'success' THEN 'passed' WHEN 'pending' THEN 'asked' ELSE 'failed' END,
        CASE WHEN description LIKE 'asked for again, time %' THEN CAST(substr(description, 23) AS INTEGER) ELSE 0 END,
        updated_ms
    FROM commit_statuses WHERE context = 'orch/ci';
