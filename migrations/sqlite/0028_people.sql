-- Persons are known by tokens of their own, and what they decide is written down with the way on which they asked.
-- Adds a table and a column only; code from before knows neither and signs with names that nobody has checked.

CREATE TABLE tokens (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    person TEXT NOT NULL,
    role TEXT NOT NULL CHECK (role IN ('viewer', 'operator', 'approver', 'admin')),
    -- SHA-256 of the secret, in hexadecimal digits; the secret itself is kept nowhere.
    hash TEXT NOT NULL,
    created_by TEXT NOT NULL,
    created_ms INTEGER NOT NULL,
    expires_ms INTEGER,
    revoked_ms INTEGER
) STRICT;
CREATE INDEX tokens_person ON tokens (person);

-- Empty for what the host does itself.
ALTER TABLE events ADD COLUMN channel TEXT;
