-- How a base stood is kept by what was run on it as well, and with the tests that failed: a changed `ci` is another
-- question, and a red branch is held against its base. What was known is not carried over: it does not say what was run,
-- and every base is tested again before it is next needed. Code from before refuses a database with this mark.
DROP TABLE base_tests;
CREATE TABLE base_tests (
    repo TEXT NOT NULL,
    tree TEXT NOT NULL,
    -- Digest of the `ci` in force.
    ci TEXT NOT NULL,
    -- The commit that was tested; others may have the same tree.
    sha TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('passed', 'failed', 'unable')),
    -- Why it could not be tested, as a kind.
    inability TEXT,
    -- How the command ended that ended last.
    exit_code INTEGER NOT NULL,
    -- Which tests failed and how many ran, as JSON; for people and for comparing.
    failed TEXT NOT NULL,
    -- The end of what it printed.
    output TEXT NOT NULL,
    tested_ms INTEGER NOT NULL,
    PRIMARY KEY (repo, tree, ci),
    CHECK ((state = 'unable') = (inability IS NOT NULL))
) STRICT;
