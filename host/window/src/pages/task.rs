//! One task: where it is and why, what can be done about it, where its time went, what gates said round by round, its
//! runs, and everything that happened, with who did it.

use std::collections::BTreeMap;

use askama::Template;
use axum::extract::{Path, Query, State};
use axum::response::Response;
use orch_domain::risk::{Reason, Risk};
use orch_domain::stage::Stage;
use orch_views::costs::TokensView;
use orch_views::evaluation::EvaluationView;
use orch_views::history::HappenedView;
use orch_views::page::PageRequest;
use orch_views::task::{self, RunView, TaskStatus, TaskView, VerdictView};
use serde::Deserialize;

use super::choices::{choices, stop};
use super::lamps::Lamp;
use super::sent::{Sent, refused, sent};
use super::waterfall;
use crate::Window;
use crate::act::{Act, Acts};
use crate::page::{Asked, Follows, Here, Page};
use crate::problem::Problem;
use crate::text::{When, block, in_path, line, long, long_us, near, short, usd};

/// Rows of the history on one page.
const HISTORY_ROWS: u32 = 100;

/// Verdicts that are compared with those before them, the latest.
const COMPARED_MAX: usize = 40;

/// Which part of the history.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Part {
    #[serde(default)]
    after: Option<String>,
}

#[derive(Template)]
#[template(path = "task.html")]
struct Task {
    item: String,
    path: String,
    title: String,
    status: &'static str,
    is_drill: bool,
    open_remarks: u64,
    why: String,
    firsts: Vec<String>,
    acts: Vec<Act>,
    others: Vec<Act>,
    facts: Vec<(&'static str, String)>,
    activity: Option<(i64, String, String, When)>,
    findings: Option<String>,
    rows: Vec<waterfall::Row>,
    rounds: Vec<Round>,
    runs: Vec<Run>,
    denied: Vec<(String, String, i64)>,
    traffic: Vec<Sent>,
    comments: Vec<String>,
    happened: Vec<Happened>,
    happened_total: u64,
    happened_next: Option<String>,
    json: String,
}

/// One stay in a stage, as gates saw it.
struct Round {
    stage: &'static str,
    attempt: u32,
    verdicts: Vec<Said>,
}

struct Said {
    lamp: Lamp,
    mode: &'static str,
    summary: String,
    /// What it found beside the one before.
    found: String,
    took: String,
    head: String,
    reused: bool,
}

struct Run {
    id: i64,
    role: &'static str,
    agent: String,
    stage: &'static str,
    outcome: String,
    is_open: bool,
    detail: String,
    cost: String,
    tokens: String,
    took: String,
    began: When,
}

struct Happened {
    at: When,
    kind: &'static str,
    actor: String,
    channel: &'static str,
    to: String,
    detail: String,
}

/// Shows a task.
pub(crate) async fn show(
    State(window): State<Window>,
    Path(item): Path<String>,
    Query(part): Query<Part>,
    asked: Asked,
) -> Result<Response, Problem> {
    let views = &window.api.views;
    let now_ms = views.host.status().await?.now_ms;
    let view = views.tasks.show(&item).await?;
    let request = PageRequest {
        limit: Some(HISTORY_ROWS),
        after: part.after,
    };
    let history = views.tasks.history(&item, request).await?;
    let mut compared = BTreeMap::new();
    for verdict in view.verdicts.iter().rev().take(COMPARED_MAX) {
        let judged = views.evaluations.judged(verdict.evaluation).await?;
        compared.insert(verdict.evaluation, found(&judged));
    }
    let back = format!("/ui/tasks/{}", in_path(&item));
    let acts = Acts {
        viewer: &asked.viewer,
        back: &back,
    };
    let seen = view.code_tree.as_deref().or(view.head.as_deref());
    let orders = choices(&view.remedies, &item, seen.unwrap_or_default(), acts);
    let happened = history.items.into_iter().map(|h| happened(h, now_ms));
    let body = Task {
        path: in_path(&item),
        title: line(&view.line.title),
        status: view.line.status.as_str(),
        is_drill: view.line.is_drill,
        open_remarks: view.totals.open_remarks,
        why: block(&near(&view.why, now_ms)),
        firsts: firsts(&view),
        others: others(&view, &item, acts, orders.is_empty()),
        acts: orders,
        facts: facts(&view),
        activity: view.line.activity.as_ref().map(|a| {
            (
                a.run,
                a.kind.clone(),
                line(&a.text),
                When::of(a.at_ms, now_ms),
            )
        }),
        findings: view.findings.as_deref().map(block),
        rows: waterfall::rows(&view, now_ms),
        rounds: rounds(&view.verdicts, &mut compared),
        runs: view.runs.iter().rev().map(|r| run(r, now_ms)).collect(),
        denied: refused(view.denied.iter()),
        traffic: sent(view.traffic.iter()),
        comments: view.comments.iter().map(|c| block(c)).collect(),
        happened: happened.collect(),
        happened_total: history.total,
        happened_next: history.next,
        json: format!("orch task show {item} --json"),
        item: item.clone(),
    };
    let page = Page {
        here: Here::Tasks,
        title: &item,
        follows: Follows::Task(&view.line.work_item),
    };
    page.answer(&window, &asked, &body).await
}

fn firsts(view: &TaskView) -> Vec<String> {
    let all = view.remedies.iter().filter_map(|r| r.first.as_ref());
    all.map(|first| block(&first.text)).collect()
}

/// What can be done at any time.
fn others(view: &TaskView, item: &str, acts: Acts<'_>, is_first: bool) -> Vec<Act> {
    if view.line.status == TaskStatus::Ended {
        return Vec::new();
    }
    let words = ["ci", "rerun", item];
    let rerun = acts.about_task(task::RERUN_CI.least, item, "ci", "Test again", &words);
    let rerun = rerun.map(|act| act.comes_to("tests its commit again, whatever came of it before"));
    let priority = if view.line.priority > 1 { "1" } else { "5" };
    let label = if view.line.priority > 1 {
        "First"
    } else {
        "No hurry"
    };
    let words = ["task", "priority", item, priority];
    let urgent = acts.about_task(task::PRIORITY.least, item, "priority", label, &words);
    let urgent = urgent.map(|act| act.with("priority", priority));
    let stops = is_first && view.line.status != TaskStatus::Stopping;
    let end = stops.then(|| stop(item, acts)).flatten();
    rerun.into_iter().chain(urgent).chain(end).collect()
}

/// The tier, and the weightiest of its reasons.
fn risk_in_words(risk: &Risk) -> String {
    let reason = |reason: &Reason| match (&reason.path, reason.count) {
        (Some(path), _) => format!("{} {}", reason.why, line(path)),
        (None, Some(count)) => format!("{} {count}", reason.why),
        (None, None) => reason.why.to_string(),
    };
    let reasons: Vec<String> = risk.reasons.iter().take(3).map(reason).collect();
    format!("{} ({})", risk.tier, reasons.join(", "))
}

fn facts(view: &TaskView) -> Vec<(&'static str, String)> {
    let task = &view.line;
    let mut facts = vec![
        ("Repository", task.repo.clone()),
        ("Stage", place(task.stage, &task.step)),
        ("Attempt", task.attempt.to_string()),
        ("Rework rounds", task.rework_rounds.to_string()),
        ("Priority", task.priority.to_string()),
        ("Cost", usd(view.cost_usd)),
        ("Branch", view.branch.clone()),
    ];
    let ids = [
        ("Commit", &view.head),
        ("Code", &view.code_tree),
        ("Landed as", &view.merged_commit),
    ];
    let known = ids
        .into_iter()
        .filter_map(|(name, id)| Some((name, short(id.as_deref()?))));
    facts.extend(known);
    facts.extend(view.risk.as_ref().map(|risk| ("Risk", risk_in_words(risk))));
    if let Some(production) = &view.production {
        let commit = short(&production.commit);
        let back = production.put_back_to.as_deref().map(short);
        let back = back.map_or_else(String::new, |to| format!(", back to {to}"));
        facts.push(("Production", format!("{commit} {}{back}", production.state)));
    }
    if let Some(batch) = &view.batch {
        let members = batch.members.join(", ");
        facts.push((
            "Batch",
            format!("{} of {members}: {}", batch.position, batch.state),
        ));
    }
    facts
}

/// What a judgement found beside the one before: how many are new, repeated and fixed.
fn found(judged: &EvaluationView) -> String {
    let new = judged.findings.iter().filter(|f| f.is_new).count();
    let counts = [
        (new, "new"),
        (judged.findings.len() - new, "repeated"),
        (judged.fixed.len(), "fixed"),
    ];
    let said = counts.into_iter().filter(|(count, _)| *count > 0);
    said.map(|(count, what)| format!("{count} {what}"))
        .collect::<Vec<_>>()
        .join(", ")
}

/// Verdicts by the stays in which they were given, the latest first.
fn rounds(verdicts: &[VerdictView], compared: &mut BTreeMap<i64, String>) -> Vec<Round> {
    let mut rounds: Vec<Round> = Vec::new();
    for v in verdicts {
        let is_same = |r: &Round| (r.stage, r.attempt) == (v.stage.as_str(), v.attempt);
        if !rounds.last().is_some_and(is_same) {
            rounds.push(Round {
                stage: v.stage.as_str(),
                attempt: v.attempt,
                verdicts: Vec::new(),
            });
        }
        let said = Said {
            lamp: Lamp::of(v.evaluation, &v.entry, v.decision),
            mode: v.mode.as_str(),
            summary: line(&v.summary),
            found: compared.remove(&v.evaluation).unwrap_or_default(),
            took: long_us(v.elapsed_us),
            head: short(&v.head_sha),
            reused: v.reused,
        };
        if let Some(round) = rounds.last_mut() {
            round.verdicts.push(said);
        }
    }
    rounds.reverse();
    rounds
}

fn run(run: &RunView, now_ms: i64) -> Run {
    let ended = run.finished_ms.unwrap_or(now_ms);
    Run {
        id: run.id,
        role: run.role.as_str(),
        agent: run.agent.clone(),
        stage: run.stage.as_str(),
        is_open: run.outcome.is_none(),
        outcome: run
            .outcome
            .map_or_else(|| "at work".to_owned(), |o| o.to_string()),
        detail: run.detail.as_deref().map(line).unwrap_or_default(),
        cost: run.cost_usd.map(usd).unwrap_or_default(),
        tokens: run.tokens.map(tokens).unwrap_or_default(),
        took: long(ended - run.started_ms),
        began: When::of(run.started_ms, now_ms),
    }
}

/// What it used of them.
pub(super) fn tokens(used: TokensView) -> String {
    format!("{} in, {} out", used.input, used.output)
}

fn happened(h: HappenedView, now_ms: i64) -> Happened {
    let moved = h.from.as_ref() != h.to.as_ref();
    let to = h.to.filter(|_| moved);
    Happened {
        at: When::of(h.at_ms, now_ms),
        kind: h.kind.as_str(),
        actor: line(&h.actor),
        channel: h.channel.map_or("", |c| c.as_str()),
        to: to.map_or_else(String::new, |to| place(to.stage, &to.step)),
        detail: line(&details(&h.detail)),
    }
}

/// A stage, with the step if there is one.
fn place(stage: Stage, step: &str) -> String {
    if step.is_empty() {
        stage.to_string()
    } else {
        format!("{stage} › {step}")
    }
}

/// Details of an event in one line: what they are called, and what they say.
fn details(value: &serde_json::Value) -> String {
    let Some(fields) = value.as_object() else {
        return String::new();
    };
    let said = fields.iter().filter_map(|(name, value)| {
        let text = match value {
            serde_json::Value::Null => return None,
            serde_json::Value::String(text) if text.is_empty() => return None,
            serde_json::Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        Some(format!("{name}: {text}"))
    });
    said.collect::<Vec<_>>().join(" · ")
}
