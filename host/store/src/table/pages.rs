//! What do pages read? Parts of lists in their order, with a place to go on from, and how many rows there are in all.
//!
//! Every read here has a bound. What is decided by what it reads is not here.

use std::collections::BTreeMap;

use orch_domain::id::{TaskId, UnixMs};
use orch_domain::job::{JobKind, JobState, Lane};
use sqlx::Row;
use sqlx::sqlite::SqliteRow;

use super::evaluations::{Evaluation, evaluation};
use super::runs::{self, RunRow, run_row};
use super::tasks::{self, TaskRecord};
use super::tracker::CommentRow;
use super::{get, known};
use crate::error::{Context, StoreError};
use crate::tx::Tx;

/// Most names that one look-up asks for.
const NAMES_MAX: usize = 500;

/// How many tasks there are.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct TaskTally {
    /// In all.
    pub all: u64,
    /// Under way.
    pub live: u64,
    /// Those of them that only a person can move on.
    pub need_person: u64,
    /// Those of them that are being stopped.
    pub stopping: u64,
}

/// A job that waits or runs, as pages show it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueuedJob {
    /// Row id.
    pub id: i64,
    /// What it does; none if it is a job of another version, which is shown too.
    pub kind: Option<JobKind>,
    /// Its lane; none if that is another version's.
    pub lane: Option<Lane>,
    /// Where it is in its life.
    pub state: JobState,
    /// Repository, or empty.
    pub repo: String,
    /// Work item of its task, if it has one.
    pub work_item: Option<String>,
    /// 0 (first) to 9, with what waiting has earned it.
    pub priority: i64,
    /// When it is due.
    pub run_at_ms: UnixMs,
    /// Tries so far.
    pub attempt: i64,
    /// Why it is not due at once.
    pub reason: Option<String>,
}

/// Where a job stands among those that wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum WaitingPlace {
    /// Among the ready ones: priority, time, id.
    Ready(i64, UnixMs, i64),
    /// Among those that are due later: time, id.
    Scheduled(UnixMs, i64),
}

impl QueuedJob {
    /// Where it stands among those that wait.
    pub fn place(&self) -> WaitingPlace {
        if self.state == JobState::Scheduled {
            WaitingPlace::Scheduled(self.run_at_ms, self.id)
        } else {
            WaitingPlace::Ready(self.priority, self.run_at_ms, self.id)
        }
    }
}

const JOB: &str = "SELECT j.id, j.kind, j.lane, j.state, j.repo, t.work_item, j.priority, j.run_at_ms, j.attempt, \
    j.reason FROM jobs j LEFT JOIN tasks t ON t.id = j.task_id";

/// In the order of claims, so that the index of ready rows serves.
pub(super) fn ready_sql() -> String {
    format!(
        "{JOB} WHERE j.state = 'ready' AND j.lane = ? AND (j.priority, j.run_at_ms, j.id) > (?, ?, ?) \
         ORDER BY j.priority, j.run_at_ms, j.id LIMIT +?"
    )
}

pub(super) fn scheduled_sql() -> String {
    format!(
        "{JOB} WHERE j.state = 'scheduled' AND (j.run_at_ms, j.id) > (?, ?) ORDER BY j.run_at_ms, j.id LIMIT +?"
    )
}

impl Tx {
    /// How many tasks there are.
    pub async fn task_tally(&mut self) -> Result<TaskTally, StoreError> {
        let row = sqlx::query(
            "SELECT (SELECT count(*) FROM tasks), count(*), \
             count(*) FILTER (WHERE status IN ('awaiting-approval', 'needs-input', 'blocked')), \
             count(*) FILTER (WHERE status = 'stopping') FROM tasks WHERE stage NOT IN ('done', 'cancelled')",
        )
        .fetch_one(&mut self.conn)
        .await
        .doing("count tasks")?;
        Ok(TaskTally {
            all: count(&row, 0)?,
            live: count(&row, 1)?,
            need_person: count(&row, 2)?,
            stopping: count(&row, 3)?,
        })
    }

    /// Tasks before `before`, newest first; those under way only unless `all`.
    pub async fn task_page(
        &mut self,
        all: bool,
        before: Option<TaskId>,
        most: u32,
    ) -> Result<Vec<TaskRecord>, StoreError> {
        let rest = if all {
            "WHERE id < ? ORDER BY id DESC LIMIT +?"
        } else {
            "WHERE id < ? AND stage NOT IN ('done', 'cancelled') ORDER BY id DESC LIMIT +?"
        };
        let rows = sqlx::query(tasks::select(rest))
            .bind(before.map_or(i64::MAX, |id| id.0))
            .bind(most)
            .fetch_all(&mut self.conn)
            .await
            .doing("list tasks")?;
        rows.iter().map(tasks::record).collect()
    }

