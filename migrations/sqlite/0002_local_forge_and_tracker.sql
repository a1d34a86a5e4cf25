-- The local forge and tracker: pull requests, commit statuses, issues and comments.
-- Adds tables only; code that does not know them is not disturbed.
CREATE TABLE pull_requests (
    id INTEGER PRIMARY KEY,
    repo TEXT NOT NULL,
    task_id INTEGER NOT NULL REFERENCES tasks (id),
    branch TEXT NOT NULL,
    base TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('open', 'merged', 'closed')),
    merged_sha TEXT,
    created_ms INTEGER NOT NULL,
    merged_ms INTEGER,
    CHECK ((state = 'merged') = (merged_sha IS NOT NULL))
) STRICT;
CREATE UNIQUE INDEX pull_requests_branch ON pull_requests (repo, branch);
CREATE TRIGGER pull_requests_merge_once BEFORE UPDATE ON pull_requests
WHEN OLD.state = 'merged'
BEGIN
    SELECT RAISE(ABORT, 'a merged pull request does not change');
END;

CREATE TABLE commit_statuses (
    repo TEXT NOT NULL,
    sha TEXT NOT NULL,
    context TEXT NOT NULL,
    state TEXT NOT NULL,
    description TEXT NOT NULL,
    updated_ms INTEGER NOT NULL,
    PRIMARY KEY (repo, sha, context)
) STRICT;

CREATE TABLE issues (
    task_id INTEGER PRIMARY KEY REFERENCES tasks (id),
    state TEXT NOT NULL,
    updated_ms INTEGER NOT NULL
) STRICT;

CREATE TABLE issue_comments (
    external_id TEXT PRIMARY KEY,
    task_id INTEGER NOT NULL REFERENCES tasks (id),
    author TEXT NOT NULL,
    body TEXT NOT NULL,
    at_ms INTEGER NOT NULL
) STRICT;
CREATE INDEX issue_comments_task ON issue_comments (task_id, at_ms);
