//! Writes what a transition decided: task, event, jobs and messages in one transaction.

use std::collections::BTreeSet;
use std::sync::Arc;

use orch_domain::id::{DoorName, RepoName, TaskId};
use orch_domain::job::JobKind;
use orch_domain::message::Message;
use orch_domain::names::{JobName, LeaseName};
use orch_domain::notice::Progress;
use orch_domain::person::Channel;
use orch_domain::pipeline::Pipeline;
use orch_domain::port::forge::NewPullRequest;
use orch_domain::stage::Stage;
use orch_domain::task::{Status, Task};
use orch_domain::transition::{Chance, Effect, Event, Transition, transition};
use orch_store::{Cancel, CasOutcome, NewJob, TaskRecord, Tx};

use super::issues::{remark_on, want_issue};
use super::lanes;
use super::messages;
use super::notices::announce;
use super::turn::{give_turn, waits_for_person, wake_waiters};
use super::unwritten::Unwritten;
use orch_config::Effective;

/// Who shows people where tasks are.
#[derive(Debug, Default)]
pub(crate) struct Showing {
    /// Notifiers that tell stages.
    pub(crate) notifiers: Vec<DoorName>,
    /// Repositories whose pull requests people read.
    pub(crate) repositories: BTreeSet<RepoName>,
}

/// Who hands the event in, and when.
#[derive(Debug, Clone)]
pub(crate) struct By {
    pub(crate) actor: String,
    /// On which way a person asked; none for the host itself.
    pub(crate) channel: Option<Channel>,
    pub(crate) now: i64,
    pub(crate) chance: f64,
    /// Who shows where the task is from now on.
    pub(crate) showing: Arc<Showing>,
}

/// What became of an event.
#[derive(Debug)]
pub(crate) enum Applied {
    /// The task moved.
    Moved(Box<Task>),
    /// The event does not fit.
    Ignored(String),
}

/// The pipeline that a task began with.
pub(crate) async fn pipeline_of(tx: &mut Tx, record: &TaskRecord) -> Result<Pipeline, Unwritten> {
    pipeline_stored(tx, &record.config_digest).await
}

/// The pipeline of a stored configuration.
pub(crate) async fn pipeline_stored(tx: &mut Tx, digest: &str) -> Result<Pipeline, Unwritten> {
    let unusable = |why: String| Unwritten::Configuration {
        digest: digest.to_owned(),
        why,
    };
    let effective: Effective =
        serde_json::from_str(&tx.config(digest).await?).map_err(|e| unusable(e.to_string()))?;
    effective.pipeline().map_err(|e| unusable(e.to_string()))
}

/// Hands `event` to the transition function and writes what it decides.
pub(crate) async fn apply(
    tx: &mut Tx,
    id: TaskId,
    event: &Event,
    by: &By,
) -> Result<Applied, Unwritten> {
    let record = tx.task(id).await?;
    let pipeline = pipeline_of(tx, &record).await?;
    let (task, effects) =
        match transition(&record.task, &pipeline, event, by.now, Chance(by.chance)) {
            Transition::Applied { task, effects } => (task, effects),
            Transition::Ignored { reason } => {
                tracing::debug!(
                    task.id = id.0,
                    event = event.kind().as_str(),
                    reason,
                    "an event changes nothing"
                );
                return Ok(Applied::Ignored(reason));
            }
        };
    match tx.update_task(&task, record.task.version, by.now).await? {
        CasOutcome::Applied => {}
        // One writer: nobody can have moved the task between the read above and this write.
        CasOutcome::Stale => return Err(Unwritten::TaskMoved(id)),
    }
    give_turn(tx, &task, &pipeline, by.now).await?;
    if waits_for_person(&record.task, &pipeline) && !waits_for_person(&task, &pipeline) {
        tx.acknowledge_alerts_of(id, &by.actor, by.now).await?;
    }
    if !pipeline.is_drill {
        lanes::count(tx, &record.task, &task, &pipeline, event, by.now).await?;
    }
    let data = messages::event_data(event, &record.task, &task);
    let who = (by.actor.as_str(), by.channel);
    tx.append_event_by(Some(id), event.kind(), who, &data, by.now)
        .await?;
    for (index, effect) in effects.iter().enumerate() {
        carry_out(tx, &record, &task, index, effect, by).await?;
    }
    if !pipeline.is_drill {
        show_progress(tx, &record, &task, by).await?;
    }
    tracing::info!(
        task.id = id.0,
        work_item = %task.work_item,
        event = event.kind().as_str(),
        stage = %task.stage,
        step = task.step,
        status = task.status.name(),
        "task moved"
    );
    Ok(Applied::Moved(task))
}

