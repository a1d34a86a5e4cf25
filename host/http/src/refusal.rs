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
    /// A refusal whose text says what would help.
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
        let message = error.to_string();
        match error {
            CommandError::Invalid(_) => Self::new(ProblemCode::Invalid, message),
            CommandError::NotFound(_) => Self::new(ProblemCode::NotFound, message),
            CommandError::Conflict(_) => Self::new(ProblemCode::Conflict, message),
            CommandError::Host(detail) => {
                tracing::error!(error = detail, "a request failed");
                Self::new(ProblemCode::Host, message)
                    .with_remedy("look at the host's log, and at the disk of its data folder")
            }
        }
    }
}

/// The status that goes with a code.
fn status(code: ProblemCode) -> StatusCode {
    match code {
        ProblemCode::Invalid => StatusCode::UNPROCESSABLE_ENTITY,
        ProblemCode::Unauthorized => StatusCode::UNAUTHORIZED,
        ProblemCode::Forbidden => StatusCode::FORBIDDEN,
        ProblemCode::NotFound => StatusCode::NOT_FOUND,
        ProblemCode::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
        ProblemCode::Conflict => StatusCode::CONFLICT,
        ProblemCode::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
        ProblemCode::Host | ProblemCode::Failed => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        (status(self.0.code), Json(Refused { error: self.0 })).into_response()
    }
}
