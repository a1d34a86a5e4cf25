//! Moves the base to the prepared commit: by fast-forward, to exactly the tested commit, or not at all.

use orch_config::Effective;
use orch_domain::event::EventKind;
use orch_domain::id::ObjectId;
use orch_domain::imports::Preparation;
use orch_domain::names::LeaseName;
use orch_domain::pipeline::HostWork;
use orch_domain::port::forge::LandOutcome;
use orch_domain::transition::{Event, WorkFailure};
use orch_store::{ClaimedJob, TaskRecord};

use super::approval::{self, Approval};
use super::gate::{Judging, Subject};
use super::hold::BaseHold;
use super::land_batch::{At, BatchLanding};
use super::lease::MergeLease;
use super::others::{by_others, landed_by_others, taken_back, turned};
use super::overtaken;
use super::stack::{Branch, branch};
use super::stop_asked::{AGAIN_MS, Stop, StopAsked};
use crate::ledger::Ledger;
use crate::ledger::ending::{Ending, Write};
use crate::ledger::evidence::prepared_of;
use crate::ledger::intent::intended;
use crate::ledger::repos::{Repo, Repos};

/// What this step is to the pipeline.
const WORK: HostWork = HostWork::Land;

/// Moves the base to the prepared commit.
#[derive(Debug, Clone)]
pub(super) struct LandStep {
    pub(super) ledger: Ledger,
    pub(super) repos: Repos,
    pub(super) lease: MergeLease,
    pub(super) judging: Judging,
    pub(super) batches: BatchLanding,
    pub(super) hold: BaseHold,
    pub(super) stops: StopAsked,
}

/// What may land, as the preparation proved it.
struct Prepared {
    head: ObjectId,
    /// The base that it was tested on.
    base: ObjectId,
    holds_lease: bool,
}

/// Who put the commit into the base already.
enum Lander {
    /// An earlier try of the host's, which could not say so any more.
    Host,
    /// Somebody else, before the host was about to.
    Other,
}

impl LandStep {
    pub(super) async fn run(&self, job: &ClaimedJob) -> anyhow::Result<Ending> {
        let (record, effective) = self.ledger.subject(job).await?;
        let repo = self.repos.ready(record.task.repo.as_str()).await?;
        let ending = self.land(job, &record, &effective, repo).await?;
        match &ending {
            Ending::Event { event, .. } => {
                let landed = matches!(event, Event::WorkDone { .. });
                self.hold.end(&record, repo, landed).await?;
            }
            Ending::PutOff { .. } | Ending::Quiet { .. } => {}
        }
        Ok(ending)
    }

    async fn land(
        &self,
        job: &ClaimedJob,
        record: &TaskRecord,
        effective: &Effective,
        repo: &Repo,
    ) -> anyhow::Result<Ending> {
        let prepared = prepared_of(&self.ledger, record.task.id).await?;
        if let Some(batch) = prepared.as_ref().and_then(|prepared| prepared.batch) {
            let at = At {
                job,
                record,
                effective,
                repo,
            };
            return self.batches.run(at, batch).await;
        }
        let prepared = prepared.map(|prepared| prepared.preparation);
        let stale = |detail: &str| {
            let detail = detail.to_owned();
            Ok(Ending::failed(WORK, WorkFailure::Stale { detail }))
        };
        let Prepared {
            head,
            base,
            holds_lease,
        } = match self.prepared(record, effective, prepared).await? {
            Ok(prepared) => prepared,
            Err(why) => return stale(why),
        };
        let lander = self.lander(record, repo, &head).await?;
        if let Some(Lander::Other) = lander {
            return Ok(Ending::event(by_others(record)));
        }
        if lander.is_none() {
            if !holds_lease {
                return stale("the merge lease is no longer held");
            }
            let pipeline = effective.pipeline()?;
            if let Approval::Void(detail) =
                approval::of(&self.ledger, record, repo, &pipeline, &head).await?
            {
                return Ok(Ending::failed(WORK, WorkFailure::Unapproved { detail }));
            }
            let subject = Subject {
                job,
                record,
                repo,
                head: &head,
                base: &base,
            };
            // No other landing may come between this look and the landing itself, however long the gates take.
            let overtaken = tokio::select! {
                judged = overtaken::judge_again(&self.judging, subject, effective) => judged?,
                error = self.lease.keep(job, record) => return Err(error),
            };
            if let Some(failure) = overtaken {
                return Ok(Ending::failed(WORK, failure));
            }
            match self.stops.of(record.task.id).await? {
                Stop::No => {}
                Stop::Asked => return stale("the task is to be stopped"),
                Stop::Unheard => {
                    let failure = WorkFailure::Wait {
                        after_ms: AGAIN_MS,
                        reason: "its issue, which was moved to `stop`".to_owned(),
                    };
                    return Ok(Ending::failed(WORK, failure));
                }
            }
            if let Some(ending) = self.withdrawn(record, repo).await? {
                return Ok(ending);
            }
            if let Some(which) = turned(&self.ledger, effective, repo, &head).await? {
                return stale(&format!("{which} of {head} is not green any more"));
            }
            let data =
                serde_json::json!({"head": head.as_str(), "base": base.as_str()}).to_string();
            self.ledger
                .note(record.task.id, EventKind::LandIntent, data)
                .await?;
            let branch = &record.base_branch;
            match repo.forge.land(branch, &head, &base).await? {
                LandOutcome::Landed => {}
                LandOutcome::BaseMoved { actual: Some(at) } => {
                    return stale(&format!("`{branch}` moved to {at} after the re-test"));
                }
                LandOutcome::BaseMoved { actual: None } => {
                    return stale(&format!("`{branch}` was removed after the re-test"));
                }
                LandOutcome::Refused { why } => {
                    // A server refuses alike what its rules forbid and what somebody withdrew in this very moment.
                    if let Some(ending) = self.withdrawn(record, repo).await? {
                        return Ok(ending);
                    }
                    let detail = format!("the forge does not let {head} land on `{branch}`: {why}");
                    return Ok(Ending::failed(WORK, WorkFailure::Config { detail }));
                }
            }
        }
        tracing::info!(repo = repo.name, sha = %head, base = record.base_branch, "landed");
        let merged = Write::Merged {
            branch: record.branch.clone(),
            sha: head.clone(),
        };
        Ok(Ending::Event {
            event: Event::WorkDone {
                work: WORK,
                head: Some(head),
            },
            also: vec![Write::ApplyMemory, merged],
        })
    }