/// Has notifiers and the pull request show where the task is, if people would see a difference.
async fn show_progress(
    tx: &mut Tx,
    record: &TaskRecord,
    task: &Task,
    by: &By,
) -> Result<(), Unwritten> {
    let before = &record.task;
    let seen = |task: &Task| (task.stage, task.status.name());
    if seen(before) == seen(task) && task.version > 1 {
        return Ok(());
    }
    let progress = || Progress {
        task: task.id,
        work_item: task.work_item.clone(),
        repo: task.repo.clone(),
        title: task.title.clone(),
        stage: task.stage,
        status: task.status.name().to_owned(),
        at_ms: by.now,
    };
    // What is written there costs calls and tells of itself by webhooks: each stage, and what needs a person.
    let is_news = before.stage != task.stage
        || matches!(
            task.status,
            Status::Blocked { .. } | Status::NeedsInput { .. } | Status::AwaitingApproval { .. }
        );
    let is_open = task.stage >= Stage::Development && task.stage < Stage::Deploy;
    if is_news && is_open && by.showing.repositories.contains(&task.repo) {
        let branches = tx.task_branches(task.id).await?;
        if branches
            .iter()
            .any(|b| b.branch == record.branch && b.landed.is_none())
        {
            let message = Message::DescribePullRequest {
                repo: task.repo.clone(),
                branch: record.branch.clone(),
                progress: progress(),
                rounds: (task.rework_rounds, task.rework_rounds_max),
            };
            let key = format!("describe:{}:{}", task.id, task.version);
            tx.push_message(Some(task.id), &message, &key, by.now)
                .await?;
        }
    }
    for to in &by.showing.notifiers {
        let progress = progress();
        let key = format!("progress:{}:{}@{to}", task.id, task.version);
        let to = to.clone();
        let message = Message::Progress { to, progress };
        tx.push_message(Some(task.id), &message, &key, by.now)
            .await?;
    }
    Ok(())
}

async fn carry_out(
    tx: &mut Tx,
    record: &TaskRecord,
    task: &Task,
    index: usize,
    effect: &Effect,
    by: &By,
) -> Result<(), Unwritten> {
    let key = format!("{}:{}:{index}", task.id, task.version);
    let repo = task.repo.as_str();
    match effect {
        Effect::Enqueue {
            kind,
            delay_ms,
            put_off,
        } => {
            let job = NewJob {
                kind: *kind,
                task: Some(task.id),
                repo: repo.to_owned(),
                payload: "{}".to_owned(),
                priority: if *kind == JobKind::Stop {
                    0
                } else {
                    record.priority
                },
                run_at_ms: by.now.saturating_add(*delay_ms),
                name: Some(JobName::Step(task.id)),
                put_off: put_off.clone(),
            };
            match tx.enqueue(&job, by.now).await? {
                orch_store::EnqueueOutcome::Enqueued(_) => {}
                orch_store::EnqueueOutcome::AlreadyQueued(other) => {
                    return Err(Unwritten::JobLive {
                        job: other,
                        task: task.id,
                    });
                }
            }
        }
        Effect::CancelJobs => {
            // A commit that is being tested is worth testing whatever becomes of the step, and what was deployed is
            // worth watching; only a stop ends that.
            let which = match task.status == Status::Stopping {
                true => Cancel::Everything,
                false => Cancel::Steps,
            };
            tx.cancel_jobs(task.id, by.now, which).await?;
        }
        Effect::ReleaseMergeLease => {
            if tx
                .release_lease(&LeaseName::Merge(task.repo.clone()), task.id)
                .await?
            {
                wake_waiters(tx, task, by.now).await?;
            }
        }
        Effect::Notify(kind) => {
            let key = format!("notice:{key}");
            announce(tx, Some(task.id), &key, kind.clone(), by.now).await?;
        }
        Effect::Tracker(state) => want_issue(tx, task.id, *state, &key, by.now).await?,
        Effect::Comment(remark) => {
            remark_on(tx, task.id, remark.clone(), &key, by.now).await?;
        }
        Effect::OpenPullRequest => {
            tx.record_pull_request(task.id, &record.branch, by.now)
                .await?;
            let request = NewPullRequest {
                task: task.id,
                branch: record.branch.clone(),
                base: record.base_branch.clone(),
                title: format!("{}: {}", task.work_item, task.title),
            };
            let key = format!("pull-request:{}:{}", task.id, record.branch);
            let repo = task.repo.clone();
            let message = Message::OpenPullRequest { repo, request };
            tx.push_message(Some(task.id), &message, &key, by.now)
                .await?;
        }
        Effect::ClosePullRequest => {
            let branches = tx.task_branches(task.id).await?;
            for open in branches.into_iter().filter(|b| b.landed.is_none()) {
                let key = format!("close:{}:{}", task.id, open.branch);
                let message = Message::ClosePullRequest {
                    repo: task.repo.clone(),
                    branch: open.branch,
                };
                tx.push_message(Some(task.id), &message, &key, by.now)
                    .await?;
            }
        }
        Effect::NewBranch => {
            let count = tx.task_branches(task.id).await?.len();
            let branch = format!(
                "{}-{}",
                messages::branch(&task.work_item, task.id),
                count + 1
            );
            tx.set_branch(task.id, &branch).await?;
        }
        Effect::RemoveWorkspace => {
            let message = Message::RemoveWorkspace {
                task: task.id,
                work_item: task.work_item.clone(),
                repo: task.repo.clone(),
            };
            let key = format!("workspace:{key}");
            tx.push_message(Some(task.id), &message, &key, by.now)
                .await?;
        }
    }
    Ok(())
}
