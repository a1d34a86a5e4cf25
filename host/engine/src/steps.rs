//! One handler per job kind, and the one way a handler ends: job, event and whatever belongs to it in one
//! transaction, under the job's claim.

mod agent;
mod deploy;
mod gate;
mod image;
mod merge;
mod monitor;
mod overtaken;
mod staging;
mod stop;

pub(crate) use self::agent::ask_ci;

use anyhow::Context;
use orch_domain::id::{ObjectId, RunId, TaskId};
use orch_domain::job::JobKind;
use orch_domain::outcome::RunOutcome;
use orch_domain::pipeline::{HostWork, Step};
use orch_domain::task::BlockReason;
use orch_domain::transition::{Event, Judgement, WorkFailure};
use orch_domain::verdict::InconclusiveReason;
use orch_store::{
    BoxFuture, ClaimedJob, FinishOutcome, JobKey, NewRun, RunRow, StoreError, TaskRecord, Tx,
};

use crate::apply::{By, apply};
use crate::engine::{Engine, Repo};
use orch_config::Effective;

/// Writes that belong to the end of a job.
pub(crate) type Extra =
    Box<dyn for<'t> FnOnce(&'t mut Tx) -> BoxFuture<'t, Result<(), StoreError>> + Send>;

/// Nothing besides the event.
pub(crate) fn nothing() -> Extra {
    Box::new(|_| Box::pin(async { Ok(()) }))
}

/// Event before a run's commit is pushed.
const PUSH_INTENT: &str = "push-intent";
/// Event before the branch is moved to a prepared commit.
const MERGE_INTENT: &str = "merge-intent";

/// Data of an event that says which commit is about to be pushed: recovery reads whose it is.
fn intent(commit: &ObjectId) -> String {
    serde_json::json!({"head": commit.as_str()}).to_string()
}

/// Commits that the host itself was about to push when it last said so: found on the branch, they are its own,
/// whether or not the task knows of them already.
pub(crate) async fn own_pushes(tx: &mut Tx, task: TaskId) -> Result<Vec<ObjectId>, StoreError> {
    let mut own = Vec::new();
    for kind in [PUSH_INTENT, MERGE_INTENT] {
        let said = tx.latest_event(task, kind).await?;
        own.extend(said.as_deref().and_then(intended));
    }
    Ok(own)
}

/// The commit that such an event names.
fn intended(data: &str) -> Option<ObjectId> {
    let data: serde_json::Value = serde_json::from_str(data).ok()?;
    ObjectId::new(data.get("head")?.as_str()?).ok()
}

/// Runs the handler of a job.
pub(crate) async fn handle(engine: &Engine, job: &ClaimedJob) -> anyhow::Result<()> {
    match job.kind {
        JobKind::Agent => agent::handle(engine, job).await,
        JobKind::Gate => gate::handle(engine, job).await,
        JobKind::Staging => staging::handle(engine, job).await,
        JobKind::MergePrepare => merge::prepare(engine, job).await,
        JobKind::Land => merge::land(engine, job).await,
        JobKind::Deploy => deploy::handle(engine, job).await,
        JobKind::Ci => crate::ci::handle(engine, job).await,
        JobKind::Monitor => monitor::handle(engine, job).await,
        JobKind::Stop => stop::handle(engine, job).await,
    }
}

/// Turns the failure of a handler into the event that the pipeline's budgets understand.
pub(crate) async fn failed(engine: &Engine, job: &ClaimedJob, error: &str) -> anyhow::Result<()> {
    let detail = error.to_owned();
    let work = |work| Event::WorkFailed {
        work,
        failure: WorkFailure::Infra {
            detail: detail.clone(),
        },
    };
    let event = match job.kind {
        JobKind::Agent => Event::RunEnded {
            outcome: RunOutcome::LaunchFailed(detail),
            head: None,
        },
        JobKind::Gate => {
            let record = engine.record(job).await?;
            let pipeline = engine
                .stored_config(&record.config_digest)
                .await?
                .pipeline()?;
            let Some(Step::Gate(entry)) = pipeline.step(record.task.stage, record.task.step) else {
                return engine.bury(job, error).await;
            };
            let judgement = Judgement::Inconclusive {
                reason: InconclusiveReason::Unavailable,
                detail,
            };
            Event::GateJudged {
                entry: entry.clone(),
                judgement,
            }
        }
        JobKind::Staging => work(HostWork::Staging),
        JobKind::MergePrepare => work(HostWork::MergePrepare),
        JobKind::Land => work(HostWork::Land),
        JobKind::Deploy => work(HostWork::Deploy),
        JobKind::Ci | JobKind::Monitor | JobKind::Stop => {
            return engine.again_or_bury(job, error).await;
        }
    };
    engine.finish(job, event, nothing()).await
}