    /// How many tasks wait for something that is looked for again and again.
    pub async fn count_waiting(&mut self) -> Result<u32, StoreError> {
        sqlx::query_scalar("SELECT count(*) FROM tasks WHERE status = 'waiting'")
            .fetch_one(&mut self.conn)
            .await
            .doing("count tasks that wait")
    }

    /// Tasks that wait for a person or may do so, those that changed longest ago first.
    pub async fn tasks_that_wait(&mut self, most: u32) -> Result<Vec<TaskRecord>, StoreError> {
        let rest = "WHERE status IN ('awaiting-approval', 'needs-input', 'blocked', 'waiting') \
            AND stage NOT IN ('done', 'cancelled') ORDER BY updated_ms, id LIMIT +?";
        let rows = sqlx::query(tasks::select(rest))
            .bind(most)
            .fetch_all(&mut self.conn)
            .await
            .doing("list tasks that wait")?;
        rows.iter().map(tasks::record).collect()
    }

    /// Runs whose results are not taken in, the latest `most` of them, newest first.
    pub async fn runs_under_way(&mut self, most: u32) -> Result<Vec<RunRow>, StoreError> {
        let sql = format!(
            "SELECT {} FROM runs WHERE state = 'started' ORDER BY id DESC LIMIT +?",
            runs::COLUMNS
        );
        let rows = sqlx::query(sqlx::AssertSqlSafe(sql))
            .bind(most)
            .fetch_all(&mut self.conn)
            .await
            .doing("list runs under way")?;
        rows.iter().map(run_row).collect()
    }

    /// Work items of these tasks, the first 500 of them.
    pub async fn work_items(
        &mut self,
        ids: &[TaskId],
    ) -> Result<BTreeMap<TaskId, String>, StoreError> {
        let ids = &ids[..ids.len().min(NAMES_MAX)];
        let places = vec!["?"; ids.len()].join(", ");
        let sql = format!("SELECT id, work_item FROM tasks WHERE id IN ({places})");
        let query = ids
            .iter()
            .fold(sqlx::query(sqlx::AssertSqlSafe(sql)), |query, id| {
                query.bind(id.0)
            });
        let rows = query
            .fetch_all(&mut self.conn)
            .await
            .doing("look up work items")?;
        rows.iter()
            .map(|row| Ok((TaskId(get(row, 0)?), get(row, 1)?)))
            .collect()
    }

    /// Jobs at work, the longest first.
    pub async fn jobs_at_work(&mut self, most: u32) -> Result<Vec<QueuedJob>, StoreError> {
        let sql = format!("{JOB} WHERE j.state = 'running' ORDER BY j.claimed_ms, j.id LIMIT +?");
        let rows = sqlx::query(sqlx::AssertSqlSafe(sql))
            .bind(most)
            .fetch_all(&mut self.conn)
            .await
            .doing("list jobs at work")?;
        rows.iter().map(queued).collect()
    }

    /// Jobs that wait behind `after`, in the order in which they begin: those that are ready by priority and time,
    /// then those that are due later by time.
    pub async fn waiting_jobs(
        &mut self,
        after: Option<WaitingPlace>,
        most: u32,
    ) -> Result<Vec<QueuedJob>, StoreError> {
        let ready = match after {
            None => Some((i64::MIN, i64::MIN, i64::MIN)),
            Some(WaitingPlace::Ready(priority, at, id)) => Some((priority, at, id)),
            Some(WaitingPlace::Scheduled(..)) => None,
        };
        let mut list = Vec::new();
        if let Some(place) = ready {
            for lane in Lane::ALL {
                list.extend(self.ready_jobs(lane, place, most).await?);
            }
            list.sort_by_key(QueuedJob::place);
        }
        let later = match after {
            Some(WaitingPlace::Scheduled(at, id)) => (at, id),
            None | Some(WaitingPlace::Ready(..)) => (i64::MIN, i64::MIN),
        };
        let wanted = usize::try_from(most).unwrap_or(usize::MAX);
        list.truncate(wanted);
        if list.len() < wanted {
            let rest = most - u32::try_from(list.len()).unwrap_or(most);
            list.extend(self.scheduled_jobs(later, rest).await?);
        }
        Ok(list)
    }

