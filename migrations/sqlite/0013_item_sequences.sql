-- Numbers of work items are drawn from a sequence per repository and prefix, and none is drawn twice: a count of tasks
-- gave 100 parallel ones the same number, and gave a number out again that somebody had chosen by hand.
-- Adds a table and an index only. Older code goes on counting; what it makes up is refused while a task has the name.
CREATE TABLE item_sequences (
    repo TEXT NOT NULL,
    -- In lower case: no two work items of a repository differ in the case of their letters only.
    prefix TEXT NOT NULL,
    -- The highest number that was ever given out or chosen.
    last INTEGER NOT NULL,
    PRIMARY KEY (repo, prefix)
) STRICT;

-- Every task that was ever accepted has used its number, whether or not it has ended. Numbers of more than 12 digits
-- are no part of any sequence.
INSERT INTO item_sequences (repo, prefix, last)
    SELECT repo, lower(substr(head, 1, length(head) - 1)), max(CAST(number AS INTEGER))
    FROM (
        SELECT repo, rtrim(work_item, '0123456789') AS head,
            substr(work_item, length(rtrim(work_item, '0123456789')) + 1) AS number
        FROM tasks
    )
    WHERE head LIKE '_%-' AND length(number) BETWEEN 1 AND 12
    GROUP BY 1, 2;

CREATE INDEX tasks_item ON tasks (lower(work_item));
