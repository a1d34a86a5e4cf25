//! Prepares the tasks that wait for one base as one batch: stacked in order of age, tested together, told apart if red.
//!
//! The task that holds the merge lease leads. One claim of its job makes one run of the tests at most, and what the run
//! said is in the store before anything follows from it: whoever takes the job up goes on from there. Until all is
//! known no member moves and no branch is touched, so a batch that is given up leaves nothing behind.
//! How it lands is in `land_batch.rs`.

mod form;
mod known;
mod others;

use orch_config::{Effective, LiveConfig};
use orch_domain::batch::{Next, Run, WhyDissolved, next, waits_to_land};
use orch_domain::id::{BatchId, ObjectId};
use orch_domain::job::{PutOff, PutOffKind};
use orch_domain::pipeline::HostWork;
use orch_domain::transition::{Event, WorkFailure};
use orch_store::{Batch, BatchMember, BatchRun, ClaimedJob, EvidenceRow, TaskRecord};

use self::form::Formed;
pub(super) use self::others::Asking;
use self::others::Said;
use super::base::Bases;
use super::checkout::Tested;
use super::contexts::of_others;
use super::lease::MergeLease;
use super::retest::retest;
use crate::ledger::Ledger;
use crate::ledger::apply::pipeline_of;
use crate::ledger::ending::{Ending, Write};
use crate::ledger::evidence::{BATCH_TESTS, StoredRun};
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
    pub(super) asking: Asking,
}

/// What there is of a batch already.
enum Standing {
    /// One that the leader goes on with.
    There(Box<Batch>),
    /// The base moved under it while it was tested: the claim ends so.
    Overtaken(Ending),
    /// None that could land.
    Nothing,
}

