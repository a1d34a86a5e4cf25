-- How the base of each repository stood when it was tested, by its tree: a base that fails takes no new task.
-- A new table only; older code leaves it as it is.
CREATE TABLE base_tests (
    repo TEXT NOT NULL,
    tree TEXT NOT NULL,
    -- The commit that was tested; others may have the same tree.
    sha TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('passed', 'failed', 'unable')),
    -- Why it could not be tested, as a kind.
    inability TEXT,
    -- The end of what it printed.
    output TEXT NOT NULL,
    tested_ms INTEGER NOT NULL,
    PRIMARY KEY (repo, tree),
    CHECK ((state = 'unable') = (inability IS NOT NULL))
) STRICT;
