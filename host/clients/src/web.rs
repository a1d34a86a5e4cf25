//! May a gate ask this address, and what does it answer?

use std::time::Duration;

use orch_domain::imports::{Answer, HttpResponse, ServiceError};
use orch_domain::lookup::WebGet;
use reqwest::{Client, Url};

use crate::http::{BodyError, ClientError, body, client};

/// Limit of one GET.
const TIMEOUT: Duration = Duration::from_secs(20);
/// Largest body that a gate gets, bytes.
const BODY_BYTES_MAX: usize = 1024 * 1024;

/// Asks addresses for gates. Cheap to share.
#[derive(Debug, Clone)]
pub struct WebClient {
    http: Client,
    timeout: Duration,
}

impl WebClient {
    /// Sets up the client; nothing is sent yet.
    ///
    /// # Errors
    /// [`ClientError`], when the machine has no usable TLS.
    pub fn new() -> Result<Self, ClientError> {
        Ok(Self {
            http: client()?,
            timeout: TIMEOUT,
        })
    }

    async fn ask(&self, url: Url) -> Result<HttpResponse, ServiceError> {
        let failed = |e: reqwest::Error| ServiceError::Unavailable(e.without_url().to_string());
        let request = self.http.get(url).timeout(self.timeout);
        let response = request.send().await.map_err(failed)?;
        let status = response.status().as_u16();
        let body = body(response, BODY_BYTES_MAX).await.map_err(|e| match e {
            BodyError::Broken(error) => failed(error),
            BodyError::TooLarge(max) => {
                ServiceError::Unavailable(format!("the answer has more than {max} bytes"))
            }
        })?;
        Ok(HttpResponse {
            status,
            body: String::from_utf8_lossy(&body).into_owned(),
        })
    }
}

impl WebGet for WebClient {
    fn get<'a>(
        &'a self,
        granted: &'a [String],
        url: &'a str,
    ) -> Answer<'a, Result<HttpResponse, ServiceError>> {
        Box::pin(async move {
            let parsed = Url::parse(url).ok();
            let Some(url) = parsed.filter(|url| granted.iter().any(|g| covers(g, url))) else {
                return Err(ServiceError::Denied(format!(
                    "`{url}` is not granted; add `http/…` with its beginning to the gate's `grants` in orch.yaml"
                )));
            };
            self.ask(url).await
        })
    }
}

/// Whether an address lies below a granted one: same scheme, host and port, and a path below its path.
fn covers(granted: &str, url: &Url) -> bool {
    let Ok(granted) = Url::parse(granted) else {
        return false;
    };
    let path = granted.path();
    let below = url.path() == path
        || (path.ends_with('/') && url.path().starts_with(path))
        || url.path().starts_with(&format!("{path}/"));
    granted.origin() == url.origin() && below && url.username().is_empty()
}

#[cfg(test)]
mod tests;
