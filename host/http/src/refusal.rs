//! How is a refusal answered? One type for whatever goes wrong, as JSON with a stable code, a text and a remedy.

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use orch_engine::CommandError;
use orch_views::problem::{Problem, ProblemCode, Refused};

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
        (status(self.0.code), Json(Refused { error: self.0 })).into_response()
    }
}
