//! What a job came to, as data; one place writes it.
//!
//! Job, event and everything that belongs to them are one transaction under the job's claim. A claim that no longer
//! holds writes nothing.

use anyhow::Context;
use orch_config::BudgetsConfig;
use orch_domain::batch::WhyDissolved;
use orch_domain::commit_test::TestState;
use orch_domain::event::EventKind;
use orch_domain::id::{BatchId, ObjectId, ReleaseId, RepoName, RunId, TaskId, UnixMs};
use orch_domain::job::{JobKind, PutOff, PutOffKind};
use orch_domain::message::{Message, StatusNote};
use orch_domain::notice::NoticeKind;
use orch_domain::pipeline::HostWork;
use orch_domain::release::{ReleaseState, RollbackEnd};
use orch_domain::stage::Role;
use orch_domain::task::BlockReason;
use orch_domain::transition::{Event, WorkFailure};
use orch_judge::Staged;
use orch_store::{
    ClaimedJob, CountsAsTry, EnqueueOutcome, EvidenceRow, FinishOutcome, Landing, NewEvaluation,
    NewJob, RunEnd, StoreError, Tx,
};

use super::Ledger;
use super::apply::{By, apply};
use super::batches::{self, TestedBatch};
use super::budget::warn;
use super::ci_request::{ask_ci, post_status};
use super::gate_status::GateStatus;
use super::intent::intent;
use super::notices::announce;
use super::releases::{self, WatchEnd};
use super::unwritten::Unwritten;

/// Tries of jobs that no pipeline budget counts.
const TRIES_MAX: i64 = 5;

/// What a job came to.
#[derive(Debug)]
#[must_use]
pub(crate) enum Ending {
    /// It moves its task.
    Event { event: Event, also: Vec<Write> },
    /// It moves nothing.
    Quiet { also: Vec<Write> },
    /// It has to be done later; nothing is used up.
    PutOff {
        until_ms: UnixMs,
        why: PutOff,
        also: Vec<Write>,
    },
}

impl Ending {
    /// Nothing belongs to the event.
    pub(crate) fn event(event: Event) -> Self {
        Self::Event {
            event,
            also: Vec::new(),
        }
    }

    /// The host's work did not do what it should.
    pub(crate) fn failed(work: HostWork, failure: WorkFailure) -> Self {
        Self::event(Event::WorkFailed { work, failure })
    }
}

/// Something that is written together with the end of a job.
#[derive(Debug)]
pub(crate) enum Write {
    /// Refuse everything if the task is not as it was seen: what was found is about something else then.
    ExpectTask {
        version: i64,
        head: Option<ObjectId>,
    },
    /// The end of a run; refused if it was taken in before.
    RunEnded { run: RunId, end: RunEnd },
    /// Which artefacts a run left, with their blobs.
    Provenance {
        run: RunId,
        role: Role,
        artefacts: Vec<(String, String)>,
    },
    /// A warning if most of a budget is used up.
    BudgetWarning { budgets: BudgetsConfig },
    /// A commit is to be tested.
    AskCi(ObjectId),
    /// The test of a commit ended.
    TestEnded {
        sha: ObjectId,
        state: TestState,
        note: StatusNote,
    },
    /// The forge is told how a gate judged a commit.
    GateStatus(GateStatus),
    /// Something that the host found out.
    Evidence(EvidenceRow),
    /// An artefact of the host.
    HostArtefact { name: String, content: String },
    /// A judgement with what belongs to it.
    Evaluation(Box<KeptEvaluation>),
    /// What gates staged comes into force.
    ApplyMemory,
    /// From here on the branch stands on this base, and on nothing that it stood on before.
    MovedOnto(ObjectId),
    /// The pull request of a branch has landed as a commit.
    Merged { branch: String, sha: ObjectId },
    /// What the tests of a batch came to, for its members but the job's own task.
    BatchTested(Box<TestedBatch>),
    /// A batch landed.
    BatchLanded(BatchId),
    /// A batch lands nothing.
    BatchDissolved { batch: BatchId, why: WhyDissolved },
    /// The hook of the task's deploy ended.
    ReleaseEnded(ReleaseState),
    /// The watch over a release ended.
    Watched { release: ReleaseId, end: WatchEnd },
    /// Putting production back ended.
    RolledBack {
        release: ReleaseId,
        end: RollbackEnd,
        detail: String,
    },
    /// Another job, unless it is queued already.
    Enqueue(NewJob),
    /// Whoever waits for something of this task may look again.
    WakeTask,
    /// Another task may look again.
    Wake(TaskId),
    /// People are told, once per key.
    Announce { key: String, kind: NoticeKind },
}

/// A judgement as it is kept.
#[derive(Debug)]
pub(crate) struct KeptEvaluation {
    pub(crate) row: NewEvaluation,
    /// Its recording; none if it cannot be replayed.
    pub(crate) recording: Option<String>,
    /// Whether it replaces what the gate staged before for the task.
    pub(crate) replaces: bool,
    pub(crate) staged: Vec<Staged>,
    /// The artefact that belongs to the gate, with its name.
    pub(crate) artefact: Option<(String, String)>,
}

