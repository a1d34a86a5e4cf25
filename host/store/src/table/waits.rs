//! What waits for longer than anything is waited for.

use orch_domain::id::{TaskId, UnixMs};
use orch_domain::job::PutOffKind;

use super::get;
use crate::error::{Context, StoreError};
use crate::tx::Tx;

/// What a job can be put off for that no step of its own bounds.
const PUT_OFFS: [PutOffKind; 7] = [
    PutOffKind::Turn,
    PutOffKind::Disk,
    PutOffKind::Budget,
    PutOffKind::AgentUnavailable,
    PutOffKind::Breaker,
    PutOffKind::Source,
    PutOffKind::Held,
];

/// A task that has waited long.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LongWait {
    /// Which one.
    pub task: TaskId,
    /// What its job was put off for last; none if it waits for an approval.
    pub reason: Option<String>,
    /// Since when, Unix milliseconds.
    pub since_ms: UnixMs,
}

impl Tx {
    /// Tasks that wait since before `before` for an approval, or with a job that was put off again and again, at most
    /// `most`.
    pub async fn long_waits(
        &mut self,
        before: UnixMs,
        most: u32,
    ) -> Result<Vec<LongWait>, StoreError> {
        let put_offs = PUT_OFFS.map(|kind| format!("'{kind}'")).join(", ");
        let sql = format!(
            "SELECT id, NULL, status_since_ms FROM tasks WHERE status = 'awaiting-approval' AND status_since_ms < ?1 \
             UNION ALL SELECT task_id, coalesce(reason, put_off_kind), created_ms FROM jobs \
             WHERE state = 'scheduled' AND task_id IS NOT NULL AND created_ms < ?1 AND put_off_kind IN ({put_offs}) \
             LIMIT +?2"
        );
        // The kinds are words of a closed list.
        let rows = sqlx::query(sqlx::AssertSqlSafe(sql))
            .bind(before)
            .bind(most)
            .fetch_all(&mut self.conn)
            .await
            .doing("look for long waits")?;
        rows.iter()
            .map(|row| {
                Ok(LongWait {
                    task: TaskId(get(row, 0)?),
                    reason: get(row, 1)?,
                    since_ms: get(row, 2)?,
                })
            })
            .collect()
    }
}
