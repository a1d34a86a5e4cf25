-- Orders that carry a key of whoever gives them, so that one that is given again is answered and not carried out again.
-- Adds a table only; code that does not know it carries every order out.
CREATE TABLE request_keys (
    person TEXT NOT NULL,
    key TEXT NOT NULL,
    -- Method, path and digest of the body: another order under the same key is refused.
    request TEXT NOT NULL,
    -- Both are there once the order was carried out or refused.
    status INTEGER,
    answer TEXT,
    at_ms INTEGER NOT NULL,
    PRIMARY KEY (person, key),
    CHECK ((status IS NULL) = (answer IS NULL))
) STRICT;
CREATE INDEX request_keys_at ON request_keys (at_ms);
