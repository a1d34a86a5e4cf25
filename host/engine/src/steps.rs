//! The work of the jobs: one step for each kind. A step does its work and answers what it came to; nothing is written
//! here that ends a job.

mod agent;
mod approval;
mod attachments;
pub(crate) mod base;
mod batch;
mod checkout;
mod ci;
mod compare;
mod contexts;
mod deploy;
mod deploy_turn;
mod docs_branch;
mod drill;
mod flaky;
mod gate;
mod hold;
mod hook_run;
mod image;
mod judged;
mod land;
mod land_batch;
mod lease;
mod merge;
mod monitor;
mod network;
mod onto;
pub(crate) mod others;
mod overtaken;
mod prepared;
mod probe;
mod prompts;
mod remarks;
mod retest;
mod revision;
mod rollback;
mod stack;
mod staging;
mod stop;
mod stop_asked;

use orch_config::LiveConfig;
use orch_domain::job::JobKind;
use orch_domain::outcome::RunOutcome;
use orch_domain::pipeline::{HostWork, Step};
use orch_domain::transition::{Event, Judgement, WorkFailure};
use orch_domain::verdict::InconclusiveReason;
use orch_judge::Judges;
use orch_store::{ClaimedJob, RunRow};

use self::agent::AgentStep;
pub use self::agent::ask_provider;
use self::approval::ApprovalStep;
pub(crate) use self::base::{BaseStanding, Bases};
use self::batch::{Asking, BatchStep};
pub(crate) use self::checkout::Checkouts;
use self::ci::CiStep;
use self::deploy::DeployStep;
use self::drill::DrillStep;
use self::gate::{GateStep, Judging, Looked};
use self::hold::BaseHold;
use self::hook_run::HookRuns;
use self::land::LandStep;
use self::land_batch::BatchLanding;
use self::lease::MergeLease;
use self::merge::MergeStep;
use self::monitor::MonitorStep;
use self::probe::Prober;
use self::rollback::RollbackStep;
use self::staging::StagingStep;
use self::stop::StopStep;
use self::stop_asked::StopAsked;
use crate::launch::Launchpad;
use crate::ledger::Ledger;
use crate::ledger::doors::Doors;
use crate::ledger::ending::Ending;
use crate::ledger::repos::Repos;
use crate::ledger::status::ReconcilerStatus;

/// Every step, with what it may use.
#[derive(Debug, Clone)]
pub(crate) struct Steps {
    ledger: Ledger,
    agent: AgentStep,
    approval: ApprovalStep,
    drill: DrillStep,
    gate: GateStep,
    staging: StagingStep,
    merge: MergeStep,
    land: LandStep,
    deploy: DeployStep,
    ci: CiStep,
    monitor: MonitorStep,
    rollback: RollbackStep,
    stop: StopStep,
}

/// What becomes of a job whose step failed.
#[derive(Debug)]
#[must_use]
pub(crate) enum Failed {
    /// The pipeline's budgets decide.
    Ending(Ending),
    /// It is tried again a few times: no budget counts it.
    Again,
    /// It has ended: its task is elsewhere.
    Bury,
}

