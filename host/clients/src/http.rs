//! How is an HTTP client made, and how is an answer read? Once, for all of them.

use std::sync::Once;

use reqwest::redirect::Policy;
use reqwest::{Client, ClientBuilder, Response};

/// Why a client could not be made.
#[derive(Debug, thiserror::Error)]
#[error("the HTTP client could not be set up")]
pub struct ClientError(#[from] reqwest::Error);

/// Chooses the implementation of TLS for the process; before the first HTTP client is made.
pub fn choose_tls() {
    static ONCE: Once = Once::new();
    // It fails only when one was chosen already.
    ONCE.call_once(|| drop(rustls::crypto::ring::default_provider().install_default()));
}

/// A client that goes where it is sent: no redirects, no proxy of the environment. Each request sets its own limit of
/// time.
pub(crate) fn client() -> Result<Client, ClientError> {
    Ok(builder().build()?)
}

/// What every client is made from.
pub(crate) fn builder() -> ClientBuilder {
    choose_tls();
    Client::builder().redirect(Policy::none()).no_proxy()
}

/// Why a body was not read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BodyError {
    #[error("more than {0} bytes")]
    TooLarge(usize),
    #[error(transparent)]
    Broken(reqwest::Error),
}

/// The whole body, if it has no more than `bytes_max`.
pub(crate) async fn body(mut response: Response, bytes_max: usize) -> Result<Vec<u8>, BodyError> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(BodyError::Broken)? {
        body.extend_from_slice(&chunk);
        if body.len() > bytes_max {
            return Err(BodyError::TooLarge(bytes_max));
        }
    }
    Ok(body)
}

/// Unix milliseconds.
pub(crate) fn now_ms() -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    since.map_or(0, |d| i64::try_from(d.as_millis()).unwrap_or(i64::MAX))
}

/// When an answer says that the next call may come; none if it does not say so in seconds.
pub(crate) fn retry_after_ms(headers: &reqwest::header::HeaderMap) -> Option<i64> {
    let text = headers.get("retry-after")?.to_str().ok()?;
    let seconds: i64 = text.trim().parse().ok()?;
    Some(now_ms().saturating_add(seconds.clamp(0, 86_400).saturating_mul(1000)))
}