/// The run of the job's task that is not taken in: of this job, or of one before it that failed after its launch.
/// Whoever goes on with it starts no second one.
async fn open_run(engine: &Engine, job: &ClaimedJob) -> anyhow::Result<Option<RunRow>> {
    let (id, task) = (job.key.id, job.task.context("a run belongs to a task")?);
    let open = engine.0.store.read(|tx| Box::pin(tx.open_runs(task)));
    let mut open = open.await?;
    open.sort_by_key(|run| (run.job != id, std::cmp::Reverse(run.id.0)));
    Ok(open.into_iter().next())
}

/// Records a run, if the job is still this claim's: a handler whose claim was taken must not start anything.
async fn insert_run(tx: &mut Tx, key: JobKey, row: &NewRun, now: i64) -> Result<RunId, StoreError> {
    if !tx.holds(key).await? {
        return Err(StoreError::Refused(format!(
            "job {} is no longer this claim's",
            key.id
        )));
    }
    tx.insert_run(row, now).await
}

/// Ends a job that takes its host or handler down again and again, and blocks its task.
pub(crate) async fn crash_loop(engine: &Engine, job: &ClaimedJob) -> anyhow::Result<()> {
    let detail = format!(
        "job {} ({}) took its host or handler down {} times; the host's log says how",
        job.key.id,
        job.kind.as_str(),
        job.crashes
    );
    tracing::error!(
        job.id = job.key.id.0,
        task.id = job.task.map(|t| t.0),
        "{detail}"
    );
    let (key, task, kind) = (job.key, job.task, job.kind);
    let by = engine.by(&format!("job:{}", key.id));
    engine
        .0
        .store
        .write(move |tx| {
            Box::pin(async move {
                if tx.bury(key, &detail, by.now).await? == FinishOutcome::Fenced {
                    return Ok(());
                }
                match task.filter(|_| !matches!(kind, JobKind::Ci | JobKind::Monitor)) {
                    Some(task) => apply(
                        tx,
                        task,
                        &Event::Halted {
                            reason: BlockReason::CrashLoop,
                            detail,
                        },
                        &by,
                    )
                    .await
                    .map(|_| ()),
                    None => {
                        let alert = format!("crash-loop:{}", key.id);
                        tx.push_outbox(task, "alert", &alert, &detail, by.now).await
                    }
                }
            })
        })
        .await?;
    Ok(())
}

/// Tries of jobs that no pipeline budget counts.
const TRIES_MAX: i64 = 5;

impl Engine {
    /// The task of a job.
    pub(crate) async fn record(&self, job: &ClaimedJob) -> anyhow::Result<TaskRecord> {
        let id = job
            .task
            .with_context(|| format!("job {} has no task", job.key.id))?;
        Ok(self.0.store.read(|tx| Box::pin(tx.task(id))).await?)
    }

    /// The task of a job with its repository and configuration.
    pub(crate) async fn subject(
        &self,
        job: &ClaimedJob,
    ) -> anyhow::Result<(TaskRecord, &Repo, Effective)> {
        let record = self.record(job).await?;
        let repo = self.repo(record.task.repo.as_str())?;
        self.prepare(repo).await?;
        let effective = self.stored_config(&record.config_digest).await?;
        Ok((record, repo, effective))
    }

    /// Marks the processes of one run, on this machine and for all time: whoever carries it is killed at the
    /// run's end, so another host's run must never have the same.
    pub(crate) fn run_token(&self, folder: &orch_agents::folder::RunFolder) -> String {
        let owner = &self.0.store.owner().0;
        let text = format!("{owner}\0{}\0{}", folder.path().display(), self.now());
        hex::encode(sha2::Digest::finalize(
            <sha2::Sha256 as sha2::Digest>::new_with_prefix(text),
        ))
    }

    pub(crate) fn by(&self, actor: &str) -> By {
        By {
            actor: actor.to_owned(),
            now: self.now(),
            chance: self.0.clock.chance(),
        }
    }