impl Steps {
    #[expect(
        clippy::too_many_arguments,
        reason = "everything that any step may use is handed in once"
    )]
    pub(crate) fn new(
        ledger: &Ledger,
        config: &LiveConfig,
        repos: &Repos,
        doors: &Doors,
        judges: &Judges,
        launchpad: &Launchpad,
        bases: &Bases,
        reconciler: &ReconcilerStatus,
    ) -> Self {
        let (ledger, repos) = (ledger.clone(), repos.clone());
        let (launchpad, checkouts) = (launchpad.clone(), bases.checkouts.clone());
        let judging = Judging {
            ledger: ledger.clone(),
            judges: judges.clone(),
        };
        let hold = BaseHold {
            ledger: ledger.clone(),
            config: config.clone(),
        };
        let stops = StopAsked {
            ledger: ledger.clone(),
            config: config.clone(),
            doors: doors.clone(),
            reconciler: reconciler.clone(),
        };
        let hooks = HookRuns {
            ledger: ledger.clone(),
            launchpad: launchpad.clone(),
            checkouts: checkouts.clone(),
        };
        let prober = Prober {
            ledger: ledger.clone(),
            checkouts: checkouts.clone(),
        };
        let lease = MergeLease {
            ledger: ledger.clone(),
            config: config.clone(),
        };
        Self {
            agent: AgentStep {
                ledger: ledger.clone(),
                config: config.clone(),
                repos: repos.clone(),
                doors: doors.clone(),
                launchpad: launchpad.clone(),
                bases: bases.clone(),
            },
            approval: ApprovalStep {
                ledger: ledger.clone(),
                repos: repos.clone(),
            },
            drill: DrillStep {
                ledger: ledger.clone(),
                repos: repos.clone(),
            },
            gate: GateStep {
                ledger: ledger.clone(),
                repos: repos.clone(),
                judging: judging.clone(),
                looked: Looked::default(),
            },
            staging: StagingStep {
                ledger: ledger.clone(),
                repos: repos.clone(),
                checkouts: checkouts.clone(),
            },
            merge: MergeStep {
                ledger: ledger.clone(),
                repos: repos.clone(),
                lease: lease.clone(),
                bases: bases.clone(),
                batches: BatchStep {
                    ledger: ledger.clone(),
                    config: config.clone(),
                    lease: lease.clone(),
                    bases: bases.clone(),
                    asking: Asking::default(),
                },
                hold: hold.clone(),
            },
            land: LandStep {
                ledger: ledger.clone(),
                repos: repos.clone(),
                lease: lease.clone(),
                judging: judging.clone(),
                batches: BatchLanding {
                    ledger: ledger.clone(),
                    lease,
                    judging: judging.clone(),
                    stops: stops.clone(),
                },
                hold,
                stops,
            },
            deploy: DeployStep {
                ledger: ledger.clone(),
                repos: repos.clone(),
                checkouts: checkouts.clone(),
                hooks: hooks.clone(),
            },
            ci: CiStep {
                ledger: ledger.clone(),
                repos: repos.clone(),
                bases: bases.clone(),
            },
            monitor: MonitorStep {
                ledger: ledger.clone(),
                repos: repos.clone(),
                prober: prober.clone(),
                judging,
            },
            rollback: RollbackStep {
                ledger: ledger.clone(),
                repos: repos.clone(),
                hooks,
                prober,
            },
            stop: StopStep {
                ledger: ledger.clone(),
                repos,
                paths: launchpad.paths,
            },
            ledger,
        }
    }

    /// Does the work of a job.
    pub(crate) async fn run(&self, job: &ClaimedJob) -> anyhow::Result<Ending> {
        let is_drill = match job.task {
            Some(_) => self.ledger.record(job).await?.is_drill,
            None => false,
        };
        match job.kind {
            JobKind::Agent if is_drill => self.drill.run(job).await,
            // Its pipeline has no such step; if it ever came here, it would stop here.
            JobKind::Staging
            | JobKind::Approval
            | JobKind::MergePrepare
            | JobKind::Land
            | JobKind::Deploy
            | JobKind::Monitor
            | JobKind::Rollback
                if is_drill =>
            {
                anyhow::bail!("a drill is neither deployed nor landed")
            }
            JobKind::Agent => self.agent.run(job).await,
            JobKind::Gate => self.gate.run(job).await,
            JobKind::Approval => self.approval.run(job).await,
            JobKind::Staging => self.staging.run(job).await,
            JobKind::MergePrepare => self.merge.run(job).await,
            JobKind::Land => self.land.run(job).await,
            JobKind::Deploy => self.deploy.run(job).await,
            JobKind::Ci => self.ci.run(job).await,
            JobKind::Monitor => self.monitor.run(job).await,
            JobKind::Rollback => self.rollback.run(job).await,
            JobKind::Stop => self.stop.run(job).await,
        }
    }

    /// What the failure of a step means for the task.
    pub(crate) async fn failed(&self, job: &ClaimedJob, error: &str) -> anyhow::Result<Failed> {
        let detail = error.to_owned();
        let work = |work| {
            let detail = detail.clone();
            Ok(Failed::Ending(Ending::failed(
                work,
                WorkFailure::Infra { detail },
            )))
        };
        let event = match job.kind {
            JobKind::Agent => {
                // A run that ended and could not be taken in was launched all the same.
                let outcome = match open_run(&self.ledger, job).await? {
                    Some(_) => RunOutcome::NotTakenIn(detail),
                    None => RunOutcome::LaunchFailed(detail),
                };
                Event::RunEnded {
                    outcome,
                    head: None,
                }
            }
            JobKind::Gate => {
                let (record, effective) = self.ledger.subject(job).await?;
                let pipeline = effective.pipeline()?;
                let step = pipeline.step(record.task.stage, record.task.step);
                let Some(Step::Gate(entry)) = step else {
                    return Ok(Failed::Bury);
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
            // What cannot be weighed, a person is asked about.
            JobKind::Approval => Event::ApprovalWeighed {
                is_needed: true,
                tier: None,
            },
            JobKind::Staging => return work(HostWork::Staging),
            JobKind::MergePrepare => return work(HostWork::MergePrepare),
            JobKind::Land => return work(HostWork::Land),
            JobKind::Deploy => return work(HostWork::Deploy),
            JobKind::Rollback if job.attempt >= rollback::TRIES_MAX => {
                return Ok(Failed::Ending(self.rollback.given_up(job, error).await?));
            }
            JobKind::Ci | JobKind::Monitor | JobKind::Rollback | JobKind::Stop => {
                return Ok(Failed::Again);
            }
        };
        Ok(Failed::Ending(Ending::event(event)))
    }
}

/// The run of the job's task that is not taken in: of this job, or of one before it that failed after its launch.
/// Whoever goes on with it starts no second one.
async fn open_run(ledger: &Ledger, job: &ClaimedJob) -> anyhow::Result<Option<RunRow>> {
    let Some(task) = job.task else {
        return Ok(None);
    };
    let id = job.key.id;
    let mut open = ledger.read(|tx| Box::pin(tx.open_runs(task))).await?;
    open.sort_by_key(|run| (run.job != id, std::cmp::Reverse(run.id.0)));
    Ok(open.into_iter().next())
}
