-- How often the base moved under what a task had prepared for landing. Adds a column only; older code leaves it as it is.
ALTER TABLE tasks ADD COLUMN overtaken INTEGER NOT NULL DEFAULT 0;
