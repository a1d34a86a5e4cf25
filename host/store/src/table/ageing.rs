//! Ageing: a row that waits long rises in priority, so that newer ones do not keep it waiting for ever.

use orch_domain::id::UnixMs;

use crate::error::{Context, StoreError};
use crate::tx::Tx;

/// Most rows that rise in one write, so that the writer is not held for long.
const BATCH: i64 = 500;

/// Every term stands as in the index, or it would not serve.
pub(super) const AGE: &str = "UPDATE jobs SET priority = priority - 1, aged_by = aged_by + 1, aged_ms = ? WHERE id IN \
    (SELECT id FROM jobs WHERE state = 'ready' AND priority > 1 \
    AND coalesce(aged_ms + 60000, run_at_ms + 600000) <= ? \
    ORDER BY coalesce(aged_ms + 60000, run_at_ms + 600000) LIMIT +?)";

impl Tx {
    /// Moves rows that have been ready for ten minutes up by one, each at most once a minute; answers
    /// whether more wait for it. A row remembers when it last rose, so calling often or after a restart ages
    /// nothing twice.
    ///
    /// Nothing rises above priority 1: whatever is first by order of a person, such as a stop, stays ahead of
    /// everything that merely waited.
    pub async fn age_ready(&mut self, now: UnixMs) -> Result<bool, StoreError> {
        let done = sqlx::query(AGE)
            .bind(now)
            .bind(now)
            .bind(BATCH)
            .execute(&mut self.conn)
            .await
            .doing("age waiting jobs")?;
        Ok(done.rows_affected() == BATCH.unsigned_abs())
    }
}
