//! What the holder of a claim writes: its end, a later time, a longer lease. Every write names the epoch of the claim,
//! and does nothing once that is not the present one.

use orch_domain::id::UnixMs;
use orch_domain::job::PutOff;

use super::JobKey;
use crate::error::{Context, StoreError};
use crate::table::get;
use crate::tx::Tx;

/// Whether the try that a claim began counts as one, though the job is put off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CountsAsTry {
    /// It failed.
    Yes,
    /// It was not its turn, or nothing was tried.
    No,
}

/// What a finishing write did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub enum FinishOutcome {
    /// The row is written.
    Finished,
    /// The claim is not the present one; nothing was touched.
    Fenced,
}

/// What renewing a claim did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub enum RenewOutcome {
    /// The lease reaches further.
    Renewed,
    /// The claim is lost: expired, cancelled or taken over.
    Lost,
}

impl Tx {
    /// Ends a job well, if `key` is its present claim.
    pub async fn complete(
        &mut self,
        key: JobKey,
        now: UnixMs,
    ) -> Result<FinishOutcome, StoreError> {
        self.finish(key, "done", None, now).await
    }

    /// Ends a job for good with its reason, if `key` is its present claim.
    pub async fn bury(
        &mut self,
        key: JobKey,
        error: &str,
        now: UnixMs,
    ) -> Result<FinishOutcome, StoreError> {
        self.finish(key, "dead", Some(error), now).await
    }

    async fn finish(
        &mut self,
        key: JobKey,
        state: &'static str,
        error: Option<&str>,
        now: UnixMs,
    ) -> Result<FinishOutcome, StoreError> {
        let done = sqlx::query(
            "UPDATE jobs SET state = ?, finished_ms = ?, owner = NULL, lease_until_ms = NULL, \
             last_error = coalesce(?, last_error) WHERE id = ? AND state = 'running' AND epoch = ?",
        )
        .bind(state)
        .bind(now)
        .bind(error)
        .bind(key.id.0)
        .bind(key.epoch)
        .execute(&mut self.conn)
        .await
        .doing("finish a job")?;
        Ok(finished(done.rows_affected()))
    }

    /// Puts a claimed job off.
    pub async fn put_off(
        &mut self,
        key: JobKey,
        run_at_ms: UnixMs,
        why: &PutOff,
        counts: CountsAsTry,
    ) -> Result<FinishOutcome, StoreError> {
        let done = sqlx::query(
            "UPDATE jobs SET state = 'scheduled', run_at_ms = ?, reason = ?, put_off_kind = ?, owner = NULL, \
             lease_until_ms = NULL, attempt = attempt - ? WHERE id = ? AND state = 'running' AND epoch = ?",
        )
        .bind(run_at_ms)
        .bind(&why.reason)
        .bind(why.kind.as_str())
        .bind(i64::from(counts == CountsAsTry::No))
        .bind(key.id.0)
        .bind(key.epoch)
        .execute(&mut self.conn)
        .await
        .doing("put a job off")?;
        self.woke = true;
        Ok(finished(done.rows_affected()))
    }

    /// Moves a claim's end; refused once it has passed, because somebody may have acted on that.
    pub async fn renew(
        &mut self,
        key: JobKey,
        now: UnixMs,
        lease_ms: i64,
    ) -> Result<RenewOutcome, StoreError> {
        let done = sqlx::query(
            "UPDATE jobs SET lease_until_ms = ? WHERE id = ? AND state = 'running' AND epoch = ? \
             AND lease_until_ms >= ?",
        )
        .bind(now.saturating_add(lease_ms))
        .bind(key.id.0)
        .bind(key.epoch)
        .bind(now)
        .execute(&mut self.conn)
        .await
        .doing("renew a claim")?;
        Ok(if done.rows_affected() == 1 {
            RenewOutcome::Renewed
        } else {
            RenewOutcome::Lost
        })
    }

    /// Whether `key` is the job's present claim.
    pub async fn holds(&mut self, key: JobKey) -> Result<bool, StoreError> {
        let row = sqlx::query(
            "SELECT count(*) FROM jobs WHERE id = ? AND state = 'running' AND epoch = ?",
        )
        .bind(key.id.0)
        .bind(key.epoch)
        .fetch_one(&mut self.conn)
        .await
        .doing("check a claim")?;
        let count: i64 = get(&row, 0)?;
        Ok(count == 1)
    }

    /// Whether something that the running job may wait for happened since it was claimed.
    pub async fn was_hinted(&mut self, key: JobKey) -> Result<bool, StoreError> {
        let row =
            sqlx::query("SELECT coalesce(max(hinted), 0) FROM jobs WHERE id = ? AND epoch = ?")
                .bind(key.id.0)
                .bind(key.epoch)
                .fetch_one(&mut self.conn)
                .await
                .doing("look for a mark")?;
        get(&row, 0)
    }
}

fn finished(rows: u64) -> FinishOutcome {
    if rows == 1 {
        FinishOutcome::Finished
    } else {
        FinishOutcome::Fenced
    }
}
