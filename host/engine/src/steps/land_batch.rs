//! Lands a batch: all of its commits by one move of the base to the tested one, or none.
//!
//! Every member comes to its landing by itself and says that it is ready. The leader waits for the last of them, shuts
//! the door, and lands for all. Who is in the base then goes on by itself again. A batch that lost a member, its base
//! or its lease is over, and each member prepares anew.

use orch_config::{Effective, ForgePlace};
use orch_domain::batch::{BatchState, Part, WhyDissolved, is_about_to_land, is_at_landing};
use orch_domain::commit_test::TestState;
use orch_domain::event::EventKind;
use orch_domain::id::{BatchId, ObjectId};
use orch_domain::job::{PutOff, PutOffKind};
use orch_domain::message::StatusNote;
use orch_domain::names::LeaseName;
use orch_domain::pipeline::{HostWork, Mode, Step};
use orch_domain::port::forge::{BranchMove, LandOutcome, PushOutcome, PushedAll};
use orch_domain::transition::{Event, WorkFailure};
use orch_store::{Batch, BatchMember, ClaimedJob, TaskRecord};

use super::approval::{self, Approval};
use super::gate::{Judging, Subject, is_last};
use super::lease::MergeLease;
use super::others::{taken_back, turned};
use super::overtaken;
use super::stack::{Branch, listed_branch};
use super::stop_asked::{AGAIN_MS, Stop, StopAsked};
use crate::ledger::Ledger;
use crate::ledger::apply::pipeline_of;
use crate::ledger::ending::{Ending, Write};
use crate::ledger::gate_status::GateStatus;
use crate::ledger::intent::{intended, intent};
use crate::ledger::repos::Repo;
use crate::ledger::unwritten::Unwritten;

/// What this step is to the pipeline.
const WORK: HostWork = HostWork::Land;
/// How often a member looks whether its batch has landed; the leader wakes it anyway.
const LOOK_MS: i64 = 15_000;
/// How often the leader looks for those who are not ready; each of them wakes it anyway.
const LEADER_LOOK_MS: i64 = 5_000;
/// How long the gates of the members may take between the pass of the tests and the landing: the merge lease is held.
const GATES_MS: i64 = 10 * 60_000;

/// Lands batches. Clones are the same.
#[derive(Debug, Clone)]
pub(super) struct BatchLanding {
    pub(super) ledger: Ledger,
    pub(super) lease: MergeLease,
    pub(super) judging: Judging,
    pub(super) stops: StopAsked,
}

/// A task at its landing.
#[derive(Clone, Copy)]
pub(super) struct At<'a> {
    pub(super) job: &'a ClaimedJob,
    pub(super) record: &'a TaskRecord,
    pub(super) effective: &'a Effective,
    pub(super) repo: &'a Repo,
}

/// Whether the batch may land now.
enum Door {
    /// All are ready and nobody leaves any more.
    Shut,
    /// So many are not ready yet.
    Open(usize),
    /// One of them does not come any more.
    Left,
}

impl BatchLanding {
    pub(super) async fn run(&self, at: At<'_>, id: BatchId) -> anyhow::Result<Ending> {
        let At { record, repo, .. } = at;
        let task = record.task.id;
        let batch = self.ledger.read(|tx| Box::pin(tx.batch(id))).await?;
        let Some(own) = batch.member(task).filter(|m| m.part.is_in()).cloned() else {
            return Ok(stale(format!("the task is not in batch {id} any more")));
        };
        let base = repo.base_tip().await?;
        if batch.state == BatchState::Landed || self.is_in_base(at, &own, &base).await? {
            return self.landed(at, &batch, &own).await;
        }
        if let Some((why, detail)) = self.over(at, &batch, &base).await? {
            return Ok(given_up(id, why, stale(detail)));
        }
        if own.part == Part::In {
            if let Some(failure) = self.unapproved(at, &own).await? {
                let ending = Ending::failed(WORK, failure);
                return Ok(given_up(id, WhyDissolved::MemberLeft, ending));
            }
            if let Some(failure) = self.judge_again(at, &own).await? {
                let ending = Ending::failed(WORK, failure);
                return Ok(given_up(id, WhyDissolved::MemberLeft, ending));
            }
            self.note_ready(at, id).await?;
        }
        if batch.leader != task {
            return Ok(Ending::PutOff {
                until_ms: self.ledger.now() + LOOK_MS,
                why: PutOff::new(PutOffKind::Waiting, format!("batch {id} to land")),
                also: vec![Write::Wake(batch.leader)],
            });
        }
        self.lead(at, &batch, &own).await
    }

