-- A commit whose tests could not be run has not failed them. SQLite changes no CHECK in place, so the table is made anew
-- with everything in it. Code from before refuses a database with this mark.
CREATE TABLE commit_tests_next (
    repo TEXT NOT NULL,
    sha TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('asked', 'passed', 'failed', 'unable')),
    -- How often the test was asked for again after it was lost.
    asked_again INTEGER NOT NULL DEFAULT 0,
    updated_ms INTEGER NOT NULL,
    PRIMARY KEY (repo, sha)
) STRICT;
INSERT INTO commit_tests_next (repo, sha, state, asked_again, updated_ms)
    SELECT repo, sha, state, asked_again, updated_ms FROM commit_tests;
DROP TABLE commit_tests;
ALTER TABLE commit_tests_next RENAME TO commit_tests;
