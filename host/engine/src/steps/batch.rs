//! Prepares the tasks that wait for one base as one batch: stacked in order of age, tested together, told apart if red.
//!
//! The task that holds the merge lease leads. One claim of its job makes one run of the tests at most, and what the run
//! said is in the store before anything follows from it: whoever takes the job up goes on from there. Until all is
//! known no member moves and no branch is touched, so a batch that is given up leaves nothing behind.
//! How it lands is in `land_batch.rs`.

mod form;

use orch_config::{Effective, LiveConfig};
use orch_domain::batch::{Next, Run, WhyDissolved, next, waits_to_land};
use orch_domain::id::{BatchId, ObjectId, TaskId};
use orch_domain::imports::{CatchUp, MergeLease as Lease, Preparation, TestRun};
use orch_domain::job::{PutOff, PutOffKind};
use orch_domain::pipeline::HostWork;
use orch_domain::transition::{Event, WorkFailure};
use orch_reports::FailedTests;
use orch_store::{Batch, BatchMember, BatchRun, ClaimedJob, EvidenceRow, TaskRecord};

use self::form::Formed;
use super::base::Bases;
use super::checkout::Tested;
use super::lease::MergeLease;
use super::retest::retest;
use crate::ledger::Ledger;
use crate::ledger::apply::pipeline_of;
use crate::ledger::batches::{Passed, TestedBatch};
use crate::ledger::ending::{Ending, Write};
use crate::ledger::evidence::{LOCAL_TESTS, PREPARATION, StoredRun, write_preparation};
use crate::ledger::repos::Repo;
use crate::ledger::unwritten::Unwritten;

/// What this step is to the pipeline.
const WORK: HostWork = HostWork::MergePrepare;
/// When a task looks again that gave the lead to an older one.
const YIELD_MS: u64 = 1_000;

/// Prepares tasks together. Clones are the same.
#[derive(Debug, Clone)]
pub(super) struct BatchStep {
    pub(super) ledger: Ledger,
    pub(super) config: LiveConfig,
    pub(super) lease: MergeLease,
    pub(super) bases: Bases,
}

/// The task that holds the merge lease, with what it would land on.
#[derive(Clone, Copy)]
pub(super) struct Leader<'a> {
    pub(super) job: &'a ClaimedJob,
    pub(super) record: &'a TaskRecord,
    pub(super) effective: &'a Effective,
    pub(super) repo: &'a Repo,
    pub(super) base: &'a ObjectId,
}

impl BatchStep {
    /// Does what comes next for the leader's batch; none if it has nobody to take along.
    pub(super) async fn prepare(&self, leader: Leader<'_>) -> anyhow::Result<Option<Ending>> {
        let batch = match self.standing(leader).await? {
            Some(batch) => batch,
            None => match self.form(leader).await? {
                Formed::Batch(batch) => *batch,
                Formed::Alone => return Ok(None),
                Formed::After(older) => {
                    let failure = WorkFailure::Wait {
                        after_ms: YIELD_MS,
                        reason: format!("{older}, which is older and leads"),
                    };
                    return Ok(Some(Ending::failed(WORK, failure)));
                }
            },
        };
        self.go_on(leader, batch).await.map(Some)
    }

    /// The leader's batch as it was left, if it is still what would land. One that is not is over.
    async fn standing(&self, leader: Leader<'_>) -> anyhow::Result<Option<Batch>> {
        let name = leader.repo.name.clone();
        let open = self
            .ledger
            .read(|tx| Box::pin(async move { tx.open_batch(&name).await }));
        let Some(batch) = open.await? else {
            return Ok(None);
        };
        let is_testing = batch.state == orch_domain::batch::BatchState::Testing;
        let why = if batch.leader != leader.record.task.id {
            WhyDissolved::Replaced
        } else if batch.base != *leader.base {
            WhyDissolved::BaseMoved
        } else if !is_testing || !self.all_wait(&batch).await? {
            WhyDissolved::MemberLeft
        } else {
            return Ok(Some(batch));
        };
        let (id, now) = (batch.id, self.ledger.now());
        tracing::info!(batch.id = id.0, why = why.as_str(), "a batch is given up");
        self.ledger
            .write(move |tx| Box::pin(async move { tx.dissolve_batch(id, why, now).await }))
            .await?;
        Ok(None)
    }

    /// Whether every member still waits with the commit that was stacked.
    async fn all_wait(&self, batch: &Batch) -> anyhow::Result<bool> {
        let members: Vec<_> = batch.landing().cloned().collect();
        let wait = self.ledger.read_or(move |tx| {
            Box::pin(async move {
                for member in members {
                    let record = tx.task(member.task).await?;
                    let pipeline = pipeline_of(tx, &record).await?;
                    let is_there = record.task.head.as_ref() == Some(&member.head);
                    if !is_there || !waits_to_land(&record.task, &pipeline) {
                        return Ok::<_, Unwritten>(false);
                    }
                }
                Ok(true)
            })
        });
        Ok(wait.await?)
    }

