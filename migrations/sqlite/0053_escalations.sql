-- Alerts that nobody acts on are told once more, and then to somebody else: each once, so it is written down.
-- Alerts of before are left as they are. Code from before does not know the columns and tells nobody again.
ALTER TABLE alerts ADD COLUMN reminded_ms INTEGER;
ALTER TABLE alerts ADD COLUMN escalated_ms INTEGER;
UPDATE alerts SET reminded_ms = last_ms, escalated_ms = last_ms;