/// What testing the first so many came to.
enum Trial {
    /// The tests ended.
    Ended(BatchRun),
    /// Those of others have not: the claim ends so.
    Open(Ending),
    /// Nobody else will test it: why.
    Unheard(String),
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
            Standing::There(batch) => *batch,
            Standing::Overtaken(ending) => return Ok(Some(ending)),
            Standing::Nothing => match self.form(leader).await? {
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
    async fn standing(&self, leader: Leader<'_>) -> anyhow::Result<Standing> {
        let name = leader.repo.name.clone();
        let open = self
            .ledger
            .read(|tx| Box::pin(async move { tx.open_batch(&name).await }));
        let Some(batch) = open.await? else {
            return Ok(Standing::Nothing);
        };
        let is_testing = batch.state == orch_domain::batch::BatchState::Testing;
        let why = if batch.leader != leader.record.task.id {
            WhyDissolved::Replaced
        } else if is_testing && batch.base != *leader.base {
            // As if it had moved under a run of the host's own: a base that moves for ever is waited for, not chased.
            let detail = format!(
                "`{}` moved to {} while batch {} was tested",
                leader.record.base_branch, leader.base, batch.id
            );
            let why = WhyDissolved::BaseMoved;
            return Ok(Standing::Overtaken(given_up(batch.id, why, detail)));
        } else if batch.base != *leader.base {
            WhyDissolved::BaseMoved
        } else if !is_testing || !self.all_wait(&batch).await? {
            WhyDissolved::MemberLeft
        } else {
            return Ok(Standing::There(Box::new(batch)));
        };
        let (id, now) = (batch.id, self.ledger.now());
        tracing::info!(batch.id = id.0, why = why.as_str(), "a batch is given up");
        self.ledger
            .write(move |tx| Box::pin(async move { tx.dissolve_batch(id, why, now).await }))
            .await?;
        Ok(Standing::Nothing)
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
            let tested = tokio::select! {
                tested = self.test(leader, &batch, first) => tested?,
                error = self.lease.keep(leader.job, leader.record) => return Err(error),
            };
            let ran = match tested {
                Trial::Ended(ran) => ran,
                Trial::Open(ending) => return Ok(ending),
                Trial::Unheard(why) => {
                    tracing::warn!(
                        batch.id = batch.id.0,
                        repo = leader.repo.name,
                        why,
                        "the machines of others do not test a batch, so its tasks land one by one"
                    );
                    return Ok(given_up(batch.id, WhyDissolved::Untested, why));
                }
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

    /// Tests the first so many members: by the host's own tests, and by those of others if theirs count.
    async fn test(&self, leader: Leader<'_>, batch: &Batch, first: usize) -> anyhow::Result<Trial> {
        let Leader {
            repo, effective, ..
        } = leader;
        let Some(member) = first.checked_sub(1).and_then(|at| batch.landing().nth(at)) else {
            anyhow::bail!("batch {} has no {first} members", batch.id);
        };
        // They work while the host does.
        let shown = match of_others(effective).next() {
            None => None,
            Some(_) => match self.show(leader, batch, first, member).await? {
                Ok(branch) => Some(branch),
                Err(why) => return Ok(Trial::Unheard(why)),
            },
        };
        let own = self.test_here(leader, member, shown.is_some()).await?;
        let ran = |passed, exit_code, output_tail, duration_ms| BatchRun {
            run: Run { first, passed },
            sha: member.tip.clone(),
            exit_code,
            output_tail,
            duration_ms,
        };
        let ran = match (own, shown) {
            (None, None) => anyhow::bail!("batch {} has no tests to share", batch.id),
            (Some(run), None) => ran(run.passed, run.exit_code, run.output_tail, run.duration_ms),
            (Some(run), Some(_)) if !run.passed => {
                ran(false, run.exit_code, run.output_tail, run.duration_ms)
            }
            (own, Some(branch)) => {
                let waited_ms = u64::try_from(self.ledger.now() - branch.pushed_ms).unwrap_or(0);
                let own = own.map(|run| run.output_tail).unwrap_or_default();
                match self.said(effective, repo, &branch).await? {
                    Said::Green => ran(true, 0, own, waited_ms),
                    Said::Red(which) => ran(false, 1, format!("red is {which}"), waited_ms),
                    Said::Nothing(why) => return Ok(Trial::Unheard(why)),
                    Said::Open(what) => {
                        let ending = self.look_again(&branch, &what);
                        self.asks(leader, branch);
                        return Ok(Trial::Open(ending));
                    }
                }
            }
        };
        tracing::info!(batch.id = batch.id.0, count = first, passed = ran.run.passed, sha = %member.tip, "a batch was tested");
        Ok(Trial::Ended(ran))
    }

    /// The host's own tests of a member's commit; none if it has none. What others have to say comes under later claims,
    /// so a pass is kept until then.
    async fn test_here(
        &self,
        leader: Leader<'_>,
        member: &BatchMember,
        is_kept: bool,
    ) -> anyhow::Result<Option<StoredRun>> {
        let Leader {
            job,
            repo,
            effective,
            ..
        } = leader;
        let (task, sha) = (member.task, member.tip.to_string());
        let (record, known) = self
            .ledger
            .read(move |tx| {
                Box::pin(async move {
                    let known = tx.evidence_for(task, BATCH_TESTS, &sha).await?;
                    Ok((tx.task(task).await?, known))
                })
            })
            .await?;
        if let Some(run) = known.and_then(|row| serde_json::from_str(&row.content).ok()) {
            return Ok(Some(run));
        }
        let tested = retest(
            &self.ledger,
            &self.bases,
            &record,
            repo,
            effective,
            &member.tip,
        );
        let Some(Tested { run, .. }) = tested.await? else {
            return Ok(None);
        };
        if is_kept && run.passed {
            let row = EvidenceRow {
                name: BATCH_TESTS.to_owned(),
                sha: member.tip.to_string(),
                obtained_ms: self.ledger.now(),
                content: serde_json::to_string(&run)?,
            };
            let key = job.key;
            let kept = self.ledger.write(move |tx| {
                Box::pin(async move {
                    let held = tx.holds(key).await?;
                    if held {
                        tx.put_evidence(task, &row).await?;
                    }
                    Ok(held)
                })
            });
            anyhow::ensure!(
                kept.await?,
                "the claim was lost while {} was tested",
                member.tip
            );
        }
        Ok(Some(run))
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
