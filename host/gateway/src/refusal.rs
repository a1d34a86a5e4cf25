//! What is answered to a request that goes nowhere, in the form that the agent understands.

use bytes::Bytes;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full};
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::{Response, StatusCode};
use serde_json::json;

use crate::api::Api;

/// What the run gets.
pub(crate) type Answer = Response<UnsyncBoxBody<Bytes, std::io::Error>>;

/// An error in the words of the form.
pub(crate) fn refuse(api: Api, status: StatusCode, text: &str) -> Answer {
    let message = format!("orch: {text}");
    // What an agent takes for its own fault it does not try again.
    let kind = match status {
        StatusCode::BAD_GATEWAY => "api_error",
        StatusCode::PAYMENT_REQUIRED => "billing_error",
        StatusCode::PAYLOAD_TOO_LARGE => "request_too_large",
        _ => "permission_error",
    };
    let body = match api {
        Api::Anthropic => json!({"type": "error", "error": {"type": kind, "message": message}}),
        Api::OpenAi => json!({"error": {"type": kind, "code": kind, "message": message}}),
    };
    let body = Full::new(Bytes::from(body.to_string())).map_err(|never| match never {});
    let mut answer = Response::new(body.boxed_unsync());
    *answer.status_mut() = status;
    let json = HeaderValue::from_static("application/json");
    answer.headers_mut().insert(CONTENT_TYPE, json);
    answer
}
