-- Tasks that wait for others to be done. Adds a table only.
CREATE TABLE task_dependencies (
    task_id INTEGER NOT NULL REFERENCES tasks (id),
    on_task_id INTEGER NOT NULL REFERENCES tasks (id),
    PRIMARY KEY (task_id, on_task_id),
    -- A task depends on earlier ones only, so there are no cycles.
    CHECK (on_task_id < task_id)
) STRICT;
CREATE INDEX task_dependencies_on ON task_dependencies (on_task_id);
