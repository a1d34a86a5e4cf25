-- What a run used, and what it was charged with while nobody knew.
-- Adds columns only; code that does not know them leaves them empty, which counts as unknown.
ALTER TABLE runs ADD COLUMN input_tokens INTEGER;
ALTER TABLE runs ADD COLUMN output_tokens INTEGER;
ALTER TABLE runs ADD COLUMN cache_read_tokens INTEGER;
ALTER TABLE runs ADD COLUMN cache_write_tokens INTEGER;
-- Dollars that it may cost: what counts until it says what it did cost, and for good if it never says.
ALTER TABLE runs ADD COLUMN reserved_usd REAL NOT NULL DEFAULT 0;
