//! Tasks as people see them, with the reason why each does not move.

use std::collections::BTreeMap;

use orch_domain::id::TaskId;
use orch_domain::job::JobState;
use orch_domain::names::ItemRef;
use orch_domain::outcome::RunEnding;
use orch_domain::pipeline::{Pipeline, Step};
use orch_domain::release::ReleaseState;
use orch_domain::retry::PATIENCE_MS;
use orch_domain::stage::{Role, RunRole, Stage};
use orch_domain::task::{BlockReason, Status};
use orch_store::{
    CostsBy, Denial, Evaluation, EventRow, JobRow, RunRow, StoreError, TaskRecord, Traffic, Tx,
};
use orch_views::page::{ListRequest, Page};
use orch_views::task::{
    DenialView, ProductionView, RemedyView, RunView, StageVisit, TaskLine, TaskTotals, TaskView,
    TrafficView, VerdictView, WhyView,
};
use serde::Deserialize;

use super::{batches, costs, decisions, pages, pauses, remedies, runs};
use crate::commands::{CommandError, named, status_of};
use crate::ledger::Ledger;
use crate::ledger::apply::pipeline_of;
use crate::ledger::clock::stamp;
use crate::ledger::unwritten::Unwritten;

/// Stages with runs that a task has at most.
const STAGES_MAX: u32 = 20;
/// Verdicts, runs and comments of a task that are shown, the latest.
const LATEST_MAX: u32 = 200;
/// Refusals of the network that are shown, the latest.
const DENIED_MAX: u32 = 50;
/// Places that were sent to that are shown, those with most.
const TRAFFIC_MAX: u32 = 50;
/// Events from which a task's stays are read.
const EVENTS_MAX: u32 = 10_000;

/// Shows tasks. Clones are the same.
#[derive(Debug, Clone)]
pub struct TaskViews {
    pub(crate) ledger: Ledger,
}

impl TaskViews {
    /// Tasks, newest first.
    ///
    /// # Errors
    /// [`CommandError::Invalid`] for a page that makes no sense.
    pub async fn list(&self, request: ListRequest) -> Result<Page<TaskLine>, CommandError> {
        let limit = pages::limit(request.limit)?;
        let before = pages::after(request.after.as_deref())?.map(TaskId);
        let read = self.ledger.read_or(move |tx| {
            Box::pin(async move {
                let tally = tx.task_tally().await?;
                let records = tx.task_page(request.all, before, limit + 1).await?;
                let total = if request.all { tally.all } else { tally.live };
                let pipelines = pipelines(tx, &records).await?;
                Ok((records, total, pipelines))
            })
        });
        let (records, total, pipelines) = read.await?;
        let place = |record: &TaskRecord| record.task.id.to_string();
        let now = runs::activities(&self.ledger).await?;
        Ok(pages::page(records, limit, total, place, |record| {
            TaskLine {
                activity: now.get(&record.task.id).cloned(),
                ..line(&record, &pipelines)
            }
        }))
    }

    /// One task with everything that belongs to it.
    ///
    /// # Errors
    /// [`CommandError::NotFound`].
    pub async fn show(&self, item: &str) -> Result<TaskView, CommandError> {
        let (item, now) = (named(item)?, self.ledger.now());
        let read = self.ledger.read_or(move |tx| {
            Box::pin(async move {
                let record = tx.task_of_item(&item).await?;
                view(tx, record, &item, now).await
            })
        });
        let mut view = read.await?;
        let folders = view.runs.iter().map(|run| (run.id, run.folder.clone()));
        let mut seen = runs::look(folders.collect()).await;
        for run in &mut view.runs {
            let seen = seen.remove(&run.id).unwrap_or_default();
            (run.activity, run.log_bytes, run.held_by) =
                (seen.activity, seen.log_bytes, seen.held_by);
        }
        let at_work = view.runs.iter().rev().find(|run| run.finished_ms.is_none());
        view.line.activity = at_work.and_then(|run| run.activity.clone());
        Ok(view)
    }

