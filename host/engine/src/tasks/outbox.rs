//! Delivers what transactions left to be told, at least once each.

use orch_agents::workspace::Workspace;
use orch_store::OutboxRow;

use crate::engine::Engine;

/// Messages delivered in one go.
const BATCH: u32 = 50;
/// First delay after a failed delivery, milliseconds.
const RETRY_MS: i64 = 5_000;

impl Engine {
    /// Delivers what is due; answers how many there were.
    pub(crate) async fn deliver(&self) -> anyhow::Result<usize> {
        let now = self.now();
        let due = self
            .0
            .store
            .read(|tx| Box::pin(tx.due_outbox(now, BATCH)))
            .await?;
        let count = due.len();
        for row in due {
            let delivered = self.deliver_one(&row).await;
            let now = self.now();
            self.0
                .store
                .write(move |tx| {
                    Box::pin(async move {
                        match delivered {
                            Ok(()) => tx.outbox_done(row.id, now).await,
                            Err(error) => {
                                let delay = orch_domain::retry::backoff_ms(
                                    RETRY_MS,
                                    u32::try_from(row.attempts + 1).unwrap_or(u32::MAX),
                                    0.5,
                                );
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
                let record = self.0.store.read(|tx| Box::pin(tx.task(task))).await?;
                let (repo, item) = (record.task.repo.as_str(), record.task.work_item.as_str());
                Workspace::at(self.0.paths.workspace(repo, task.0, item)).remove()?;
                Ok(())
            }
            other => anyhow::bail!("no such kind of message: `{other}`"),
        }
    }
}
