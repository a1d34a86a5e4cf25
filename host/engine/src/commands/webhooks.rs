//! Deliveries of webhooks as they come in: checked, kept, and nothing more. Whoever sent one waits for the answer, and
//! never sends it again.

use std::collections::BTreeMap;
use std::sync::Arc;

use orch_domain::id::DoorName;
use orch_domain::port::webhook::{Arrived, NotAdmitted, WebhookSource};
use orch_store::{Delivery, StoreError};
use sha2::{Digest, Sha256};

use crate::ledger::Ledger;
use crate::ledger::webhooks::{Refusals, WebhookStatus};

/// Takes deliveries in. Clones are the same.
#[derive(Debug, Clone)]
pub struct Webhooks {
    pub(crate) ledger: Ledger,
    pub(crate) sources: BTreeMap<DoorName, Arc<dyn WebhookSource>>,
    pub(crate) status: WebhookStatus,
}

/// Why a delivery was not taken. Nothing of it is kept.
#[derive(Debug, thiserror::Error)]
pub enum NotTaken {
    /// No source has this name.
    #[error("no source of webhooks is called `{0}`")]
    NoSource(String),
    /// Its body is not said to be JSON.
    #[error("the body is not JSON")]
    NotJson,
    /// It has no signature by a secret of the source.
    #[error("the signature is missing or wrong")]
    BadSignature,
    /// As before, and there were very many.
    #[error("too many deliveries without a right signature")]
    Flood,
    /// The secrets of the source cannot be read, or the store does not answer.
    #[error("the host cannot take it now")]
    Host,
}

impl Webhooks {
    /// Whether a source has this name.
    pub fn has(&self, name: &str) -> bool {
        DoorName::new(name).is_ok_and(|name| self.sources.contains_key(&name))
    }

    /// Takes a delivery in: when this answers, it is on the disk, once however often it was sent. Names of headers are
    /// in lower case.
    ///
    /// # Errors
    /// [`NotTaken`].
    pub async fn take(
        &self,
        name: &str,
        headers: &[(String, String)],
        body: &[u8],
    ) -> Result<(), NotTaken> {
        let arrived = Arrived { headers, body };
        let no_source = || NotTaken::NoSource(name.chars().take(80).collect());
        let name = DoorName::new(name).map_err(|_| no_source())?;
        let source = self.sources.get(&name).ok_or_else(no_source)?;
        let admitted = match source.admit(&arrived) {
            Ok(admitted) => admitted,
            Err(error) => return Err(self.refuse(&name, error)),
        };
        let now = self.ledger.now();
        let delivery = Delivery {
            source: name.to_string(),
            key: admitted.key,
            event: admitted.event,
            body_hash: hex::encode(Sha256::digest(body)),
            body: body.to_vec(),
        };
        let kept: Result<bool, StoreError> = self
            .ledger
            .write(move |tx| Box::pin(async move { tx.keep_delivery(&delivery, now).await }))
            .await;
        match kept {
            Ok(is_new) => {
                self.status.accepted(&name, is_new, now);
                Ok(())
            }
            Err(error) => {
                tracing::error!(source = %name, error = %error, "a delivery cannot be kept");
                Err(NotTaken::Host)
            }
        }
    }

    fn refuse(&self, name: &DoorName, error: NotAdmitted) -> NotTaken {
        match error {
            NotAdmitted::NotJson => NotTaken::NotJson,
            NotAdmitted::NoSecret => {
                tracing::warn!(source = %name, "no secret of this source of webhooks can be read");
                NotTaken::Host
            }
            NotAdmitted::BadSignature => match self.status.refused(name, self.ledger.now()) {
                Refusals::First => {
                    tracing::warn!(source = %name, "a delivery has no right signature; more within this minute are only counted");
                    NotTaken::BadSignature
                }
                Refusals::Some => NotTaken::BadSignature,
                Refusals::Flood => NotTaken::Flood,
            },
        }
    }
}
