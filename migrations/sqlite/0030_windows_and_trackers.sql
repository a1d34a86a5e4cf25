-- What the host goes by of windows and trackers beyond its own machine: questions that people may answer, where the
-- progress of a task is shown, and moves of issues that it is about to make.
-- Adds tables only; code that does not know them asks nothing and shows nothing.
CREATE TABLE prompts (
    id INTEGER PRIMARY KEY,
    notifier TEXT NOT NULL,
    task_id INTEGER NOT NULL REFERENCES tasks (id),
    -- What was shown: an answer counts for this place and this commit only.
    stage TEXT NOT NULL,
    step INTEGER NOT NULL,
    head TEXT,
    asked_ms INTEGER NOT NULL,
    answer TEXT,
    answered_by TEXT,
    answered_ms INTEGER,
    CHECK ((answer IS NULL) = (answered_by IS NULL))
) STRICT;
CREATE INDEX prompts_task ON prompts (task_id);

CREATE TABLE shown_progress (
    notifier TEXT NOT NULL,
    task_id INTEGER NOT NULL REFERENCES tasks (id),
    -- What the notifier calls the place.
    receipt TEXT NOT NULL,
    PRIMARY KEY (notifier, task_id)
) STRICT;
CREATE INDEX shown_progress_task ON shown_progress (task_id);

-- A move that may have been made already says from when on to look for it.
CREATE TABLE tracker_intents (
    key TEXT PRIMARY KEY,
    since TEXT NOT NULL,
    at_ms INTEGER NOT NULL
) STRICT;
CREATE INDEX tracker_intents_at ON tracker_intents (at_ms);
