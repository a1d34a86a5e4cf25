//! Tasks that a step of a repository blocked since it last came to an end.

use orch_domain::id::{TaskId, UnixMs};
use orch_domain::task::BlockReason;

use super::get;
use crate::error::{Context, StoreError};
use crate::tx::Tx;

impl Tx {
    /// Notes that a step blocked a task; answers how many tasks it blocked for this reason since it last came to an
    /// end.
    pub async fn step_failed(
        &mut self,
        repo: &str,
        step: &str,
        reason: BlockReason,
        task: TaskId,
        now: UnixMs,
    ) -> Result<u64, StoreError> {
        sqlx::query(
            "INSERT INTO step_failures (repo, step, reason, task_id, at_ms) VALUES (?, ?, ?, ?, ?) \
             ON CONFLICT (repo, step, reason, task_id) DO UPDATE SET at_ms = excluded.at_ms",
        )
        .bind(repo)
        .bind(step)
        .bind(reason.as_str())
        .bind(task.0)
        .bind(now)
        .execute(&mut self.conn)
        .await
        .doing("note a failure of a step")?;
        let row = sqlx::query(
            "SELECT count(*) FROM step_failures WHERE repo = ? AND step = ? AND reason = ?",
        )
        .bind(repo)
        .bind(step)
        .bind(reason.as_str())
        .fetch_one(&mut self.conn)
        .await
        .doing("count failures of a step")?;
        let count: i64 = get(&row, 0)?;
        Ok(u64::try_from(count).unwrap_or_default())
    }

    /// Notes that a step came to an end: what it blocked before is no row of failures any more.
    pub async fn step_ended(&mut self, repo: &str, step: &str) -> Result<(), StoreError> {
        sqlx::query("DELETE FROM step_failures WHERE repo = ? AND step = ?")
            .bind(repo)
            .bind(step)
            .execute(&mut self.conn)
            .await
            .map(|_| ())
            .doing("forget failures of a step")
    }
}
