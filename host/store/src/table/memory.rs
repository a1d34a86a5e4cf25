//! Values that gates keep per repository: staged by a task, in force with its landing.

use orch_domain::id::TaskId;
use orch_domain::memory::Remembered;

use super::get;
use crate::error::{Context, StoreError};
use crate::tx::Tx;

/// What became of the values that a task had staged.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[must_use]
pub struct MemoryApplied {
    /// `gate/key` of values in force now.
    pub applied: Vec<String>,
    /// `gate/key` of values that another landing had overtaken; they are dropped.
    pub overtaken: Vec<String>,
}

impl Tx {
    /// Everything that a gate keeps of a repository.
    pub async fn gate_memory(
        &mut self,
        repo: &str,
        gate: &str,
    ) -> Result<Vec<Remembered>, StoreError> {
        let rows = sqlx::query(
            "SELECT key, value, version FROM gate_memory WHERE repo = ? AND gate = ? ORDER BY key",
        )
        .bind(repo)
        .bind(gate)
        .fetch_all(&mut self.conn)
        .await
        .doing("read a gate's memory")?;
        rows.iter()
            .map(|row| {
                Ok(Remembered {
                    key: get(row, "key")?,
                    value: get(row, "value")?,
                    version: get(row, "version")?,
                })
            })
            .collect()
    }

    /// Stages a value, or the mere reading of one; a later staging of the same task and key stands for an
    /// earlier one.
    pub async fn stage_memory(
        &mut self,
        task: TaskId,
        gate: &str,
        key: &str,
        value: Option<&str>,
        read_version: i64,
    ) -> Result<(), StoreError> {
        sqlx::query(
            "INSERT INTO gate_memory_staged (task_id, gate, key, value, read_version) VALUES (?, ?, ?, ?, ?) \
             ON CONFLICT (task_id, gate, key) DO UPDATE SET value = excluded.value, read_version = excluded.read_version",
        )
        .bind(task.0)
        .bind(gate)
        .bind(key)
        .bind(value)
        .bind(read_version)
        .execute(&mut self.conn)
        .await
        .doing("stage a gate's memory")?;
        Ok(())
    }

    /// Gates whose staged values another landing has overtaken: what they judged by is no longer so.
    pub async fn overtaken_gates(
        &mut self,
        task: TaskId,
        repo: &str,
    ) -> Result<Vec<String>, StoreError> {
        let rows = sqlx::query(
            "SELECT DISTINCT s.gate FROM gate_memory_staged s LEFT JOIN gate_memory m \
             ON m.repo = ? AND m.gate = s.gate AND m.key = s.key \
             WHERE s.task_id = ? AND coalesce(m.version, 0) <> s.read_version ORDER BY s.gate",
        )
        .bind(repo)
        .bind(task.0)
        .fetch_all(&mut self.conn)
        .await
        .doing("look for overtaken values")?;
        rows.iter().map(|row| get(row, 0)).collect()
    }

    /// Forgets what a gate has staged for a task: it judges again.
    pub async fn unstage_memory(&mut self, task: TaskId, gate: &str) -> Result<(), StoreError> {
        sqlx::query("DELETE FROM gate_memory_staged WHERE task_id = ? AND gate = ?")
            .bind(task.0)
            .bind(gate)
            .execute(&mut self.conn)
            .await
            .map(|_| ())
            .doing("forget a gate's staged values")
    }

    /// Removes what ended tasks staged and never landed, at most `limit` rows.
    pub async fn sweep_staged_memory(&mut self, limit: u32) -> Result<u64, StoreError> {
        let done = sqlx::query(
            "DELETE FROM gate_memory_staged WHERE rowid IN (SELECT s.rowid FROM gate_memory_staged s \
             JOIN tasks t ON t.id = s.task_id WHERE t.status = 'ended' LIMIT +?)",
        )
        .bind(limit)
        .execute(&mut self.conn)
        .await
        .doing("sweep staged memory")?;
        Ok(done.rows_affected())
    }

    /// Puts the staged values of a landed task in force, each only if nobody changed it since it was read.
    pub async fn apply_memory(
        &mut self,
        task: TaskId,
        repo: &str,
    ) -> Result<MemoryApplied, StoreError> {
        let rows = sqlx::query(
            "DELETE FROM gate_memory_staged WHERE task_id = ? RETURNING gate, key, value, read_version",
        )
        .bind(task.0)
        .fetch_all(&mut self.conn)
        .await
        .doing("take a task's staged memory")?;
        let mut outcome = MemoryApplied::default();
        for row in &rows {
            let (gate, key): (String, String) = (get(row, "gate")?, get(row, "key")?);
            let (value, read): (Option<String>, i64) =
                (get(row, "value")?, get(row, "read_version")?);
            let Some(value) = value else {
                continue;
            };
            let done = sqlx::query(
                "INSERT INTO gate_memory (repo, gate, key, value, version) SELECT ?1, ?2, ?3, ?4, 1 WHERE ?5 = 0 OR EXISTS \
                 (SELECT 1 FROM gate_memory WHERE repo = ?1 AND gate = ?2 AND key = ?3) \
                 ON CONFLICT (repo, gate, key) DO UPDATE SET value = excluded.value, version = version + 1 WHERE version = ?5",
            )
            .bind(repo)
            .bind(&gate)
            .bind(&key)
            .bind(&value)
            .bind(read)
            .execute(&mut self.conn)
            .await
            .doing("put a gate's memory in force")?;
            let list = if done.rows_affected() == 1 {
                &mut outcome.applied
            } else {
                &mut outcome.overtaken
            };
            list.push(format!("{gate}/{key}"));
        }
        Ok(outcome)
    }
}