    /// What a task waits for, since when, and what would move it.
    ///
    /// # Errors
    /// [`CommandError::NotFound`].
    pub async fn why(&self, item: &str) -> Result<WhyView, CommandError> {
        let (item, now) = (named(item)?, self.ledger.now());
        let read = self.ledger.read_or(move |tx| {
            Box::pin(async move {
                let record = tx.task_of_item(&item).await?;
                let pipelines = pipelines(tx, std::slice::from_ref(&record)).await?;
                let (latest, _) = tx.latest_runs(record.task.id, 1).await?;
                let folder = latest.last().map(|run| run.folder.clone());
                let view = WhyView {
                    held_by: None,
                    why: why(tx, &record, &step_name(&record, &pipelines), now).await?,
                    remedies: remedies_of(&record, &pipelines, &item),
                    work_item: record.task.work_item.to_string(),
                };
                Ok((view, folder))
            })
        });
        let (view, folder) = read.await?;
        let mut seen = runs::look(folder.into_iter().map(|at| (0, at)).collect()).await;
        let held_by = seen.remove(&0).and_then(|seen| seen.held_by);
        Ok(WhyView { held_by, ..view })
    }
}

/// Pipelines by the digest of the configuration that they are in.
pub(super) type Pipelines = BTreeMap<String, Pipeline>;

/// The pipelines of some tasks, each read once.
pub(super) async fn pipelines(tx: &mut Tx, records: &[TaskRecord]) -> Result<Pipelines, Unwritten> {
    let mut pipelines = Pipelines::new();
    for record in records {
        if !pipelines.contains_key(&record.config_digest) {
            let pipeline = pipeline_of(tx, record).await?;
            pipelines.insert(record.config_digest.clone(), pipeline);
        }
    }
    Ok(pipelines)
}

pub(super) fn step_name(record: &TaskRecord, pipelines: &Pipelines) -> String {
    let pipeline = pipelines.get(&record.config_digest);
    pipeline
        .and_then(|p| p.step(record.task.stage, record.task.step))
        .map(Step::name)
        .unwrap_or_default()
}

fn remedies_of(record: &TaskRecord, pipelines: &Pipelines, item: &ItemRef) -> Vec<RemedyView> {
    let pipeline = pipelines.get(&record.config_digest);
    pipeline.map_or_else(Vec::new, |pipeline| remedies::views(record, pipeline, item))
}

pub(super) fn line(record: &TaskRecord, pipelines: &Pipelines) -> TaskLine {
    let task = &record.task;
    TaskLine {
        work_item: task.work_item.to_string(),
        repo: task.repo.to_string(),
        title: task.title.clone(),
        stage: task.stage,
        step: step_name(record, pipelines),
        status: status_of(&task.status),
        attempt: task.attempt(),
        rework_rounds: task.rework_rounds,
        priority: record.priority,
        updated: stamp(record.updated_ms),
        is_drill: record.is_drill,
        activity: None,
    }
}

async fn view(
    tx: &mut Tx,
    record: TaskRecord,
    item: &ItemRef,
    now: i64,
) -> Result<TaskView, Unwritten> {
    let id = record.task.id;
    let pipelines = pipelines(tx, std::slice::from_ref(&record)).await?;
    let line = line(&record, &pipelines);
    let why = why(tx, &record, &line.step, now).await?;
    let remedies = remedies_of(&record, &pipelines, item);
    let (verdicts, verdict_count) = tx.latest_evaluations(id, LATEST_MAX).await?;
    let (runs, run_count) = tx.latest_runs(id, LATEST_MAX).await?;
    let (comments, comment_count) = tx.latest_comments(id, LATEST_MAX).await?;
    let events = tx.events(id, 0, EVENTS_MAX).await?;
    let (stages, decisions) = (visits(&events), decisions::of(&events));
    let head = record.task.head.as_ref().map(ToString::to_string);
    let code_tree = match &head {
        Some(head) => tx.judged_tree(id, head).await?,
        None => None,
    };
    let branches = tx.task_branches(id).await?;
    let denied = tx.denials(id, DENIED_MAX).await?;
    let traffic = tx.traffic(id, TRAFFIC_MAX).await?;
    let costs = tx.costs(CostsBy::Stage, Some(id), 0, 0, STAGES_MAX).await?;
    Ok(TaskView {
        why,
        remedies,
        branch: record.branch,
        head,
        code_tree,
        risk: tx.latest_risk(id).await?,
        decisions: latest(decisions),
        merged_commit: branches
            .iter()
            .rev()
            .find_map(|b| b.landed.as_ref().map(ToString::to_string)),
        production: production(tx, id).await?,
        batch: batches::latest(tx, id).await?,
        cost_usd: tx.spending(Some(id), 0).await?.known_usd,
        costs: costs.into_iter().map(costs::view).collect(),
        findings: record.task.findings,
        totals: TaskTotals {
            stages: stages.len() as u64,
            verdicts: verdict_count,
            runs: run_count,
            comments: comment_count,
            open_remarks: tx.open_remarks(id).await?.len() as u64,
        },
        stages: latest(stages),
        verdicts: verdicts.into_iter().map(verdict).collect(),
        runs: runs.into_iter().map(run).collect(),
        denied: denied.into_iter().map(denial).collect(),
        traffic: traffic.into_iter().map(sent).collect(),
        comments: comments
            .into_iter()
            .map(|c| format!("{}: {}", c.author, c.body))
            .collect(),
        line,
    })
}