    /// Who put the commit into the base, if it is there. What came on top of it since takes nothing back. Only what the
    /// host wrote down before is its own doing, even where the base is at exactly this commit: somebody else landed it
    /// before what comes last was asked.
    async fn lander(
        &self,
        record: &TaskRecord,
        repo: &Repo,
        head: &ObjectId,
    ) -> anyhow::Result<Option<Lander>> {
        let base = repo.base_tip().await?;
        let task = record.task.id;
        let said = self
            .ledger
            .read(|tx| Box::pin(tx.latest_event(task, EventKind::LandIntent)))
            .await?;
        let is_own = said.as_deref().and_then(intended).as_ref() == Some(head);
        if is_own && repo.mirror.is_ancestor(head, &base).await? {
            return Ok(Some(Lander::Host));
        }
        let is_there = landed_by_others(&self.ledger, record, repo, head, &base).await?;
        Ok(is_there.then_some(Lander::Other))
    }

    /// What becomes of the task if somebody took its change back since it was prepared, or pushed to its branch: what
    /// they pushed is judged before anything lands.
    async fn withdrawn(&self, record: &TaskRecord, repo: &Repo) -> anyhow::Result<Option<Ending>> {
        if let Some(event) = taken_back(&self.ledger, record, repo).await? {
            return Ok(Some(Ending::event(event)));
        }
        Ok(match branch(&self.ledger, record, repo).await? {
            Branch::Own { .. } => None,
            Branch::Not(failure) => Some(Ending::failed(WORK, failure)),
            Branch::Foreign(head) => {
                let detail = format!("somebody else pushed {head} to `{}`", record.branch);
                Some(Ending::failed(WORK, WorkFailure::Stale { detail }))
            }
        })
    }

    /// The commit that was prepared, if it is the task's and its tests passed; else why it may not land.
    async fn prepared(
        &self,
        record: &TaskRecord,
        effective: &Effective,
        prepared: Option<Preparation>,
    ) -> anyhow::Result<Result<Prepared, &'static str>> {
        let lease = LeaseName::Merge(record.task.repo.clone());
        let (task, now) = (record.task.id, self.ledger.now());
        let held = self
            .ledger
            .read(|tx| Box::pin(async move { tx.holds_lease(&lease, task, now).await }));
        let holds_lease = held.await?;
        let (Some(prepared), Some(head)) = (prepared, record.task.head.clone()) else {
            return Ok(Err("there is no preparation"));
        };
        let tested = match &prepared.retest {
            Some(run) => run.passed,
            // Whether others have to say something of it is what the gate `merge` has asked.
            None => effective.ci.is_none(),
        };
        if prepared.head_sha != head.as_str() || !tested {
            return Ok(Err("the preparation is of another commit"));
        }
        Ok(Ok(Prepared {
            head,
            base: ObjectId::new(prepared.base_sha)?,
            holds_lease,
        }))
    }
}
