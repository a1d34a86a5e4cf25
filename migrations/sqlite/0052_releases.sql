-- What was put into production: one row for each deploy, and for each time that production was put back. What is live,
-- what was healthy last and what may not come back are told from here, never from a log.
-- Adds a table, and fills it with the deploys that runs and gates know of. Code from before does not know it, and goes by
-- its runs: deploys that it makes are missing here, so that production is put back further than need be after a return.
CREATE TABLE releases (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    repo TEXT NOT NULL,
    task_id INTEGER NOT NULL REFERENCES tasks (id),
    -- What landed.
    commit_sha TEXT NOT NULL,
    -- What production says of itself then: the commit, or one before it with the same code.
    revision TEXT NOT NULL,
    state TEXT NOT NULL,
    -- The release that this one takes out of production; each is taken out once at most.
    undoes INTEGER,
    begun_ms INTEGER NOT NULL,
    ended_ms INTEGER
) STRICT;
CREATE INDEX releases_repo ON releases (repo, id);
CREATE INDEX releases_task ON releases (task_id, id);
CREATE UNIQUE INDEX releases_undoes ON releases (undoes) WHERE undoes IS NOT NULL;

INSERT INTO releases (repo, task_id, commit_sha, revision, state, begun_ms, ended_ms)
SELECT t.repo, t.id, b.landed_sha, b.landed_sha,
    CASE
        WHEN EXISTS (
            SELECT 1 FROM evaluations e
            WHERE e.task_id = t.id AND e.entry = 'post-deploy' AND e.decision = 'pass' AND e.head_sha = b.landed_sha
        ) THEN 'healthy'
        ELSE 'live'
    END,
    r.started_ms, r.finished_ms
FROM runs r
JOIN tasks t ON t.id = r.task_id
JOIN task_branches b ON b.task_id = t.id
WHERE r.role = 'deploy-hook' AND r.state = 'finalised' AND r.outcome = 'completed' AND r.exit_code = 0
    AND t.stage = 'done'
    AND b.landed_ms = (
        SELECT max(l.landed_ms) FROM task_branches l WHERE l.task_id = t.id AND l.landed_ms <= r.started_ms
    )
ORDER BY r.id;
