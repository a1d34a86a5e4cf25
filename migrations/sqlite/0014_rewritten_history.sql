-- Whether a branch's history is to be rewritten becomes data: it was read from the text of the findings, which a person's
-- comment could imitate. Adds a column only. Older code leaves it as it is and reads the text as before.
ALTER TABLE tasks ADD COLUMN rewrites_history INTEGER NOT NULL DEFAULT 0;
-- Findings of a secret that nobody has worked on yet.
UPDATE tasks SET rewrites_history = 1 WHERE findings LIKE '%' || char(10) || '- [%] secret/%';