impl KeptEvaluation {
    /// Writes the evaluation and everything that belongs to it.
    pub(crate) async fn write(
        self,
        tx: &mut Tx,
        task: TaskId,
        now: UnixMs,
    ) -> Result<(), StoreError> {
        let id = tx.insert_evaluation(&self.row, now).await?;
        if let Some(text) = self.recording {
            tx.put_recording(id, &text).await?;
        }
        let gate = &self.row.gate;
        if self.replaces && self.row.reused_from.is_none() {
            tx.unstage_memory(task, gate).await?;
        }
        for staged in self.staged {
            let value = staged.value.as_deref();
            tx.stage_memory(task, gate, &staged.key, value, staged.read_version)
                .await?;
        }
        match self.artefact {
            Some((name, text)) => tx.put_host_artefact(task, &name, &text, now).await,
            None => Ok(()),
        }
    }
}

/// A job's repository and task, for what is written about them.
struct Of<'a> {
    task: TaskId,
    repo: &'a RepoName,
    now: UnixMs,
    by: &'a By,
}

impl Write {
    async fn carry_out(self, tx: &mut Tx, of: &Of<'_>) -> Result<(), Unwritten> {
        let &Of {
            task, repo, now, ..
        } = of;
        match self {
            Self::ExpectTask { version, head } => {
                let present = tx.task(task).await?.task;
                if present.version != version || present.head != head {
                    return Err(Unwritten::TaskMoved(task));
                }
            }
            Self::RunEnded { run, end } => {
                if !tx.finalise_run(run, &end, now).await? {
                    return Err(Unwritten::TakenIn(run));
                }
            }
            Self::Provenance {
                run,
                role,
                artefacts,
            } => {
                for (path, blob) in &artefacts {
                    tx.record_provenance(task, path, blob, role, run).await?;
                }
            }
            Self::BudgetWarning { budgets } => warn(tx, task, &budgets, now).await?,
            Self::AskCi(sha) => ask_ci(tx, repo, task, &sha, now).await?,
            Self::TestEnded { sha, state, note } => {
                tx.end_test(repo, &sha, state, now).await?;
                post_status(tx, repo, task, &sha, note, now).await?;
            }
            Self::GateStatus(status) => status.write(tx, task, repo, now).await?,
            Self::Evidence(row) => tx.put_evidence(task, &row).await?,
            Self::HostArtefact { name, content } => {
                tx.put_host_artefact(task, &name, &content, now).await?;
            }
            Self::Evaluation(kept) => kept.write(tx, task, now).await?,
            Self::ApplyMemory => {
                for key in &tx.apply_memory(task, repo.as_str()).await?.overtaken {
                    tracing::warn!(
                        task.id = task.0,
                        key,
                        "another landing overtook what a gate wanted to keep; it is dropped"
                    );
                }
            }
            Self::MovedOnto(base) => {
                let data = intent(&base);
                tx.append_event(Some(task), EventKind::MovedOnto, "host", &data, now)
                    .await?;
            }
            Self::Merged { branch, sha } => {
                let branches = tx.task_branches(task).await?;
                let has_request = branches.iter().any(|b| b.branch == branch);
                match tx.record_landing(task, &branch, &sha, now).await? {
                    Landing::Noted => {}
                    Landing::AsAnother(before) => {
                        let before = before.to_string();
                        return Err(Unwritten::Merged { branch, before });
                    }
                }
                if has_request {
                    let key = format!("merged:{task}:{branch}");
                    let message = Message::MarkMerged {
                        repo: repo.clone(),
                        branch,
                        commit: sha,
                    };
                    tx.push_message(Some(task), &message, &key, now).await?;
                }
            }
            Self::ReleaseEnded(state) => releases::ended(tx, task, state, now).await?,
            Self::Watched { release, end } => releases::watched(tx, release, end, now).await?,
            Self::RolledBack {
                release,
                end,
                detail,
            } => releases::rolled_back(tx, release, end, &detail, now).await?,
            Self::Enqueue(job) => {
                let (EnqueueOutcome::Enqueued(_) | EnqueueOutcome::AlreadyQueued(_)) =
                    tx.enqueue(&job, now).await?;
            }
            Self::WakeTask => {
                tx.make_due(task, now).await?;
            }
            Self::Wake(other) => {
                tx.make_due(other, now).await?;
            }
            Self::BatchTested(tested) => batches::settle(tx, *tested, task, of.by).await?,
            Self::BatchLanded(batch) => batches::landed(tx, batch, task, now).await?,
            Self::BatchDissolved { batch, why } => {
                batches::dissolve(tx, batch, why, task, now).await?;
            }
            Self::Announce { key, kind } => announce(tx, Some(task), &key, kind, now).await?,
        }
        Ok(())
    }
}

async fn carry_out_all(tx: &mut Tx, also: Vec<Write>, of: &Of<'_>) -> Result<(), Unwritten> {
    for write in also {
        write.carry_out(tx, of).await?;
    }
    Ok(())
}

