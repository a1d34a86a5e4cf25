//! Is an order given again? One with the header `Idempotency-Key` is carried out once; whoever sends it again reads
//! the answer of then.

use std::future::Future;

use axum::body::{Body, to_bytes};
use axum::extract::Request;
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use orch_domain::person::Caller;
use orch_engine::Api;
use orch_engine::commands::Given;
use orch_views::person::NEW_TOKEN;
use orch_views::problem::ProblemCode;
use sha2::{Digest, Sha256};

use crate::refusal::Refusal;
use crate::request::BODY_BYTES_MAX;

/// The header that carries the key.
pub(crate) const KEY: &str = "idempotency-key";
/// Says that an answer is one of before.
const REPLAYED: HeaderName = HeaderName::from_static("idempotent-replayed");

/// Answers an order by `answer`, or as it was answered before.
pub(crate) async fn once<F, Fut>(api: Api, caller: &Caller, request: Request, answer: F) -> Response
where
    F: FnOnce(Request) -> Fut,
    Fut: Future<Output = Response>,
{
    let Some(key) = request.headers().get(KEY) else {
        return answer(request).await;
    };
    let key = String::from_utf8_lossy(key.as_bytes()).into_owned();
    match keyed(&api, caller, &key, request, answer).await {
        Ok(response) => response,
        Err(refusal) => refusal.into_response(),
    }
}

async fn keyed<F, Fut>(
    api: &Api,
    caller: &Caller,
    key: &str,
    request: Request,
    answer: F,
) -> Result<Response, Refusal>
where
    F: FnOnce(Request) -> Fut,
    Fut: Future<Output = Response>,
{
    let (parts, body) = request.into_parts();
    if parts.uri.path() == NEW_TOKEN.path {
        let text = "the secret of a token is kept nowhere, so its answer cannot be given again";
        return Err(Refusal::new(ProblemCode::Invalid, text).with_remedy("leave the key out"));
    }
    let too_large = |_| {
        let kib = BODY_BYTES_MAX / 1024;
        let text = format!("the body has more than {kib} KiB, the most that a request may have");
        Refusal::new(ProblemCode::TooLarge, text)
    };
    let body = to_bytes(body, BODY_BYTES_MAX).await.map_err(too_large)?;
    let digest = hex::encode(Sha256::digest(&body));
    let order = format!("{} {} {digest}", parts.method, parts.uri);
    if let Given::Before { status, answer } = api.requests.given(caller, key, order).await? {
        return Ok(replayed(status, answer));
    }
    let response = answer(Request::from_parts(parts, Body::from(body))).await;
    let (parts, body) = response.into_parts();
    // Answers of the host's own, which are bounded by what they show.
    let body = to_bytes(body, usize::MAX).await.unwrap_or_default();
    let text = String::from_utf8_lossy(&body);
    api.requests
        .answered(caller, key, parts.status.as_u16(), &text)
        .await;
    Ok(Response::from_parts(parts, Body::from(body)))
}

fn replayed(status: u16, answer: String) -> Response {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::OK);
    let kind = match status.is_success() {
        true => "application/json",
        false => "application/problem+json",
    };
    let headers = [
        (CONTENT_TYPE, HeaderValue::from_static(kind)),
        (REPLAYED, HeaderValue::from_static("true")),
    ];
    (status, headers, answer).into_response()
}
