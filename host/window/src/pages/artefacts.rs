//! What did the roles and the host write down of a task? A list, and one of them as it is meant to be read.

use askama::Template;
use axum::extract::{Path, Query, State};
use axum::response::Response;
use orch_views::artefact::{ArtefactLine, ArtefactRequest};
use serde::Deserialize;

use crate::Window;
use crate::markdown::rendered;
use crate::page::{Asked, Follows, Here, Page};
use crate::problem::Problem;
use crate::text::{block, bytes, in_path, line, short};

/// Which artefact.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Which {
    #[serde(default)]
    name: Option<String>,
    /// Whether it is shown as it was written.
    #[serde(default)]
    plain: Option<bool>,
}

#[derive(Template)]
#[template(path = "artefacts.html")]
struct Artefacts {
    item: String,
    path: String,
    head: String,
    list: Vec<Line>,
    total: u64,
    shown: Option<Shown>,
    command: String,
}

struct Line {
    name: String,
    link: String,
    owner: &'static str,
    bytes: String,
    is_here: bool,
}

struct Shown {
    name: String,
    link: String,
    owner: &'static str,
    commit: String,
    /// Rendered; none if it is shown as it was written.
    html: Option<String>,
    text: String,
    is_markdown: bool,
}

/// Shows the artefacts, and the one that is named, or the first.
pub(crate) async fn show(
    State(window): State<Window>,
    Path(item): Path<String>,
    Query(which): Query<Which>,
    asked: Asked,
) -> Result<Response, Problem> {
    let views = &window.api.views.artefacts;
    let list = views.list(&item).await?;
    let first = list.items.first().map(|one| one.name.clone());
    let name = which.name.or(first);
    let shown = match name.clone() {
        None => None,
        Some(name) => Some(views.show(&item, ArtefactRequest { name }).await?),
    };
    let plain = which.plain == Some(true);
    let shown = shown.map(|view| {
        let is_markdown = view.name.ends_with(".md");
        Shown {
            link: in_path(&view.name),
            name: line(&view.name),
            owner: view.owner.map_or("host", |role| role.as_str()),
            commit: view.commit.as_deref().map(short).unwrap_or_default(),
            html: (is_markdown && !plain).then(|| rendered(&block(&view.text))),
            text: block(&view.text),
            is_markdown,
        }
    });
    let title = format!("Artefacts of {item}");
    let body = Artefacts {
        path: in_path(&item),
        head: list.head.as_deref().map(short).unwrap_or_default(),
        total: list.total,
        list: list
            .items
            .into_iter()
            .map(|one| listed(one, name.as_deref()))
            .collect(),
        command: match &name {
            Some(name) => crate::text::command(&["task", "artefact", &item, name]),
            None => crate::text::command(&["task", "artefacts", &item]),
        },
        shown,
        item: item.clone(),
    };
    let page = Page {
        here: Here::Tasks,
        title: &title,
        follows: Follows::Nothing,
    };
    page.answer(&window, &asked, &body).await
}

fn listed(one: ArtefactLine, shown: Option<&str>) -> Line {
    Line {
        is_here: shown == Some(one.name.as_str()),
        link: in_path(&one.name),
        name: line(&one.name),
        owner: one.owner.map_or("host", |role| role.as_str()),
        bytes: bytes(one.bytes),
    }
}
