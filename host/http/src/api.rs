//! Which endpoints are there? One file for each noun says what answers them.

mod alerts;
mod costs;
mod drills;
pub(crate) mod evaluations;
mod gates;
mod host;
mod issues;
mod leases;
mod pauses;
mod people;
mod queue;
mod repositories;
mod statuses;
mod tasks;

use std::sync::LazyLock;

use axum::Router;
use axum::extract::Request;
use axum::http::Uri;
use axum::response::{IntoResponse, Response};
use orch_domain::person::PersonRole;
use orch_engine::Api;
use orch_views::problem::ProblemCode;

use crate::refusal::Refusal;
use crate::routes::Routes;
use crate::{metrics, openapi, webhook};

/// What the endpoints say of themselves, as it is served.
static DESCRIPTION: LazyLock<String> = LazyLock::new(|| routes().description.text());

/// Every endpoint, answered by a host.
pub(crate) fn router(api: Api) -> Router {
    routes()
        .router
        .fallback(nowhere)
        .method_not_allowed_fallback(not_so)
        .with_state(api)
}

fn routes() -> Routes {
    let nouns: [fn(Routes) -> Routes; 16] = [
        host::add,
        tasks::add,
        queue::add,
        pauses::add,
        people::add,
        alerts::add,
        statuses::add,
        leases::add,
        issues::add,
        costs::add,
        drills::add,
        gates::add,
        evaluations::add,
        |routes| routes.foreign(webhook::PATH, webhook::take),
        repositories::add,
        for_machines,
    ];
    nouns
        .into_iter()
        .fold(Routes::default(), |routes, add| add(routes))
}

/// What programs read that were not made for this host.
fn for_machines(routes: Routes) -> Routes {
    routes
        .text(
            openapi::PATH,
            PersonRole::Viewer,
            "application/json",
            async |_| Ok(DESCRIPTION.clone()),
        )
        .text(
            metrics::PATH,
            PersonRole::Viewer,
            metrics::KIND,
            metrics::text,
        )
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
    fn description_in_the_repository_is_the_one_that_is_served() {
        let path = concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/../../docs/reference/openapi.json"
        );
        let served = DESCRIPTION.as_str();
        if std::env::var_os("ORCH_BLESS").is_some() {
            std::fs::write(path, served).unwrap();
        }
        let there = std::fs::read_to_string(path).unwrap_or_default();
        assert!(
            there == served,
            "docs/reference/openapi.json is not what is served; run `ORCH_BLESS=1 cargo test -p orch-http`"
        );
    }

    #[test]
    fn every_endpoint_is_documented_with_its_role_and_nothing_else_is() {
        let page = include_str!("../../../docs/operators/http.md");
        let rows = page.lines().filter_map(|line| line.strip_prefix("| `"));
        let mut documented: Vec<(String, &str)> = rows
            .filter_map(|row| {
                let (endpoint, rest) = row.split_once("` | ")?;
                Some((endpoint.to_owned(), rest.split(" |").next()?))
            })
            .filter(|(cell, _)| cell.starts_with("GET ") || cell.starts_with("POST "))
            .collect();
        let mut there = routes().paths;
        documented.sort_unstable();
        there.sort_unstable();
        assert_eq!(documented, there);
    }
}
