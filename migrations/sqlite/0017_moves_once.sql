-- A move of the host in the local tracker has a key, so that the same wish moves an issue once.
-- Adds a column only; code that does not know it moves issues as before.
ALTER TABLE issue_moves ADD COLUMN key TEXT;
CREATE UNIQUE INDEX issue_moves_key ON issue_moves (key) WHERE key IS NOT NULL;
