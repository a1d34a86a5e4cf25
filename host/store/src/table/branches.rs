//! Branches of tasks that were to get a pull request, and which of them have landed: what the host goes by, whatever
//! its forge shows.

use orch_domain::id::{ObjectId, TaskId, UnixMs};

use super::{get, known};
use crate::error::{Context, StoreError};
use crate::tx::Tx;

/// A branch of a task.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaskBranch {
    /// Its name.
    pub branch: String,
    /// The forge's number for its pull request, once that is open.
    pub pull_request: Option<String>,
    /// The commit that landed.
    pub landed: Option<ObjectId>,
}

/// What writing down that a branch has landed came to.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
pub enum Landing {
    /// It has landed, now or before, as this commit.
    Noted,
    /// It has landed before as this other commit.
    AsAnother(ObjectId),
}

impl Tx {
    /// How many changes landed on each day since `since`, by the number of the day since the Unix epoch.
    pub async fn landed_by_day(&mut self, since: UnixMs) -> Result<Vec<(i64, u64)>, StoreError> {
        let rows = sqlx::query(
            "SELECT landed_ms / 86400000 AS day, count(*) FROM task_branches WHERE landed_ms >= ? GROUP BY day \
             ORDER BY day",
        )
        .bind(since)
        .fetch_all(&mut self.conn)
        .await
        .doing("count what landed by day")?;
        rows.iter()
            .map(|row| Ok((get(row, 0)?, get::<i64, _>(row, 1)?.unsigned_abs())))
            .collect()
    }

    /// Writes down that a branch of a task is to get a pull request, once.
    pub async fn record_pull_request(
        &mut self,
        task: TaskId,
        branch: &str,
        now: UnixMs,
    ) -> Result<(), StoreError> {
        sqlx::query(
            "INSERT INTO task_branches (task_id, branch, opened_ms) VALUES (?, ?, ?) ON CONFLICT DO NOTHING",
        )
        .bind(task.0)
        .bind(branch)
        .bind(now)
        .execute(&mut self.conn)
        .await
        .map(|_| ())
        .doing("note a pull request")
    }

    /// Keeps the forge's number for the pull request of a branch.
    pub async fn pull_request_opened(
        &mut self,
        task: TaskId,
        branch: &str,
        number: &str,
    ) -> Result<(), StoreError> {
        sqlx::query("UPDATE task_branches SET pull_request = ? WHERE task_id = ? AND branch = ?")
            .bind(number)
            .bind(task.0)
            .bind(branch)
            .execute(&mut self.conn)
            .await
            .map(|_| ())
            .doing("note the number of a pull request")
    }

    /// Writes down that a branch has landed as a commit, at most once.
    pub async fn record_landing(
        &mut self,
        task: TaskId,
        branch: &str,
        commit: &ObjectId,
        now: UnixMs,
    ) -> Result<Landing, StoreError> {
        self.record_pull_request(task, branch, now).await?;
        let done = sqlx::query(
            "UPDATE task_branches SET landed_sha = ?, landed_ms = ? \
             WHERE task_id = ? AND branch = ? AND landed_sha IS NULL",
        )
        .bind(commit.as_str())
        .bind(now)
        .bind(task.0)
        .bind(branch)
        .execute(&mut self.conn)
        .await
        .doing("note a landing")?;
        if done.rows_affected() == 1 {
            return Ok(Landing::Noted);
        }
        let branches = self.task_branches(task).await?;
        let before = branches.into_iter().find(|b| b.branch == branch);
        match before.and_then(|b| b.landed) {
            Some(before) if before != *commit => Ok(Landing::AsAnother(before)),
            Some(_) | None => Ok(Landing::Noted),
        }
    }

    /// Branches of a task, oldest first.
    pub async fn task_branches(&mut self, task: TaskId) -> Result<Vec<TaskBranch>, StoreError> {
        let rows = sqlx::query(
            "SELECT branch, pull_request, landed_sha FROM task_branches WHERE task_id = ? \
             ORDER BY opened_ms, rowid",
        )
        .bind(task.0)
        .fetch_all(&mut self.conn)
        .await
        .doing("list the branches of a task")?;
        rows.iter()
            .map(|row| {
                let sha: Option<String> = get(row, 2)?;
                let landed = sha.map(|sha| {
                    let parsed = ObjectId::new(sha.clone()).ok();
                    known(parsed, "task_branches", task, &sha, "git object id")
                });
                Ok(TaskBranch {
                    branch: get(row, 0)?,
                    pull_request: get(row, 1)?,
                    landed: landed.transpose()?,
                })
            })
            .collect()
    }
}
