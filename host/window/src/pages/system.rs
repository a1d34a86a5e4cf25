//! The host itself: what it is, how its parts are, which repositories and alerts there are.

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use orch_views::alert;
use orch_views::host::{BackgroundState, BackgroundView};
use orch_views::page::{LIMIT_MAX, ListRequest, PageRequest};

use crate::Window;
use crate::act::{Act, Acts};
use crate::page::{Asked, Follows, Here, Page};
use crate::problem::Problem;
use crate::text::{When, block, in_path, line, long};

/// Alerts that are shown, the newest.
const ALERTS_MAX: u32 = 50;

#[derive(Template)]
#[template(path = "system.html")]
struct System {
    facts: Vec<(&'static str, String)>,
    parts: Vec<Part>,
    repos: Vec<Repo>,
    webhooks: Vec<(String, u64, u64, String)>,
    alerts: Vec<Alert>,
    alerts_total: u64,
    see_all: Option<Act>,
}

struct Part {
    name: String,
    description: String,
    period: String,
    state: &'static str,
    panics: u32,
}

struct Repo {
    name: String,
    path: String,
    base: String,
    state: String,
    tested: String,
}

struct Alert {
    id: i64,
    kind: String,
    level: String,
    text: String,
    item: String,
    path: String,
    count: u64,
    last: When,
}

/// Shows the host.
pub(crate) async fn show(State(window): State<Window>, asked: Asked) -> Result<Response, Problem> {
    let views = &window.api.views;
    let status = views.host.status().await?;
    let now = status.now_ms;
    let all = PageRequest {
        limit: Some(LIMIT_MAX),
        after: None,
    };
    let repos = window.api.repositories.list(all).await?;
    let open = ListRequest {
        all: false,
        limit: Some(ALERTS_MAX),
        after: None,
    };
    let alerts = views.alerts.list(open).await?;
    let acts = Acts {
        viewer: &asked.viewer,
        back: "/ui/system",
    };
    let ids: Vec<String> = alerts.items.iter().map(|a| a.id.to_string()).collect();
    let body = System {
        facts: vec![
            ("Version", status.version),
            ("Up for", long(now - status.started_ms)),
            ("Clock", When::of(now, now).iso),
            ("Tasks under way", status.tasks.live.to_string()),
            ("Tasks that need a person", status.tasks.blocked.to_string()),
            ("Gates loaded", status.gates.loaded.to_string()),
            ("Gates that do not load", status.gates.failed.to_string()),
        ],
        parts: status.background.into_iter().map(part).collect(),
        repos: repos
            .items
            .into_iter()
            .map(|r| Repo {
                name: r.name,
                path: line(&r.path),
                base: r.base,
                state: r.base_state.unwrap_or_else(|| "not tested yet".to_owned()),
                tested: r.tested.unwrap_or_default(),
            })
            .collect(),
        webhooks: status
            .webhooks
            .into_iter()
            .map(|(name, w)| {
                let last = w.last_accepted_ms.map(|ms| When::of(ms, now).near);
                (name, w.accepted, w.refused, last.unwrap_or_default())
            })
            .collect(),
        alerts_total: alerts.total,
        see_all: see_all(&ids, acts),
        alerts: alerts
            .items
            .into_iter()
            .map(|a| {
                let item = a.work_item.unwrap_or_default();
                Alert {
                    id: a.id,
                    kind: a.kind.to_string(),
                    level: a.level.to_string(),
                    text: block(&a.text),
                    path: in_path(&item),
                    item,
                    count: a.count,
                    last: When::of(a.last_ms, now),
                }
            })
            .collect(),
    };
    let page = Page {
        here: Here::System,
        title: "System",
        follows: Follows::Everything,
    };
    page.answer(&window, &asked, &body).await
}

fn see_all(ids: &[String], acts: Acts<'_>) -> Option<Act> {
    if ids.is_empty() {
        return None;
    }
    let words: Vec<&str> = ["alerts", "ack"]
        .into_iter()
        .chain(ids.iter().map(String::as_str))
        .collect();
    let place = ("alerts", "/ui/alerts/acknowledge");
    let act = acts.order(alert::ACKNOWLEDGE.least, place, "All seen", &words)?;
    Some(act.with("ids", ids.join(",")))
}

fn part(view: BackgroundView) -> Part {
    let period = view.period_ms.and_then(|ms| i64::try_from(ms).ok());
    Part {
        name: view.name,
        description: view.description,
        period: period.map(long).unwrap_or_default(),
        state: match view.state {
            BackgroundState::Running => "running",
            BackgroundState::Pausing => "pausing",
            BackgroundState::Ended => "ended",
        },
        panics: view.panics,
    }
}
