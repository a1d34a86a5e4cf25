//! Sources of webhooks: is a delivery the source's, and what is it about?
//!
//! Shapes and signatures of each source are here; what follows from a delivery is decided in the engine.

mod generic;
mod gitea;
mod plane;

use std::collections::BTreeMap;

use hmac::{Hmac, KeyInit, Mac};
use orch_domain::id::{DoorName, RepoName};
use orch_domain::port::webhook::{
    About, Admitted, Arrived, KEY_BYTES_MAX, NotAdmitted, WebhookSource,
};
use sha2::{Digest, Sha256};

use crate::gitea::Places;
use crate::secret::{Secret, SecretPlace};

/// Whose webhooks they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WebhookKind {
    /// Gitea or Forgejo.
    Gitea,
    /// Plane.
    Plane,
    /// Anything else that signs a few words of JSON.
    Generic,
}

/// For what a source speaks; about anything else it is not listened to.
#[derive(Debug, Clone, Default)]
pub struct SpeaksFor {
    /// Repositories of `orch.yaml` by what the source calls them, in lower case.
    pub repositories: BTreeMap<String, RepoName>,
    /// Where repositories are on their servers, as far as is known.
    pub places: Places,
    /// The tracker, for a source of issues.
    pub tracker: Option<DoorName>,
    /// Projects of the tracker.
    pub projects: Vec<String>,
}

/// A source of webhooks on this host.
#[derive(Debug)]
pub struct Webhook {
    kind: WebhookKind,
    /// Several, so that one can be replaced by another; none means that nothing is checked.
    secrets: Vec<SecretPlace>,
    speaks_for: SpeaksFor,
}

impl Webhook {
    /// A source. Without secrets it believes everything: whoever configures that has seen to it that only this machine
    /// can ask.
    pub fn new(kind: WebhookKind, secrets: Vec<SecretPlace>, speaks_for: SpeaksFor) -> Self {
        Self {
            kind,
            secrets,
            speaks_for,
        }
    }

    fn is_signed(&self, arrived: &Arrived<'_>) -> Result<(), NotAdmitted> {
        if self.secrets.is_empty() {
            return Ok(());
        }
        let secrets: Vec<Secret> = self.secrets.iter().filter_map(|s| s.read().ok()).collect();
        if secrets.is_empty() {
            return Err(NotAdmitted::NoSecret);
        }
        let names = match self.kind {
            WebhookKind::Gitea => gitea::SIGNATURES,
            WebhookKind::Plane => plane::SIGNATURES,
            WebhookKind::Generic => generic::SIGNATURES,
        };
        let given = names.iter().find_map(|name| arrived.header(name));
        let given = given.and_then(signature).ok_or(NotAdmitted::BadSignature)?;
        // Every secret is tried, whichever fits: time tells nothing of them.
        let fits = |secret: &Secret| is_of(secret, arrived.body, &given);
        let found = secrets.iter().filter(|secret| fits(secret)).count();
        match found {
            0 => Err(NotAdmitted::BadSignature),
            _ => Ok(()),
        }
    }
}

impl WebhookSource for Webhook {
    fn admit(&self, arrived: &Arrived<'_>) -> Result<Admitted, NotAdmitted> {
        let kind = arrived.header("content-type").unwrap_or_default();
        let kind = kind.split(';').next().unwrap_or_default().trim();
        if !kind.eq_ignore_ascii_case("application/json") {
            return Err(NotAdmitted::NotJson);
        }
        self.is_signed(arrived)?;
        let (event, key) = match self.kind {
            WebhookKind::Gitea => (gitea::event(arrived), gitea::delivery(arrived)),
            WebhookKind::Plane => (plane::event(arrived), None),
            WebhookKind::Generic => (String::new(), generic::delivery(arrived)),
        };
        Ok(Admitted {
            key: key_of(key, arrived.body),
            event,
        })
    }

    fn about(&self, event: &str, body: &[u8]) -> About {
        match self.kind {
            WebhookKind::Gitea => gitea::about(event, body, &self.speaks_for),
            WebhookKind::Plane => plane::about(event, body, &self.speaks_for),
            WebhookKind::Generic => generic::about(body, &self.speaks_for),
        }
    }
}

/// The key of a delivery: the source's own if it is one, else the body itself, hashed.
fn key_of(own: Option<&str>, body: &[u8]) -> String {
    match own.filter(|key| key.len() <= KEY_BYTES_MAX) {
        Some(key) => key.to_owned(),
        None => format!("sha256:{}", hex::encode(Sha256::digest(body))),
    }
}

/// The bytes of a signature, with or without the name of its algorithm.
fn signature(given: &str) -> Option<Vec<u8>> {
    let digits = given.strip_prefix("sha256=").unwrap_or(given);
    hex::decode(digits).ok().filter(|bytes| bytes.len() == 32)
}

fn is_of(secret: &Secret, body: &[u8], given: &[u8]) -> bool {
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(secret.expose().as_bytes()) else {
        return false;
    };
    mac.update(body);
    // In constant time.
    mac.verify_slice(given).is_ok()
}

#[cfg(test)]
mod tests;
