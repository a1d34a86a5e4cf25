-- Why a job is put off becomes data beside the words: jobs that wait for their turn were found by how the words begin.
-- Adds a column only. Older code leaves it empty for what it puts off: such a job is not woken by the end of another
-- task, but looks again by itself soon; and it keeps the words and leaves the kind when it puts a job off once more,
-- so that a job may be woken once too often, which costs a look.
ALTER TABLE jobs ADD COLUMN put_off_kind TEXT;
-- Rows that ended do not change; of the others only those that somebody looks for by their kind.
UPDATE jobs SET put_off_kind = 'turn'
    WHERE state IN ('scheduled', 'ready') AND reason LIKE 'its turn%';
