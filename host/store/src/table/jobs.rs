//! The queue: enqueue, claim, cancel, recover. What the holder of a claim writes is in `held.rs`, what many callers write
//! at once in `together.rs`.

pub(crate) mod held;
pub(crate) mod rows;
pub(crate) mod together;

use std::sync::LazyLock;

use orch_domain::id::{JobId, TaskId, UnixMs};
use orch_domain::job::{JobKind, Lane, PutOff, PutOffKind};
use orch_domain::names::JobName;
use sqlx::sqlite::SqliteRow;

use self::rows::{JobRow, ROW, job_row};
use super::{get, kinds, word};
use crate::error::{Context, StoreError};
use crate::open::Owner;
use crate::tx::Tx;

/// A job to be queued.
#[derive(Debug, Clone)]
pub struct NewJob {
    /// What it does.
    pub kind: JobKind,
    /// Its task, if it has one.
    pub task: Option<TaskId>,
    /// Repository, or empty.
    pub repo: String,
    /// What the handler needs, as JSON.
    pub payload: String,
    /// 0 (first) to 9.
    pub priority: i64,
    /// When it is due.
    pub run_at_ms: UnixMs,
    /// No second live job may have this name.
    pub name: Option<JobName>,
    /// Why it is not due at once.
    pub put_off: Option<PutOff>,
}

impl NewJob {
    /// The state that it is queued in.
    fn state_at(&self, now: UnixMs) -> &'static str {
        if self.run_at_ms <= now {
            "ready"
        } else {
            "scheduled"
        }
    }
}

/// Which of a task's jobs are cancelled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cancel {
    /// All of them.
    Everything,
    /// Those of its steps, and not what works beside them.
    Steps,
}

/// What there is to do in a lane, and when there may be more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Outlook {
    /// Whether a claim could find something.
    pub is_due: bool,
    /// When the next scheduled job of any lane is due, if it is not yet.
    pub next_ms: Option<UnixMs>,
}

/// What enqueueing did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub enum EnqueueOutcome {
    /// The job is queued.
    Enqueued(JobId),
    /// A live job has the same name.
    AlreadyQueued(JobId),
}

/// A job under the epoch of one claim: what every later write of that claim names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct JobKey {
    /// The job.
    pub id: JobId,
    /// The claim.
    pub epoch: i64,
}

/// A claimed job.
#[derive(Debug, Clone)]
pub struct ClaimedJob {
    /// Job and epoch.
    pub key: JobKey,
    /// What it does.
    pub kind: JobKind,
    /// Its task, if it has one.
    pub task: Option<TaskId>,
    /// Repository that it is about; empty for none.
    pub repo: String,
    /// What the handler needs, as JSON.
    pub payload: String,
    /// Which try this is, counting from 1.
    pub attempt: i64,
    /// How often a host died under it.
    pub crashes: i64,
}

/// What keeps a row from being claimed though it is ready: a person holds its lane or repository back (stops are
/// carried out all the same), or its kind is of another version, whose host can still do it. Its one parameter is
/// the time.
fn is_claimable() -> String {
    format!(
        "kind IN ({}) AND (kind = 'stop' OR NOT EXISTS (SELECT 1 FROM pauses p WHERE \
         p.scope IN ('lane:' || jobs.lane, 'repo:' || jobs.repo, 'lane:' || jobs.lane || '@' || jobs.repo) \
         AND (p.until_ms IS NULL OR p.until_ms > ?)))",
        kinds(|_| true)
    )
}

// In what follows each state stands literally and as its index has it, so that the partial index serves: none of it
// may become slower with what is done or not yet due.

pub(super) fn claim_sql() -> String {
    // What waiting earned a row is taken back: put off, it begins anew.
    format!(
        "UPDATE jobs SET state = 'running', attempt = attempt + 1, epoch = epoch + 1, owner = ?, \
         claimed_ms = ?, lease_until_ms = ?, reason = NULL, put_off_kind = NULL, hinted = 0, \
         priority = priority + aged_by, aged_by = 0, aged_ms = NULL WHERE state = 'ready' AND id IN \
         (SELECT id FROM jobs WHERE state = 'ready' AND lane = ? AND {} \
         ORDER BY priority, run_at_ms, id LIMIT +?) \
         RETURNING id, epoch, kind, task_id, repo, payload, attempt, crashes",
        is_claimable()
    )
}

