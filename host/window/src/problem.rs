//! How does a page say that something was not done? With the reason and what would help, and a way back.

use askama::Template;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use orch_engine::CommandError;

use crate::assets;
use crate::text::visible;

/// What was not done.
#[derive(Debug)]
pub(crate) struct Problem {
    status: StatusCode,
    text: String,
    remedy: Option<String>,
    back: Option<String>,
    /// Whether it takes the place of a part of a page.
    is_fragment: bool,
}

#[derive(Template)]
#[template(path = "problem.html")]
struct Shown<'p> {
    css: String,
    is_fragment: bool,
    text: &'p str,
    remedy: Option<&'p str>,
    back: &'p str,
}

impl Problem {
    pub(crate) fn new(status: StatusCode, text: impl Into<String>) -> Self {
        Self {
            status,
            text: text.into(),
            remedy: None,
            back: None,
            is_fragment: false,
        }
    }

    /// Says what would help.
    pub(crate) fn with_remedy(mut self, remedy: impl Into<String>) -> Self {
        self.remedy = Some(remedy.into());
        self
    }

    /// Says where it came from, and whether it stands within a page.
    pub(crate) fn within(mut self, back: &str, is_fragment: bool) -> Self {
        self.back = Some(back.to_owned());
        self.is_fragment = is_fragment;
        self
    }
}

impl From<CommandError> for Problem {
    fn from(error: CommandError) -> Self {
        let status = match &error {
            CommandError::Invalid(_) => StatusCode::UNPROCESSABLE_ENTITY,
            CommandError::NotFound(_) => StatusCode::NOT_FOUND,
            CommandError::Conflict(_) => StatusCode::CONFLICT,
            CommandError::Forbidden(_) => StatusCode::FORBIDDEN,
            CommandError::Host(detail) => {
                tracing::error!(error = detail.what, "a page cannot be shown");
                StatusCode::INTERNAL_SERVER_ERROR
            }
        };
        let problem = Self::new(status, error.to_string());
        match error.remedy() {
            Some(remedy) => problem.with_remedy(remedy),
            None => problem,
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let page = Shown {
            css: assets::address("window.css"),
            is_fragment: self.is_fragment,
            text: &self.text,
            remedy: self.remedy.as_deref(),
            back: self.back.as_deref().unwrap_or("/ui/inbox"),
        };
        let kind = [(CONTENT_TYPE, "text/html; charset=utf-8")];
        match page.render() {
            Ok(html) => (self.status, kind, visible(html)).into_response(),
            // Writing to a String cannot fail.
            Err(_) => self.status.into_response(),
        }
    }
}