    /// Whether the task's commits are in the base already: an earlier try landed them and could not say so any more.
    async fn is_in_base(
        &self,
        at: At<'_>,
        own: &BatchMember,
        base: &ObjectId,
    ) -> anyhow::Result<bool> {
        let task = own.task;
        let said = self
            .ledger
            .read(|tx| Box::pin(tx.latest_event(task, EventKind::LandIntent)))
            .await?;
        let is_own = said.as_deref().and_then(intended).as_ref() == Some(&own.tip);
        Ok(is_own && at.repo.mirror.is_ancestor(&own.tip, base).await?)
    }

    /// Why the batch cannot land any more, if it cannot.
    async fn over(
        &self,
        at: At<'_>,
        batch: &Batch,
        base: &ObjectId,
    ) -> anyhow::Result<Option<(WhyDissolved, String)>> {
        let (id, record) = (batch.id, at.record);
        let lease = LeaseName::Merge(record.task.repo.clone());
        let (leader, now) = (batch.leader, self.ledger.now());
        let held = self
            .ledger
            .read(|tx| Box::pin(async move { tx.holds_lease(&lease, leader, now).await }))
            .await?;
        let over = |why, detail: String| Ok(Some((why, detail)));
        match batch.state {
            BatchState::Testing | BatchState::Dissolved | BatchState::Landed => {
                let detail = format!("batch {id} is `{}`", batch.state);
                return over(WhyDissolved::MemberLeft, detail);
            }
            BatchState::Passed if record.task.stop_requested => {
                let detail = format!("the task leaves batch {id}: it is to be stopped");
                return over(WhyDissolved::MemberLeft, detail);
            }
            BatchState::Passed if now > batch.moved_ms.saturating_add(GATES_MS) => {
                let detail = format!("the gates of batch {id} took too long");
                return over(WhyDissolved::GatesSlow, detail);
            }
            BatchState::Passed | BatchState::Landing => {}
        }
        if *base != batch.base {
            let detail = format!("`{}` moved to {base} after the re-test", record.base_branch);
            return over(WhyDissolved::BaseMoved, detail);
        }
        if !held {
            let detail = format!("batch {id} holds the merge lease no longer");
            return over(WhyDissolved::LeaseLost, detail);
        }
        Ok(None)
    }

    /// Has gates judge again whose memory another landing changed; answers why the task may not land, if one says so.
    /// No other landing comes between this and the batch's own: its leader holds the lease.
    async fn judge_again(
        &self,
        at: At<'_>,
        own: &BatchMember,
    ) -> anyhow::Result<Option<WorkFailure>> {
        let subject = Subject {
            job: at.job,
            record: at.record,
            repo: at.repo,
            head: &own.tip,
            base: &own.below,
        };
        overtaken::judge_again(&self.judging, subject, at.effective).await
    }

    /// Why nobody's approval is of this landing any more; what a member brings is its own commits, stacked without a
    /// conflict.
    async fn unapproved(
        &self,
        at: At<'_>,
        own: &BatchMember,
    ) -> anyhow::Result<Option<WorkFailure>> {
        let pipeline = at.effective.pipeline()?;
        let approved = approval::of(&self.ledger, at.record, at.repo, &pipeline, &own.head).await?;
        Ok(match approved {
            Approval::NotAsked | Approval::Stands(_) => None,
            Approval::Void(detail) => Some(WorkFailure::Unapproved { detail }),
        })
    }