/// What the task put into production last, and what became of it.
async fn production(tx: &mut Tx, task: TaskId) -> Result<Option<ProductionView>, StoreError> {
    let Some(release) = tx.release_of(task).await? else {
        return Ok(None);
    };
    let back = tx.rollback_of(release.id).await?;
    Ok(Some(ProductionView {
        commit: release.commit.to_string(),
        revision: release.revision,
        state: release.state,
        since_ms: release.ended_ms.unwrap_or(release.begun_ms),
        put_back_to: back.as_ref().map(|back| back.commit.to_string()),
        put_back: back.map(|back| back.state),
    }))
}

fn latest<T>(mut list: Vec<T>) -> Vec<T> {
    let most = usize::try_from(LATEST_MAX).unwrap_or(usize::MAX);
    list.split_off(list.len().saturating_sub(most))
}

pub(super) fn verdict(e: Evaluation) -> VerdictView {
    VerdictView {
        evaluation: e.id.0,
        risk: e.risk.as_ref().map(|recorded| recorded.risk.tier),
        not_asked_below: e
            .risk
            .as_ref()
            .and_then(|recorded| recorded.not_asked_below),
        frontmatter: orch_gates::artefact::frontmatter(&e.artefact).to_owned(),
        entry: e.entry,
        gate: e.gate,
        version: e.gate_version,
        digest: e.gate_digest,
        mode: e.mode,
        stage: e.stage,
        attempt: e.attempt,
        decision: e.decision,
        reason: e.reason,
        summary: e.summary,
        head_sha: e.head_sha,
        elapsed_us: e.elapsed_us,
        reused: e.reused_from.is_some(),
        at_ms: e.at_ms,
    }
}

fn run(r: RunRow) -> RunView {
    RunView {
        id: r.id.0,
        role: r.role,
        agent: r.agent,
        stage: r.stage,
        attempt: r.attempt,
        outcome: r.outcome,
        detail: r.detail,
        exit_code: r.exit_code,
        cost_usd: r.cost_usd,
        tokens: r.tokens.map(costs::tokens_view),
        reattached: r.attached,
        held_by: None,
        folder: r.folder,
        activity: None,
        log_bytes: 0,
        started_ms: r.started_ms,
        finished_ms: r.finished_ms,
    }
}

fn sent(t: Traffic) -> TrafficView {
    TrafficView {
        run: t.run.map(|run| run.0),
        host: t.host,
        port: t.port,
        count: t.count,
        sent_bytes: t.sent,
        received_bytes: t.received,
    }
}

fn denial(d: Denial) -> DenialView {
    DenialView {
        run: d.run.map(|run| run.0),
        host: d.host,
        port: d.port,
        why: d.why,
        count: d.count,
    }
}

/// What a task waits for, and since when.
pub(super) async fn why(
    tx: &mut Tx,
    record: &TaskRecord,
    step: &str,
    now: i64,
) -> Result<String, StoreError> {
    let task = &record.task;
    Ok(match &task.status {
        Status::Ended if task.stage == Stage::Done => done_why(tx, task.id).await?,
        Status::Ended => "it was stopped; a new task may take up the same item".to_owned(),
        Status::Stopping => {
            "it is being stopped: its processes are ended and its work is kept".to_owned()
        }
        Status::AwaitingApproval { since_ms } => format!(
            "`{step}` waits for a person's approval since {}, until {} at the latest",
            stamp(*since_ms),
            stamp(since_ms.saturating_add(PATIENCE_MS))
        ),
        Status::NeedsInput { detail } => format!("it needs input: {detail}"),
        Status::Blocked { reason, detail } => {
            let ran = match reason {
                BlockReason::InfraExhausted => how_often_it_ran(tx, record, step).await?,
                _ => None,
            };
            let ran = ran.unwrap_or_default();
            format!("it is blocked ({}): {detail}{ran}", reason.as_str())
        }
        Status::Waiting {
            reason,
            since_ms,
            deadline_ms,
        } => match tx.live_jobs(task.id).await?.first() {
            // It has begun again, and what it waited for is over or found out anew.
            Some(job) if job.state == JobState::Running => format!("`{step}` is at work"),
            Some(_) | None => format!(
                "`{step}` waits for: {reason}, since {}, until {} at the latest",
                stamp(*since_ms),
                stamp(*deadline_ms)
            ),
        },
        Status::Active => match tx.live_jobs(task.id).await?.first() {
            Some(job) => queued_why(tx, job, step, now).await?,
            None => format!("`{step}` has no job; this is a defect of the host"),
        },
    })
}

