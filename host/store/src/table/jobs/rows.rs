//! Jobs as they are shown: the rows, and how many are in each state.

use orch_domain::id::{JobId, TaskId, UnixMs};
use orch_domain::job::{JobKind, JobState, PutOffKind};
use sqlx::sqlite::SqliteRow;

use crate::error::{Context, StoreError};
use crate::table::{get, maybe_word, word};
use crate::tx::Tx;

/// A job as it is shown.
#[derive(Debug, Clone)]
pub struct JobRow {
    /// Row id.
    pub id: JobId,
    /// What it does.
    pub kind: JobKind,
    /// Where it is in its life.
    pub state: JobState,
    /// Its task.
    pub task: Option<TaskId>,
    /// Repository that it is about; empty for none.
    pub repo: String,
    /// What the handler needs, as JSON.
    pub payload: String,
    /// When it is due.
    pub run_at_ms: UnixMs,
    /// Tries so far.
    pub attempt: i64,
    /// Epoch of the latest claim.
    pub epoch: i64,
    /// Why it is not due at once, as a kind; none too if an older version put it off.
    pub put_off_kind: Option<PutOffKind>,
    /// Why it is not due at once, in words.
    pub reason: Option<String>,
    /// Last error.
    pub last_error: Option<String>,
    /// When it ended.
    pub finished_ms: Option<UnixMs>,
}

pub(super) const ROW: &str = "id, kind, state, task_id, repo, payload, run_at_ms, attempt, epoch, put_off_kind, reason, last_error, finished_ms";

/// Ended rows are counted as they end.
pub(in crate::table) const COUNTS: &str = "SELECT 'scheduled' AS state, count(*) FROM jobs WHERE state = 'scheduled' \
    UNION ALL SELECT 'ready', count(*) FROM jobs WHERE state = 'ready' \
    UNION ALL SELECT 'running', count(*) FROM jobs WHERE state = 'running' \
    UNION ALL SELECT state, jobs FROM job_totals";

impl Tx {
    /// How many jobs are in each state.
    pub async fn job_counts(&mut self) -> Result<Vec<(JobState, i64)>, StoreError> {
        let rows = sqlx::query(COUNTS)
            .fetch_all(&mut self.conn)
            .await
            .doing("count jobs")?;
        rows.iter()
            .map(|row| Ok((word(row, "state", "job_totals", "count")?, get(row, 1)?)))
            .collect()
    }

    /// The newest jobs.
    pub async fn recent_jobs(&mut self, limit: u32) -> Result<Vec<JobRow>, StoreError> {
        let sql = format!("SELECT {ROW} FROM jobs ORDER BY id DESC LIMIT +?");
        let rows = sqlx::query(sqlx::AssertSqlSafe(sql))
            .bind(limit)
            .fetch_all(&mut self.conn)
            .await
            .doing("list jobs")?;
        rows.iter().map(job_row).collect()
    }

    /// Live jobs of a task.
    pub async fn live_jobs(&mut self, task: TaskId) -> Result<Vec<JobRow>, StoreError> {
        let sql = format!(
            "SELECT {ROW} FROM jobs WHERE task_id = ? AND state IN ('scheduled', 'ready', 'running')"
        );
        let rows = sqlx::query(sqlx::AssertSqlSafe(sql))
            .bind(task.0)
            .fetch_all(&mut self.conn)
            .await
            .doing("list a task's jobs")?;
        rows.iter().map(job_row).collect()
    }
}

pub(super) fn job_row(row: &SqliteRow) -> Result<JobRow, StoreError> {
    let id: i64 = get(row, "id")?;
    let task: Option<i64> = get(row, "task_id")?;
    Ok(JobRow {
        id: JobId(id),
        kind: word(row, "kind", "jobs", id)?,
        state: word(row, "state", "jobs", id)?,
        task: task.map(TaskId),
        repo: get(row, "repo")?,
        payload: get(row, "payload")?,
        run_at_ms: get(row, "run_at_ms")?,
        attempt: get(row, "attempt")?,
        epoch: get(row, "epoch")?,
        put_off_kind: maybe_word(row, "put_off_kind", "jobs", id)?,
        reason: get(row, "reason")?,
        last_error: get(row, "last_error")?,
        finished_ms: get(row, "finished_ms")?,
    })
}
