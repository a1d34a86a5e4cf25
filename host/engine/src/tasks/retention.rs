//! Removes rows that have been kept long enough.

use std::time::Duration;

use orch_config::LiveConfig;
use orch_store::StoreError;

use super::driver::Stop;
use crate::ledger::Ledger;
use crate::ledger::budget::DAY_MS;

/// How often old rows are looked for.
pub(crate) const EVERY: Duration = Duration::from_secs(3600);
/// How long ended jobs, told messages, acknowledged alerts and recordings are kept, milliseconds.
const KEEP_MS: i64 = 30 * DAY_MS;
/// How long an order may be given again under its key, milliseconds.
const KEEP_KEYS_MS: i64 = DAY_MS;
/// Rows of each kind that one sweep removes, so that it never holds the writer for long.
const SWEEP_ROWS: u32 = 1_000;
/// Tasks whose history one sweep removes: each has some hundreds of rows.
const SWEEP_TASKS: u32 = 20;

/// Sweeps at the start and again and again until the host ends.
pub(crate) async fn run(ledger: Ledger, config: LiveConfig, mut stop: Stop) {
    loop {
        if let Err(error) = sweep(&ledger, &config).await {
            tracing::warn!(error = %error, "old rows cannot be removed");
        }
        tokio::select! {
            () = tokio::time::sleep(EVERY) => {}
            () = stop.asked() => return,
        }
    }
}

async fn sweep(ledger: &Ledger, config: &LiveConfig) -> Result<(), StoreError> {
    let before = ledger.now() - KEEP_MS;
    let keys = ledger.now() - KEEP_KEYS_MS;
    let history = ledger.now() - i64::from(config.now().disk.history_days) * DAY_MS;
    let removed = ledger
        .write(move |tx| {
            Box::pin(async move {
                let jobs = tx.sweep_jobs(before, SWEEP_ROWS).await?;
                let recordings = tx.sweep_recordings(before, SWEEP_ROWS).await?;
                let memory = tx.sweep_staged_memory(SWEEP_ROWS).await?;
                let messages = tx.sweep_messages(before, SWEEP_ROWS).await?;
                // What passed the tests of a batch is known for as long as the history of its tasks.
                let batches = tx.sweep_batches(history, SWEEP_ROWS).await?;
                let keys = tx.sweep_request_keys(keys, SWEEP_ROWS).await?;
                let alerts = tx.sweep_alerts(before, history, SWEEP_ROWS).await?;
                let releases = tx.sweep_releases(history, SWEEP_ROWS).await?;
                let history = tx.sweep_history(history, SWEEP_TASKS, SWEEP_ROWS).await?;
                Ok(keys
                    + alerts
                    + releases
                    + jobs
                    + recordings
                    + memory
                    + messages
                    + batches
                    + history)
            })
        })
        .await?;
    tracing::debug!(removed, "old rows removed");
    Ok(())
}
