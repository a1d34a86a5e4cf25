//! Which pages are there? One file for each says what it shows.

pub(crate) mod artefacts;
pub(crate) mod board;
mod choices;
pub(crate) mod diff;
mod drills;
pub(crate) mod evaluation;
pub(crate) mod gates;
pub(crate) mod inbox;
mod lamps;
pub(crate) mod queue;
pub(crate) mod raw;
pub(crate) mod run;
mod sent;
pub(crate) mod system;
pub(crate) mod task;
pub(crate) mod tasks;
mod waterfall;

use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};

use crate::page::Asked;
use crate::problem::Problem;

/// The first page: what waits for people.
pub(crate) async fn front() -> Response {
    Redirect::to("/ui/inbox").into_response()
}

/// There is no such page.
pub(crate) async fn nowhere(asked: Asked) -> Problem {
    Problem::new(
        StatusCode::NOT_FOUND,
        format!("there is no page `{}`", asked.path),
    )
    .within("/ui/inbox", asked.is_fragment)
}
