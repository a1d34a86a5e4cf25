//! Every task in a list, and a form that begins one.

use askama::Template;
use axum::extract::{Query, State};
use axum::response::Response;
use orch_views::page::ListRequest;
use orch_views::task;
use serde::Deserialize;

use crate::Window;
use crate::page::{Asked, Follows, Here, Page};
use crate::problem::Problem;
use crate::text::{in_path, line};

/// Which part of the list.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Part {
    #[serde(default)]
    live: Option<String>,
    #[serde(default)]
    after: Option<String>,
}

#[derive(Template)]
#[template(path = "tasks.html")]
struct Tasks {
    rows: Vec<Row>,
    total: u64,
    next: Option<String>,
    is_live: bool,
    may_begin: bool,
    repos: Vec<String>,
    csrf: String,
}

struct Row {
    item: String,
    path: String,
    title: String,
    repo: String,
    place: String,
    status: &'static str,
    is_drill: bool,
    priority: i64,
    updated: String,
}

/// Shows the list.
pub(crate) async fn show(
    State(window): State<Window>,
    Query(part): Query<Part>,
    asked: Asked,
) -> Result<Response, Problem> {
    let is_live = part.live.is_some();
    let request = ListRequest {
        all: !is_live,
        limit: None,
        after: part.after,
    };
    let view = window.api.views.tasks.list(request).await?;
    let status = window.api.views.host.status().await?;
    let row = |t: task::TaskLine| Row {
        path: in_path(&t.work_item),
        item: t.work_item,
        title: line(&t.title),
        repo: t.repo,
        place: if t.step.is_empty() {
            t.stage.to_string()
        } else {
            format!("{} › {}", t.stage, t.step)
        },
        status: t.status.as_str(),
        is_drill: t.is_drill,
        priority: t.priority,
        updated: t.updated,
    };
    let body = Tasks {
        rows: view.items.into_iter().map(row).collect(),
        total: view.total,
        next: view.next,
        is_live,
        may_begin: asked.viewer.may(task::NEW.least),
        repos: status.repositories,
        csrf: asked.viewer.csrf.clone(),
    };
    let page = Page {
        here: Here::Tasks,
        title: "Tasks",
        follows: Follows::Everything,
    };
    page.answer(&window, &asked, &body).await
}
