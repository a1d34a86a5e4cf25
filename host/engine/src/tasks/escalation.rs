//! Tells once more what needs a person and that nobody has acted on, and then tells somebody else: each once. A task that
//! goes on, and an alert that is acknowledged, end it.

use std::time::Duration;

use orch_config::LiveConfig;
use orch_domain::notice::{Escalation, NoticeKind};
use orch_store::StoreError;

use super::driver::Stop;
use crate::ledger::Ledger;
use crate::ledger::notices::announce;

/// How often alerts are looked at.
pub(crate) const EVERY: Duration = Duration::from_secs(10);
/// Alerts that one look takes on for each step; the next one takes on the others.
const ALERTS_MAX: u32 = 50;

/// Looks again and again until the host ends.
pub(crate) async fn run(ledger: Ledger, config: LiveConfig, mut stop: Stop) {
    loop {
        let after = config.now().escalation.clone();
        let steps = [
            (Escalation::Reminder, after.remind_after_s),
            (Escalation::Second, after.second_after_s),
        ];
        for (step, after_s) in steps {
            if after_s == 0 {
                continue;
            }
            if let Err(error) = look(&ledger, step, after_s).await {
                tracing::warn!(error = %error, "alerts that nobody answers cannot be told again");
            }
        }
        tokio::select! {
            () = tokio::time::sleep(EVERY) => {}
            () = stop.asked() => return,
        }
    }
}

async fn look(ledger: &Ledger, step: Escalation, after_s: u32) -> Result<(), StoreError> {
    let now = ledger.now();
    let before = now - i64::from(after_s) * 1000;
    // Without the writer first: as a rule there is nothing.
    let due = ledger
        .read(move |tx| Box::pin(tx.unanswered_alerts(step, before, 1)))
        .await?;
    if due.is_empty() {
        return Ok(());
    }
    ledger
        .write(move |tx| {
            Box::pin(async move {
                for alert in tx.unanswered_alerts(step, before, ALERTS_MAX).await? {
                    tx.note_escalation(alert.id, step, now).await?;
                    if !alert.notice.kind.needs_person() {
                        continue;
                    }
                    let kind = NoticeKind::Unanswered {
                        step,
                        for_s: u64::try_from((now - alert.first_ms) / 1000).unwrap_or_default(),
                        what: Box::new(alert.notice.kind.clone()),
                    };
                    let key = format!("{step}:{}", alert.id);
                    announce(tx, alert.notice.subject.task(), &key, kind, now).await?;
                }
                Ok(())
            })
        })
        .await
}