impl Ledger {
    /// Ends a job: its row, what belongs to it, and the event, in one transaction.
    pub(crate) async fn end(&self, job: &ClaimedJob, ending: Ending) -> anyhow::Result<()> {
        let key = job.key;
        let task = job
            .task
            .with_context(|| format!("job {} has no task", key.id))?;
        let repo = RepoName::new(job.repo.clone())
            .with_context(|| format!("repository of job {}", key.id))?;
        let by = self.by(&format!("job:{}", key.id));
        let done = self
            .write_or(move |tx| {
                Box::pin(async move {
                    let of = Of {
                        task,
                        repo: &repo,
                        now: by.now,
                        by: &by,
                    };
                    let (event, also) = match ending {
                        Ending::PutOff {
                            until_ms,
                            why,
                            also,
                        } => {
                            let hinted = tx.was_hinted(key).await?;
                            // What it waits for may have come while it was still looking.
                            let at_ms = if hinted { by.now } else { until_ms };
                            let done = tx.put_off(key, at_ms, &why, CountsAsTry::No).await?;
                            if done == FinishOutcome::Finished {
                                carry_out_all(tx, also, &of).await?;
                            }
                            return Ok(done);
                        }
                        Ending::Event { event, also } => (Some(event), also),
                        Ending::Quiet { also } => (None, also),
                    };
                    let hinted = tx.was_hinted(key).await?;
                    let done = tx.complete(key, by.now).await?;
                    if done == FinishOutcome::Fenced {
                        return Ok(done);
                    }
                    carry_out_all(tx, also, &of).await?;
                    if let Some(event) = event {
                        // An event that does not fit changes nothing; the job has ended all the same.
                        apply(tx, task, &event, &by).await?;
                        if hinted {
                            tx.make_due(task, by.now).await?;
                        }
                    }
                    Ok(done)
                })
            })
            .await?;
        note_fenced(job, done);
        Ok(())
    }

    /// Ends a job for good with its error.
    pub(crate) async fn bury(&self, job: &ClaimedJob, error: &str) -> anyhow::Result<()> {
        let done = self
            .store()
            .bury(job.key, error.to_owned(), self.now())
            .await?;
        note_fenced(job, done);
        Ok(())
    }

    /// Tries a job again later that no pipeline budget counts, or ends it when that was done often enough.
    pub(crate) async fn again_or_bury(&self, job: &ClaimedJob, error: &str) -> anyhow::Result<()> {
        if job.attempt >= TRIES_MAX && job.kind != JobKind::Stop {
            return self.bury(job, error).await;
        }
        if job.attempt == TRIES_MAX {
            // A stop is never given up: its task could be neither stopped nor resumed any more.
            let error = error.to_owned();
            let key = format!("stop:{}", job.key.id);
            self.announce(job.task, key, NoticeKind::StopFails { error })
                .await?;
        }
        let failures = u32::try_from(job.attempt).unwrap_or(1);
        let delay = orch_domain::retry::backoff_ms(
            orch_domain::retry::BACKOFF_BASE_MS,
            failures,
            self.chance(),
        );
        let (at, why) = (self.now() + delay, PutOff::new(PutOffKind::Retry, error));
        let done = self
            .store()
            .put_off(job.key, at, why, CountsAsTry::Yes)
            .await?;
        note_fenced(job, done);
        Ok(())
    }

    /// Ends a job that takes its host or handler down again and again, and blocks its task.
    pub(crate) async fn crash_loop(&self, job: &ClaimedJob) -> anyhow::Result<()> {
        let crashes = u32::try_from(job.crashes).unwrap_or(u32::MAX);
        let detail = orch_words::notice::crash_loop(job.key.id, job.kind, crashes);
        tracing::error!(
            job.id = job.key.id.0,
            task.id = job.task.map(|t| t.0),
            "{detail}"
        );
        let (key, task, kind) = (job.key, job.task, job.kind);
        let payload = job.payload.clone();
        let by = self.by(&format!("job:{}", key.id));
        self.write_or(move |tx| {
            Box::pin(async move {
                if tx.bury(key, &detail, by.now).await? == FinishOutcome::Fenced {
                    return Ok(());
                }
                if kind == JobKind::Rollback {
                    return Ok(releases::given_up(tx, &payload, &detail, by.now).await?);
                }
                match task.filter(|_| !kind.works_beside_steps()) {
                    Some(task) => {
                        let event = Event::Halted {
                            reason: BlockReason::CrashLoop,
                            detail,
                        };
                        apply(tx, task, &event, &by).await.map(|_| ())
                    }
                    None => {
                        let (job, name) = (key.id, format!("crash-loop:{}", key.id));
                        let notice = NoticeKind::CrashLoop { job, kind, crashes };
                        Ok(announce(tx, task, &name, notice, by.now).await?)
                    }
                }
            })
        })
        .await?;
        Ok(())
    }
}

fn note_fenced(job: &ClaimedJob, done: FinishOutcome) {
    match done {
        FinishOutcome::Finished => {}
        FinishOutcome::Fenced => tracing::warn!(
            job.id = job.key.id.0,
            job.epoch = job.key.epoch,
            "a late write of a job was refused"
        ),
    }
}

#[cfg(test)]
mod tests;