    async fn ready_jobs(
        &mut self,
        lane: Lane,
        (priority, at, id): (i64, UnixMs, i64),
        most: u32,
    ) -> Result<Vec<QueuedJob>, StoreError> {
        let rows = sqlx::query(sqlx::AssertSqlSafe(ready_sql()))
            .bind(lane.as_str())
            .bind(priority)
            .bind(at)
            .bind(id)
            .bind(most)
            .fetch_all(&mut self.conn)
            .await
            .doing("list ready jobs")?;
        rows.iter().map(queued).collect()
    }

    async fn scheduled_jobs(
        &mut self,
        (at, id): (UnixMs, i64),
        most: u32,
    ) -> Result<Vec<QueuedJob>, StoreError> {
        let rows = sqlx::query(sqlx::AssertSqlSafe(scheduled_sql()))
            .bind(at)
            .bind(id)
            .bind(most)
            .fetch_all(&mut self.conn)
            .await
            .doing("list jobs that are due later")?;
        rows.iter().map(queued).collect()
    }

    /// The latest evaluations of a task, oldest first, and how many there are.
    pub async fn latest_evaluations(
        &mut self,
        task: TaskId,
        most: u32,
    ) -> Result<(Vec<Evaluation>, u64), StoreError> {
        let sql = "SELECT *, count(*) OVER () AS total FROM evaluations WHERE task_id = ? ORDER BY id DESC LIMIT +?";
        let rows = self.latest(sql, task, most).await?;
        Ok((reversed(&rows, evaluation)?, total(&rows)?))
    }

    /// The latest runs of a task, oldest first, and how many there are.
    pub async fn latest_runs(
        &mut self,
        task: TaskId,
        most: u32,
    ) -> Result<(Vec<RunRow>, u64), StoreError> {
        let sql = format!(
            "SELECT {}, count(*) OVER () AS total FROM runs WHERE task_id = ? ORDER BY id DESC LIMIT +?",
            runs::COLUMNS
        );
        let rows = self.latest(&sql, task, most).await?;
        Ok((reversed(&rows, run_row)?, total(&rows)?))
    }

    /// The latest comments on a task's issue, oldest first, and how many there are.
    pub async fn latest_comments(
        &mut self,
        task: TaskId,
        most: u32,
    ) -> Result<(Vec<CommentRow>, u64), StoreError> {
        let sql = "SELECT author, body, at_ms, count(*) OVER () AS total FROM issue_comments WHERE task_id = ? \
                   ORDER BY at_ms DESC, rowid DESC LIMIT +?";
        let rows = self.latest(sql, task, most).await?;
        let comment = |row: &SqliteRow| {
            Ok(CommentRow {
                author: get(row, "author")?,
                body: get(row, "body")?,
                at_ms: get(row, "at_ms")?,
            })
        };
        Ok((reversed(&rows, comment)?, total(&rows)?))
    }

    async fn latest(
        &mut self,
        sql: &str,
        task: TaskId,
        most: u32,
    ) -> Result<Vec<SqliteRow>, StoreError> {
        // `sql` is made of literals of this crate.
        sqlx::query(sqlx::AssertSqlSafe(sql.to_owned()))
            .bind(task.0)
            .bind(most)
            .fetch_all(&mut self.conn)
            .await
            .doing("list what belongs to a task")
    }
}

fn count(row: &SqliteRow, column: usize) -> Result<u64, StoreError> {
    let count: i64 = get(row, column)?;
    Ok(u64::try_from(count).unwrap_or_default())
}

/// What the window counted before the limit; nothing without a row.
fn total(rows: &[SqliteRow]) -> Result<u64, StoreError> {
    let Some(row) = rows.first() else {
        return Ok(0);
    };
    let total: i64 = row.try_get("total").doing("decode a column")?;
    Ok(u64::try_from(total).unwrap_or_default())
}

fn reversed<T>(
    rows: &[SqliteRow],
    of: impl Fn(&SqliteRow) -> Result<T, StoreError>,
) -> Result<Vec<T>, StoreError> {
    rows.iter().rev().map(of).collect()
}

fn queued(row: &SqliteRow) -> Result<QueuedJob, StoreError> {
    let (id, state): (i64, String) = (get(row, "id")?, get(row, "state")?);
    Ok(QueuedJob {
        id,
        kind: JobKind::parse(&get::<String, _>(row, "kind")?),
        lane: Lane::parse(&get::<String, _>(row, "lane")?),
        state: known(JobState::parse(&state), "jobs", id, &state, "job state")?,
        repo: get(row, "repo")?,
        work_item: get(row, "work_item")?,
        priority: get(row, "priority")?,
        run_at_ms: get(row, "run_at_ms")?,
        attempt: get(row, "attempt")?,
        reason: get(row, "reason")?,
    })
}
