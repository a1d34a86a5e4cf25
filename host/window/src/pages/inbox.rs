//! The inbox: what waits for a person, the most pressing first, with what it is about and what can be said.

use askama::Template;
use axum::extract::{Query, State};
use axum::response::Response;
use orch_domain::risk::Tier;
use orch_views::alert;
use orch_views::inbox::{InboxItem, InboxTask};
use orch_views::page::PageRequest;
use serde::Deserialize;

use super::choices::choices;
use super::lamps::Lamp;
use crate::Window;
use crate::act::{Act, Acts};
use crate::page::{Asked, Follows, Here, Page};
use crate::problem::Problem;
use crate::text::{When, block, in_path, line, near, short};

/// Which part of it.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Part {
    #[serde(default)]
    after: Option<String>,
}

#[derive(Template)]
#[template(path = "inbox.html")]
struct Inbox {
    items: Vec<Item>,
    total: u64,
    next: Option<String>,
}

struct Item {
    id: String,
    wanted: &'static str,
    risk: &'static str,
    since: When,
    deadline: Option<When>,
    task: Option<About>,
    text: String,
    evidence: Vec<(Lamp, String)>,
    acts: Vec<Act>,
    /// What has to be done outside before.
    first: Option<String>,
}

struct About {
    item: String,
    path: String,
    title: String,
    repo: String,
    stage: &'static str,
    step: String,
    head: String,
    /// How risky its change is; empty before there is one.
    risk: &'static str,
}

/// Shows the inbox.
pub(crate) async fn show(
    State(window): State<Window>,
    Query(part): Query<Part>,
    asked: Asked,
) -> Result<Response, Problem> {
    let request = PageRequest {
        limit: None,
        after: part.after,
    };
    let now_ms = window.api.views.host.status().await?.now_ms;
    let view = window.api.views.inbox.list(request).await?;
    let acts = Acts {
        viewer: &asked.viewer,
        back: "/ui/inbox",
    };
    let body = Inbox {
        total: view.total,
        next: view.next,
        items: view
            .items
            .into_iter()
            .map(|waits| item(waits, acts, now_ms))
            .collect(),
    };
    let page = Page {
        here: Here::Inbox,
        title: "Inbox",
        follows: Follows::Everything,
    };
    page.answer(&window, &asked, &body).await
}

fn item(waits: InboxItem, acts: Acts<'_>, now_ms: i64) -> Item {
    let first = waits.choices.iter().find_map(|c| c.first.as_ref());
    let first = first.map(|first| line(&first.text));
    let orders = match (&waits.task, waits.alert) {
        (Some(task), _) => of_task(&waits, task, acts),
        (None, Some(alert)) => seen(alert, acts).into_iter().collect(),
        (None, None) => Vec::new(),
    };
    let evidence = waits.evidence.iter().map(|e| {
        let lamp = Lamp::of(e.evaluation, &e.entry, e.decision);
        (lamp, line(&e.summary))
    });
    Item {
        id: match (&waits.task, waits.alert) {
            (Some(task), _) => task.work_item.clone(),
            (None, Some(alert)) => format!("alert-{alert}"),
            (None, None) => String::new(),
        },
        wanted: waits.wanted.as_str(),
        risk: waits.risk.as_str(),
        since: When::of(waits.since_ms, now_ms),
        deadline: waits.deadline_ms.map(|ms| When::of(ms, now_ms)),
        text: block(&near(&waits.text, now_ms)),
        evidence: evidence.collect(),
        task: waits.task.map(about),
        acts: orders,
        first,
    }
}

fn of_task(waits: &InboxItem, of: &InboxTask, acts: Acts<'_>) -> Vec<Act> {
    let seen = of.code_tree.as_deref().or(of.head.as_deref());
    choices(
        &waits.choices,
        &of.work_item,
        seen.unwrap_or_default(),
        acts,
    )
}

fn seen(alert: i64, acts: Acts<'_>) -> Option<Act> {
    let id = alert.to_string();
    let name = format!("alert-{id}");
    let place = (name.as_str(), "/ui/alerts/acknowledge");
    let act = acts.order(
        alert::ACKNOWLEDGE.least,
        place,
        "Seen",
        &["alerts", "ack", &id],
    )?;
    Some(act.by_key("a").with("ids", id.clone()))
}

fn about(task: InboxTask) -> About {
    About {
        path: in_path(&task.work_item),
        item: task.work_item,
        title: line(&task.title),
        repo: task.repo,
        stage: task.stage.as_str(),
        step: task.step,
        head: task.head.as_deref().map(short).unwrap_or_default(),
        risk: task.risk.map(Tier::as_str).unwrap_or_default(),
    }
}
