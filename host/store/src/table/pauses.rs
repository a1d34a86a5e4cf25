//! What a person holds back: lanes and repositories from which nothing is claimed for a while.

use orch_domain::id::UnixMs;

use super::get;
use crate::error::{Context, StoreError};
use crate::tx::Tx;

/// Something that is held back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pause {
    /// `lane:LANE`, `repo:REPOSITORY`, or `lane:LANE@REPOSITORY`: the lane of one repository.
    pub scope: String,
    /// When it ends by itself; none for not at all.
    pub until_ms: Option<UnixMs>,
    /// What whoever set it gave as the reason.
    pub reason: String,
    /// Whoever set it.
    pub set_by: String,
    /// Since when.
    pub set_ms: UnixMs,
}

impl Tx {
    /// Holds a scope back; what was said of it before is replaced.
    pub async fn pause(&mut self, pause: &Pause) -> Result<(), StoreError> {
        sqlx::query(
            "INSERT INTO pauses (scope, until_ms, reason, set_by, set_ms) VALUES (?, ?, ?, ?, ?) \
             ON CONFLICT (scope) DO UPDATE SET until_ms = excluded.until_ms, reason = excluded.reason, \
             set_by = excluded.set_by, set_ms = excluded.set_ms",
        )
        .bind(&pause.scope)
        .bind(pause.until_ms)
        .bind(&pause.reason)
        .bind(&pause.set_by)
        .bind(pause.set_ms)
        .execute(&mut self.conn)
        .await
        .map(|_| ())
        .doing("pause")
    }

    /// Lets a scope go on; says whether it was held back.
    pub async fn unpause(&mut self, scope: &str) -> Result<bool, StoreError> {
        let done = sqlx::query("DELETE FROM pauses WHERE scope = ?")
            .bind(scope)
            .execute(&mut self.conn)
            .await
            .doing("end a pause")?;
        self.woke = true;
        Ok(done.rows_affected() == 1)
    }

    /// Everything that is held back at `now`.
    pub async fn pauses(&mut self, now: UnixMs) -> Result<Vec<Pause>, StoreError> {
        let rows = sqlx::query(
            "SELECT * FROM pauses WHERE until_ms IS NULL OR until_ms > ? ORDER BY scope",
        )
        .bind(now)
        .fetch_all(&mut self.conn)
        .await
        .doing("list pauses")?;
        rows.iter()
            .map(|row| {
                Ok(Pause {
                    scope: get(row, "scope")?,
                    until_ms: get(row, "until_ms")?,
                    reason: get(row, "reason")?,
                    set_by: get(row, "set_by")?,
                    set_ms: get(row, "set_ms")?,
                })
            })
            .collect()
    }
}
