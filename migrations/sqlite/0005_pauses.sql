-- What a person holds back: a lane or a repository, until a time or until it is released.
-- Adds a table only; code that does not know it claims as before.
CREATE TABLE pauses (
    -- `lane:LANE` or `repo:REPOSITORY`
    scope TEXT PRIMARY KEY,
    until_ms INTEGER,
    reason TEXT NOT NULL,
    set_by TEXT NOT NULL,
    set_ms INTEGER NOT NULL
) STRICT;
