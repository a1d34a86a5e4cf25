-- A gate that only read a value judged by it too: the read is staged without a value of its own.
ALTER TABLE gate_memory_staged RENAME TO gate_memory_staged_before;
CREATE TABLE gate_memory_staged (
    task_id INTEGER NOT NULL REFERENCES tasks (id),
    gate TEXT NOT NULL,
    key TEXT NOT NULL,
    -- None for a value that was read and is left as it is.
    value TEXT,
    -- Version that the gate read, 0 for none: another landing in between makes the judgement stale.
    read_version INTEGER NOT NULL,
    PRIMARY KEY (task_id, gate, key)
) STRICT;
INSERT INTO gate_memory_staged (task_id, gate, key, value, read_version)
    SELECT task_id, gate, key, value, read_version FROM gate_memory_staged_before;
DROP TABLE gate_memory_staged_before;
