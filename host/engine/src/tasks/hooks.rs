//! Do webhooks tell the host what they should? Looked at where the source shows them, and by what the host itself did
//! there: whoever hears nothing of that has a webhook that is off, or one whose deliveries do not arrive.

use std::collections::BTreeMap;
use std::time::Duration;

use orch_config::{LiveConfig, WebhookConfig};
use orch_domain::id::{DoorName, RepoName, UnixMs};
use orch_domain::message::Destination;
use orch_domain::notice::{NoticeKind, WebhookFault};
use orch_domain::port::webhook::Registered;

use super::driver::Stop;
use crate::ledger::Ledger;
use crate::ledger::doors::Doors;

/// How long a delivery may take, milliseconds.
const LATE_MS: i64 = 300_000;
/// Acts of the host that nobody told of until a source counts as silent.
const ACTS_MIN: u32 = 3;
/// How far back acts are counted, milliseconds.
const BACK_MS: i64 = 86_400_000;

/// Watches over webhooks. Clones are the same.
#[derive(Debug, Clone)]
pub(crate) struct Hooks {
    pub(crate) ledger: Ledger,
    pub(crate) config: LiveConfig,
    pub(crate) doors: Doors,
}

/// How soon what was found for the first time is looked at again, seconds.
const AGAIN_S: u32 = 30;

/// Something that is wrong, and whether people were told.
#[derive(Debug)]
struct Found {
    fault: WebhookFault,
    is_told: bool,
}

/// What is wrong, by webhook and what it is about. It is told when it still stands at the look after, for whoever sets a
/// host up starts it and registers its webhooks in any order; and again when it changes.
type Standing = BTreeMap<(DoorName, String), Found>;

impl Hooks {
    /// Looks at the start and again and again until the host ends.
    pub(crate) async fn run(self, mut stop: Stop) {
        let mut standing = Standing::new();
        loop {
            let reconcile = self.config.now().reconcile.clone();
            if reconcile.enabled
                && let Err(error) = self.look(&mut standing).await
            {
                tracing::warn!(error = format!("{error:#}"), "webhooks cannot be looked at");
            }
            let pause_s = match standing.values().all(|found| found.is_told) {
                true => reconcile.webhooks_s,
                false => reconcile.webhooks_s.min(AGAIN_S),
            };
            tokio::select! {
                () = tokio::time::sleep(Duration::from_secs(u64::from(pause_s))) => {}
                () = stop.asked() => return,
            }
        }
    }

    async fn look(&self, standing: &mut Standing) -> anyhow::Result<()> {
        let config = self.config.now();
        for (name, webhook) in &config.webhooks {
            let name = DoorName::new(name.clone())?;
            for (of, found) in self.faults(&name, webhook).await? {
                let key = (name.clone(), of);
                let Some(fault) = found else {
                    standing.remove(&key);
                    continue;
                };
                // A count that has risen is no news.
                let kind = std::mem::discriminant(&fault);
                let before = standing.get(&key);
                let before = before.filter(|before| std::mem::discriminant(&before.fault) == kind);
                let (stood, was_told) =
                    before.map_or((false, false), |before| (true, before.is_told));
                let found = Found {
                    fault: fault.clone(),
                    is_told: stood,
                };
                standing.insert(key.clone(), found);
                if !stood || was_told {
                    continue;
                }
                let at = self.ledger.now();
                let told = format!("webhook-fails:{}:{}:{at}", key.0, key.1);
                let kind = NoticeKind::WebhookFails {
                    webhook: key.0,
                    of: key.1,
                    fault,
                };
                self.ledger.announce(None, told, kind).await?;
            }
        }
        Ok(())
    }

    /// What is wrong with a webhook, by what it is about; none where all is well or nobody can say.
    async fn faults(
        &self,
        name: &DoorName,
        webhook: &WebhookConfig,
    ) -> anyhow::Result<Vec<(String, Option<WebhookFault>)>> {
        let mut found = Vec::new();
        for repo in &webhook.repositories {
            let repo = RepoName::new(repo.clone())?;
            let of = format!("repository `{repo}`");
            let Ok(forge) = self.doors.forge(&repo) else {
                continue;
            };
            if !forge.shows_pull_requests() {
                continue;
            }
            let registered = match &webhook.url {
                Some(url) => forge.webhook(url).await,
                None => Ok(Registered::Hidden { why: String::new() }),
            };
            let fault = match registered {
                Ok(Registered::Missing) => Some(WebhookFault::Missing),
                Ok(Registered::Off) => Some(WebhookFault::Off),
                Ok(Registered::Short { missing }) => Some(WebhookFault::Short { missing }),
                Ok(Registered::Fine | Registered::Hidden { .. }) => {
                    self.silence(name, &Destination::Forge(repo)).await?
                }
                // That it does not answer is told by whoever needs it.
                Err(error) => {
                    tracing::debug!(source = %name, error = %error, "a webhook cannot be looked at");
                    continue;
                }
            };
            found.push((of, fault));
        }
        if let Some(tracker) = &webhook.tracker {
            let tracker = DoorName::new(tracker.clone())?;
            let of = format!("tracker `{tracker}`");
            let fault = self.silence(name, &Destination::Tracker(tracker)).await?;
            found.push((of, fault));
        }
        Ok(found)
    }

    /// Whether the host did things there and was told of none.
    async fn silence(
        &self,
        name: &DoorName,
        destination: &Destination,
    ) -> anyhow::Result<Option<WebhookFault>> {
        let now = self.ledger.now();
        let (name, destination) = (name.clone(), destination.clone());
        let read = self.ledger.read(move |tx| {
            Box::pin(async move {
                let latest = tx.latest_delivery_ms(&name).await?;
                // What was done just before a delivery may be told of after it.
                let after = latest.unwrap_or(0).max(now - BACK_MS);
                let acts = tx
                    .told_of_itself(&destination, after, now - LATE_MS)
                    .await?;
                Ok((latest, acts))
            })
        });
        let (since_ms, acts): (Option<UnixMs>, u32) = read.await?;
        Ok((acts >= ACTS_MIN).then_some(WebhookFault::Silent { acts, since_ms }))
    }
}
