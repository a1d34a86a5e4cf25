//! Runs an agent: launch or re-attachment, and what its end means for the branch.

mod commit;
mod gateway;
mod launch;
mod network;
mod policy;
mod take_in;

use orch_agents::driver::Driver;
use orch_agents::folder::{RunFolder, RunState, StopReason};
use orch_agents::launcher;
use orch_agents::workspace::Workspace;
use orch_config::{Effective, LiveConfig, RoleConfig};
use orch_domain::id::RunId;
use orch_domain::job::{PutOff, PutOffKind};
use orch_domain::outcome::RunOutcome;
use orch_domain::pipeline::Step;
use orch_domain::stage::{Role, RunRole};
use orch_domain::task::BlockReason;
use orch_domain::transition::Event;
use orch_judge::risk_of;
use orch_store::{ClaimedJob, RunRow, TaskRecord};
use serde::{Deserialize, Serialize};

pub use self::gateway::ask_provider;
use self::launch::{Launched, driver_of};
use super::base::Bases;
use super::contexts::{can_ask_others, of_others};
use super::open_run;
use crate::launch::admission::Candidate;
use crate::launch::{Asked, Launchpad, Refusal};
use crate::ledger::Ledger;
use crate::ledger::doors::Doors;
use crate::ledger::ending::Ending;
use crate::ledger::repos::{Repo, Repos};

/// What a restarted host needs to take in a run: written beside it before it starts.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Began {
    head: String,
    tree: String,
    merged_base: Option<String>,
    /// Where the task's own commits begin, if they were put on a base that was rewritten.
    #[serde(default)]
    since: Option<String>,
    /// What the run was allowed; none of one that a version before began.
    #[serde(default)]
    policy: Option<String>,
}

const BEGAN: &str = "began.json";

/// An hour, milliseconds.
const HOUR_MS: i64 = 3_600_000;
/// How often a run looks whether the home that it needs is free, milliseconds.
const HOME_MS: i64 = 2_000;

/// Runs an agent in the task's workspace.
#[derive(Debug, Clone)]
pub(super) struct AgentStep {
    pub(super) ledger: Ledger,
    pub(super) config: LiveConfig,
    pub(super) repos: Repos,
    pub(super) doors: Doors,
    pub(super) launchpad: Launchpad,
    pub(super) bases: Bases,
}

/// The run of one job.
struct AgentRun<'a> {
    step: &'a AgentStep,
    job: &'a ClaimedJob,
    record: TaskRecord,
    repo: &'a Repo,
    role: Role,
    /// Who works as the role on a change like this one, as the configuration said when the job began.
    carried_by: Option<RoleConfig>,
    workspace: Workspace,
    /// Whether the machines of others test what is pushed, and have to say something of what lands.
    asks_others: bool,
}

/// A run that is under way or over.
struct Started {
    id: RunId,
    folder: RunFolder,
}

impl AgentStep {
    pub(super) async fn run(&self, job: &ClaimedJob) -> anyhow::Result<Ending> {
        let (record, effective) = self.ledger.subject(job).await?;
        let repo = self.repos.ready(record.task.repo.as_str()).await?;
        let pipeline = effective.pipeline()?;
        let step = pipeline.step(record.task.stage, record.task.step);
        let Some(Step::Run(role)) = step.cloned() else {
            anyhow::bail!("the task is not at a run");
        };
        let workspace = Workspace::at(self.launchpad.paths.workspace(
            &repo.name,
            record.task.id.0,
            record.task.work_item.as_str(),
        ));
        let (modules, wanted) = (repo.modules.clone(), repo.submodules.clone());
        let workspace = workspace.with_submodules(modules, wanted);
        let open = open_run(&self.ledger, job)
            .await?
            .filter(|open| open.role == RunRole::Role(role));
        let mut carried_by = self.carried_by(role, &record, repo, &effective).await?;
        if let (Some(open), Some(carried_by)) = (&open, &mut carried_by) {
            // Whoever was started works on, whatever came in between.
            carried_by.agent.clone_from(&open.agent);
        }
        let run = AgentRun {
            step: self,
            job,
            record,
            repo,
            role,
            carried_by,
            workspace,
            asks_others: can_ask_others(repo) && of_others(&effective).next().is_some(),
        };
        let started = match open {
            Some(open) => run.attach(open).await?,
            None => match run.begin().await? {
                Ok(started) => started,
                Err(ending) => return Ok(ending),
            },
        };
        let state = run.wait(&started).await?;
        run.take_in(started, state, effective.ci.is_some()).await
    }
}