    /// One run of the tests, or what follows from those there are.
    async fn go_on(&self, leader: Leader<'_>, mut batch: Batch) -> anyhow::Result<Ending> {
        if let Next::Test(first) = next_of(&batch) {
            let ran = tokio::select! {
                ran = self.test(leader, &batch, first) => ran?,
                error = self.lease.keep(leader.job, leader.record) => return Err(error),
            };
            if !self.lease.renew(leader.job, leader.record).await? {
                let detail = "the merge lease expired during the re-test".to_owned();
                return Ok(Ending::failed(WORK, WorkFailure::Infra { detail }));
            }
            self.keep(leader, batch.id, &ran).await?;
            batch.runs.push(ran);
            let moved = leader.repo.base_tip().await?;
            if moved != *leader.base {
                let detail = format!(
                    "`{}` moved to {moved} during the re-test of batch {}",
                    leader.record.base_branch, batch.id
                );
                return Ok(given_up(batch.id, WhyDissolved::BaseMoved, detail));
            }
            if !self.all_wait(&batch).await? {
                let detail = format!("batch {} lost a member during its re-test", batch.id);
                return Ok(given_up(batch.id, WhyDissolved::MemberLeft, detail));
            }
        }
        match next_of(&batch) {
            Next::Test(first) => {
                // Under a claim of its own, so that no claim is older than one run of the tests.
                let count = batch.landing().count();
                let reason = format!(
                    "batch {} of {count} is red; its first {first} are tested",
                    batch.id
                );
                Ok(Ending::PutOff {
                    until_ms: self.ledger.now(),
                    why: PutOff::new(PutOffKind::Waiting, reason),
                    also: Vec::new(),
                })
            }
            Next::Known { green, bad } => self.known(leader, &batch, green, bad).await,
        }
    }

    async fn test(
        &self,
        leader: Leader<'_>,
        batch: &Batch,
        first: usize,
    ) -> anyhow::Result<BatchRun> {
        let Leader {
            repo, effective, ..
        } = leader;
        let Some(member) = first.checked_sub(1).and_then(|at| batch.landing().nth(at)) else {
            anyhow::bail!("batch {} has no {first} members", batch.id);
        };
        let task = member.task;
        let record = self.ledger.read(|tx| Box::pin(tx.task(task))).await?;
        let tested = retest(
            &self.ledger,
            &self.bases,
            &record,
            repo,
            effective,
            &member.tip,
        )
        .await?;
        let Some(Tested { run, .. }) = tested else {
            anyhow::bail!("batch {} has no tests to share", batch.id);
        };
        tracing::info!(batch.id = batch.id.0, count = first, passed = run.passed, sha = %member.tip, "a batch was tested");
        Ok(BatchRun {
            run: Run {
                first,
                passed: run.passed,
            },
            sha: member.tip.clone(),
            exit_code: run.exit_code,
            output_tail: run.output_tail,
            duration_ms: run.duration_ms,
        })
    }

    /// Keeps what a run said, if the claim under which it ran still holds.
    async fn keep(&self, leader: Leader<'_>, id: BatchId, ran: &BatchRun) -> anyhow::Result<()> {
        let (key, ran, now) = (leader.job.key, ran.clone(), self.ledger.now());
        let held = self
            .ledger
            .write(move |tx| {
                Box::pin(async move {
                    if !tx.holds(key).await? {
                        return Ok(false);
                    }
                    tx.record_batch_run(id, &ran, now).await?;
                    Ok(true)
                })
            })
            .await?;
        anyhow::ensure!(held, "the claim was lost while batch {id} was tested");
        Ok(())
    }