/// Makes due jobs ready and claims.
static TAKE: LazyLock<String> = LazyLock::new(|| format!("{PROMOTE}; {}", claim_sql()));

pub(super) fn has_due_sql() -> String {
    format!(
        "SELECT EXISTS (SELECT 1 FROM jobs WHERE state = 'ready' AND lane = ? AND {}) \
         OR EXISTS (SELECT 1 FROM jobs WHERE state = 'scheduled' AND run_at_ms <= ?)",
        is_claimable()
    )
}

/// Both of a look: [`has_due_sql`] and [`NEXT_DUE`].
pub(super) static OUTLOOK: LazyLock<String> =
    LazyLock::new(|| format!("{}, ({NEXT_DUE})", has_due_sql()));

pub(super) const PROMOTE: &str = "UPDATE jobs SET state = 'ready' WHERE id IN \
    (SELECT id FROM jobs WHERE state = 'scheduled' AND run_at_ms <= ? ORDER BY run_at_ms LIMIT +?)";

pub(super) const NEXT_DUE: &str = "SELECT min(run_at_ms) FROM jobs WHERE state = 'scheduled'";

pub(super) const MAKE_DUE: &str = "UPDATE jobs SET state = 'ready', run_at_ms = ? WHERE task_id = ? \
    AND state IN ('scheduled', 'ready', 'running') AND state = 'scheduled'";

pub(super) const HINT: &str = "UPDATE jobs SET hinted = 1 WHERE task_id = ? \
    AND state IN ('scheduled', 'ready', 'running') AND state = 'running'";

/// Most rows that become due in one claim; the rest follow with the next.
const PROMOTE_MAX: i64 = 500;

impl Tx {
    /// Queues a job, unless a live one has its name.
    pub async fn enqueue(
        &mut self,
        job: &NewJob,
        now: UnixMs,
    ) -> Result<EnqueueOutcome, StoreError> {
        let name = job.name.as_ref().map(JobName::to_string);
        let done = sqlx::query(
            "INSERT INTO jobs (kind, lane, state, task_id, repo, payload, priority, run_at_ms, unique_key, reason, \
             put_off_kind, created_ms) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
        )
        .bind(job.kind.as_str())
        .bind(job.kind.lane().as_str())
        .bind(job.state_at(now))
        .bind(job.task.map(|t| t.0))
        .bind(&job.repo)
        .bind(&job.payload)
        .bind(job.priority)
        .bind(job.run_at_ms)
        .bind(name.as_deref())
        .bind(job.put_off.as_ref().map(|p| p.reason.as_str()))
        .bind(job.put_off.as_ref().map(|p| p.kind.as_str()))
        .bind(now)
        .execute(&mut self.conn)
        .await
        .doing("queue a job")?;
        if done.rows_affected() == 1 {
            self.woke = true;
            return Ok(EnqueueOutcome::Enqueued(JobId(done.last_insert_rowid())));
        }
        let live = sqlx::query(
            "SELECT id FROM jobs WHERE unique_key = ? AND state IN ('scheduled', 'ready', 'running')",
        )
        .bind(name)
        .fetch_one(&mut self.conn)
        .await
        .doing("look for a live job")?;
        Ok(EnqueueOutcome::AlreadyQueued(JobId(get(&live, 0)?)))
    }

    /// Makes due jobs ready and claims up to `count` of a lane.
    pub async fn claim(
        &mut self,
        lane: Lane,
        count: u32,
        owner: &Owner,
        now: UnixMs,
        lease_ms: i64,
    ) -> Result<Vec<ClaimedJob>, StoreError> {
        let rows = sqlx::query(sqlx::AssertSqlSafe(TAKE.as_str()))
            .bind(now)
            .bind(PROMOTE_MAX)
            .bind(&owner.0)
            .bind(now)
            .bind(now.saturating_add(lease_ms))
            .bind(lane.as_str())
            .bind(now)
            .bind(count)
            .fetch_all(&mut self.conn)
            .await
            .doing("claim jobs")?;
        rows.iter().map(claimed).collect()
    }

    /// Whether a claim of this lane could find something: a look that writes nothing.
    pub async fn has_due(&mut self, lane: Lane, now: UnixMs) -> Result<bool, StoreError> {
        let row = sqlx::query(sqlx::AssertSqlSafe(has_due_sql()))
            .bind(lane.as_str())
            .bind(now)
            .bind(now)
            .fetch_one(&mut self.conn)
            .await
            .doing("look for due jobs")?;
        get(&row, 0)
    }

