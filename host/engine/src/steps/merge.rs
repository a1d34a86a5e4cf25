//! Prepares the commit that would land: lease, artefacts, catch-up, push, re-test. The `merge` gate judges the result.

use orch_config::Effective;
use orch_domain::event::EventKind;
use orch_domain::id::ObjectId;
use orch_domain::imports::{CatchUp, MergeLease as Lease, Preparation, TestRun};
use orch_domain::pipeline::HostWork;
use orch_domain::task::BlockReason;
use orch_domain::transition::{Event, WorkFailure};
use orch_store::{ClaimedJob, EvidenceRow, TaskRecord};

use super::approval::{self, Approval};
use super::base::Bases;
use super::batch::{BatchStep, Leader};
use super::checkout::Tested;
use super::ci::record_run;
use super::hold::BaseHold;
use super::image;
use super::lease::{MergeLease, Taken};
use super::onto::{self, Stranded};
use super::others::{by_others, landed_by_others, taken_back};
use super::retest::{BaseIsRed, retest};
use super::stack::{Branch, Put, branch, pushed, put_on, rewritten};
use crate::ledger::Ledger;
use crate::ledger::ending::{Ending, Write};
use crate::ledger::evidence::{PREPARATION, write_preparation};
use crate::ledger::intent::intent;
use crate::ledger::repos::{Repo, Repos};

/// How long to wait before asking for a taken lease again; giving it back wakes the waiter anyway.
const BUSY_MS: u64 = 15_000;
/// What this step is to the pipeline.
const WORK: HostWork = HostWork::MergePrepare;

/// Takes the merge lease and prepares the commit that would land.
#[derive(Debug, Clone)]
pub(super) struct MergeStep {
    pub(super) ledger: Ledger,
    pub(super) repos: Repos,
    pub(super) lease: MergeLease,
    pub(super) bases: Bases,
    pub(super) batches: BatchStep,
    pub(super) hold: BaseHold,
}

/// What was found out about the commit to land.
struct Proof {
    /// None if the repository has no test.
    tested: Option<Tested>,
    image: Option<EvidenceRow>,
}

impl MergeStep {
    pub(super) async fn run(&self, job: &ClaimedJob) -> anyhow::Result<Ending> {
        let (record, effective) = self.ledger.subject(job).await?;
        let known = self.repos.get(record.task.repo.as_str())?;
        if let Some(ending) = self
            .batches
            .still_asks(job, &record, &effective, known)
            .await?
        {
            return Ok(ending);
        }
        let repo = self.repos.ready(record.task.repo.as_str()).await?;
        let prepared = self.prepare(job, &record, &effective, repo).await;
        let ending = match prepared {
            Ok(ending) => ending,
            Err(error) => match error.downcast::<BaseIsRed>() {
                Ok(BaseIsRed { detail }) => {
                    let reason = BlockReason::BaseRed;
                    Ending::event(Event::Halted { reason, detail })
                }
                Err(error) => return Err(error),
            },
        };
        if !goes_on(&ending) {
            self.hold.end(&record, repo, false).await?;
        }
        Ok(ending)
    }

