//! How does somebody keep the log of a run? As a file of plain text that no browser opens as a page.

use axum::body::Body;
use axum::extract::{Path, Query, State};
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_LENGTH, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use orch_views::run::RawRequest;

use crate::Window;
use crate::page::Asked;
use crate::problem::Problem;

/// Answers a file of a run; whoever is logged in may look.
pub(crate) async fn show(
    State(window): State<Window>,
    Path((item, run)): Path<(String, String)>,
    Query(which): Query<RawRequest>,
    _: Asked,
) -> Result<Response, Problem> {
    let log = window
        .api
        .views
        .runs
        .whole(&item, &run, which.source)
        .await?;
    let headers = [
        (CONTENT_TYPE, "text/plain; charset=utf-8".to_owned()),
        (CONTENT_LENGTH, log.size.to_string()),
        (
            CONTENT_DISPOSITION,
            format!("attachment; filename=\"{}\"", log.name),
        ),
    ];
    let pieces = stream::try_unfold(log, async |mut log| {
        Ok::<_, std::io::Error>(log.next().await?.map(|bytes| (bytes, log)))
    });
    Ok((headers, Body::from_stream(pieces)).into_response())
}