    async fn note_ready(&self, at: At<'_>, id: BatchId) -> anyhow::Result<()> {
        let (key, task) = (at.job.key, at.record.task.id);
        let held = self
            .ledger
            .write(move |tx| {
                Box::pin(async move {
                    Ok(tx.holds(key).await? && tx.set_part(id, task, Part::Ready).await?)
                })
            })
            .await?;
        anyhow::ensure!(held, "the claim was lost before batch {id} landed");
        Ok(())
    }

    /// Lands for all, as soon as all are ready.
    async fn lead(&self, at: At<'_>, batch: &Batch, own: &BatchMember) -> anyhow::Result<Ending> {
        let At {
            job, record, repo, ..
        } = at;
        let id = batch.id;
        if !self.lease.renew(job, record).await? {
            let detail = format!("batch {id} holds the merge lease no longer");
            return Ok(given_up(id, WhyDissolved::LeaseLost, stale(detail)));
        }
        let branches = match self.branches(repo, batch).await? {
            Ok(branches) => branches,
            Err(detail) => return Ok(given_up(id, WhyDissolved::MemberLeft, stale(detail))),
        };
        if batch.state != BatchState::Landing
            && let Some(ending) = self.stopped(batch).await?
        {
            return Ok(ending);
        }
        if let Some(pass) = batch.pass()
            && let Some(which) = turned(&self.ledger, at.effective, repo, &pass.sha).await?
        {
            let detail = format!(
                "{which} of batch {id} as {} is not green any more",
                pass.sha
            );
            return Ok(given_up(id, WhyDissolved::MemberLeft, stale(detail)));
        }
        match self.shut(at, batch).await? {
            Door::Shut => {}
            Door::Open(count) => {
                let reason = format!("the gates of {count} others of batch {id}");
                return Ok(Ending::PutOff {
                    until_ms: self.ledger.now() + LEADER_LOOK_MS,
                    why: PutOff::new(PutOffKind::Waiting, reason),
                    also: Vec::new(),
                });
            }
            Door::Left => {
                let detail = format!("batch {id} lost a member before its landing");
                return Ok(given_up(id, WhyDissolved::MemberLeft, stale(detail)));
            }
        }
        match repo.forge.push_all(&branches).await? {
            PushedAll::Done => {}
            PushedAll::Not { branch, outcome } => {
                return Ok(match outcome {
                    PushOutcome::Refused { why } => {
                        let detail = format!("the forge refuses branch `{branch}`: {why}");
                        let ending = Ending::failed(WORK, WorkFailure::Config { detail });
                        given_up(id, WhyDissolved::Refused, ending)
                    }
                    PushOutcome::Moved { .. } | PushOutcome::Done => {
                        let detail = format!("branch `{branch}` of batch {id} moved meanwhile");
                        given_up(id, WhyDissolved::MemberLeft, stale(detail))
                    }
                });
            }
        }
        let tip = batch
            .landing()
            .last()
            .map_or(&own.tip, |member| &member.tip);
        let name = &record.base_branch;
        match repo.forge.land(name, tip, &batch.base).await? {
            LandOutcome::Landed => self.landed(at, batch, own).await,
            LandOutcome::BaseMoved { actual } => {
                let detail = match actual {
                    Some(at) => format!("`{name}` moved to {at} after the re-test"),
                    None => format!("`{name}` was removed after the re-test"),
                };
                Ok(given_up(id, WhyDissolved::BaseMoved, stale(detail)))
            }
            LandOutcome::Refused { why } => {
                // A server refuses alike what its rules forbid and what somebody withdrew in this very moment.
                if let Err(detail) = self.branches(repo, batch).await? {
                    return Ok(given_up(id, WhyDissolved::MemberLeft, stale(detail)));
                }
                let detail = format!("the forge does not let {tip} land on `{name}`: {why}");
                let ending = Ending::failed(WORK, WorkFailure::Config { detail });
                Ok(given_up(id, WhyDissolved::Refused, ending))
            }
        }
    }

