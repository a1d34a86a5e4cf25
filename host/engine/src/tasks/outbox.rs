//! Delivers what transactions left to be told, at least once each.

use std::time::Duration;

use orch_agents::workspace::Workspace;
use orch_store::OutboxRow;

use super::driver::Stop;
use crate::ledger::Ledger;
use crate::ledger::paths::Paths;

/// Messages delivered in one go.
const BATCH: u32 = 50;
/// First delay after a failed delivery, milliseconds.
const RETRY_MS: i64 = 5_000;
/// Longest sleep between looks; a message that is written wakes earlier.
pub(crate) const LOOK: Duration = Duration::from_millis(500);

/// What delivers. Clones are the same.
#[derive(Debug, Clone)]
pub(crate) struct Delivery {
    pub(crate) ledger: Ledger,
    pub(crate) paths: Paths,
}

impl Delivery {
    /// Delivers until the host ends.
    pub(crate) async fn run(self, mut stop: Stop) {
        let wake = self.ledger.store().wake();
        loop {
            let notified = wake.notified();
            match self.deliver().await {
                Ok(0) => {}
                Ok(_) => continue,
                Err(error) => tracing::error!(
                    error = format!("{error:#}"),
                    "the outbox cannot be delivered"
                ),
            }
            tokio::select! {
                () = notified => {}
                () = tokio::time::sleep(LOOK) => {}
                () = stop.asked() => return,
            }
        }
    }

    /// Delivers what is due; answers how many there were.
    async fn deliver(&self) -> anyhow::Result<usize> {
        let now = self.ledger.now();
        let due = self
            .ledger
            .read(|tx| Box::pin(tx.due_outbox(now, BATCH)))
            .await?;
        let count = due.len();
        for row in due {
            let delivered = self.deliver_one(&row).await;
            let (now, chance) = (self.ledger.now(), self.ledger.chance());
            self.ledger
                .write(move |tx| {
                    Box::pin(async move {
                        match delivered {
                            Ok(()) => tx.outbox_done(row.id, now).await,
                            Err(error) => {
                                let tries = u32::try_from(row.attempts + 1).unwrap_or(u32::MAX);
                                let delay = orch_domain::retry::backoff_ms(RETRY_MS, tries, chance);
                                tx.outbox_failed(row.id, now + delay, &format!("{error:#}"))
                                    .await
                            }
                        }
                    })
                })
                .await?;
        }
        Ok(count)
    }

    async fn deliver_one(&self, row: &OutboxRow) -> anyhow::Result<()> {
        match row.kind.as_str() {
            "alert" => {
                tracing::warn!(task.id = row.task.map(|t| t.0), "ALERT: {}", row.payload);
                Ok(())
            }
            "remove-workspace" => {
                let Some(task) = row.task else { return Ok(()) };
                let record = self.ledger.read(|tx| Box::pin(tx.task(task))).await?;
                let (repo, item) = (record.task.repo.as_str(), record.task.work_item.as_str());
                let workspace = Workspace::at(self.paths.workspace(repo, task.0, item));
                workspace.remove().await?;
                Ok(())
            }
            other => anyhow::bail!("no such kind of message: `{other}`"),
        }
    }
}
