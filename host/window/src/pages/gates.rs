//! The gates: which serve, what they may do, what they decided, and what an operator can order of them.

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use orch_domain::conduct::Proposal;
use orch_views::conduct::ConductView;
use orch_views::gate::{self, GateState, GateView};
use orch_views::page::{LIMIT_MAX, PageRequest};

use super::drills::{self, Drill};
use crate::Window;
use crate::act::{Act, Acts, Look};
use crate::chart::Chart;
use crate::page::{Asked, Follows, Here, Page};
use crate::problem::Problem;
use crate::text::{bytes, in_path, line, long_us, short};

#[derive(Template)]
#[template(path = "gates.html")]
struct Gates {
    gates: Vec<Gate>,
    conduct: Vec<Conduct>,
    drills: Vec<Drill>,
    escapes: Vec<Chart>,
    drill_orders: Vec<Act>,
    modes: Vec<(String, String)>,
    decisions: Vec<(String, i64)>,
}

/// What an entry decided lately.
struct Conduct {
    entry: String,
    gate: String,
    mode: &'static str,
    changes: u64,
    held: u64,
    passed: u64,
    failed: u64,
    waited: u64,
    inconclusive: u64,
    half: String,
    most: String,
    proposal: &'static str,
}

struct Gate {
    name: String,
    version: String,
    digest: String,
    size: String,
    summary: String,
    imports: Vec<String>,
    state: &'static str,
    error: String,
    acts: Vec<Act>,
}

/// Shows the gates.
pub(crate) async fn show(State(window): State<Window>, asked: Asked) -> Result<Response, Problem> {
    let all = PageRequest {
        limit: Some(LIMIT_MAX),
        after: None,
    };
    let view = window.api.views.gates.page(&all)?;
    let conduct = window.api.views.conduct.page(all.clone()).await?;
    let drills = window.api.views.drills.latest().await?;
    let request = PageRequest {
        limit: Some(drills::PAST),
        after: None,
    };
    let past = window.api.views.drills.list(request).await?;
    let status = window.api.views.host.status().await?;
    let security = window.api.views.queue.show().await?.security;
    let acts = Acts {
        viewer: &asked.viewer,
        back: "/ui/gates",
    };
    let body = Gates {
        gates: view.items.into_iter().map(|g| gate(g, acts)).collect(),
        conduct: conduct.items.into_iter().map(decided).collect(),
        escapes: drills::escapes(past.items),
        drills: drills::drawn(drills, status.now_ms),
        drill_orders: drills::orders(acts, status.repositories),
        modes: security.repositories.into_iter().collect(),
        decisions: security.decisions.into_iter().collect(),
    };
    let page = Page {
        here: Here::Gates,
        title: "Gates",
        follows: Follows::Everything,
    };
    page.answer(&window, &asked, &body).await
}

fn decided(c: ConductView) -> Conduct {
    let took = |us: Option<u64>| us.and_then(|us| i64::try_from(us).ok()).map(long_us);
    Conduct {
        mode: c.mode.as_str(),
        changes: c.changes,
        held: c.held,
        passed: c.passed,
        failed: c.failed,
        waited: c.waited,
        inconclusive: c.inconclusive,
        half: took(c.p50_us).unwrap_or_default(),
        most: took(c.p99_us).unwrap_or_default(),
        proposal: match c.proposal {
            Proposal::Nothing => "",
            Proposal::WatchOn => "let it watch on",
            Proposal::Mend => "mend it: it could not decide",
            Proposal::LookFirst => "look at what it would have held up",
            Proposal::Enforce => "enforce it",
        },
        entry: c.entry,
        gate: c.gate,
    }
}

fn gate(view: GateView, acts: Acts<'_>) -> Gate {
    let name = view.name.as_str();
    let url = |verb: &str| format!("/ui/gates/{}/{verb}", in_path(name));
    let back = acts.order(
        gate::ROLLBACK.least,
        (name, &url("rollback")),
        "Roll back",
        &["gate", "rollback", name, "DIGEST"],
    );
    let back = back.map(|act| {
        act.looking(Look::Bad).asking(
            "digest",
            "Digest of the version to go back to, or its beginning",
        )
    });
    let free = acts.order(
        gate::RELEASE.least,
        (name, &url("release")),
        "Lift quarantine",
        &["gate", "release", name],
    );
    let free = free.filter(|_| view.state == GateState::Quarantined);
    let acts = free.into_iter().chain(back).collect();
    Gate {
        digest: short(&view.digest),
        size: bytes(view.size),
        summary: line(&view.summary),
        state: view.state.as_str(),
        error: view.error.as_deref().map(line).unwrap_or_default(),
        imports: view.imports,
        version: view.version,
        name: view.name,
        acts,
    }
}