    /// Where the branches of all go; else whose change somebody took back, or pushed to.
    async fn branches(
        &self,
        repo: &Repo,
        batch: &Batch,
    ) -> anyhow::Result<Result<Vec<BranchMove>, String>> {
        let id = batch.id;
        let mut branches = Vec::new();
        let tips = repo.forge.tips().await?;
        for member in batch.landing() {
            let task = member.task;
            let of = self.ledger.read(|tx| Box::pin(tx.task(task))).await?;
            match listed_branch(&self.ledger, &of, repo, &tips).await? {
                Branch::Own { .. } if taken_back(&self.ledger, &of, repo).await?.is_some() => {
                    let branch = of.branch;
                    return Ok(Err(format!(
                        "the pull request of `{branch}` of batch {id} was closed or aimed elsewhere"
                    )));
                }
                Branch::Own { present, .. } => {
                    branches.push(BranchMove {
                        branch: of.branch,
                        commit: member.tip.clone(),
                        expected: present,
                    });
                }
                Branch::Foreign(_) | Branch::Not(_) => {
                    let branch = of.branch;
                    return Ok(Err(format!("branch `{branch}` of batch {id} was moved")));
                }
            }
        }
        Ok(Ok(branches))
    }

    /// What the leader does instead of landing, if somebody asked for the stop of a member.
    async fn stopped(&self, batch: &Batch) -> anyhow::Result<Option<Ending>> {
        let id = batch.id;
        for member in batch.landing() {
            match self.stops.of(member.task).await? {
                Stop::No => {}
                Stop::Asked => {
                    let detail = format!("a task leaves batch {id}: it is to be stopped");
                    let ending = given_up(id, WhyDissolved::MemberLeft, stale(detail));
                    return Ok(Some(ending));
                }
                Stop::Unheard => {
                    let reason = format!("an issue of batch {id}, which was moved to `stop`");
                    return Ok(Some(Ending::PutOff {
                        until_ms: self.ledger.now() + i64::try_from(AGAIN_MS).unwrap_or_default(),
                        why: PutOff::new(PutOffKind::Waiting, reason),
                        also: Vec::new(),
                    }));
                }
            }
        }
        Ok(None)
    }

    /// Shuts the door if all are ready, and writes down for each what is about to happen to it.
    async fn shut(&self, at: At<'_>, batch: &Batch) -> anyhow::Result<Door> {
        let (key, id, base) = (at.job.key, batch.id, batch.base.clone());
        let was_shut = batch.state == BatchState::Landing;
        let members: Vec<BatchMember> = batch.landing().cloned().collect();
        let now = self.ledger.now();
        let door = self.ledger.write_or(move |tx| {
            Box::pin(async move {
                if !tx.holds(key).await? {
                    return Err(Unwritten::ClaimLost(key.id));
                }
                if was_shut {
                    return Ok(Door::Shut);
                }
                let mut missing = 0;
                for member in &members {
                    let record = tx.task(member.task).await?;
                    let pipeline = pipeline_of(tx, &record).await?;
                    if !is_about_to_land(&record.task, &pipeline)
                        || record.task.head.as_ref() != Some(&member.head)
                    {
                        return Ok(Door::Left);
                    }
                    let part = tx.batch(id).await?.member(member.task).map(|m| m.part);
                    if part != Some(Part::Ready) || !is_at_landing(&record.task, &pipeline) {
                        missing += 1;
                    }
                }
                if missing > 0 {
                    return Ok(Door::Open(missing));
                }
                let (from, to) = (BatchState::Passed, BatchState::Landing);
                if !tx.move_batch(id, from, to, now).await? {
                    return Err(Unwritten::BatchMoved(id));
                }
                for member in &members {
                    let task = Some(member.task);
                    let land = serde_json::json!({
                        "head": member.tip.as_str(), "base": base.as_str(), "batch": id.0
                    });
                    let push = intent(&member.tip);
                    tx.append_event(task, EventKind::MergeIntent, "host", &push, now)
                        .await?;
                    tx.append_event(task, EventKind::LandIntent, "host", &land.to_string(), now)
                        .await?;
                }
                Ok(Door::Shut)
            })
        });
        Ok(door.await?)
    }
}

