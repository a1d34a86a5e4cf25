-- Tasks, the queue, runs, events, outbox, leases and evaluations.
-- First schema: there is no older code.
CREATE TABLE configs (
    digest TEXT PRIMARY KEY,
    text TEXT NOT NULL
) STRICT;

CREATE TABLE tasks (
    id INTEGER PRIMARY KEY,
    work_item TEXT NOT NULL,
    repo TEXT NOT NULL,
    title TEXT NOT NULL,
    body TEXT NOT NULL,
    author TEXT NOT NULL,
    branch TEXT NOT NULL,
    base_branch TEXT NOT NULL,
    config_digest TEXT NOT NULL REFERENCES configs (digest),
    stage TEXT NOT NULL,
    step INTEGER NOT NULL,
    status TEXT NOT NULL,
    status_reason TEXT,
    status_detail TEXT,
    status_since_ms INTEGER,
    status_deadline_ms INTEGER,
    version INTEGER NOT NULL,
    attempts TEXT NOT NULL,
    rework_rounds INTEGER NOT NULL,
    rework_rounds_max INTEGER NOT NULL,
    early_rounds INTEGER NOT NULL,
    infra_failures INTEGER NOT NULL,
    findings TEXT,
    head TEXT,
    stop_requested INTEGER NOT NULL,
    created_ms INTEGER NOT NULL,
    updated_ms INTEGER NOT NULL
) STRICT;
-- A cancelled or finished item may start afresh; a live one may not be doubled.
CREATE UNIQUE INDEX tasks_live_item ON tasks (repo, work_item) WHERE stage NOT IN ('done', 'cancelled');
CREATE INDEX tasks_live ON tasks (id) WHERE stage NOT IN ('done', 'cancelled');

CREATE TABLE jobs (
    id INTEGER PRIMARY KEY,
    kind TEXT NOT NULL,
    lane TEXT NOT NULL,
    state TEXT NOT NULL,
    task_id INTEGER REFERENCES tasks (id),
    repo TEXT NOT NULL,
    payload TEXT NOT NULL,
    priority INTEGER NOT NULL,
    run_at_ms INTEGER NOT NULL,
    attempt INTEGER NOT NULL DEFAULT 0,
    crashes INTEGER NOT NULL DEFAULT 0,
    epoch INTEGER NOT NULL DEFAULT 0,
    owner TEXT,
    lease_until_ms INTEGER,
    unique_key TEXT,
    reason TEXT,
    last_error TEXT,
    hinted INTEGER NOT NULL DEFAULT 0,
    created_ms INTEGER NOT NULL,
    claimed_ms INTEGER,
    finished_ms INTEGER,
    CHECK (state IN ('scheduled', 'ready', 'running', 'done', 'dead', 'cancelled')),
    CHECK ((state = 'running') = (owner IS NOT NULL AND lease_until_ms IS NOT NULL)),
    CHECK ((state IN ('done', 'dead', 'cancelled')) = (finished_ms IS NOT NULL))
) STRICT;
CREATE INDEX jobs_ready ON jobs (lane, priority, run_at_ms, id) WHERE state = 'ready';
CREATE INDEX jobs_scheduled ON jobs (run_at_ms) WHERE state = 'scheduled';
CREATE INDEX jobs_running ON jobs (lane) WHERE state = 'running';
CREATE UNIQUE INDEX jobs_unique ON jobs (unique_key)
    WHERE unique_key IS NOT NULL AND state IN ('scheduled', 'ready', 'running');
CREATE INDEX jobs_task ON jobs (task_id) WHERE state IN ('scheduled', 'ready', 'running');
CREATE INDEX jobs_finished ON jobs (finished_ms) WHERE finished_ms IS NOT NULL;
-- Terminal rows never change.
CREATE TRIGGER jobs_terminal BEFORE UPDATE ON jobs
WHEN OLD.state IN ('done', 'dead', 'cancelled')
BEGIN
    SELECT RAISE(ABORT, 'a finished job does not change');
END;
CREATE TRIGGER jobs_epoch BEFORE UPDATE ON jobs
WHEN NEW.epoch < OLD.epoch
BEGIN
    SELECT RAISE(ABORT, 'an epoch does not fall');
END;

