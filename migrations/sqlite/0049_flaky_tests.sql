-- Tests that the host saw fail and not fail on one and the same commit of a base. A red branch on which nothing else
-- failed is tested again, within a bound. Code from before does not read the table.
CREATE TABLE flaky_tests (
    repo TEXT NOT NULL,
    -- As its runner prints it.
    name TEXT NOT NULL,
    -- When it was last seen to do so.
    seen_ms INTEGER NOT NULL,
    PRIMARY KEY (repo, name)
) STRICT;
