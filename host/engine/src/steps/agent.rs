//! Runs an agent: launch or re-attachment, and what its end means for the branch.

mod launch;

use anyhow::Context;
use orch_agents::classify::{Known, classify};
use orch_agents::driver::{Driver, Reading};
use orch_agents::folder::{RunFolder, RunResult, RunState, STDERR, STDOUT};
use orch_agents::workspace::{Trailers, Workspace, bot, commit_message};
use orch_agents::{launcher, supervise};
use orch_domain::artefact;
use orch_domain::id::{ObjectId, RunId};
use orch_domain::imports::CheckState;
use orch_domain::job::JobKind;
use orch_domain::outcome::{KillReason, RunOutcome, RunPolicy};
use orch_domain::pipeline::Step;
use orch_domain::stage::{Role, Stage};
use orch_domain::task::BlockReason;
use orch_domain::transition::Event;
use orch_process::git::{Delta, RefOutcome};
use orch_store::{ClaimedJob, NewJob, RunEnd, RunRow, TaskRecord};
use serde::{Deserialize, Serialize};

use self::launch::driver_of;
use crate::admission::{Candidate, Refusal, warn};
use crate::costs::tokens_of;
use crate::engine::{Engine, Repo};
use crate::turns::Turn;
use orch_config::LOCAL_CI_CONTEXT;

/// Bytes of an agent's output that are read for its end.
const TAIL_BYTES: usize = 4 * 1024 * 1024;

/// What a restarted host needs to take in a run: written beside it before it starts.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Began {
    head: String,
    tree: String,
    merged_base: Option<String>,
}

const BEGAN: &str = "began.json";

/// The run under way.
struct Under<'a> {
    engine: &'a Engine,
    job: &'a ClaimedJob,
    record: TaskRecord,
    repo: &'a Repo,
    role: Role,
    workspace: Workspace,
}

pub(super) async fn handle(engine: &Engine, job: &ClaimedJob) -> anyhow::Result<()> {
    let (record, repo, effective) = engine.subject(job).await?;
    let pipeline = effective.pipeline()?;
    let Some(Step::Run(role)) = pipeline.step(record.task.stage, record.task.step).cloned() else {
        anyhow::bail!("the task is not at a run");
    };
    let paths = &engine.0.paths;
    let workspace = Workspace::at(paths.workspace(
        &repo.name,
        record.task.id.0,
        record.task.work_item.as_str(),
    ));
    let under = Under {
        engine,
        job,
        record,
        repo,
        role,
        workspace,
    };
    let open = super::open_run(engine, job)
        .await?
        .filter(|run| run.role == role.as_str());
    let (run, folder) = match open {
        Some(run) => under.attach(run).await?,
        None => {
            let refused = match engine.turn(job, &under.record, repo).await? {
                Turn::Never(detail) => {
                    let reason = BlockReason::Dependency;
                    let event = Event::Halted { reason, detail };
                    return engine.finish(job, event, super::nothing()).await;
                }
                Turn::Later(refusal) => Some(refusal),
                Turn::Now => under.admitted().await?.err(),
            };
            if let Some(refusal) = refused {
                return engine.put_off(job, refusal.until_ms, &refusal.reason).await;
            }
            match under.launch().await {
                Ok(Ok(launched)) => launched,
                Ok(Err(overdrawn)) => {
                    under.report(&RunOutcome::Cancelled, "");
                    let item = under.record.task.work_item.as_str();
                    let Refusal { until_ms, reason } = engine.overdrawn(item, overdrawn).await;
                    return engine.put_off(job, until_ms, &reason).await;
                }
                Err(error) => {
                    // Whoever was admitted reports, or a probe would be waited for.
                    under.report(&RunOutcome::LaunchFailed(String::new()), "");
                    return Err(error);
                }
            }
        }
    };
    let state = launcher::wait(&folder).await?;
    under
        .take_in(run, &folder, state, effective.ci.is_some())
        .await
}

