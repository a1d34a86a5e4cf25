//! Does the provider answer, and does it take the key? Asked for its list of models, which costs nothing, in the same way
//! as a run's requests go.

use hyper::header::{HeaderMap, HeaderValue};
use reqwest::StatusCode;

use crate::Policy;
use crate::serve::{address, client};

/// Version of its interface that is named where one has to be.
const VERSION: (&str, &str) = ("anthropic-version", "2023-06-01");

/// What came of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asked {
    /// It answered and took the key.
    Taken,
    /// It does not take the key.
    KeyRefused(u16),
    /// It answered something else.
    Otherwise(u16),
    /// Nobody answers there.
    Silent,
}

/// Asks the provider of a policy.
pub async fn ask(policy: &Policy) -> Asked {
    let mut own = HeaderMap::new();
    own.insert(VERSION.0, HeaderValue::from_static(VERSION.1));
    let Ok(client) = client() else {
        return Asked::Silent;
    };
    let request = client
        .get(address(policy, "/v1/models", None))
        .timeout(ANSWER_MAX)
        .headers(policy.api.sent(&own, &policy.key));
    match request.send().await.map(|answer| answer.status()) {
        Ok(status) if status.is_success() => Asked::Taken,
        Ok(status @ (StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN)) => {
            Asked::KeyRefused(status.as_u16())
        }
        Ok(status) => Asked::Otherwise(status.as_u16()),
        Err(_) => Asked::Silent,
    }
}

/// How long it may take.
const ANSWER_MAX: std::time::Duration = std::time::Duration::from_secs(20);
