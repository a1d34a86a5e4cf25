-- When somebody put an issue where the task of it began: an issue that still stands there after its task has ended asks
-- for nothing new.
-- Older rows have none; an issue of theirs that stands there begins another task once, as before. Code that does not
-- know the column writes none.
ALTER TABLE issues ADD COLUMN entered_ms INTEGER;
