//! Delivers what transactions left to be told, at least once each.

use std::time::Duration;

use orch_agents::workspace::Workspace;
use orch_domain::id::DoorName;
use orch_domain::message::{Destination, Message};
use orch_store::WaitingMessage;

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
        let log = Destination::Notifier(DoorName::new("log")?);
        let mut count = 0;
        for destination in [log, Destination::Host] {
            count += self.deliver_to(destination).await?;
        }
        Ok(count)
    }

    async fn deliver_to(&self, destination: Destination) -> anyhow::Result<usize> {
        let now = self.ledger.now();
        let due = self
            .ledger
            .read(|tx| Box::pin(async move { tx.due_messages(&destination, now, BATCH).await }))
            .await?;
        let count = due.len();
        for waiting in due {
            let delivered = self.deliver_one(&waiting).await;
            let (now, chance) = (self.ledger.now(), self.ledger.chance());
            let (id, tries) = (waiting.id, waiting.tries.saturating_add(1));
            self.ledger
                .write(move |tx| {
                    Box::pin(async move {
                        match delivered {
                            Ok(()) => tx.message_done(id, None, now).await,
                            Err(error) => {
                                let delay = orch_domain::retry::backoff_ms(RETRY_MS, tries, chance);
                                tx.message_failed(id, now + delay, &format!("{error:#}"))
                                    .await
                            }
                        }
                    })
                })
                .await?;
        }
        Ok(count)
    }

    async fn deliver_one(&self, waiting: &WaitingMessage) -> anyhow::Result<()> {
        match &waiting.message {
            Ok(Message::Notice { notice, .. }) => {
                let task = waiting.task.map(|t| t.0);
                tracing::warn!(
                    task.id = task,
                    "ALERT: {}",
                    orch_words::notice::text(notice)
                );
                Ok(())
            }
            Ok(Message::RemoveWorkspace {
                task,
                work_item,
                repo,
            }) => {
                let (repo, item) = (repo.as_str(), work_item.as_str());
                let workspace = Workspace::at(self.paths.workspace(repo, task.0, item));
                workspace.remove().await?;
                Ok(())
            }
            Ok(
                Message::IssueState { .. }
                | Message::Comment { .. }
                | Message::OpenPullRequest { .. }
                | Message::MarkMerged { .. }
                | Message::PostStatus { .. },
            ) => anyhow::bail!("nothing serves this destination"),
            Err(error) => anyhow::bail!("{error}"),
        }
    }
}
