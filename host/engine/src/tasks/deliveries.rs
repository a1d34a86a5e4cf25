//! Looks into deliveries of webhooks after they were answered: what each is about, and who is to look there.
//!
//! However many deliveries speak of one object, it is looked at once. What they say of it is not believed: the
//! reconciler reads it back.

use std::collections::{BTreeMap, BTreeSet};
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use orch_domain::id::DoorName;
use orch_domain::notice::NoticeKind;
use orch_domain::port::webhook::{About, DeliveryState, Look, WebhookSource};
use orch_store::{Delivery, StoreError};

use super::driver::Stop;
use crate::ledger::Ledger;
use crate::ledger::status::ReconcilerStatus;
use crate::ledger::webhooks::WebhookStatus;

/// Longest sleep between looks; a delivery that comes in wakes earlier.
pub(crate) const LOOK: Duration = Duration::from_secs(30);
/// Deliveries that are looked into at once. With the cap on their size this bounds the memory.
const BATCH: u32 = 64;
/// How long a delivery with the same body is nothing new, milliseconds.
const SAME_BODY_MS: i64 = 60_000;
/// How often people are told that a source is refused, milliseconds.
const TOLD_EVERY_MS: i64 = 3_600_000;

/// What becomes of one delivery.
struct Settled {
    source: String,
    key: String,
    state: DeliveryState,
    detail: Option<String>,
}

/// Looks into deliveries. Clones are the same.
#[derive(Debug, Clone)]
pub(crate) struct Deliveries {
    pub(crate) ledger: Ledger,
    pub(crate) sources: BTreeMap<DoorName, Arc<dyn WebhookSource>>,
    pub(crate) status: WebhookStatus,
    pub(crate) reconciler: ReconcilerStatus,
}

impl Deliveries {
    /// Looks whenever something came in, until the host ends.
    pub(crate) async fn run(self, mut stop: Stop) {
        loop {
            match self.look().await {
                // There may be more.
                Ok(found) if found == BATCH as usize => continue,
                Ok(_) => {}
                Err(error) => tracing::error!(error = %error, "deliveries cannot be looked into"),
            }
            if let Err(error) = self.tell_of_refusals().await {
                tracing::error!(error = %error, "a notice cannot be written");
            }
            tokio::select! {
                () = self.status.arrived() => {}
                () = tokio::time::sleep(LOOK) => {}
                () = stop.asked() => return,
            }
        }
    }

    /// Looks into a batch; answers how many there were.
    async fn look(&self) -> Result<usize, StoreError> {
        let now = self.ledger.now();
        let since = now - SAME_BODY_MS;
        let batch = self
            .ledger
            .read(move |tx| {
                Box::pin(async move {
                    let mut batch = Vec::new();
                    for delivery in tx.waiting_deliveries(BATCH).await? {
                        let (source, hash) = (&delivery.source, &delivery.body_hash);
                        let is_known = tx.was_body_looked_into(source, hash, since).await?;
                        batch.push((delivery, is_known));
                    }
                    Ok(batch)
                })
            })
            .await?;
        let count = batch.len();
        let (settled, looks) = self.sort_out(batch);
        if count > 0 {
            let written = self.ledger.write(move |tx| {
                Box::pin(async move {
                    for one in settled {
                        let (state, detail) = (one.state, one.detail.as_deref());
                        // One that was settled before stays as it is.
                        let _is_first = tx
                            .settle_delivery(&one.source, &one.key, state, detail, now)
                            .await?;
                    }
                    Ok(())
                })
            });
            written.await?;
        }
        // After the commit: a host that dies in between looks at everything when it starts.
        for look in looks {
            self.reconciler.hint_at(look);
        }
        Ok(count)
    }

    fn sort_out(&self, batch: Vec<(Delivery, bool)>) -> (Vec<Settled>, BTreeSet<Look>) {
        let (mut settled, mut looks, mut seen) = (Vec::new(), BTreeSet::new(), BTreeSet::new());
        for (delivery, is_known) in batch {
            let is_known =
                is_known || !seen.insert((delivery.source.clone(), delivery.body_hash.clone()));
            let (state, detail) = match self.about(&delivery) {
                _ if is_known => (DeliveryState::Coalesced, None),
                About::Look(look) => {
                    let detail = Some(format!("{look:?}"));
                    match looks.insert(look) {
                        true => (DeliveryState::Looked, detail),
                        false => (DeliveryState::Coalesced, detail),
                    }
                }
                About::Nothing => (DeliveryState::Nothing, None),
                About::Stranger(name) => (DeliveryState::Stranger, Some(name)),
                About::Unreadable(why) => (DeliveryState::Dead, Some(why)),
            };
            if let Ok(source) = DoorName::new(delivery.source.clone()) {
                self.status.change(&source, |c| match state {
                    DeliveryState::Stranger => c.strangers += 1,
                    DeliveryState::Dead => c.dead += 1,
                    DeliveryState::Waiting
                    | DeliveryState::Looked
                    | DeliveryState::Coalesced
                    | DeliveryState::Nothing => {}
                });
            }
            settled.push(Settled {
                source: delivery.source,
                key: delivery.key,
                state,
                detail,
            });
        }
        (settled, looks)
    }

    /// What a delivery is about. One that brings its reader down is unreadable: it is never met again.
    fn about(&self, delivery: &Delivery) -> About {
        let source = DoorName::new(delivery.source.clone()).ok();
        let Some(source) = source.and_then(|name| self.sources.get(&name)) else {
            return About::Unreadable("its source is not configured any more".to_owned());
        };
        let read = || source.about(&delivery.event, &delivery.body);
        std::panic::catch_unwind(AssertUnwindSafe(read)).unwrap_or_else(|_panic| {
            tracing::error!(
                source = delivery.source,
                "the reader of a delivery panicked"
            );
            About::Unreadable("its reader panicked".to_owned())
        })
    }

    /// A source whose deliveries are all refused has another secret than the host knows, or somebody else speaks.
    async fn tell_of_refusals(&self) -> Result<(), StoreError> {
        let hour = self.ledger.now() / TOLD_EVERY_MS;
        for (name, count) in self.status.all_refused() {
            let key = format!("webhook-refused:{name}:{hour}");
            let kind = NoticeKind::SourceFails {
                source: format!("webhook:{name}"),
                error: format!(
                    "the signatures of the latest {count} deliveries are wrong or absent; compare the secret there with `webhooks.{name}.secrets`"
                ),
                is_credential: true,
            };
            self.ledger.announce(None, key, kind).await?;
        }
        Ok(())
    }
}
