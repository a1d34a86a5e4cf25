-- Tasks that land together: which, stacked in which order on which base, and what the tests said of the first so many.
-- New tables and a trigger only; older code lands one task at a time and leaves them as they are.
CREATE TABLE merge_batches (
    id INTEGER PRIMARY KEY,
    repo TEXT NOT NULL,
    -- The task that holds the merge lease for all of them.
    leader INTEGER NOT NULL REFERENCES tasks (id),
    base_sha TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('testing', 'passed', 'landing', 'landed', 'dissolved')),
    -- Why it landed nothing.
    why TEXT,
    formed_ms INTEGER NOT NULL,
    moved_ms INTEGER NOT NULL,
    CHECK ((state = 'dissolved') = (why IS NOT NULL))
) STRICT;
-- One merge lease, one batch.
CREATE UNIQUE INDEX merge_batches_open ON merge_batches (repo) WHERE state IN ('testing', 'passed', 'landing');

CREATE TABLE merge_batch_members (
    batch_id INTEGER NOT NULL REFERENCES merge_batches (id) ON DELETE CASCADE,
    -- From 0 on, the lowest of the stack first.
    position INTEGER NOT NULL,
    task_id INTEGER NOT NULL REFERENCES tasks (id),
    -- The task's commit as it was before.
    head_sha TEXT NOT NULL,
    -- What its commits stand on in the stack.
    below_sha TEXT NOT NULL,
    -- The last of its commits in the stack: what lands.
    tip_sha TEXT NOT NULL,
    part TEXT NOT NULL CHECK (part IN ('in', 'ready', 'left', 'bad')),
    PRIMARY KEY (batch_id, position),
    UNIQUE (batch_id, task_id)
) STRICT;
CREATE INDEX merge_batch_members_task ON merge_batch_members (task_id, batch_id);

CREATE TABLE merge_batch_runs (
    batch_id INTEGER NOT NULL REFERENCES merge_batches (id) ON DELETE CASCADE,
    -- How many members, from the lowest on, stood in the tested commit.
    first INTEGER NOT NULL,
    sha TEXT NOT NULL,
    passed INTEGER NOT NULL,
    exit_code INTEGER NOT NULL,
    output_tail TEXT NOT NULL,
    duration_ms INTEGER NOT NULL,
    ended_ms INTEGER NOT NULL,
    PRIMARY KEY (batch_id, first)
) STRICT;

-- A batch lands under the lease of its leader: however that is lost, the batch is over.
CREATE TRIGGER merge_batches_end_with_the_lease AFTER UPDATE OF holder ON leases
WHEN OLD.holder IS NOT NULL AND NEW.holder IS NOT OLD.holder
BEGIN
    UPDATE merge_batches SET state = 'dissolved', why = 'lease-lost'
    WHERE leader = OLD.holder AND state IN ('testing', 'passed', 'landing') AND OLD.resource = 'merge:' || repo;
END;