impl AgentStep {
    /// Who works as the role on the task's change; nobody if nobody is configured.
    async fn carried_by(
        &self,
        role: Role,
        record: &TaskRecord,
        repo: &Repo,
        effective: &Effective,
    ) -> anyhow::Result<Option<RoleConfig>> {
        let config = self.config.now();
        let Some(own) = config.role(role) else {
            return Ok(None);
        };
        let risk = match &record.task.head {
            Some(head) if !own.by_risk.is_empty() => {
                let base = repo.base_tip().await?;
                risk_of(
                    &repo.mirror,
                    &base,
                    head,
                    &record.task.work_item,
                    &effective.risk,
                )
                .await?
            }
            Some(_) | None => None,
        };
        Ok(Some(own.at(risk.map(|risk| risk.tier))))
    }
}

impl AgentRun<'_> {
    /// Asks whether the run may start, and starts it; else what the job comes to without it.
    async fn begin(&self) -> anyhow::Result<Result<Started, Ending>> {
        if let Some(detail) = self.obstacle().await? {
            let reason = BlockReason::BaseRed;
            return Ok(Err(Ending::event(Event::Halted { reason, detail })));
        }
        if let Some(detail) = self.runs_of_an_hour().await? {
            let reason = BlockReason::RunBlocked;
            return Ok(Err(Ending::event(Event::Halted { reason, detail })));
        }
        let refused = match self.step.launchpad.ask(self.job, &self.record).await? {
            Asked::Halt(detail) => {
                let reason = BlockReason::Dependency;
                return Ok(Err(Ending::event(Event::Halted { reason, detail })));
            }
            Asked::PutOff(refusal) => Some(refusal),
            Asked::Admitted => self.admitted().await.err(),
        };
        if let Some(refusal) = refused {
            return Ok(Err(put_off(refusal)));
        }
        match self.launch().await {
            Ok(Launched::Started(started)) => Ok(Ok(started)),
            Ok(Launched::HomeTaken(item)) => {
                self.report(&RunOutcome::Cancelled, "");
                let name = self.agent_name();
                let reason = format!(
                    "agent `{name}`: {item} works in its home; give each agent a home of its own"
                );
                let why = PutOff::new(PutOffKind::AgentUnavailable, reason);
                let until_ms = self.step.ledger.now() + HOME_MS;
                Ok(Err(put_off(Refusal { until_ms, why })))
            }
            Ok(Launched::Overdrawn(overdrawn)) => {
                self.report(&RunOutcome::Cancelled, "");
                let item = self.record.task.work_item.as_str();
                let refusal = self
                    .step
                    .launchpad
                    .overdrawn(self.record.task.id, item, overdrawn)
                    .await;
                Ok(Err(put_off(refusal)))
            }
            Err(error) => {
                // Whoever was admitted reports, or a probe would be waited for.
                self.report(&RunOutcome::LaunchFailed(String::new()), "");
                Err(error)
            }
        }
    }

    /// What of the base keeps the task from beginning; once an agent has worked, its change is judged and no longer
    /// the base.
    async fn obstacle(&self) -> anyhow::Result<Option<String>> {
        let task = self.record.task.id;
        let runs = self.step.ledger.read(|tx| Box::pin(tx.runs(task))).await?;
        match runs.is_empty() {
            true => self.step.bases.obstacle(self.repo).await,
            false => Ok(None),
        }
    }

    /// Why no further run of the work item may begin within this hour; none if one may. Whatever has it begin again and
    /// again, no rule of a single task sees that.
    async fn runs_of_an_hour(&self) -> anyhow::Result<Option<String>> {
        let most = u64::from(self.step.config.now().budgets.runs_per_hour);
        let (task, since) = (self.record.task.id, self.step.ledger.now() - HOUR_MS);
        let begun = self
            .step
            .ledger
            .read(move |tx| Box::pin(async move { tx.recent_runs(task, since).await }));
        if most == 0 || begun.await? < most {
            return Ok(None);
        }
        let item = &self.record.task.work_item;
        Ok(Some(format!(
            "{most} runs of {item} began within an hour, and `budgets.runs_per_hour` allows no more; see what has it begin \
             again and again, and resume it for as many further ones"
        )))
    }

    /// Asks whether the agent of the role can work now.
    async fn admitted(&self) -> Result<(), Refusal> {
        let launchpad = &self.step.launchpad;
        let (name, config) = (self.agent_name(), self.step.config.now());
        let Some(agent) = config.agents.get(&name) else {
            // The launch says what is missing.
            return Ok(());
        };
        let home = self.home(&name, agent);
        let env = match self.environment(&name, agent) {
            Ok(env) => env,
            Err(error) => {
                let reason = format!("agent `{name}` cannot start: {error:#}");
                let why = PutOff::new(PutOffKind::AgentUnavailable, reason);
                return Err(launchpad.refused(&name, "environment", why).await);
            }
        };
        let cage = self.cage(&name, agent, None);
        if cage.is_some()
            && let Err(error) = self.make_home(&name, agent)
        {
            let reason = format!("agent `{name}`: {error:#}");
            let why = PutOff::new(PutOffKind::AgentUnavailable, reason);
            return Err(launchpad.refused(&name, "home", why).await);
        }
        let who = Candidate {
            name: &name,
            agent,
            env,
            home,
            cage,
        };
        launchpad.admit(&who).await
    }

    /// Goes on with a run that an earlier host launched: nothing is paid for twice.
    async fn attach(&self, run: RunRow) -> anyhow::Result<Started> {
        let folder = RunFolder::at(&run.folder);
        tracing::info!(run.id = run.id.0, folder = %run.folder, "attached to a run found under way");
        self.step
            .ledger
            .write(move |tx| Box::pin(tx.run_attached(run.id)))
            .await?;
        if folder.state()? == RunState::NotStarted && folder.launch().is_ok() {
            // The host died between preparing the folder and the supervisor's first step. Should a supervisor
            // be on its way after all, the folder's lock lets only one of the two start the agent.
            self.step.launchpad.start(&folder)?;
        }
        self.end_if_allowed_otherwise(&run, &folder).await?;
        Ok(Started { id: run.id, folder })
    }

    /// Ends a run that began under another policy than today's: its cage was built by that one. It begins anew, and
    /// costs no try.
    async fn end_if_allowed_otherwise(
        &self,
        run: &RunRow,
        folder: &RunFolder,
    ) -> anyhow::Result<()> {
        let began = std::fs::read(folder.path().join(BEGAN)).ok();
        let began = began.and_then(|bytes| serde_json::from_slice::<Began>(&bytes).ok());
        let config = self.step.config.now();
        // An agent that is gone from the configuration is allowed nothing.
        let today = config.agents.get(&run.agent);
        let today = today.map(|agent| policy::digest(&config, agent));
        let Some(then) = began.and_then(|began| began.policy) else {
            return Ok(());
        };
        let has_ended = matches!(folder.state()?, RunState::Finished(_) | RunState::Lost);
        if Some(then) != today && !has_ended {
            tracing::warn!(
                run.id = run.id.0,
                "a run is ended: what it was allowed when it began is no longer what it is allowed"
            );
            launcher::end(folder, StopReason::Policy).await?;
        }
        Ok(())
    }

    fn report(&self, outcome: &RunOutcome, log: &str) {
        let (name, config) = (self.agent_name(), self.step.config.now());
        if let Some(agent) = config.agents.get(&name) {
            self.step.launchpad.run_reported(&name, agent, outcome, log);
        }
    }

    fn agent_name(&self) -> String {
        let role = self.carried_by.as_ref();
        role.map(|r| r.agent.clone()).unwrap_or_default()
    }

    /// What reads what the run's agent said; none if the agent is gone from the configuration.
    fn driver(&self) -> Option<Driver> {
        let config = self.step.config.now();
        let agent = config.agents.get(&self.agent_name())?;
        let model = self.carried_by.as_ref().and_then(|r| r.model.as_ref());
        Some(driver_of(agent, model, config.budgets.run_usd))
    }
}

fn put_off(refusal: Refusal) -> Ending {
    let Refusal { until_ms, why } = refusal;
    Ending::PutOff {
        until_ms,
        why,
        also: Vec::new(),
    }
}
