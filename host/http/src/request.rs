//! What was asked? Names in the path, and the request in the query or in a body of bounded size; whatever cannot be
//! read is a refusal that says why.

use axum::body::Body;
use axum::extract::{FromRequestParts, Path, Request};
use axum::http::header::CONTENT_TYPE;
use axum::http::request::Parts;
use futures_util::StreamExt;
use orch_views::endpoint::Sent;
use orch_views::problem::ProblemCode;
use serde::de::DeserializeOwned;

use crate::refusal::Refusal;

/// Largest request body, bytes: the text of a task, escaped, fits.
pub(crate) const BODY_BYTES_MAX: usize = 512 * 1024;
/// What is read of a larger one and thrown away, so that its sender reads the refusal and no broken pipe.
const DRAINED_BYTES_MAX: usize = 16 * 1024 * 1024;

/// Names in the path and the request itself.
pub(crate) async fn read<const N: usize, Q: DeserializeOwned>(
    sent: Sent,
    request: Request,
) -> Result<([String; N], Q), Refusal> {
    let (mut parts, body) = request.into_parts();
    let names = names(&mut parts).await?;
    let asked = match sent {
        Sent::InQuery => query(&parts)?,
        Sent::InBody => json(&parts, body).await?,
    };
    Ok((names, asked))
}

async fn names<const N: usize>(parts: &mut Parts) -> Result<[String; N], Refusal> {
    let invalid = || Refusal::new(ProblemCode::Invalid, "the address is not text in UTF-8");
    let Path(pairs) = Path::<Vec<(String, String)>>::from_request_parts(parts, &())
        .await
        .map_err(|_| invalid())?;
    let names: Vec<String> = pairs.into_iter().map(|(_, name)| name).collect();
    names.try_into().map_err(|_| invalid())
}

fn query<Q: DeserializeOwned>(parts: &Parts) -> Result<Q, Refusal> {
    let query = parts.uri.query().unwrap_or_default();
    serde_urlencoded::from_str(query).map_err(|error| {
        let text = format!("the query `{query}` cannot be read: {error}");
        Refusal::new(ProblemCode::Invalid, text)
    })
}

async fn json<Q: DeserializeOwned>(parts: &Parts, body: Body) -> Result<Q, Refusal> {
    let bytes = bounded(body).await?;
    if bytes.is_empty() && !parts.headers.contains_key(CONTENT_TYPE) {
        return parsed(b"{}");
    }
    // A page of another host can make a browser send a form or plain text, and nothing else.
    let kind = parts.headers.get(CONTENT_TYPE);
    let kind = kind.and_then(|k| k.to_str().ok()).unwrap_or_default();
    if kind.split(';').next().map(str::trim) != Some("application/json") {
        return Err(Refusal::new(
            ProblemCode::Invalid,
            format!("the body is `{kind}`, not JSON"),
        )
        .with_remedy("send it with `content-type: application/json`"));
    }
    parsed(&bytes)
}

fn parsed<Q: DeserializeOwned>(bytes: &[u8]) -> Result<Q, Refusal> {
    // A list would be read as the values of a request in their order, which nobody means.
    if !bytes.trim_ascii_start().starts_with(b"{") {
        let text = "the body is no JSON object";
        return Err(Refusal::new(ProblemCode::Invalid, text)
            .with_remedy("send an object with the names of the request"));
    }
    serde_json::from_slice(bytes).map_err(|error| {
        Refusal::new(
            ProblemCode::Invalid,
            format!("the body cannot be read: {error}"),
        )
    })
}

/// The body, if it is not too large.
async fn bounded(body: Body) -> Result<Vec<u8>, Refusal> {
    let (mut bytes, mut seen) = (Vec::new(), 0_usize);
    let mut chunks = body.into_data_stream();
    while let Some(chunk) = chunks.next().await {
        let chunk = chunk.map_err(|error| {
            Refusal::new(
                ProblemCode::Invalid,
                format!("the body breaks off: {error}"),
            )
        })?;
        seen = seen.saturating_add(chunk.len());
        if seen <= BODY_BYTES_MAX {
            bytes.extend_from_slice(&chunk);
        } else if seen > DRAINED_BYTES_MAX {
            break;
        }
    }
    if seen <= BODY_BYTES_MAX {
        return Ok(bytes);
    }
    let kib = BODY_BYTES_MAX / 1024;
    Err(Refusal::new(
        ProblemCode::TooLarge,
        format!("the body has more than {kib} KiB, the most that a request may have"),
    )
    .with_remedy("shorten the text; long material belongs into the repository"))
}

#[cfg(test)]
mod tests {
    use super::BODY_BYTES_MAX;

    #[test]
    fn bound_of_a_body_is_documented() {
        let page = include_str!("../../../docs/operators/http.md");
        let row = format!("| body of a request | {} KiB |", BODY_BYTES_MAX / 1024);
        assert!(page.contains(&row), "{row}");
    }
}
