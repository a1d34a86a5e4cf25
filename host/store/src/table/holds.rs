//! Holds of bases: who had others wait with their pushes, and whether it landed then.

use orch_domain::id::{TaskId, UnixMs};

use super::get;
use crate::error::{Context, StoreError};
use crate::tx::Tx;

impl Tx {
    /// Writes down that a repository's base is held for a task. The hold before is forgotten.
    pub async fn note_hold(
        &mut self,
        repo: &str,
        task: TaskId,
        until_ms: UnixMs,
    ) -> Result<(), StoreError> {
        sqlx::query(
            "INSERT INTO base_holds (repo, task_id, until_ms) VALUES (?1, ?2, ?3) ON CONFLICT (repo) DO UPDATE SET \
             task_id = ?2, until_ms = ?3, landed_ms = NULL",
        )
        .bind(repo)
        .bind(task.0)
        .bind(until_ms)
        .execute(&mut self.conn)
        .await
        .map(|_| ())
        .doing("note a hold")
    }

    /// Whether a repository's base is held for a task.
    pub async fn holds_base_for(
        &mut self,
        repo: &str,
        task: TaskId,
        now: UnixMs,
    ) -> Result<bool, StoreError> {
        let row = sqlx::query(
            "SELECT count(*) FROM base_holds WHERE repo = ? AND task_id = ? AND until_ms > ? AND landed_ms IS NULL",
        )
        .bind(repo)
        .bind(task.0)
        .bind(now)
        .fetch_one(&mut self.conn)
        .await
        .doing("look for a hold")?;
        let count: i64 = get(&row, 0)?;
        Ok(count == 1)
    }

    /// Whether something landed under a hold of a repository's base since `since_ms`.
    pub async fn landed_under_hold(
        &mut self,
        repo: &str,
        since_ms: UnixMs,
    ) -> Result<bool, StoreError> {
        let row = sqlx::query("SELECT count(*) FROM base_holds WHERE repo = ? AND landed_ms >= ?")
            .bind(repo)
            .bind(since_ms)
            .fetch_one(&mut self.conn)
            .await
            .doing("look for a landing under a hold")?;
        let count: i64 = get(&row, 0)?;
        Ok(count == 1)
    }

    /// Ends the hold that a task has of a repository's base; `landed_ms` says when it landed, if it did.
    pub async fn end_hold(
        &mut self,
        repo: &str,
        task: TaskId,
        landed_ms: Option<UnixMs>,
        now: UnixMs,
    ) -> Result<(), StoreError> {
        sqlx::query(
            "UPDATE base_holds SET until_ms = min(until_ms, ?), landed_ms = ? WHERE repo = ? AND task_id = ?",
        )
        .bind(now)
        .bind(landed_ms)
        .bind(repo)
        .bind(task.0)
        .execute(&mut self.conn)
        .await
        .map(|_| ())
        .doing("end a hold")
    }
}