CREATE TABLE runs (
    id INTEGER PRIMARY KEY,
    job_id INTEGER NOT NULL REFERENCES jobs (id),
    task_id INTEGER NOT NULL REFERENCES tasks (id),
    role TEXT NOT NULL,
    agent TEXT NOT NULL,
    stage TEXT NOT NULL,
    attempt INTEGER NOT NULL,
    folder TEXT NOT NULL,
    head_before TEXT,
    state TEXT NOT NULL CHECK (state IN ('started', 'finalised')),
    attached INTEGER NOT NULL DEFAULT 0,
    outcome TEXT,
    detail TEXT,
    exit_code INTEGER,
    cost_usd REAL,
    started_ms INTEGER NOT NULL,
    finished_ms INTEGER
) STRICT;
CREATE INDEX runs_task ON runs (task_id, id);
CREATE UNIQUE INDEX runs_open ON runs (job_id) WHERE state = 'started';

CREATE TABLE events (
    id INTEGER PRIMARY KEY,
    task_id INTEGER REFERENCES tasks (id),
    at_ms INTEGER NOT NULL,
    kind TEXT NOT NULL,
    actor TEXT NOT NULL,
    data TEXT NOT NULL
) STRICT;
CREATE INDEX events_task ON events (task_id, id);

CREATE TABLE outbox (
    id INTEGER PRIMARY KEY,
    task_id INTEGER REFERENCES tasks (id),
    kind TEXT NOT NULL,
    key TEXT NOT NULL UNIQUE,
    payload TEXT NOT NULL,
    created_ms INTEGER NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0,
    next_ms INTEGER NOT NULL,
    done_ms INTEGER,
    last_error TEXT
) STRICT;
CREATE INDEX outbox_due ON outbox (next_ms) WHERE done_ms IS NULL;

CREATE TABLE deliveries (
    source TEXT NOT NULL,
    delivery_id TEXT NOT NULL,
    body_hash TEXT NOT NULL,
    body BLOB NOT NULL,
    received_ms INTEGER NOT NULL,
    PRIMARY KEY (source, delivery_id)
) STRICT;

-- A row is never deleted and its epoch never falls.
CREATE TABLE leases (
    resource TEXT PRIMARY KEY,
    epoch INTEGER NOT NULL,
    holder INTEGER,
    holder_job INTEGER,
    holder_owner TEXT,
    acquired_ms INTEGER,
    renewed_ms INTEGER,
    expires_ms INTEGER
) STRICT;

CREATE TABLE evaluations (
    id INTEGER PRIMARY KEY,
    task_id INTEGER NOT NULL REFERENCES tasks (id),
    entry TEXT NOT NULL,
    gate TEXT NOT NULL,
    gate_version TEXT NOT NULL,
    gate_digest TEXT NOT NULL,
    settings_digest TEXT NOT NULL,
    mode TEXT NOT NULL,
    stage TEXT NOT NULL,
    attempt INTEGER NOT NULL,
    head_sha TEXT NOT NULL,
    base_sha TEXT NOT NULL,
    code_tree TEXT NOT NULL,
    artefacts_digest TEXT NOT NULL,
    decision TEXT NOT NULL,
    reason TEXT,
    summary TEXT NOT NULL,
    artefact TEXT NOT NULL,
    elapsed_us INTEGER NOT NULL,
    host_calls INTEGER NOT NULL,
    reused_from INTEGER REFERENCES evaluations (id),
    at_ms INTEGER NOT NULL
) STRICT;
CREATE INDEX evaluations_task ON evaluations (task_id, id);

CREATE TABLE provenance (
    task_id INTEGER NOT NULL REFERENCES tasks (id),
    path TEXT NOT NULL,
    blob TEXT NOT NULL,
    role TEXT NOT NULL,
    run_id INTEGER NOT NULL REFERENCES runs (id),
    PRIMARY KEY (task_id, path)
) STRICT;

CREATE TABLE host_artefacts (
    task_id INTEGER NOT NULL REFERENCES tasks (id),
    path TEXT NOT NULL,
    content TEXT NOT NULL,
    written_ms INTEGER NOT NULL,
    PRIMARY KEY (task_id, path)
) STRICT;

CREATE TABLE evidence (
    task_id INTEGER NOT NULL REFERENCES tasks (id),
    name TEXT NOT NULL,
    sha TEXT NOT NULL,
    obtained_ms INTEGER NOT NULL,
    content TEXT NOT NULL,
    PRIMARY KEY (task_id, name, sha)
) STRICT;
