//! What did gates decide lately, of which changes and how fast?

use orch_domain::id::TaskId;
use orch_domain::pipeline::Mode;
use orch_domain::verdict::EvaluationOutcome;

use super::{get, word};
use crate::error::{Context, StoreError};
use crate::tx::Tx;

/// One decision of a gate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DecisionRow {
    /// Pipeline entry.
    pub entry: String,
    /// Gate component.
    pub gate: String,
    /// Mode of the entry then.
    pub mode: Mode,
    /// The task that was judged.
    pub task: TaskId,
    /// Its head commit.
    pub head_sha: String,
    /// What it came to.
    pub decision: EvaluationOutcome,
    /// How long the gate took, microseconds; none for a pass that was used again.
    pub elapsed_us: Option<i64>,
}

impl Tx {
    /// The latest decisions of all gates, the newest first, at most `most`. A gate that was not asked decided nothing,
    /// and what it makes of drills says nothing of everyday work.
    pub async fn decisions(&mut self, most: u32) -> Result<Vec<DecisionRow>, StoreError> {
        let rows = sqlx::query(
            "SELECT id, entry, gate, mode, task_id, head_sha, decision, \
             CASE WHEN reused_from IS NULL THEN elapsed_us END AS elapsed_us \
             FROM evaluations WHERE json_extract(risk, '$.not_asked_below') IS NULL \
             AND NOT EXISTS (SELECT 1 FROM drill_cases c WHERE c.task_id = evaluations.task_id) ORDER BY id DESC LIMIT +?",
        )
        .bind(most)
        .fetch_all(&mut self.conn)
        .await
        .doing("read decisions")?;
        rows.iter()
            .map(|row| {
                let id: i64 = get(row, "id")?;
                Ok(DecisionRow {
                    entry: get(row, "entry")?,
                    gate: get(row, "gate")?,
                    mode: word(row, "mode", "evaluations", id)?,
                    task: TaskId(get(row, "task_id")?),
                    head_sha: get(row, "head_sha")?,
                    decision: word(row, "decision", "evaluations", id)?,
                    elapsed_us: get(row, "elapsed_us")?,
                })
            })
            .collect()
    }
}
