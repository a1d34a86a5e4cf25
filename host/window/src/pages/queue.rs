//! The queue: what is at work, what comes next, what is held back, and who holds what; and what can be ordered of it.

use askama::Template;
use axum::extract::{Query, State};
use axum::response::Response;
use orch_views::job::JobView;
use orch_views::lease::{self, LeaseView};
use orch_views::page::PageRequest;
use orch_views::pause::{self, PauseView};
use orch_views::queue::QueueView;
use orch_views::resilience::BreakerPhase;
use serde::Deserialize;

use crate::Window;
use crate::act::{Act, Acts, Look};
use crate::chart::{Chart, chart};
use crate::page::{Asked, Follows, Here, Page};
use crate::problem::Problem;
use crate::text::{When, in_path, line, usd};

/// Which part of what waits.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Part {
    #[serde(default)]
    after: Option<String>,
}

#[derive(Template)]
#[template(path = "queue.html")]
struct Queue {
    counts: Vec<(&'static str, i64)>,
    facts: Vec<(&'static str, String)>,
    running: Vec<Row>,
    waiting: Vec<Row>,
    waiting_total: u64,
    next: Option<String>,
    pauses: Vec<Pause>,
    may_pause: bool,
    csrf: String,
    breakers: Vec<(String, &'static str, String)>,
    preflight: Vec<(String, bool, String)>,
    leases: Vec<Lease>,
    landed: Option<Chart>,
}

struct Row {
    id: i64,
    kind: String,
    lane: String,
    item: String,
    path: String,
    repo: String,
    priority: i64,
    attempt: i64,
    due: When,
    reason: String,
}

struct Pause {
    scope: String,
    by: String,
    reason: String,
    since: When,
    until: Option<When>,
    act: Option<Act>,
}

struct Lease {
    resource: String,
    item: String,
    path: String,
    kind: String,
    since: Option<When>,
    act: Option<Act>,
}

/// Shows the queue.
pub(crate) async fn show(
    State(window): State<Window>,
    Query(part): Query<Part>,
    asked: Asked,
) -> Result<Response, Problem> {
    let views = &window.api.views;
    let now = views.host.status().await?.now_ms;
    let request = PageRequest {
        limit: None,
        after: part.after,
    };
    let jobs = views.queue.jobs(request).await?;
    let queue = views.queue.show().await?;
    let acts = Acts {
        viewer: &asked.viewer,
        back: "/ui/queue",
    };
    let counts = jobs.counts;
    let body = Queue {
        counts: vec![
            ("running", counts.running),
            ("ready", counts.ready),
            ("scheduled", counts.scheduled),
            ("dead", counts.dead),
            ("done", counts.done),
            ("cancelled", counts.cancelled),
        ],
        facts: facts(&queue),
        running: jobs.running.into_iter().map(|job| row(job, now)).collect(),
        waiting_total: jobs.waiting.total,
        next: jobs.waiting.next,
        waiting: jobs
            .waiting
            .items
            .into_iter()
            .map(|job| row(job, now))
            .collect(),
        pauses: jobs
            .pauses
            .into_iter()
            .map(|pause| held(pause, acts, now))
            .collect(),
        may_pause: asked.viewer.may(pause::PAUSE.least),
        csrf: asked.viewer.csrf.clone(),
        landed: landed(&queue),
        breakers: breakers(&queue, now),
        preflight: queue
            .resilience
            .preflight
            .into_iter()
            .map(|(agent, p)| (agent, p.ok, line(&p.says)))
            .collect(),
        leases: queue
            .transition_lease
            .leases
            .into_iter()
            .map(|lease| leased(lease, acts, now))
            .collect(),
    };
    let page = Page {
        here: Here::Queue,
        title: "Queue",
        follows: Follows::Everything,
    };
    page.answer(&window, &asked, &body).await
}

/// What landed by day.
fn landed(queue: &QueueView) -> Option<Chart> {
    let all: u64 = queue.landed.iter().map(|day| day.changes).sum();
    let days = queue.landed.len();
    let values = queue.landed.iter().map(|day| {
        let iso = When::of(day.day_ms, day.day_ms).iso;
        (iso.chars().take(10).collect(), day.changes)
    });
    let title = format!("{all} changes landed in {days} days");
    chart("landed", title, "landed", values)
}

fn facts(queue: &QueueView) -> Vec<(&'static str, String)> {
    let budget = &queue.resilience.budget;
    let of = |sum: Option<f64>| sum.map_or_else(|| "no limit".to_owned(), usd);
    vec![
        ("Agents at once", queue.max_concurrency.to_string()),
        ("Spent today", usd(budget.spent_today_usd)),
        ("Reserved for runs", usd(budget.reserved_today_usd)),
        ("Limit of a day", of(budget.day_usd)),
        ("Limit of a task", of(budget.task_usd)),
        (
            "Taken from dead owners",
            queue.reaper.reaped_total.to_string(),
        ),
        (
            "Differences made good",
            queue.reconcile.made_good_total.to_string(),
        ),
        ("Stops under way", queue.stop.stopping.to_string()),
    ]
}

fn breakers(queue: &QueueView, now: i64) -> Vec<(String, &'static str, String)> {
    let all = queue.resilience.breakers.iter();
    all.map(|of| {
        let phase = match of.breaker.phase {
            BreakerPhase::Closed => "closed",
            BreakerPhase::Open => "open",
            BreakerPhase::HalfOpen => "half-open",
        };
        let until = of.breaker.held_until_ms.map(|ms| When::of(ms, now).near);
        let until = until.map(|near| format!("tried again {near}"));
        (
            format!("{} {}", of.key.program, of.key.account),
            phase,
            until.unwrap_or_default(),
        )
    })
    .collect()
}

fn row(job: JobView, now: i64) -> Row {
    let item = job.work_item.unwrap_or_default();
    Row {
        id: job.id,
        kind: job.kind.map_or("?".to_owned(), |kind| kind.to_string()),
        lane: job.lane.map_or("?".to_owned(), |lane| lane.to_string()),
        path: in_path(&item),
        item,
        repo: job.repo,
        priority: job.priority,
        attempt: job.attempt,
        due: When::of(job.due_ms, now),
        reason: job.reason.as_deref().map(line).unwrap_or_default(),
    }
}

fn held(pause: PauseView, acts: Acts<'_>, now: i64) -> Pause {
    let scope = pause.scope.as_str();
    let act = acts.order(
        pause::UNPAUSE.least,
        (scope, "/ui/pauses/release"),
        "Let go on",
        &["unpause", scope],
    );
    // What is held may be known to be bad.
    let act = match scope.starts_with("deploy:") {
        true => act.map(|act| act.asking("reason", "Why")),
        false => act,
    };
    Pause {
        act: act.map(|act| act.looking(Look::Good).with("scope", scope)),
        by: line(&pause.by),
        reason: line(&pause.reason),
        since: When::of(pause.since_ms, now),
        until: pause.until_ms.map(|ms| When::of(ms, now)),
        scope: pause.scope,
    }
}

fn leased(lease: LeaseView, acts: Acts<'_>, now: i64) -> Lease {
    let resource = lease.resource.as_str();
    let act = acts.order(
        lease::RELEASE.least,
        (resource, "/ui/leases/release"),
        "Free by force",
        &["lease", "release", resource],
    );
    let act = act.map(|act| {
        act.looking(Look::Bad)
            .with("resource", resource)
            .warning("Its holder writes nothing more; the job of its task begins again.")
    });
    Lease {
        act,
        path: in_path(&lease.work_item),
        item: lease.work_item,
        kind: lease.kind.map(|kind| kind.to_string()).unwrap_or_default(),
        since: lease.since_ms.map(|ms| When::of(ms, now)),
        resource: lease.resource,
    }
}