/// What is to say of a task that is done: where its change is, if not in production any more.
async fn done_why(tx: &mut Tx, task: TaskId) -> Result<String, StoreError> {
    let done = "it is done".to_owned();
    let Some(view) = production(tx, task).await? else {
        return Ok(done);
    };
    let to = view.put_back_to.unwrap_or_default();
    let commit = view.commit;
    Ok(match (view.state, view.put_back) {
        (ReleaseState::RolledBack, _) => {
            format!("it is done; production was degraded by {commit} and was put back to {to}")
        }
        (ReleaseState::Degraded, Some(back)) if back.is_under_way() => {
            format!("it is done; production is degraded by {commit} and is put back to {to}")
        }
        (ReleaseState::Degraded, Some(_)) => format!(
            "it is done; production is degraded by {commit}, and putting it back to {to} failed: look at it"
        ),
        (ReleaseState::Degraded, None) => {
            format!("it is done; production is degraded since {commit}: look at it")
        }
        (
            ReleaseState::Asked
            | ReleaseState::Begun
            | ReleaseState::Live
            | ReleaseState::Healthy
            | ReleaseState::Failed
            | ReleaseState::Unknown,
            _,
        ) => done,
    })
}

/// How often the agent of a step really ran in this attempt: a try that started nothing is none. None if no agent works
/// at the step.
async fn how_often_it_ran(
    tx: &mut Tx,
    record: &TaskRecord,
    step: &str,
) -> Result<Option<String>, StoreError> {
    let Some(role) = Role::parse(step).map(RunRole::Role) else {
        return Ok(None);
    };
    let task = &record.task;
    let (runs, _) = tx.latest_runs(task.id, LATEST_MAX).await?;
    let of_attempt = runs
        .iter()
        .filter(|run| run.role == role && run.stage == task.stage && run.attempt == task.attempt());
    let ran = of_attempt.filter(|run| run.outcome != Some(RunEnding::LaunchFailed));
    Ok(Some(format!(
        "; runs of its agent in this attempt: {}",
        ran.count()
    )))
}

/// What the job of a task waits for that only waits its turn.
async fn queued_why(tx: &mut Tx, job: &JobRow, step: &str, now: i64) -> Result<String, StoreError> {
    if job.state == JobState::Running {
        return Ok(format!("`{step}` is at work"));
    }
    if let Some(held) = pauses::held_back(tx, job, now).await? {
        return Ok(held);
    }
    let reason = job.reason.as_ref().map(|r| format!(" after: {r}"));
    Ok(format!(
        "`{step}` is in the queue, due {}{}",
        stamp(job.run_at_ms),
        reason.unwrap_or_default()
    ))
}

/// From where to where an event moved a task, as `messages::event_data` writes it.
#[derive(Deserialize)]
struct Moved {
    from: Place,
    to: Place,
}

#[derive(Deserialize)]
struct Place {
    stage: Stage,
    step: i64,
}

/// Stays in stages, read from the events; those that moved no task are passed over.
fn visits(events: &[EventRow]) -> Vec<StageVisit> {
    let mut list: Vec<StageVisit> = Vec::new();
    for event in events {
        let Ok(Moved { from, to }) = serde_json::from_str(&event.data) else {
            continue;
        };
        let again = to.step == 0 && from.step != 0;
        if list.last().is_some_and(|v| v.stage == to.stage) && !again {
            continue;
        }
        if let Some(last) = list.last_mut() {
            last.left_ms = Some(event.at_ms);
        }
        let before = list.iter().filter(|v| v.stage == to.stage).count();
        list.push(StageVisit {
            attempt: 1 + u32::try_from(before).unwrap_or(0),
            stage: to.stage,
            entered_ms: event.at_ms,
            left_ms: None,
        });
    }
    list
}
