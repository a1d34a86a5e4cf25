//! What the reaper sees of running jobs, and its write, which repeats all that it saw.

use orch_domain::id::{JobId, RunId, TaskId, UnixMs};
use orch_domain::job::{JobKind, PutOff, PutOffKind};
use sqlx::sqlite::SqliteRow;

use super::jobs::JobKey;
use super::{get, word};
use crate::error::{Context, StoreError};
use crate::open::Owner;
use crate::tx::Tx;

/// A running job as it was read: the evidence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunningJob {
    /// The job under its present claim.
    pub key: JobKey,
    /// What it does.
    pub kind: JobKind,
    /// Its task.
    pub task: Option<TaskId>,
    /// Who claimed it.
    pub owner: String,
    /// When it was claimed.
    pub claimed_ms: UnixMs,
    /// Until when the claim holds.
    pub lease_until_ms: UnixMs,
    /// How often it was taken from a dead owner.
    pub crashes: i64,
    /// Its run whose result is not taken in.
    pub run: Option<OpenRun>,
}

/// A run whose result is not taken in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenRun {
    /// Row id.
    pub id: RunId,
    /// Name of the agent.
    pub agent: String,
    /// Run folder.
    pub folder: String,
    /// When it was launched.
    pub started_ms: UnixMs,
}

/// What becomes of a job that is taken from its owner.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reaping {
    /// Back to the queue, with a crash more.
    Requeue,
    /// Back to the queue because a person wants it there; no crash.
    Release,
    /// The reaper owns it until this time, to end what still runs before anybody works on it again.
    Own(Owner, UnixMs),
}

/// The index is named: for the order by id alone the whole table would be read.
pub(super) const RUNNING: &str = "SELECT j.id, j.epoch, j.kind, j.task_id, j.owner, j.claimed_ms, j.lease_until_ms, \
    j.crashes, r.id AS run_id, r.agent, r.folder, r.started_ms FROM jobs j INDEXED BY jobs_running \
    LEFT JOIN runs r ON r.job_id = j.id AND r.state = 'started' WHERE j.state = 'running' ORDER BY j.id";

impl Tx {
    /// Every running job.
    pub async fn running_jobs(&mut self) -> Result<Vec<RunningJob>, StoreError> {
        let rows = sqlx::query(RUNNING)
            .fetch_all(&mut self.conn)
            .await
            .doing("list running jobs")?;
        rows.iter().map(running).collect()
    }

    /// Takes a job from its owner under a new epoch, if it still is as it was seen; the try is given back and
    /// the crash counted. Answers the new claim.
    pub async fn reap(
        &mut self,
        seen: &RunningJob,
        reaping: &Reaping,
        why: &PutOff,
        now: UnixMs,
    ) -> Result<Option<JobKey>, StoreError> {
        let (state, owner, until) = match reaping {
            Reaping::Requeue | Reaping::Release => ("ready", None, None),
            Reaping::Own(owner, until) => ("running", Some(owner.0.as_str()), Some(*until)),
        };
        let row = sqlx::query(
            "UPDATE jobs SET state = ?, owner = ?, lease_until_ms = ?, run_at_ms = ?, reason = ?, put_off_kind = ?, epoch = epoch + 1, \
             attempt = attempt - 1, crashes = crashes + ? WHERE id = ? AND state = 'running' AND epoch = ? \
             AND owner = ? AND claimed_ms = ? AND lease_until_ms = ? RETURNING epoch",
        )
        .bind(state)
        .bind(owner)
        .bind(until)
        .bind(now)
        .bind(&why.reason)
        .bind(why.kind.as_str())
        .bind(i64::from(*reaping != Reaping::Release))
        .bind(seen.key.id.0)
        .bind(seen.key.epoch)
        .bind(&seen.owner)
        .bind(seen.claimed_ms)
        .bind(seen.lease_until_ms)
        .fetch_optional(&mut self.conn)
        .await
        .doing("reap a job")?;
        self.woke = true;
        row.map(|row| {
            Ok(JobKey {
                id: seen.key.id,
                epoch: get(&row, 0)?,
            })
        })
        .transpose()
    }

    /// Puts everything that this owner has running back into the queue: an orderly end is no crash.
    pub async fn give_back(&mut self, owner: &Owner, now: UnixMs) -> Result<u64, StoreError> {
        let done = sqlx::query(
            "UPDATE jobs SET state = 'ready', run_at_ms = ?, epoch = epoch + 1, attempt = attempt - 1, owner = NULL, \
             lease_until_ms = NULL, reason = 'its host ended', put_off_kind = ? WHERE state = 'running' AND owner = ?",
        )
        .bind(now)
        .bind(PutOffKind::HostEnded.as_str())
        .bind(&owner.0)
        .execute(&mut self.conn)
        .await
        .doing("give jobs back")?;
        Ok(done.rows_affected())
    }
}

fn running(row: &SqliteRow) -> Result<RunningJob, StoreError> {
    let id: i64 = get(row, "id")?;
    let task: Option<i64> = get(row, "task_id")?;
    let run: Option<i64> = get(row, "run_id")?;
    let run = match run {
        Some(run) => Some(OpenRun {
            id: RunId(run),
            agent: get(row, "agent")?,
            folder: get(row, "folder")?,
            started_ms: get(row, "started_ms")?,
        }),
        None => None,
    };
    Ok(RunningJob {
        key: JobKey {
            id: JobId(id),
            epoch: get(row, "epoch")?,
        },
        kind: word(row, "kind", "jobs", id)?,
        task: task.map(TaskId),
        owner: get(row, "owner")?,
        claimed_ms: get::<Option<UnixMs>, _>(row, "claimed_ms")?.unwrap_or_default(),
        lease_until_ms: get(row, "lease_until_ms")?,
        crashes: get(row, "crashes")?,
        run,
    })
}
