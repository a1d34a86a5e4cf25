//! What people can see: tasks with their reasons, the queue, the gates. Read-only, each from one snapshot.

use std::collections::BTreeMap;

use orch_domain::id::TaskId;
use orch_domain::job::JobState;
use orch_domain::pipeline::{Pipeline, Step};
use orch_domain::stage::Stage;
use orch_domain::task::Status;
use orch_gates::LoadedGate;
use orch_store::{CostsBy, Evaluation, EventRow, JobRow, RunRow, StoreError, TaskRecord, Tx};
use orch_views::gate::{GateState, GateView};
use orch_views::host::{
    BackgroundState, BackgroundView, GateCounts, Health, HealthView, PanicView, StatusView,
    TaskCounts,
};
use orch_views::page::{ListRequest, Page, PageRequest};
use orch_views::task::{
    RunView, StageVisit, TaskLine, TaskStatus, TaskTotals, TaskView, VerdictView, WhyView,
};
use serde::Deserialize;

use crate::commands::CommandError;
use crate::ledger::apply::pipeline_of;
use crate::ledger::clock::stamp;
use crate::tasks::driver::{TaskState, TaskStatus as Background};
use crate::wire::Engine;
use crate::{costs, pages, pauses};
use orch_config::{GateGrants, HostConfig};

/// Stages with runs that a task has at most.
const STAGES_MAX: u32 = 20;
/// Verdicts, runs and comments of a task that are shown, the latest.
const LATEST_MAX: u32 = 200;
/// Events from which a task's stays are read.
const EVENTS_MAX: u32 = 10_000;

/// A task's status without its data.
pub(crate) fn status_of(status: &Status) -> TaskStatus {
    match status {
        Status::Active => TaskStatus::Active,
        Status::Waiting { .. } => TaskStatus::Waiting,
        Status::AwaitingApproval { .. } => TaskStatus::AwaitingApproval,
        Status::NeedsInput { .. } => TaskStatus::NeedsInput,
        Status::Blocked { .. } => TaskStatus::Blocked,
        Status::Stopping => TaskStatus::Stopping,
        Status::Ended => TaskStatus::Ended,
    }
}