    /// All is known: those that passed go on together, the one that turned the tests red goes back.
    async fn known(
        &self,
        leader: Leader<'_>,
        batch: &Batch,
        green: usize,
        bad: Option<usize>,
    ) -> anyhow::Result<Ending> {
        let members: Vec<&BatchMember> = batch.landing().collect();
        let run = batch.runs.iter().find(|r| r.run.first == green);
        let mut passed = Vec::new();
        for (at, member) in members.iter().take(green).enumerate() {
            let Some(run) = run else { break };
            let last = at + 1 == green;
            passed.push(self.passed(batch, member, run, last, green));
        }
        let own = leader.record.task.id;
        let mut event = Event::WorkDone {
            work: WORK,
            head: None,
        };
        let mut blamed = None;
        if let Some(member) = bad.and_then(|at| members.get(at)) {
            let names = self.names(&members[..green]).await?;
            let findings = findings(batch, green, &names);
            if member.task == own {
                let findings = findings.clone();
                let failure = WorkFailure::Rework { findings };
                event = Event::WorkFailed {
                    work: WORK,
                    failure,
                };
            }
            blamed = Some((member.task, findings));
        }
        let after = bad.map_or(members.len(), |at| at + 1);
        let tested = TestedBatch {
            batch: batch.id,
            passed,
            bad: blamed,
            left: members.iter().skip(after).map(|m| m.task).collect(),
        };
        tracing::info!(
            batch.id = batch.id.0,
            count = green,
            task.id = tested.bad.as_ref().map(|(task, _)| task.0),
            "a batch is told apart"
        );
        let also = vec![Write::BatchTested(Box::new(tested))];
        Ok(Ending::Event { event, also })
    }

    /// What is known of a member whose commits passed with all below and above it.
    fn passed(
        &self,
        batch: &Batch,
        member: &BatchMember,
        run: &BatchRun,
        last: bool,
        of: usize,
    ) -> Passed {
        let stored = StoredRun {
            passed: true,
            exit_code: run.exit_code,
            output_tail: match last {
                true => run.output_tail.clone(),
                false => format!(
                    "tested with the {of} tasks of batch {} as {}\n{}",
                    batch.id, run.sha, run.output_tail
                ),
            },
            duration_ms: run.duration_ms,
            inability: None,
            failed: FailedTests::default(),
            base_ran: None,
            flaky: Vec::new(),
        };
        let preparation = Preparation {
            lease: Lease::Held,
            head_sha: member.tip.to_string(),
            base_sha: member.below.to_string(),
            catch_up: Some(match member.tip == member.head {
                true => CatchUp::UpToDate,
                false => CatchUp::Rebased(member.tip.to_string()),
            }),
            retest: Some(TestRun {
                passed: true,
                exit_code: stored.exit_code,
                output_tail: stored.output_tail.clone(),
                duration_ms: stored.duration_ms,
            }),
        };
        let row = |name: &str, content: String| EvidenceRow {
            name: name.to_owned(),
            sha: member.tip.to_string(),
            obtained_ms: self.ledger.now(),
            content,
        };
        let mut evidence = vec![row(
            PREPARATION,
            write_preparation(&preparation, Some(batch.id)),
        )];
        if last {
            // Exactly this commit was tested; the others were in it.
            let content = serde_json::to_string(&stored).unwrap_or_default();
            evidence.push(row(LOCAL_TESTS, content));
        }
        Passed {
            task: member.task,
            head: member.head.clone(),
            evidence,
        }
    }

    /// What people call the tasks of these members.
    async fn names(&self, members: &[&BatchMember]) -> anyhow::Result<Vec<String>> {
        let ids: Vec<TaskId> = members.iter().map(|member| member.task).collect();
        let read = self.ledger.read(move |tx| {
            Box::pin(async move {
                let mut names = Vec::new();
                for id in ids {
                    names.push(tx.task(id).await?.task.work_item.to_string());
                }
                Ok(names)
            })
        });
        Ok(read.await?)
    }
}

fn next_of(batch: &Batch) -> Next {
    let runs: Vec<Run> = batch.runs.iter().map(|ran| ran.run).collect();
    next(batch.landing().count(), &runs)
}

/// The batch lands nothing; whoever was in it is prepared anew, the leader at once.
fn given_up(batch: BatchId, why: WhyDissolved, detail: String) -> Ending {
    let failure = WorkFailure::Stale { detail };
    Ending::Event {
        event: Event::WorkFailed {
            work: WORK,
            failure,
        },
        also: vec![Write::BatchDissolved { batch, why }],
    }
}

/// What the one that turned the tests red is told.
fn findings(batch: &Batch, green: usize, below: &[String]) -> String {
    let place = match below {
        [] => format!("on {}", batch.base),
        below => format!(
            "on {} with {}, which are about to land before it and pass without it",
            batch.base,
            below.join(", ")
        ),
    };
    let red = batch.runs.iter().filter(|r| !r.run.passed);
    let Some(ran) = red.min_by_key(|r| r.run.first) else {
        return format!("The tests are red {place}.");
    };
    let how = match ran.run.first == green + 1 {
        true => "The re-test is red".to_owned(),
        // Told from the runs around it.
        false => format!(
            "The re-test of the first {} of batch {} is red",
            ran.run.first, batch.id
        ),
    };
    format!(
        "{how} {place}; it ends with {}:\n{}",
        ran.exit_code, ran.output_tail
    )
}
