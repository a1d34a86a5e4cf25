//! Which endpoints are there? One file for each noun says what answers them; how requests are read and answers
//! written is here, once for all.

mod costs;
pub(crate) mod evaluations;
mod gates;
mod host;
mod issues;
mod leases;
mod pauses;
mod queue;
mod tasks;

use std::future::Future;

use axum::body::Body;
use axum::extract::{FromRequestParts, Path, Request, State};
use axum::http::Uri;
use axum::http::header::CONTENT_TYPE;
use axum::http::request::Parts;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use futures_util::StreamExt;
use orch_engine::{Api, CommandError};
use orch_views::endpoint::{Endpoint, Method, Sent};
use orch_views::problem::ProblemCode;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::refusal::Refusal;

/// Largest request body, bytes: the text of a task, escaped, fits.
const BODY_BYTES_MAX: usize = 512 * 1024;
/// What is read of a larger one and thrown away, so that its sender reads the refusal and no broken pipe.
const DRAINED_BYTES_MAX: usize = 16 * 1024 * 1024;

/// Every endpoint, answered by a host.
pub(crate) fn router(api: Api) -> Router {
    routes()
        .router
        .fallback(nowhere)
        .method_not_allowed_fallback(not_so)
        .with_state(api)
}

fn routes() -> Routes {
    let nouns: [fn(Routes) -> Routes; 9] = [
        host::add,
        tasks::add,
        queue::add,
        pauses::add,
        leases::add,
        issues::add,
        costs::add,
        gates::add,
        evaluations::add,
    ];
    nouns
        .into_iter()
        .fold(Routes::default(), |routes, add| add(routes))
}

/// The endpoints that are there so far.
#[derive(Default)]
struct Routes {
    router: Router<Api>,
    #[cfg(test)]
    paths: Vec<String>,
}

impl Routes {
    /// Answers an endpoint by a function of the host, the names in the path and the request.
    fn on<const N: usize, Q, A, F, Fut>(mut self, endpoint: &Endpoint<N, Q, A>, answer: F) -> Self
    where
        Q: DeserializeOwned + Send + 'static,
        A: Serialize + 'static,
        F: Fn(Api, [String; N], Q) -> Fut + Clone + Send + Sync + 'static,
        Fut: Future<Output = Result<A, CommandError>> + Send,
    {
        let (method, sent) = (endpoint.method, endpoint.sent);
        let handler = move |State(api): State<Api>, request: Request| async move {
            let (names, request) = read::<N, Q>(sent, request).await?;
            let answer = answer(api, names, request).await?;
            Ok::<_, Refusal>(Json(answer))
        };
        let route = match method {
            Method::Get => get(handler),
            Method::Post => post(handler),
        };
        self.router = self.router.route(endpoint.path, route);
        #[cfg(test)]
        self.paths
            .push(format!("{} {}", method.as_str(), endpoint.path));
        self
    }
}

/// Names in the path and the request itself.
async fn read<const N: usize, Q: DeserializeOwned>(
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

async fn nowhere(uri: Uri) -> Response {
    Refusal::new(
        ProblemCode::NotFound,
        format!("there is no endpoint `{}`", uri.path()),
    )
    .with_remedy("docs/operators/http.md lists what there is")
    .into_response()
}

async fn not_so(uri: Uri, request: Request) -> Response {
    let text = format!("`{}` does not answer {}", uri.path(), request.method());
    Refusal::new(ProblemCode::MethodNotAllowed, text)
        .with_remedy("GET looks and POST orders; docs/operators/http.md lists both")
        .into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_endpoint_is_documented_and_nothing_else_is() {
        let page = include_str!("../../../docs/operators/http.md");
        let rows = page.lines().filter_map(|line| line.strip_prefix("| `"));
        let mut documented: Vec<&str> = rows
            .filter_map(|row| row.split('`').next())
            .filter(|cell| cell.starts_with("GET ") || cell.starts_with("POST "))
            .collect();
        let mut there = routes().paths;
        documented.sort_unstable();
        there.sort_unstable();
        assert_eq!(documented, there);
    }

    #[test]
    fn bound_of_a_body_is_documented() {
        let page = include_str!("../../../docs/operators/http.md");
        let row = format!("| body of a request | {} KiB |", BODY_BYTES_MAX / 1024);
        assert!(page.contains(&row), "{row}");
    }
}
