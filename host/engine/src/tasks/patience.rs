//! Ends waits that have no end of their own: for an approval, a turn, room, money, an agent or a source.
//!
//! Whoever was told at the begin of such a wait has forgotten it after two weeks. The task is blocked then, which is
//! told, and going on is a decision.

use std::time::Duration;

use orch_domain::retry::PATIENCE_MS;
use orch_domain::transition::Event;

use super::driver::Stop;
use crate::ledger::Ledger;
use crate::ledger::apply::apply;
use crate::ledger::clock::stamp;
use crate::ledger::unwritten::Unwritten;

/// How often long waits are looked for.
pub(crate) const EVERY: Duration = Duration::from_secs(3600);
/// Tasks that one look takes on; the next one takes on the others.
const TASKS_MAX: u32 = 100;

/// Looks at the start and again and again until the host ends.
pub(crate) async fn run(ledger: Ledger, mut stop: Stop) {
    loop {
        if let Err(error) = look(&ledger).await {
            tracing::warn!(error = %error, "long waits cannot be ended");
        }
        tokio::select! {
            () = tokio::time::sleep(EVERY) => {}
            () = stop.asked() => return,
        }
    }
}

async fn look(ledger: &Ledger) -> Result<(), Unwritten> {
    let by = ledger.by("host");
    let before = by.now - PATIENCE_MS;
    ledger
        .write_or(move |tx| {
            Box::pin(async move {
                for wait in tx.long_waits(before, TASKS_MAX).await? {
                    let reason = wait.reason.unwrap_or_else(|| "an approval".to_owned());
                    let since = stamp(wait.since_ms);
                    let detail = format!("waited since {since} for: {reason}");
                    apply(tx, wait.task, &Event::WaitedTooLong { detail }, &by).await?;
                }
                Ok(())
            })
        })
        .await
}
