//! How does a delivery of a webhook come in? Its bytes are read within bounds and handed over; the answer says that
//! they are on the disk, and nothing of what follows from them.

use std::sync::LazyLock;
use std::time::Duration;

use axum::body::Body;
use axum::extract::{Path, Request, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use futures_util::StreamExt;
use orch_engine::Api;
use orch_engine::commands::NotTaken;
use orch_views::problem::ProblemCode;
use tokio::sync::Semaphore;

use crate::refusal::Refusal;

/// Beginning of the addresses that are answered without a token: what comes in is signed.
pub(crate) const BELOW: &str = "/webhook/";
/// Path of the endpoint.
pub(crate) const PATH: &str = "/webhook/{name}";

/// Largest delivery, bytes. A source that is not heard is asked again later.
const BODY_BYTES_MAX: usize = 1024 * 1024;
/// How long a delivery may take to come in.
const READ_TIMEOUT: Duration = Duration::from_secs(10);
/// Deliveries that are read at once, which bounds the memory that strangers can make the host use.
const AT_ONCE: usize = 256;
/// Headers of a delivery that are looked at, and the longest value of one, bytes.
const HEADERS_MAX: usize = 64;
const HEADER_BYTES_MAX: usize = 1024;

static READING: LazyLock<Semaphore> = LazyLock::new(|| Semaphore::new(AT_ONCE));

/// Takes a delivery in.
pub(crate) async fn take(
    State(api): State<Api>,
    Path(name): Path<String>,
    request: Request,
) -> Response {
    match taken(&api, &name, request).await {
        Ok(()) => StatusCode::ACCEPTED.into_response(),
        Err(refusal) => refusal.into_response(),
    }
}

async fn taken(api: &Api, name: &str, request: Request) -> Result<(), Refusal> {
    if !api.webhooks.has(name) {
        return Err(refusal(&NotTaken::NoSource(
            name.chars().take(80).collect(),
        )));
    }
    let Ok(_permit) = READING.try_acquire() else {
        return Err(busy("too many deliveries come in at once"));
    };
    let (parts, body) = request.into_parts();
    let read = tokio::time::timeout(READ_TIMEOUT, bounded(body));
    let body = read.await.unwrap_or_else(|_late| {
        let text = format!("the body took longer than {} s", READ_TIMEOUT.as_secs());
        Err(Refusal::new(ProblemCode::Invalid, text))
    })?;
    let headers = headers(&parts.headers);
    let kept = api.webhooks.take(name, &headers, &body).await;
    kept.map_err(|error| refusal(&error))
}

/// Names in lower case, as they are in HTTP.
fn headers(all: &HeaderMap) -> Vec<(String, String)> {
    let texts = all.iter().filter_map(|(name, value)| {
        let value = value.to_str().ok()?;
        (value.len() <= HEADER_BYTES_MAX).then(|| (name.as_str().to_owned(), value.to_owned()))
    });
    texts.take(HEADERS_MAX).collect()
}

async fn bounded(body: Body) -> Result<Vec<u8>, Refusal> {
    let mut bytes = Vec::new();
    let mut chunks = body.into_data_stream();
    while let Some(chunk) = chunks.next().await {
        let chunk = chunk.map_err(|error| {
            Refusal::new(
                ProblemCode::Invalid,
                format!("the body breaks off: {error}"),
            )
        })?;
        if bytes.len() + chunk.len() > BODY_BYTES_MAX {
            let kib = BODY_BYTES_MAX / 1024;
            return Err(Refusal::new(
                ProblemCode::TooLarge,
                format!("the body has more than {kib} KiB, the most that a delivery may have"),
            ));
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(bytes)
}

fn busy(what: &str) -> Refusal {
    Refusal::new(ProblemCode::TooMany, what)
}

fn refusal(error: &NotTaken) -> Refusal {
    let text = error.to_string();
    match error {
        NotTaken::NoSource(_) => Refusal::new(ProblemCode::NotFound, text)
            .with_remedy("name it under `webhooks` in orch.yaml, and restart the host"),
        NotTaken::NotJson => Refusal::new(ProblemCode::NotJson, text)
            .with_remedy("set the content type of the webhook to `application/json`"),
        NotTaken::BadSignature => Refusal::new(ProblemCode::Unauthorized, text)
            .with_remedy("give the webhook one of the secrets that its source has in orch.yaml"),
        NotTaken::Flood => busy(&text),
        NotTaken::Host => Refusal::new(ProblemCode::Host, text),
    }
}

#[cfg(test)]
mod tests {
    use super::BODY_BYTES_MAX;

    #[test]
    fn bound_of_a_delivery_is_documented() {
        let page = include_str!("../../../docs/operators/http.md");
        let row = format!(
            "| body of a webhook's delivery | {} KiB |",
            BODY_BYTES_MAX / 1024
        );
        assert!(page.contains(&row), "{row}");
    }
}