impl Under<'_> {
    /// Goes on with a run that an earlier host launched: nothing is paid for twice.
    async fn attach(&self, run: RunRow) -> anyhow::Result<(RunId, RunFolder)> {
        let folder = RunFolder::at(&run.folder);
        tracing::info!(run.id = run.id.0, folder = %run.folder, "attached to a run found under way");
        self.engine
            .0
            .store
            .write(move |tx| Box::pin(tx.run_attached(run.id)))
            .await?;
        if folder.state()? == RunState::NotStarted && folder.launch().is_ok() {
            // The host died between preparing the folder and the supervisor's first step. Should a supervisor
            // be on its way after all, the folder's lock lets only one of the two start the agent.
            launcher::spawn_supervisor(&self.engine.0.orch, &folder)?;
        }
        Ok((run.id, folder))
    }

    /// Takes in a run that ended, once.
    async fn take_in(
        &self,
        run: RunId,
        folder: &RunFolder,
        state: RunState,
        has_ci: bool,
    ) -> anyhow::Result<()> {
        let task = &self.record.task;
        let launch = folder.launch().ok();
        let result = match &state {
            RunState::Finished(result) => Some(result),
            RunState::Running | RunState::NotStarted | RunState::Lost => {
                // The supervisor is dead; what it owned may not be.
                if let Some(launch) = &launch {
                    let token = launch.token.clone();
                    tokio::task::spawn_blocking(move || supervise::sweep_marked(&token)).await?;
                }
                None
            }
        };
        let agent_name = self.agent_name();
        let driver = self.driver(&agent_name)?;
        let reading = driver.read(&folder.tail(STDOUT, TAIL_BYTES));
        let stderr = String::from_utf8_lossy(&folder.tail(STDERR, 64 * 1024)).into_owned();
        let began: Began = serde_json::from_slice(&std::fs::read(folder.path().join(BEGAN))?)?;
        let head = ObjectId::new(began.head.clone())?;
        let began_tree = ObjectId::new(began.tree.clone())?;
        let left = self
            .workspace
            .read_back(&self.repo.mirror, &head, &began_tree)
            .await?;
        let laid = self.laid().await?;
        let delta = self.without_host_artefacts(left.delta, &laid);
        let outcome = match self.outcome(result, &driver, &reading, &stderr, &delta) {
            // The reaper's stop is a limit like the others; only a person's stop cancels.
            RunOutcome::Cancelled if stopped_for_age(result) => {
                RunOutcome::Killed(KillReason::Wall)
            }
            outcome => outcome,
        };
        let log = String::from_utf8_lossy(&folder.tail(STDOUT, 64 * 1024)).into_owned();
        self.report(&outcome, &(log + &stderr));
        let policy = outcome.policy(self.role.edits_code());
        let (outcome, new_head) = if policy == RunPolicy::Advance {
            self.commit(&outcome, &head, &began, &delta, &agent_name)
                .await?
        } else {
            self.keep(run, &head, &delta).await?;
            (outcome, None)
        };
        tracing::info!(run.id = run.0, outcome = outcome.name(), "run ended");
        let provenance = match &new_head {
            Some(commit) => self.provenance(commit).await?,
            None => Vec::new(),
        };
        let (cost_usd, usage) = match &reading {
            // What never began cost nothing; about every other silence nobody knows.
            _ if matches!(outcome, RunOutcome::LaunchFailed(_)) => (Some(0.0), None),
            Reading::Terminal(terminal) => (terminal.cost_usd, terminal.usage),
            Reading::Nothing { .. } | Reading::ExitCode => (None, None),
        };
        let end = RunEnd {
            outcome: outcome.name().to_owned(),
            detail: outcome.describe(),
            exit_code: result.and_then(|r| r.exit_code),
            cost_usd,
            tokens: usage.map(tokens_of),
        };
        let foreign = match &outcome {
            RunOutcome::BoundaryViolation(list) if list.len() == 1 => list[0]
                .strip_prefix(FOREIGN)
                .and_then(|sha| ObjectId::new(sha).ok()),
            _ => None,
        };
        let (event, tested) = match foreign {
            Some(head) if task.stage >= Stage::Development => (
                Event::ForeignPush { head: head.clone() },
                has_ci.then_some(head),
            ),
            Some(_) | None => {
                let tested = new_head
                    .clone()
                    .filter(|_| has_ci && self.role == Role::Developer);
                (
                    Event::RunEnded {
                        outcome,
                        head: new_head,
                    },
                    tested,
                )
            }
        };
        let extra = self.extra(run, end, provenance, tested);
        self.engine.finish(self.job, event, extra).await
    }

    /// What is written together with the end of the run.
    fn extra(
        &self,
        run: RunId,
        end: RunEnd,
        provenance: Vec<(String, String)>,
        tested: Option<ObjectId>,
    ) -> super::Extra {
        let (task, role, now) = (
            self.record.task.id,
            self.role.to_string(),
            self.engine.now(),
        );
        let repo = self.repo.name.clone();
        let item = self.record.task.work_item.to_string();
        let budgets = self.engine.config().budgets.clone();
        Box::new(move |tx| {
            Box::pin(async move {
                if !tx.finalise_run(run, &end, now).await? {
                    return Err(orch_store::StoreError::Refused(format!(
                        "run {run} was taken in before"
                    )));
                }
                warn(tx, task, &item, &budgets, now).await?;
                for (path, blob) in &provenance {
                    tx.record_provenance(task, path, blob, &role, run).await?;
                }
                if let Some(sha) = tested {
                    ask_ci(tx, &repo, task, &sha, "queued", now).await?;
                }
                Ok(())
            })
        })
    }

    /// Asks whether the agent of the role may start now.
    async fn admitted(&self) -> anyhow::Result<Result<(), Refusal>> {
        let task = &self.record.task;
        let refused = self.engine.affords(task.id, task.work_item.as_str());
        if let Some(refusal) = refused.await? {
            return Ok(Err(refusal));
        }
        let (name, config) = (self.agent_name(), self.engine.config());
        let Some(agent) = config.agents.get(&name) else {
            // The launch says what is missing.
            return Ok(Ok(()));
        };
        let home = agent.home.clone().unwrap_or_else(|| self.workspace.home());
        let env = match self.environment(agent) {
            Ok(env) => env,
            Err(error) => {
                let reason = format!("agent `{name}` cannot start: {error:#}");
                return Ok(Err(self.engine.refused(&name, "environment", reason).await));
            }
        };
        let who = Candidate {
            name: &name,
            agent,
            env,
            home,
        };
        Ok(self.engine.admit(&who).await)
    }

    fn report(&self, outcome: &RunOutcome, log: &str) {
        let (name, config) = (self.agent_name(), self.engine.config());
        if let Some(agent) = config.agents.get(&name) {
            self.engine.run_reported(&name, agent, outcome, log);
        }
    }

    fn agent_name(&self) -> String {
        let config = self.engine.config();
        let role = config.role(self.role);
        role.map(|r| r.agent.clone()).unwrap_or_default()
    }

    fn driver(&self, name: &str) -> anyhow::Result<Driver> {
        let config = self.engine.config();
        let agent = config
            .agents
            .get(name)
            .with_context(|| format!("no agent `{name}`"))?;
        Ok(driver_of(
            agent,
            config.role(self.role).and_then(|r| r.model.as_ref()),
            config.budgets.run_usd,
        ))
    }

    /// Names of the artefacts that the host laid into the workspace, those that gates made among them.
    async fn laid(&self) -> anyhow::Result<Vec<String>> {
        let id = self.record.task.id;
        let store = &self.engine.0.store;
        let list = store.read(|tx| Box::pin(tx.host_artefacts(id))).await?;
        Ok(list.into_iter().map(|a| a.path).collect())
    }

    fn without_host_artefacts(&self, delta: Vec<Delta>, laid: &[String]) -> Vec<Delta> {
        let folder = artefact::folder(&self.record.task.work_item);
        let own = |path: &str| {
            let name = path
                .strip_prefix(&folder)
                .and_then(|rest| rest.strip_prefix('/'));
            name.is_some_and(|name| {
                artefact::owner(name) == artefact::Owner::Host || laid.iter().any(|n| n == name)
            })
        };
        // The host laid its artefacts into the workspace itself; the store's copy is the only one that counts.
        delta
            .into_iter()
            .filter(|change| !own(&change.path))
            .collect()
    }

    fn outcome(
        &self,
        result: Option<&RunResult>,
        driver: &Driver,
        reading: &Reading,
        stderr: &str,
        delta: &[Delta],
    ) -> RunOutcome {
        let item = &self.record.task.work_item;
        let out_of_scope = delta
            .iter()
            .filter(|c| c.is_repository() || !artefact::may_write(self.role, item, &c.path))
            .map(|c| c.path.clone())
            .collect();
        let folder = self.workspace.tree().join(artefact::folder(item));
        let filled = |name: &str| {
            std::fs::metadata(folder.join(name)).is_ok_and(|m| m.is_file() && m.len() > 0)
        };
        let records: Vec<String> = std::fs::read_dir(folder.join("06-adr"))
            .map(|entries| {
                entries
                    .filter_map(|e| e.ok()?.file_name().into_string().ok())
                    .map(|n| format!("06-adr/{n}"))
                    .collect()
            })
            .unwrap_or_default();
        let missing = artefact::owes(self.role, filled, records.iter().map(String::as_str));
        classify(&Known {
            result,
            reading,
            declared: driver.declared(result.and_then(|r| r.exit_code)),
            stderr,
            out_of_scope,
            missing,
            // A branch that is written anew is changed, even if the last tree was clean already.
            changed: !delta.is_empty() || self.purges_history(),
            // `7:10pm` was said when the run ended; it may be taken in much later.
            now_ms: result.map_or_else(|| self.engine.now(), |r| r.ended_ms),
        })
    }

    /// Commits what the run changed and pushes it, if the branch is where the host left it.
    async fn commit(
        &self,
        outcome: &RunOutcome,
        head: &ObjectId,
        began: &Began,
        delta: &[Delta],
        agent: &str,
    ) -> anyhow::Result<(RunOutcome, Option<ObjectId>)> {
        let task = &self.record.task;
        let git = &self.repo.mirror;
        let purges = self.purges_history();
        if delta.is_empty() && began.merged_base.is_none() && !purges {
            return Ok((outcome.clone(), task.head.clone()));
        }
        let merged = began.merged_base.clone().map(ObjectId::new).transpose()?;
        let on = match &merged {
            Some(base) => git.merge_tree(head, base).await?,
            None => head.clone(),
        };
        let tree = git.apply(&on, delta).await?;
        let stage = task.stage.to_string();
        let trailers = Trailers {
            task: task.work_item.as_str(),
            stage: &stage,
            attempt: task.attempt(),
            role: self.role.as_str(),
            agent,
        };
        let message = commit_message(
            &format!("{}: {} of {}", task.work_item, self.role, task.title),
            &trailers,
        );
        let fork = match (&merged, purges) {
            (None, true) => Some(git.merge_base(&self.repo.base_tip().await?, head).await?),
            (_, _) => None,
        };
        let parents: Vec<&ObjectId> = match (&merged, &fork) {
            // The branch stands on the base as one commit: what it once held is no longer part of it.
            (Some(base), None) if purges => vec![base],
            (_, Some(fork)) => vec![fork],
            (Some(base), None) => vec![head, base],
            (None, None) => vec![head],
        };
        // Dated by the task's last move: taking the run in again after a crash makes the same commit.
        let commit = git
            .commit_on(&tree, &parents, &message, &bot(self.record.updated_ms))
            .await?;
        // Whoever finds this commit on the branch before its run is taken in knows whose it is.
        self.engine
            .note(task.id, super::PUSH_INTENT, super::intent(&commit))
            .await?;
        let pushed = git
            .push(
                self.repo.forge.git_dir(),
                &commit,
                &self.record.branch,
                task.head.as_ref(),
            )
            .await?;
        match pushed {
            RefOutcome::Done => Ok((outcome.clone(), Some(commit))),
            RefOutcome::Refused {
                actual: Some(actual),
            } => Ok((
                RunOutcome::BoundaryViolation(vec![format!("{FOREIGN}{actual}")]),
                None,
            )),
            RefOutcome::Refused { actual: None } => Ok((
                RunOutcome::BoundaryViolation(vec![format!(
                    "branch {} is gone",
                    self.record.branch
                )]),
                None,
            )),
        }
    }

    /// Whether this run's work replaces the branch's history: a secret in an old commit cannot be removed by
    /// a new one.
    fn purges_history(&self) -> bool {
        let findings = self.record.task.findings.as_deref().unwrap_or_default();
        // `- [severity] rule …`, as findings are written; a path with the same word in it is none.
        let of_secret = |line: &str| {
            let rule = line.strip_prefix("- [").and_then(|l| l.split_once("] "));
            rule.is_some_and(|(_, rule)| rule.starts_with(super::gate::SECRET_RULE))
        };
        self.role == Role::Developer && findings.lines().any(of_secret)
    }

    /// Keeps the work of a run that did not count where it can be found again.
    async fn keep(&self, run: RunId, head: &ObjectId, delta: &[Delta]) -> anyhow::Result<()> {
        if delta.is_empty() {
            return Ok(());
        }
        let git = &self.repo.mirror;
        let tree = git.apply(head, delta).await?;
        let commit = git
            .commit(
                &tree,
                head,
                "Work in progress",
                &bot(self.record.updated_ms),
            )
            .await?;
        git.set_ref(
            &format!("refs/orch/wip/{}/{run}", self.record.task.id),
            &commit,
        )
        .await?;
        Ok(())
    }

    /// Blob ids of the artefacts that this role owns at `commit`: only now do they have an author.
    async fn provenance(&self, commit: &ObjectId) -> anyhow::Result<Vec<(String, String)>> {
        let folder = artefact::folder(&self.record.task.work_item);
        let entries = self.repo.mirror.list(commit, &folder).await?;
        Ok(entries
            .into_iter()
            .filter_map(|entry| {
                let name = entry
                    .path
                    .strip_prefix(&folder)?
                    .strip_prefix('/')?
                    .to_owned();
                (artefact::owner(&name) == artefact::Owner::Role(self.role))
                    .then(|| (name, entry.blob.to_string()))
            })
            .collect())
    }
}

