-- What gates keep and what can be replayed. Older code does not look at these tables.

-- Values that a gate keeps per repository across tasks.
CREATE TABLE gate_memory (
    repo TEXT NOT NULL,
    gate TEXT NOT NULL,
    key TEXT NOT NULL,
    value TEXT NOT NULL,
    version INTEGER NOT NULL,
    PRIMARY KEY (repo, gate, key)
) STRICT;

-- Values that wait for the landing of their task's change.
CREATE TABLE gate_memory_staged (
    task_id INTEGER NOT NULL REFERENCES tasks (id),
    gate TEXT NOT NULL,
    key TEXT NOT NULL,
    value TEXT NOT NULL,
    -- Version that the gate read, 0 for none: another landing in between makes the value stale.
    read_version INTEGER NOT NULL,
    PRIMARY KEY (task_id, gate, key)
) STRICT;

-- What the host answered during an evaluation.
CREATE TABLE recordings (
    evaluation_id INTEGER PRIMARY KEY REFERENCES evaluations (id),
    content TEXT NOT NULL
) STRICT;

-- Events are history: nothing changes or removes one.
CREATE TRIGGER events_are_kept BEFORE DELETE ON events
BEGIN
    SELECT RAISE(ABORT, 'an event is not removed');
END;
CREATE TRIGGER events_do_not_change BEFORE UPDATE ON events
BEGIN
    SELECT RAISE(ABORT, 'an event does not change');
END;

-- A lease's epoch is a fencing token: it only grows.
CREATE TRIGGER leases_epoch_grows BEFORE UPDATE ON leases
WHEN NEW.epoch < OLD.epoch
BEGIN
    SELECT RAISE(ABORT, 'the epoch of a lease does not fall');
END;
