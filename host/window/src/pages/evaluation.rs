//! One judgement: what was said and why, what is new in it, what the host answered the gate, and how to make it again.

use askama::Template;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use orch_views::evaluation::EvaluationView;

use super::lamps::mark;
use crate::Window;
use crate::page::{Asked, Follows, Here, Page};
use crate::problem::Problem;
use crate::text::{When, block, in_path, line, long_us, short};

/// Host calls that are shown, the first.
const CALLS_MAX: usize = 500;

#[derive(Template)]
#[template(path = "evaluation.html")]
struct Evaluation {
    id: i64,
    item: String,
    path: String,
    entry: String,
    outcome: &'static str,
    mark: &'static str,
    summary: String,
    facts: Vec<(&'static str, String)>,
    at: When,
    found: Vec<(bool, String)>,
    fixed: Vec<String>,
    artefact: String,
    calls: Vec<(String, String)>,
    calls_total: usize,
    no_calls: Option<String>,
    before: Option<i64>,
    after: Option<i64>,
    reused_from: Option<i64>,
    can_replay: bool,
}

/// Shows an evaluation.
pub(crate) async fn show(
    State(window): State<Window>,
    Path(id): Path<String>,
    asked: Asked,
) -> Result<Response, Problem> {
    let Ok(id) = id.parse() else {
        return Err(Problem::new(
            StatusCode::NOT_FOUND,
            "an evaluation is named by its number",
        ));
    };
    let views = &window.api.views;
    let now_ms = views.host.status().await?.now_ms;
    let view = views.evaluations.judged(id).await?;
    let (calls, no_calls) = calls(&window, &view).await;
    let verdict = &view.verdict;
    let mut facts = vec![
        ("Gate", format!("{} {}", verdict.gate, verdict.version)),
        ("Digest", short(&verdict.digest)),
        ("Mode", verdict.mode.to_string()),
        (
            "Stage",
            format!("{}, attempt {}", verdict.stage, verdict.attempt),
        ),
        ("Commit", short(&verdict.head_sha)),
        ("Took", long_us(verdict.elapsed_us)),
    ];
    if let Some(reason) = verdict.reason {
        facts.push(("Reason", reason.to_string()));
    }
    let title = format!("{} of {}", verdict.entry, view.work_item);
    let body = Evaluation {
        id,
        path: in_path(&view.work_item),
        item: view.work_item.clone(),
        entry: verdict.entry.clone(),
        outcome: verdict.decision.as_str(),
        mark: mark(verdict.decision),
        summary: line(&verdict.summary),
        facts,
        at: When::of(verdict.at_ms, now_ms),
        found: view
            .findings
            .iter()
            .map(|f| (f.is_new, block(&f.text)))
            .collect(),
        fixed: view.fixed.iter().map(|f| block(f)).collect(),
        artefact: block(&view.artefact),
        calls_total: calls.len(),
        calls: calls.into_iter().take(CALLS_MAX).collect(),
        no_calls,
        before: view.before,
        after: view.after,
        reused_from: view.reused_from,
        can_replay: view.can_replay,
    };
    let page = Page {
        here: Here::Gates,
        title: &title,
        follows: Follows::Nothing,
    };
    page.answer(&window, &asked, &body).await
}

/// What the gate asked the host and what it was answered; else why nothing is known of it.
async fn calls(window: &Window, view: &EvaluationView) -> (Vec<(String, String)>, Option<String>) {
    let kept = match window
        .api
        .views
        .evaluations
        .kept(view.verdict.evaluation)
        .await
    {
        Ok(kept) => kept,
        Err(why) => return (Vec::new(), Some(why.to_string())),
    };
    // A recording is the gate runtime's own: it is shown in the form in which programs get it.
    let kept = serde_json::to_value(&kept).unwrap_or_default();
    let calls = kept.pointer("/kept/recording/calls");
    let calls = calls.and_then(|calls| calls.as_array());
    let shown = calls.into_iter().flatten().map(|call| {
        let name = call["name"].as_str().unwrap_or_default().to_owned();
        (name, line(&call["answer"].to_string()))
    });
    (shown.collect(), None)
}