impl Engine {
    /// Tasks, newest first.
    ///
    /// # Errors
    /// [`CommandError::Invalid`] for a page that makes no sense.
    pub async fn task_lines(&self, request: ListRequest) -> Result<Page<TaskLine>, CommandError> {
        let limit = pages::limit(request.limit)?;
        let before = pages::after(request.after.as_deref())?.map(TaskId);
        let read = self.0.ledger.read(move |tx| {
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
        Ok(pages::page(records, limit, total, place, |record| {
            line(&record, &pipelines)
        }))
    }

    /// One task with everything that belongs to it.
    ///
    /// # Errors
    /// [`CommandError::NotFound`].
    pub async fn task_view(&self, item: &str) -> Result<TaskView, CommandError> {
        let (item, now) = (item.to_owned(), self.now());
        let read = self.0.ledger.read(move |tx| {
            Box::pin(async move {
                let record = tx.task_of_item(&item).await?;
                view(tx, record, now).await
            })
        });
        Ok(read.await?)
    }

    /// What a task waits for, since when, and what would move it.
    ///
    /// # Errors
    /// [`CommandError::NotFound`].
    pub async fn why(&self, item: &str) -> Result<WhyView, CommandError> {
        let (item, now) = (item.to_owned(), self.now());
        let read = self.0.ledger.read(move |tx| {
            Box::pin(async move {
                let record = tx.task_of_item(&item).await?;
                let pipelines = pipelines(tx, std::slice::from_ref(&record)).await?;
                Ok(WhyView {
                    why: why(tx, &record, &step_name(&record, &pipelines), now).await?,
                    work_item: record.task.work_item.to_string(),
                })
            })
        });
        Ok(read.await?)
    }

    /// The gates that serve and the files that do not load.
    ///
    /// # Errors
    /// [`CommandError::Invalid`] for a page that makes no sense.
    pub fn gate_page(&self, request: &PageRequest) -> Result<Page<GateView>, CommandError> {
        let limit = pages::limit(request.limit)?;
        let skip = pages::after(request.after.as_deref())?.unwrap_or(0);
        Ok(Page::of_list(self.gate_views(), skip, limit))
    }

    /// Every gate that serves and every file that does not load.
    pub fn gate_views(&self) -> Vec<GateView> {
        let registry = self.0.judges.runtime.snapshot();
        let config = self.config();
        let good = registry.gates().map(|gate| {
            let failure = registry.failure(&gate.name).map(|f| f.error.to_string());
            let quarantine = registry.quarantine(&gate.digest).map(str::to_owned);
            loaded(
                gate,
                &config,
                failure,
                quarantine,
                registry.is_rolled_back(&gate.name),
            )
        });
        let bad = registry
            .failures()
            .filter(|failure| registry.get(&failure.name).is_none())
            .map(|failure| missing(&failure.name, failure.error.to_string()));
        good.chain(bad).collect()
    }

    /// That the host answers.
    pub fn health(&self) -> HealthView {
        HealthView { status: Health::Ok }
    }

    /// What the host is and how many tasks it carries.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn status(&self) -> Result<StatusView, CommandError> {
        let tally = self.0.ledger.read(|tx| Box::pin(tx.task_tally())).await?;
        let gates = self.gate_views();
        let loaded = gates.iter().filter(|g| g.state != GateState::Missing);
        let failed = gates.iter().filter(|g| g.error.is_some());
        Ok(StatusView {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            started_ms: self.0.started_ms,
            now_ms: self.now(),
            repositories: self.0.repos.names(),
            tasks: TaskCounts {
                live: tally.live,
                blocked: tally.need_person,
            },
            gates: GateCounts {
                loaded: loaded.count() as u64,
                failed: failed.count() as u64,
            },
            background: self.0.tasks.now().into_iter().map(background).collect(),
        })
    }
}

fn background(task: Background) -> BackgroundView {
    BackgroundView {
        name: task.name.to_owned(),
        description: task.description.to_owned(),
        period_ms: task
            .period
            .map(|p| u64::try_from(p.as_millis()).unwrap_or(u64::MAX)),
        state: match task.state {
            TaskState::Running => BackgroundState::Running,
            TaskState::Pausing => BackgroundState::Pausing,
            TaskState::Ended => BackgroundState::Ended,
        },
        panics: task.panics,
        last_panic: task
            .last_panic
            .map(|(at_ms, says)| PanicView { at_ms, says }),
    }
}

/// Pipelines by the digest of the configuration that they are in.
type Pipelines = BTreeMap<String, Pipeline>;

/// The pipelines of some tasks, each read once.
async fn pipelines(tx: &mut Tx, records: &[TaskRecord]) -> Result<Pipelines, StoreError> {
    let mut pipelines = Pipelines::new();
    for record in records {
        if !pipelines.contains_key(&record.config_digest) {
            let pipeline = pipeline_of(&tx.config(&record.config_digest).await?)?;
            pipelines.insert(record.config_digest.clone(), pipeline);
        }
    }
    Ok(pipelines)
}

fn step_name(record: &TaskRecord, pipelines: &Pipelines) -> String {
    let pipeline = pipelines.get(&record.config_digest);
    pipeline
        .and_then(|p| p.step(record.task.stage, record.task.step))
        .map(Step::name)
        .unwrap_or_default()
}

fn line(record: &TaskRecord, pipelines: &Pipelines) -> TaskLine {
    let task = &record.task;
    TaskLine {
        work_item: task.work_item.to_string(),
        repo: task.repo.to_string(),
        title: task.title.clone(),
        stage: task.stage.to_string(),
        step: step_name(record, pipelines),
        status: status_of(&task.status),
        attempt: task.attempt(),
        rework_rounds: task.rework_rounds,
        priority: record.priority,
        updated: stamp(record.updated_ms),
    }
}

async fn view(tx: &mut Tx, record: TaskRecord, now: i64) -> Result<TaskView, StoreError> {
    let id = record.task.id;
    let pipelines = pipelines(tx, std::slice::from_ref(&record)).await?;
    let line = line(&record, &pipelines);
    let why = why(tx, &record, &line.step, now).await?;
    let (verdicts, verdict_count) = tx.latest_evaluations(id, LATEST_MAX).await?;
    let (runs, run_count) = tx.latest_runs(id, LATEST_MAX).await?;
    let (comments, comment_count) = tx.latest_comments(id, LATEST_MAX).await?;
    let stages = visits(&tx.events(id, 0, EVENTS_MAX).await?);
    let requests = tx.pull_requests(id).await?;
    let costs = tx.costs(CostsBy::Stage, Some(id), 0, 0, STAGES_MAX).await?;
    Ok(TaskView {
        why,
        branch: record.branch,
        head: record.task.head.as_ref().map(ToString::to_string),
        merged_commit: requests.iter().rev().find_map(|r| r.merged_sha.clone()),
        cost_usd: tx.spending(Some(id), 0).await?.known_usd,
        costs: costs.into_iter().map(costs::view).collect(),
        findings: record.task.findings,
        totals: TaskTotals {
            stages: stages.len() as u64,
            verdicts: verdict_count,
            runs: run_count,
            comments: comment_count,
        },
        stages: latest(stages),
        verdicts: verdicts.into_iter().map(verdict).collect(),
        runs: runs.into_iter().map(run).collect(),
        comments: comments
            .into_iter()
            .map(|c| format!("{}: {}", c.author, c.body))
            .collect(),
        line,
    })
}

fn latest(mut visits: Vec<StageVisit>) -> Vec<StageVisit> {
    let most = usize::try_from(LATEST_MAX).unwrap_or(usize::MAX);
    visits.split_off(visits.len().saturating_sub(most))
}

fn verdict(e: Evaluation) -> VerdictView {
    VerdictView {
        evaluation: e.id.0,
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
        folder: r.folder,
        started_ms: r.started_ms,
        finished_ms: r.finished_ms,
    }
}

/// What a task waits for, since when, and what would move it.
async fn why(tx: &mut Tx, record: &TaskRecord, step: &str, now: i64) -> Result<String, StoreError> {
    let (task, item) = (&record.task, &record.task.work_item);
    Ok(match &task.status {
        Status::Ended if task.stage == Stage::Done => "it is done".to_owned(),
        Status::Ended => "it was stopped; a new task may take up the same item".to_owned(),
        Status::Stopping => {
            "it is being stopped: its processes are ended and its work is kept".to_owned()
        }
        Status::AwaitingApproval { since_ms } => format!(
            "`{step}` since {}: a person has to `orch task approve {item}`",
            stamp(*since_ms)
        ),
        Status::NeedsInput { detail } => {
            format!("it needs input: {detail}; mend the request, then `orch task resume {item}`")
        }
        Status::Blocked { reason, detail } => format!(
            "it is blocked ({}): {detail}\n`orch task resume {item}` goes on",
            reason.as_str()
        ),
        Status::Waiting {
            reason,
            since_ms,
            deadline_ms,
        } => format!(
            "`{step}` waits for: {reason}, since {}, until {} at the latest",
            stamp(*since_ms),
            stamp(*deadline_ms)
        ),
        Status::Active => match tx.live_jobs(task.id).await?.first() {
            Some(job) => queued_why(tx, job, step, now).await?,
            None => format!("`{step}` has no job; this is a defect of the host"),
        },
    })
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

/// A gate that is loaded.
fn loaded(
    gate: &LoadedGate,
    config: &HostConfig,
    failure: Option<String>,
    quarantine: Option<String>,
    rolled_back: bool,
) -> GateView {
    let grants = GateGrants::of(config, "", &gate.name).unwrap_or_default();
    let missing = grants.missing(gate);
    let state = match (&quarantine, &missing) {
        (Some(_), _) => GateState::Quarantined,
        (None, Some(_)) => GateState::Ungranted,
        (None, None) if rolled_back => GateState::RolledBack,
        (None, None) => GateState::Serves,
    };
    GateView {
        name: gate.name.clone(),
        version: gate.descriptor.version.clone(),
        digest: gate.digest.clone(),
        size: gate.size,
        summary: gate.descriptor.summary.clone(),
        imports: gate.imports.iter().map(|i| i.as_str().to_owned()).collect(),
        state,
        error: failure
            .map(|f| format!("the file in the folder is not in force: {f}"))
            .or(quarantine)
            .or(missing),
    }
}

/// A file that does not load, and no version of it serves.
fn missing(name: &str, error: String) -> GateView {
    GateView {
        name: name.to_owned(),
        version: String::new(),
        digest: String::new(),
        size: 0,
        summary: String::new(),
        imports: Vec::new(),
        state: GateState::Missing,
        error: Some(error),
    }
}

/// From where to where an event moved a task, as `messages::event_data` writes it.
#[derive(Deserialize)]
struct Moved {
    from: Place,
    to: Place,
}

#[derive(Deserialize)]
struct Place {
    stage: String,
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
