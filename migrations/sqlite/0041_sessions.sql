-- Persons look at the host's pages in a browser: by a session, which a token or a link that works once begins.
-- Adds a table only; code from before does not know it, and nobody is logged in there.

CREATE TABLE sessions (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    -- A link becomes a session once.
    kind TEXT NOT NULL CHECK (kind IN ('link', 'session')),
    person TEXT NOT NULL,
    -- The token that began it, and with which it ends; empty for who was known by the socket.
    token_id INTEGER,
    -- SHA-256 of the secret, in hexadecimal digits; the secret itself is kept nowhere.
    hash TEXT NOT NULL,
    created_ms INTEGER NOT NULL,
    expires_ms INTEGER NOT NULL
) STRICT;
CREATE INDEX sessions_expiry ON sessions (expires_ms);
