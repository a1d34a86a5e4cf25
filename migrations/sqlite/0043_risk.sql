-- How risky the change was that an evaluation was about: its tier with the reasons, as JSON.
-- Older evaluations, and those before development, have none. Code that does not know the column records none, and the
-- gates that it asks are more, never fewer.
ALTER TABLE evaluations ADD COLUMN risk TEXT;
