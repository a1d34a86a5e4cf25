//! How does somebody keep the log of a run? As a file of plain text, in pieces as it is read, and never as something that
//! a browser would take for a page.

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::header::{
    CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_LENGTH, CONTENT_TYPE, X_CONTENT_TYPE_OPTIONS,
};
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use orch_domain::person::PersonRole;
use orch_engine::Api;
use orch_views::endpoint::Sent;
use orch_views::run::RawRequest;

use crate::access::allowed;
use crate::refusal::Refusal;
use crate::request::read;

/// Whoever may look may keep what they see.
pub(crate) const LEAST: PersonRole = PersonRole::Viewer;

/// Answers a file of a run.
pub(crate) async fn answer(State(api): State<Api>, request: Request) -> Response {
    file(&api, request)
        .await
        .unwrap_or_else(IntoResponse::into_response)
}

async fn file(api: &Api, request: Request) -> Result<Response, Refusal> {
    allowed(&request, LEAST)?;
    let ([item, run], which) = read::<2, RawRequest>(Sent::InQuery, request).await?;
    let log = api.views.runs.whole(&item, &run, which.source).await?;
    let headers = [
        (CONTENT_TYPE, "text/plain; charset=utf-8".to_owned()),
        (X_CONTENT_TYPE_OPTIONS, "nosniff".to_owned()),
        (CACHE_CONTROL, "no-store".to_owned()),
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
