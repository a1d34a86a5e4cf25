-- How urgent a task is: the priority of the jobs of its steps, 1 (first) to 9.
-- Adds a column only; code that does not know it queues every job in the middle.
ALTER TABLE tasks ADD COLUMN priority INTEGER NOT NULL DEFAULT 5 CHECK (priority BETWEEN 1 AND 9);
