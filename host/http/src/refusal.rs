//! How is a refusal answered? One type for whatever goes wrong, as JSON with a stable code, a text and a remedy.

use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use orch_engine::CommandError;
use orch_views::problem::{Problem, ProblemCode};
use schemars::JsonSchema;
use serde::Serialize;

/// A refusal as it crosses the wire: a problem of RFC 9457 with the host's code and remedy, and the same once more as
/// `error`, as `orch … --json` prints it.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Problem")]
pub(crate) struct ProblemDocument {
    /// Names the kind of problem.
    #[serde(rename = "type")]
    kind: String,
    /// The status in words.
    title: String,
    /// The status.
    status: u16,
    /// What is wrong.
    detail: String,
    /// What programs match on.
    code: ProblemCode,
    /// What would help, if anything would.
    #[serde(skip_serializing_if = "Option::is_none")]
    remedy: Option<String>,
    /// Code, message and remedy once more.
    error: Problem,
}

/// A request that is not carried out.
#[derive(Debug)]
pub(crate) struct Refusal(Problem);

impl Refusal {
    /// A refusal; [`Refusal::with_remedy`] adds what would help.
    pub(crate) fn new(code: ProblemCode, message: impl Into<String>) -> Self {
        Self(Problem {
            code,
            message: message.into(),
            remedy: None,
        })
    }

    /// Adds what would help.
    pub(crate) fn with_remedy(mut self, remedy: impl Into<String>) -> Self {
        self.0.remedy = Some(remedy.into());
        self
    }
}

impl From<CommandError> for Refusal {
    fn from(error: CommandError) -> Self {
        let code = match &error {
            CommandError::Invalid(_) => ProblemCode::Invalid,
            CommandError::NotFound(_) => ProblemCode::NotFound,
            CommandError::Conflict(_) => ProblemCode::Conflict,
            CommandError::Forbidden(_) => ProblemCode::Forbidden,
            CommandError::Host(detail) => {
                tracing::error!(error = detail.what, "a request failed");
                ProblemCode::Host
            }
        };
        Self(Problem {
            code,
            message: error.to_string(),
            remedy: error.remedy().map(str::to_owned),
        })
    }
}

/// The status that goes with a code.
fn status(code: ProblemCode) -> StatusCode {
    match code {
        ProblemCode::Invalid => StatusCode::UNPROCESSABLE_ENTITY,
        ProblemCode::Unauthorized => StatusCode::UNAUTHORIZED,
        ProblemCode::Forbidden => StatusCode::FORBIDDEN,
        ProblemCode::TooMany => StatusCode::TOO_MANY_REQUESTS,
        ProblemCode::NotFound => StatusCode::NOT_FOUND,
        ProblemCode::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
        ProblemCode::Conflict => StatusCode::CONFLICT,
        ProblemCode::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
        ProblemCode::NotJson => StatusCode::UNSUPPORTED_MEDIA_TYPE,
        ProblemCode::Host | ProblemCode::Failed => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let status = status(self.0.code);
        let document = ProblemDocument {
            kind: format!("urn:orch:problem:{}", self.0.code.as_str()),
            title: status.canonical_reason().unwrap_or_default().to_owned(),
            status: status.as_u16(),
            detail: self.0.message.clone(),
            code: self.0.code,
            remedy: self.0.remedy.clone(),
            error: self.0,
        };
        // Plain data can always be written.
        let body = serde_json::to_string(&document).unwrap_or_default();
        (status, [(CONTENT_TYPE, "application/problem+json")], body).into_response()
    }
}