    /// Ends a job: its row, what belongs to it, and the event, in one transaction. A claim that no longer
    /// holds writes nothing.
    pub(crate) async fn finish(
        &self,
        job: &ClaimedJob,
        event: Event,
        extra: Extra,
    ) -> anyhow::Result<()> {
        let key = job.key;
        let task = job
            .task
            .with_context(|| format!("job {} has no task", key.id))?;
        let by = self.by(&format!("job:{}", key.id));
        let fenced = self
            .0
            .store
            .write(move |tx| {
                Box::pin(async move {
                    let hinted = tx.was_hinted(key).await?;
                    if tx.complete(key, by.now).await? == FinishOutcome::Fenced {
                        return Ok(true);
                    }
                    extra(tx).await?;
                    // An event that does not fit changes nothing; the job has ended all the same.
                    apply(tx, task, &event, &by).await?;
                    if hinted {
                        tx.make_due(task, by.now).await?;
                    }
                    Ok(false)
                })
            })
            .await?;
        if fenced {
            tracing::warn!(
                job.id = key.id.0,
                epoch = key.epoch,
                "a late end of a job was refused"
            );
        }
        Ok(())
    }

    /// Ends a job that moves no task.
    pub(crate) async fn finish_quietly(
        &self,
        job: &ClaimedJob,
        extra: Extra,
    ) -> anyhow::Result<()> {
        let key = job.key;
        let now = self.now();
        self.0
            .store
            .write(move |tx| {
                Box::pin(async move {
                    if tx.complete(key, now).await? == FinishOutcome::Finished {
                        extra(tx).await?;
                    }
                    Ok(())
                })
            })
            .await?;
        Ok(())
    }

    async fn bury(&self, job: &ClaimedJob, error: &str) -> anyhow::Result<()> {
        let (key, now, error) = (job.key, self.now(), error.to_owned());
        let done = self
            .0
            .store
            .write(move |tx| Box::pin(async move { tx.bury(key, &error, now).await }))
            .await?;
        if done == FinishOutcome::Fenced {
            tracing::warn!(job.id = key.id.0, "a late end of a job was refused");
        }
        Ok(())
    }

    /// Puts a job off without using anything up.
    pub(crate) async fn put_off(
        &self,
        job: &ClaimedJob,
        until_ms: i64,
        reason: &str,
    ) -> anyhow::Result<()> {
        let (key, reason) = (job.key, reason.to_owned());
        let done = self
            .0
            .store
            .write(move |tx| {
                Box::pin(async move { tx.put_off(key, until_ms, &reason, true).await })
            })
            .await?;
        if done == FinishOutcome::Fenced {
            tracing::warn!(job.id = key.id.0, "a late write of a job was refused");
        }
        Ok(())
    }

    async fn again_or_bury(&self, job: &ClaimedJob, error: &str) -> anyhow::Result<()> {
        if job.attempt >= TRIES_MAX && job.kind != JobKind::Stop {
            return self.bury(job, error).await;
        }
        if job.attempt == TRIES_MAX {
            // A stop is never given up: its task could be neither stopped nor resumed any more.
            let (task, now, key) = (job.task, self.now(), format!("stop:{}", job.key.id));
            let text = format!("a stop fails again and again and goes on trying: {error}");
            self.0
                .store
                .write(move |tx| {
                    Box::pin(async move { tx.push_outbox(task, "alert", &key, &text, now).await })
                })
                .await?;
        }
        let failures = u32::try_from(job.attempt).unwrap_or(1);
        let delay = orch_domain::retry::backoff_ms(
            orch_domain::retry::BACKOFF_BASE_MS,
            failures,
            self.0.clock.chance(),
        );
        let (key, at, error) = (job.key, self.now() + delay, error.to_owned());
        let done = self
            .0
            .store
            .write(move |tx| Box::pin(async move { tx.put_off(key, at, &error, false).await }))
            .await?;
        if done == FinishOutcome::Fenced {
            tracing::warn!(job.id = key.id.0, "a late write of a job was refused");
        }
        Ok(())
    }

    /// Appends an event that moves nothing, such as the intent before an irreversible act.
    pub(crate) async fn note(
        &self,
        task: TaskId,
        kind: &'static str,
        data: String,
    ) -> anyhow::Result<()> {
        let now = self.now();
        self.0
            .store
            .write(move |tx| {
                Box::pin(async move {
                    tx.append_event(Some(task), kind, "host", &data, now)
                        .await
                        .map(|_| ())
                })
            })
            .await?;
        Ok(())
    }
}

/// What an evaluation without a host comes to: the same rules as the live path.
pub(crate) fn judge_offline_evaluation(
    evaluation: &orch_gates::Evaluation,
    gate: &orch_gates::LoadedGate,
    head: &str,
) -> gate::Judged {
    gate::judge(evaluation, Some(gate), head)
}