fn stopped_for_age(result: Option<&RunResult>) -> bool {
    let reason = result.and_then(|r| r.stopped.as_deref());
    reason == Some(crate::reaper::TOO_OLD)
}

/// Marks the commit that somebody else left on the branch.
const FOREIGN: &str = "the branch was moved to ";

/// Writes a request to test `sha`, if there is anything to test, together with the end of a job.
pub(super) fn tested(engine: &Engine, record: &TaskRecord, sha: Option<ObjectId>) -> super::Extra {
    let (task, repo, now) = (record.task.id, record.task.repo.to_string(), engine.now());
    Box::new(move |tx| {
        Box::pin(async move {
            match sha {
                Some(sha) => ask_ci(tx, &repo, task, &sha, "queued", now).await,
                None => Ok(()),
            }
        })
    })
}

/// Asks the local forge to test a pushed commit; `description` is what its status says meanwhile.
pub(crate) async fn ask_ci(
    tx: &mut orch_store::Tx,
    repo: &str,
    task: orch_domain::id::TaskId,
    sha: &ObjectId,
    description: &str,
    now: i64,
) -> Result<(), orch_store::StoreError> {
    tx.set_status(
        repo,
        sha.as_str(),
        LOCAL_CI_CONTEXT,
        CheckState::Pending,
        description,
        now,
    )
    .await?;
    let job = NewJob {
        kind: JobKind::Ci,
        task: Some(task),
        repo: repo.to_owned(),
        payload: serde_json::json!({"sha": sha.as_str()}).to_string(),
        priority: 4,
        run_at_ms: now,
        unique_key: Some(format!("ci:{repo}:{sha}")),
        reason: None,
    };
    // A commit that is being tested already needs no second run.
    let (orch_store::EnqueueOutcome::Enqueued(_) | orch_store::EnqueueOutcome::AlreadyQueued(_)) =
        tx.enqueue(&job, now).await?;
    Ok(())
}
