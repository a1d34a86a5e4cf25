//! What gates found in the round that goes on: kept until it is said on the pull request.

use orch_domain::id::{EntryId, TaskId};
use orch_domain::review::Noted;

use super::get;
use crate::error::{Context, StoreError};
use crate::tx::Tx;

impl Tx {
    /// Keeps what an entry found in this round; what it found before in it is forgotten.
    pub async fn note_findings(
        &mut self,
        task: TaskId,
        entry: &EntryId,
        found: &[Noted],
    ) -> Result<(), StoreError> {
        if found.is_empty() {
            return sqlx::query("DELETE FROM round_findings WHERE task_id = ? AND entry = ?")
                .bind(task.0)
                .bind(entry.as_str())
                .execute(&mut self.conn)
                .await
                .map(|_| ())
                .doing("forget findings");
        }
        let text = serde_json::to_string(found).expect("plain data, which JSON can hold");
        sqlx::query(
            "INSERT INTO round_findings (task_id, entry, findings) VALUES (?, ?, ?) \
             ON CONFLICT (task_id, entry) DO UPDATE SET findings = excluded.findings",
        )
        .bind(task.0)
        .bind(entry.as_str())
        .bind(text)
        .execute(&mut self.conn)
        .await
        .map(|_| ())
        .doing("keep findings")
    }

    /// Takes what was found in the round that ends, by entry.
    pub async fn take_findings(&mut self, task: TaskId) -> Result<Vec<Noted>, StoreError> {
        let rows = sqlx::query(
            "SELECT entry, findings FROM round_findings WHERE task_id = ? ORDER BY entry",
        )
        .bind(task.0)
        .fetch_all(&mut self.conn)
        .await
        .doing("read findings")?;
        let mut all = Vec::new();
        for row in &rows {
            let (entry, text): (String, String) = (get(row, 0)?, get(row, 1)?);
            let found: Vec<Noted> =
                serde_json::from_str(&text).map_err(|error| StoreError::Decode {
                    table: "round_findings",
                    id: format!("{task}:{entry}"),
                    value: error.to_string(),
                    what: "list of findings",
                })?;
            all.extend(found);
        }
        sqlx::query("DELETE FROM round_findings WHERE task_id = ?")
            .bind(task.0)
            .execute(&mut self.conn)
            .await
            .doing("take findings")?;
        Ok(all)
    }
}
