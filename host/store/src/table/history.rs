//! What goes some day: jobs that have ended, and what ended tasks did, long after their end. The task itself, its pull requests and
//! what gates remember of the repository stay.

use orch_domain::id::UnixMs;
use sqlx::Row;

use crate::error::{Context, StoreError};
use crate::tx::Tx;

/// What is removed of a task, in this order: whatever refers to a row goes before it.
const OF_TASK: [&str; 17] = [
    "DELETE FROM recordings WHERE evaluation_id IN (SELECT id FROM evaluations WHERE task_id = ?)",
    "DELETE FROM evaluations WHERE task_id = ?",
    "DELETE FROM evidence WHERE task_id = ?",
    "DELETE FROM provenance WHERE task_id = ?",
    "DELETE FROM host_artefacts WHERE task_id = ?",
    "DELETE FROM gate_memory_staged WHERE task_id = ?",
    "DELETE FROM connections WHERE run_id IN (SELECT id FROM runs WHERE task_id = ? AND state = 'finalised')",
    "DELETE FROM connections WHERE task_id = ?",
    "DELETE FROM runs WHERE task_id = ? AND state = 'finalised'",
    "DELETE FROM issue_comments WHERE task_id = ?",
    "DELETE FROM issue_moves WHERE task_id = ?",
    "DELETE FROM commit_statuses WHERE (repo, sha) IN (SELECT repo, head FROM tasks WHERE id = ?)",
    "DELETE FROM commit_tests WHERE (repo, sha) IN (SELECT repo, head FROM tasks WHERE id = ?)",
    "DELETE FROM prompts WHERE task_id = ?",
    "DELETE FROM shown_progress WHERE task_id = ?",
    "DELETE FROM round_findings WHERE task_id = ?",
    "DELETE FROM events WHERE task_id = ?",
];

/// Statuses of commits that no task stands at any more, and what happened to no task.
const OF_NONE: [&str; 4] = [
    "DELETE FROM commit_statuses WHERE rowid IN (SELECT rowid FROM commit_statuses s WHERE updated_ms < ? \
     AND NOT EXISTS (SELECT 1 FROM tasks t WHERE t.repo = s.repo AND t.head = s.sha \
     AND t.stage NOT IN ('done', 'cancelled')) LIMIT +?)",
    "DELETE FROM commit_tests WHERE rowid IN (SELECT rowid FROM commit_tests s WHERE updated_ms < ? \
     AND NOT EXISTS (SELECT 1 FROM tasks t WHERE t.repo = s.repo AND t.head = s.sha \
     AND t.stage NOT IN ('done', 'cancelled')) LIMIT +?)",
    "DELETE FROM events WHERE id IN (SELECT id FROM events WHERE task_id IS NULL AND at_ms < ? ORDER BY id LIMIT +?)",
    "DELETE FROM tracker_intents WHERE key IN (SELECT key FROM tracker_intents WHERE at_ms < ? ORDER BY at_ms LIMIT +?)",
];

impl Tx {
    /// Removes finished jobs that nothing refers to and that ended before `before_ms`, at most `limit`.
    pub async fn sweep_jobs(&mut self, before_ms: UnixMs, limit: u32) -> Result<u64, StoreError> {
        let done = sqlx::query(
            "DELETE FROM jobs WHERE id IN (SELECT id FROM jobs j WHERE finished_ms IS NOT NULL AND finished_ms < ? \
             AND NOT EXISTS (SELECT 1 FROM runs WHERE runs.job_id = j.id) LIMIT +?)",
        )
        .bind(before_ms)
        .bind(limit)
        .execute(&mut self.conn)
        .await
        .doing("sweep jobs")?;
        Ok(done.rows_affected())
    }

    /// Removes the history of up to `tasks` tasks that ended before `before_ms`, and up to `rows` rows of each
    /// kind that belong to none; answers how many rows went.
    pub async fn sweep_history(
        &mut self,
        before_ms: UnixMs,
        tasks: u32,
        rows: u32,
    ) -> Result<u64, StoreError> {
        // A run that is not taken in keeps its task's history: somebody may still ask for it.
        let ended = sqlx::query(
            "SELECT id FROM tasks t WHERE stage IN ('done', 'cancelled') AND updated_ms < ? \
             AND EXISTS (SELECT 1 FROM events WHERE task_id = t.id) \
             AND NOT EXISTS (SELECT 1 FROM runs WHERE task_id = t.id AND state = 'started') ORDER BY id LIMIT +?",
        )
        .bind(before_ms)
        .bind(tasks)
        .fetch_all(&mut self.conn)
        .await
        .doing("look for old history")?;
        let mut removed = 0;
        for task in &ended {
            let id: i64 = task.try_get(0).doing("read a task's number")?;
            for statement in OF_TASK {
                let done = sqlx::query(statement).bind(id).execute(&mut self.conn);
                removed += done.await.doing("sweep history")?.rows_affected();
            }
        }
        for statement in OF_NONE {
            let done = sqlx::query(statement)
                .bind(before_ms)
                .bind(rows)
                .execute(&mut self.conn);
            removed += done.await.doing("sweep history")?.rows_affected();
        }
        Ok(removed)
    }
}