impl BatchLanding {
    /// The task's commits are in the base. Only now does the forge know them, and so it is told now what gates said.
    async fn landed(&self, at: At<'_>, batch: &Batch, own: &BatchMember) -> anyhow::Result<Ending> {
        let mut told = Vec::new();
        if matches!(at.repo.config.forge, ForgePlace::On(_)) {
            let pipeline = at.effective.pipeline()?;
            let (task, stage) = (own.task, at.record.task.stage);
            let prepared = (0..).zip(pipeline.steps(stage));
            let prepared = prepared.filter(|(step, _)| pipeline.is_prepared(stage, *step));
            for (step, what) in prepared {
                let Step::Gate(id) = what else { continue };
                let (entry, sha) = (id.clone(), own.tip.clone());
                let said = self.ledger.read(move |tx| {
                    Box::pin(async move { tx.latest_decision(task, &entry, &sha).await })
                });
                if let (Some(outcome), Some(entry)) = (said.await?, pipeline.entry(id))
                    && entry.mode > Mode::Observe
                {
                    told.push(Write::GateStatus(GateStatus {
                        commit: own.tip.clone(),
                        entry: id.clone(),
                        outcome,
                        counts: entry.mode == Mode::Enforce,
                        is_last: is_last(&pipeline, stage, step),
                        // What they found was told when they judged; a pass has nothing new.
                        findings: Vec::new(),
                        branch: at.record.branch.clone(),
                        rounds: at.record.task.rework_rounds,
                        version: at.record.task.version,
                    }));
                }
            }
        }
        let has_tests = at.effective.ci.is_some();
        Ok(landed(at.record, batch, own, has_tests, told))
    }
}

/// The task's commits are in the base: by its own hand, or by its leader's.
fn landed(
    record: &TaskRecord,
    batch: &Batch,
    own: &BatchMember,
    has_tests: bool,
    told: Vec<Write>,
) -> Ending {
    tracing::info!(task.id = own.task.0, batch.id = batch.id.0, sha = %own.tip, base = record.base_branch, "landed in a batch");
    let merged = Write::Merged {
        branch: record.branch.clone(),
        sha: own.tip.clone(),
    };
    let mut also = vec![Write::ApplyMemory, merged];
    also.extend(told);
    if batch.state != BatchState::Landed {
        also.push(Write::BatchLanded(batch.id));
    }
    if has_tests
        && batch.leader == own.task
        && let Some(pass) = batch.pass()
    {
        // The forge knows the tested commit only now that it is pushed.
        also.push(Write::TestEnded {
            sha: pass.sha.clone(),
            state: TestState::Passed,
            note: StatusNote::Ended {
                exit_code: pass.exit_code,
            },
        });
    }
    Ending::Event {
        event: Event::WorkDone {
            work: WORK,
            head: Some(own.tip.clone()),
        },
        also,
    }
}

fn stale(detail: String) -> Ending {
    Ending::failed(WORK, WorkFailure::Stale { detail })
}

/// The batch is over; its other members see it and prepare anew.
fn given_up(batch: BatchId, why: WhyDissolved, ending: Ending) -> Ending {
    match ending {
        Ending::Event { event, mut also } => {
            also.push(Write::BatchDissolved { batch, why });
            Ending::Event { event, also }
        }
        other @ (Ending::Quiet { .. } | Ending::PutOff { .. }) => other,
    }
}
