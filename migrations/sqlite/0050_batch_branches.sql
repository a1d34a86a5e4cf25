-- Branches that hold the first so many members of a batch for the machines of others, which test what is pushed. A row
-- is written before the push and goes when the branch is gone, so that none is left behind. Code from before does not
-- read the table: a branch that stands then stays until a newer host starts.
CREATE TABLE batch_branches (
    repo TEXT NOT NULL,
    branch TEXT NOT NULL,
    -- No reference: the branch may outlast its batch.
    batch_id INTEGER NOT NULL,
    -- How many members, from the lowest on, stand in the commit.
    first INTEGER NOT NULL,
    sha TEXT NOT NULL,
    -- When it was about to be pushed.
    pushed_ms INTEGER NOT NULL,
    PRIMARY KEY (repo, branch)
) STRICT;
