-- Moves of issues in the local tracker, and how far the host has dealt with those of each tracker.
-- Adds tables only; code that does not know them sets states as before, and people's moves wait.
CREATE TABLE issue_moves (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    task_id INTEGER NOT NULL REFERENCES tasks (id),
    state TEXT NOT NULL CHECK (state IN (
        'in-progress', 'in-review', 'needs-input', 'approved', 'confirm-deploy', 'blocked', 'done', 'stop'
    )),
    actor TEXT NOT NULL,
    at_ms INTEGER NOT NULL
) STRICT;
CREATE INDEX issue_moves_task ON issue_moves (task_id, id);

CREATE TABLE source_positions (
    source TEXT PRIMARY KEY,
    position INTEGER NOT NULL
) STRICT;
