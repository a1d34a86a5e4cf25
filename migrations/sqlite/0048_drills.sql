-- Drills: changes that are known to be bad go through the pipeline and never land, so that people see what their gates
-- let through. Each change is a task that is told by its row here; what gates made of it are its evaluations.
-- Adds tables only. Code from before does not know them and takes such a task for one whose configuration it cannot
-- carry on safely: go back to it only when no drill is under way.

CREATE TABLE drills (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    repo TEXT NOT NULL,
    -- Tip of the base of which the changes are made.
    base_sha TEXT NOT NULL,
    -- The configuration that the drill goes by.
    config_digest TEXT NOT NULL,
    -- What is drawn for the drill, such as its key, follows from this.
    seed TEXT NOT NULL,
    person TEXT NOT NULL,
    asked_ms INTEGER NOT NULL
) STRICT;
CREATE INDEX drills_repo ON drills (repo, id);

CREATE TABLE drill_cases (
    drill_id INTEGER NOT NULL REFERENCES drills (id),
    class TEXT NOT NULL,
    -- The task that carries the change; none if no such change can be made here.
    task_id INTEGER REFERENCES tasks (id),
    -- What is changed and where, or why nothing can be.
    note TEXT NOT NULL,
    PRIMARY KEY (drill_id, class)
) STRICT;
CREATE UNIQUE INDEX drill_cases_task ON drill_cases (task_id) WHERE task_id IS NOT NULL;