    /// Whether a claim of this lane could find something, and when the next scheduled job is due: one look that writes
    /// nothing.
    pub async fn outlook(&mut self, lane: Lane, now: UnixMs) -> Result<Outlook, StoreError> {
        let row = sqlx::query(sqlx::AssertSqlSafe(OUTLOOK.as_str()))
            .bind(lane.as_str())
            .bind(now)
            .bind(now)
            .fetch_one(&mut self.conn)
            .await
            .doing("look into the queue")?;
        Ok(Outlook {
            is_due: get(&row, 0)?,
            next_ms: get(&row, 1)?,
        })
    }

    /// When the next scheduled job is due.
    pub async fn next_due(&mut self) -> Result<Option<UnixMs>, StoreError> {
        let row = sqlx::query(NEXT_DUE)
            .fetch_one(&mut self.conn)
            .await
            .doing("look for the next due job")?;
        get(&row, 0)
    }

    /// Cancels live jobs of a task. Running ones get a new epoch, so that a late write is fenced.
    pub async fn cancel_jobs(
        &mut self,
        task: TaskId,
        now: UnixMs,
        which: Cancel,
    ) -> Result<Vec<JobId>, StoreError> {
        let beside = kinds(JobKind::works_beside_steps);
        let sql = format!(
            "UPDATE jobs SET state = 'cancelled', finished_ms = ?, owner = NULL, lease_until_ms = NULL, \
             epoch = epoch + 1 WHERE task_id = ? AND state IN ('scheduled', 'ready', 'running') \
             AND NOT (? AND kind IN ({beside})) RETURNING id"
        );
        let rows = sqlx::query(sqlx::AssertSqlSafe(sql))
            .bind(now)
            .bind(task.0)
            .bind(which == Cancel::Steps)
            .fetch_all(&mut self.conn)
            .await
            .doing("cancel a task's jobs")?;
        rows.iter().map(|row| get(row, 0).map(JobId)).collect()
    }

    /// Makes a task's scheduled jobs due: something they wait for may have happened. A job that is running
    /// now is marked instead, so that what it may have looked at too early is looked at again
    /// ([`Tx::was_hinted`]).
    pub async fn make_due(&mut self, task: TaskId, now: UnixMs) -> Result<u64, StoreError> {
        let done = sqlx::query(MAKE_DUE)
            .bind(now)
            .bind(task.0)
            .execute(&mut self.conn)
            .await
            .doing("make a task's jobs due")?;
        sqlx::query(HINT)
            .bind(task.0)
            .execute(&mut self.conn)
            .await
            .doing("mark a task's running job")?;
        self.woke = true;
        Ok(done.rows_affected())
    }

    /// Takes up what another host left running: back to ready under a new epoch, the try given back.
    pub async fn recover(&mut self, owner: &Owner, now: UnixMs) -> Result<Vec<JobRow>, StoreError> {
        let sql = format!(
            "UPDATE jobs SET state = 'ready', run_at_ms = ?, epoch = epoch + 1, attempt = attempt - 1, \
             crashes = crashes + 1, owner = NULL, lease_until_ms = NULL, reason = 'its host died', put_off_kind = ? \
             WHERE state = 'running' AND owner <> ? RETURNING {ROW}"
        );
        let rows = sqlx::query(sqlx::AssertSqlSafe(sql))
            .bind(now)
            .bind(PutOffKind::HostDied.as_str())
            .bind(&owner.0)
            .fetch_all(&mut self.conn)
            .await
            .doing("recover jobs")?;
        self.woke = true;
        rows.iter().map(job_row).collect()
    }
}

fn claimed(row: &SqliteRow) -> Result<ClaimedJob, StoreError> {
    let id: i64 = get(row, "id")?;
    let task: Option<i64> = get(row, "task_id")?;
    Ok(ClaimedJob {
        key: JobKey {
            id: JobId(id),
            epoch: get(row, "epoch")?,
        },
        kind: word(row, "kind", "jobs", id)?,
        task: task.map(TaskId),
        repo: get(row, "repo")?,
        payload: get(row, "payload")?,
        attempt: get(row, "attempt")?,
        crashes: get(row, "crashes")?,
    })
}
