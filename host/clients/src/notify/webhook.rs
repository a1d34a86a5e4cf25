//! Tells whoever has an address: signed JSON, the same bytes in every try.

use std::time::Duration;

use hmac::{Hmac, KeyInit, Mac};
use orch_domain::notice::{Notice, Progress};
use orch_domain::port::notifier::Notifier;
use orch_domain::port::{PortAnswer, PortError, PortFailure, Receipt};
use reqwest::{Client, StatusCode};
use serde_json::Value;
use sha2::Sha256;

use super::event;
use crate::SecretPlace;
use crate::http::{ClientError, client, retry_after_ms};

/// Limit of one try.
const TIMEOUT: Duration = Duration::from_secs(20);

/// An address as a notifier.
#[derive(Debug)]
pub struct WebhookNotifier {
    http: Client,
    url: String,
    secret: SecretPlace,
    source: String,
}

impl WebhookNotifier {
    /// Tells `url`, signed with `secret`; `name` is the notifier's own.
    ///
    /// # Errors
    /// [`ClientError`], when the machine has no usable TLS.
    pub fn new(name: &str, url: String, secret: SecretPlace) -> Result<Self, ClientError> {
        Ok(Self {
            http: client()?,
            url,
            secret,
            source: format!("notifier `{name}`"),
        })
    }

    async fn send(&self, event: Value, key: &str) -> Result<Receipt, PortError> {
        // The address may hold a credential; errors do not show it.
        let failed = |failure, reason: String| PortError::new(&self.source, failure, reason);
        let secret = self.secret.read();
        let secret = secret.map_err(|e| failed(PortFailure::Unauthorised, e.to_string()))?;
        let body = event.to_string();
        let request = self
            .http
            .post(&self.url)
            .timeout(TIMEOUT)
            .header("content-type", "application/json")
            .header("x-orch-delivery", key)
            .header(
                "x-orch-signature-256",
                format!("sha256={}", sign(secret.expose(), body.as_bytes())),
            )
            .body(body);
        let answer = request
            .send()
            .await
            .map_err(|e| failed(PortFailure::Unavailable, e.without_url().to_string()))?;
        let status = answer.status();
        let reason = format!("it answered {status}");
        match status {
            status if status.is_success() => Ok(None),
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
                Err(failed(PortFailure::Unauthorised, reason))
            }
            StatusCode::TOO_MANY_REQUESTS => {
                let until_ms = retry_after_ms(answer.headers());
                Err(failed(PortFailure::RateLimited { until_ms }, reason))
            }
            status if status.is_client_error() || status.is_redirection() => {
                Err(failed(PortFailure::Refused, reason))
            }
            _ => Err(failed(PortFailure::Unavailable, reason)),
        }
    }
}

/// HMAC-SHA256 over exactly these bytes, in hexadecimal digits.
fn sign(secret: &str, bytes: &[u8]) -> String {
    let mut mac =
        Hmac::<Sha256>::new_from_slice(secret.as_bytes()).expect("HMAC takes a key of any length");
    mac.update(bytes);
    hex::encode(mac.finalize().into_bytes())
}

impl Notifier for WebhookNotifier {
    fn tell<'a>(&'a self, notice: &'a Notice, key: &'a str) -> PortAnswer<'a, Receipt> {
        Box::pin(self.send(event::of_notice(notice, key), key))
    }

    fn show<'a>(
        &'a self,
        progress: &'a Progress,
        _before: Option<&'a str>,
        key: &'a str,
    ) -> PortAnswer<'a, Receipt> {
        Box::pin(self.send(event::of_progress(progress, key), key))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signature_is_the_one_that_others_compute() {
        // The test vector that GitHub documents for its own webhooks.
        assert_eq!(
            sign("It's a Secret to Everybody", b"Hello, World!"),
            "757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"
        );
    }
}