    async fn prepare(
        &self,
        job: &ClaimedJob,
        record: &TaskRecord,
        effective: &Effective,
        repo: &Repo,
    ) -> anyhow::Result<Ending> {
        if let Taken::Busy(holder) = self.lease.take(job, record).await? {
            let failure = WorkFailure::Wait {
                after_ms: BUSY_MS,
                reason: format!("the merge lease, held by {holder}"),
            };
            return Ok(Ending::failed(WORK, failure));
        }
        self.hold.begin(record, repo).await?;
        let base = repo.base_tip().await?;
        let (head, present) = match branch(&self.ledger, record, repo).await? {
            Branch::Own { head, present } => (head, present),
            Branch::Foreign(head) => return Ok(foreign(head, effective)),
            Branch::Not(failure) => return Ok(Ending::failed(WORK, failure)),
        };
        if let Some(failure) = rewritten(&self.ledger, record, repo, &base).await? {
            if !onto::is_asked(&self.ledger, record, &head).await? {
                return Ok(Ending::failed(WORK, failure));
            }
            let stranded = Stranded {
                record,
                effective,
                repo,
                head: &head,
                present: present.as_ref(),
                base: &base,
            };
            return onto::move_onto(&self.ledger, WORK, stranded).await;
        }
        let pipeline = effective.pipeline()?;
        let approved = approval::of(&self.ledger, record, repo, &pipeline, &head).await?;
        let carried = match approved {
            Approval::NotAsked => None,
            Approval::Stands(approval) => Some(approval),
            Approval::Void(detail) => {
                return Ok(Ending::failed(WORK, WorkFailure::Unapproved { detail }));
            }
        };
        let leader = Leader {
            job,
            record,
            effective,
            repo,
            base: &base,
        };
        if let Some(ending) = self.batches.prepare(leader).await? {
            return Ok(ending);
        }
        if landed_by_others(&self.ledger, record, repo, &head, &base).await? {
            return Ok(Ending::event(by_others(record)));
        }
        if let Some(event) = taken_back(&self.ledger, record, repo).await? {
            return Ok(Ending::event(event));
        }
        let put = put_on(&self.ledger, record, repo, &head, &base, &base).await?;
        let (catch_up, tip) = match put {
            Put::Apart => {
                let detail = format!(
                    "branch `{}` and its base `{}` do not follow from each other any more",
                    record.branch, record.base_branch
                );
                return Ok(Ending::failed(WORK, WorkFailure::Config { detail }));
            }
            Put::On { tip, catch_up } => (catch_up, tip),
            Put::Conflict(files) => {
                let preparation = preparation(&head, &base, CatchUp::Conflict(files), None);
                return Ok(self.done(&preparation, None, Vec::new()));
            }
        };
        let task = record.task.id;
        self.ledger
            .note(task, EventKind::MergeIntent, intent(&tip))
            .await?;
        if let Err(failure) = pushed(record, repo, &tip, present.as_ref()).await? {
            return Ok(Ending::failed(WORK, failure));
        }
        let Proof { tested, image } = tokio::select! {
            proved = self.prove(record, repo, effective, &tip) => proved?,
            error = self.lease.keep(job, record) => return Err(error),
        };
        if !self.lease.renew(job, record).await? {
            let detail = "the merge lease expired during the re-test".to_owned();
            return Ok(Ending::failed(WORK, WorkFailure::Infra { detail }));
        }
        let moved = repo.base_tip().await?;
        if moved != base {
            let detail = format!(
                "`{}` moved to {moved} during the re-test",
                record.base_branch
            );
            let now = self.ledger.now();
            let also = tested.map(|tested| record_run(&tip, tested, now));
            let also = also.unwrap_or_default();
            return Ok(Ending::Event {
                event: Event::WorkFailed {
                    work: WORK,
                    failure: WorkFailure::Stale { detail },
                },
                also,
            });
        }
        let run = tested.as_ref().map(|tested| TestRun {
            passed: tested.run.passed,
            exit_code: tested.run.exit_code,
            output_tail: tested.run.output_tail.clone(),
            duration_ms: tested.run.duration_ms,
        });
        if run.as_ref().is_some_and(|run| !run.passed) {
            // Nothing lands now, so nobody has to wait.
            self.hold.end(record, repo, false).await?;
        }
        let preparation = preparation(&tip, &base, catch_up, run);
        let mut also = Vec::new();
        if let Some(tested) = tested {
            also.extend(record_run(&tip, tested, self.ledger.now()));
        }
        also.extend(image.map(Write::Evidence));
        // Catching up without a conflict changes nothing of what was approved.
        also.extend(carried.map(|approval| Write::Evidence(approval.row(&tip, self.ledger.now()))));
        Ok(self.done(&preparation, Some(tip), also))
    }

    /// Tests the commit, and looks at its image: that of a commit that does not land is of no use.
    async fn prove(
        &self,
        record: &TaskRecord,
        repo: &Repo,
        effective: &Effective,
        tip: &ObjectId,
    ) -> anyhow::Result<Proof> {
        let (ledger, checkouts) = (&self.ledger, &self.bases.checkouts);
        let tested = retest(ledger, &self.bases, record, repo, effective, tip).await?;
        let image = match tested.as_ref().is_none_or(|tested| tested.run.passed) {
            true => image::look(ledger, checkouts, record, repo, tip).await?,
            false => None,
        };
        Ok(Proof { tested, image })
    }

    /// The work is done, whatever it found: the gate reads the preparation.
    fn done(
        &self,
        preparation: &Preparation,
        head: Option<ObjectId>,
        mut also: Vec<Write>,
    ) -> Ending {
        also.push(Write::Evidence(EvidenceRow {
            name: PREPARATION.to_owned(),
            sha: preparation.head_sha.clone(),
            obtained_ms: self.ledger.now(),
            content: write_preparation(preparation, None),
        }));
        Ending::Event {
            event: Event::WorkDone { work: WORK, head },
            also,
        }
    }
}

/// Whether the task is still on its way to its landing.
fn goes_on(ending: &Ending) -> bool {
    match ending {
        Ending::Event { event, .. } => matches!(event, Event::WorkDone { .. }),
        Ending::PutOff { .. } => true,
        Ending::Quiet { .. } => false,
    }
}

/// Somebody else's commit goes back to CI and review.
fn foreign(head: ObjectId, effective: &Effective) -> Ending {
    let also = match effective.ci {
        Some(_) => vec![Write::AskCi(head.clone())],
        None => Vec::new(),
    };
    Ending::Event {
        event: Event::ForeignPush { head },
        also,
    }
}

fn preparation(
    head: &ObjectId,
    base: &ObjectId,
    catch_up: CatchUp,
    retest: Option<TestRun>,
) -> Preparation {
    Preparation {
        lease: Lease::Held,
        head_sha: head.to_string(),
        base_sha: base.to_string(),
        catch_up: Some(catch_up),
        retest,
    }
}
