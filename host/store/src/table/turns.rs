//! Whose turn it is: tasks that wait for others to be done, and jobs that wait for a serial repository.

use orch_domain::id::{TaskId, UnixMs};
use orch_domain::job::PutOffKind;
use orch_domain::stage::Stage;

use super::{get, word};
use crate::error::{Context, StoreError};
use crate::tx::Tx;

/// By the tasks that it may concern, not by everything that is scheduled.
pub(super) const WAKE: &str = "UPDATE jobs SET state = 'ready', run_at_ms = ?1 WHERE task_id IN \
    (SELECT id FROM tasks WHERE repo = ?3 AND stage NOT IN ('done', 'cancelled') \
    UNION ALL SELECT task_id FROM task_dependencies WHERE on_task_id = ?4) \
    AND state IN ('scheduled', 'ready', 'running') AND state = 'scheduled' AND put_off_kind = ?2";

/// A task that another one waits for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dependency {
    /// The task.
    pub task: TaskId,
    /// Its work item.
    pub work_item: String,
    /// Its stage.
    pub stage: Stage,
}

impl Tx {
    /// Has a task wait until an earlier one is done.
    ///
    /// # Errors
    /// When the database does not answer, or the other task is not an earlier one.
    pub async fn depend(&mut self, task: TaskId, on: TaskId) -> Result<(), StoreError> {
        sqlx::query(
            "INSERT INTO task_dependencies (task_id, on_task_id) VALUES (?, ?) ON CONFLICT DO NOTHING",
        )
        .bind(task.0)
        .bind(on.0)
        .execute(&mut self.conn)
        .await
        .map(|_| ())
        .doing("record a dependency")
    }

    /// Tasks that this one waits for and that are not done.
    pub async fn unmet(&mut self, task: TaskId) -> Result<Vec<Dependency>, StoreError> {
        let rows = sqlx::query(
            "SELECT t.id, t.work_item, t.stage FROM task_dependencies d JOIN tasks t ON t.id = d.on_task_id \
             WHERE d.task_id = ? AND t.stage <> 'done' ORDER BY t.id",
        )
        .bind(task.0)
        .fetch_all(&mut self.conn)
        .await
        .doing("look for dependencies")?;
        rows.iter()
            .map(|row| {
                let id: i64 = get(row, "id")?;
                Ok(Dependency {
                    task: TaskId(id),
                    work_item: get(row, "work_item")?,
                    stage: word(row, "stage", "tasks", id)?,
                })
            })
            .collect()
    }

    /// Forgets dependencies on tasks that were stopped.
    pub async fn drop_stopped_dependencies(&mut self, task: TaskId) -> Result<(), StoreError> {
        sqlx::query(
            "DELETE FROM task_dependencies WHERE task_id = ? AND on_task_id IN \
             (SELECT id FROM tasks WHERE stage = 'cancelled')",
        )
        .bind(task.0)
        .execute(&mut self.conn)
        .await
        .map(|_| ())
        .doing("forget dependencies")
    }

    /// Has the oldest task of a repository look again that waits on its way to production: what `by` gave back may be
    /// what it waits for. Answers which.
    pub async fn wake_oldest_waiter(
        &mut self,
        repo: &str,
        by: TaskId,
        now: UnixMs,
    ) -> Result<Option<TaskId>, StoreError> {
        let row = sqlx::query(
            "SELECT min(id) FROM tasks WHERE repo = ? AND id <> ? AND stage = ? AND status = 'waiting'",
        )
        .bind(repo)
        .bind(by.0)
        .bind(Stage::DeployStaging.as_str())
        .fetch_one(&mut self.conn)
        .await
        .doing("look for the oldest waiter")?;
        let oldest: Option<i64> = get(&row, 0)?;
        let Some(oldest) = oldest.map(TaskId) else {
            return Ok(None);
        };
        self.make_due(oldest, now).await?;
        Ok(Some(oldest))
    }

    /// Makes due what waits for its turn: jobs of tasks that depend on `ended`, and of its repository.
    pub async fn wake_turns(
        &mut self,
        ended: TaskId,
        repo: &str,
        now: UnixMs,
    ) -> Result<u64, StoreError> {
        let done = sqlx::query(WAKE)
            .bind(now)
            .bind(PutOffKind::Turn.as_str())
            .bind(repo)
            .bind(ended.0)
            .execute(&mut self.conn)
            .await
            .doing("wake what waits for its turn")?;
        self.woke = true;
        Ok(done.rows_affected())
    }
}
