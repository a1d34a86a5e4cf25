//! Launches a run: where it begins, what it sees, what it is started with.

use std::path::PathBuf;

use anyhow::Context;
use orch_agents::driver::{Driver, PlanInput};
use orch_agents::folder::{HELD_BY, Launch, Limits, PASSED, PROMPT, PROTOCOL, REFUSED, RunFolder};
use orch_agents::workspace::bot;
use orch_domain::confined::HeldBy;
use orch_domain::event::EventKind;
use orch_domain::id::{ObjectId, RemarkId};
use orch_domain::stage::{Role, RunRole};
use orch_process::files::put_beneath;
use orch_process::resolve_program;
use orch_store::NewRun;

use super::{AgentRun, BEGAN, Began, Started, gateway, network, policy};
use crate::launch::cage::{Cage, Judged};
use crate::launch::insert_run;
use crate::launch::room::limits_of_host;
use crate::ledger::budget::{Overdrawn, over_budget};
use crate::ledger::intent::intent;
use crate::steps::attachments;
use crate::steps::network::Way;
use crate::steps::prompts;
use crate::steps::remarks;
use crate::steps::stack::{own_since, rewritten};
use orch_config as config;

/// Where a run begins.
struct Start {
    commit: ObjectId,
    /// The base that it brings along, if that is not below the task's head.
    base: Option<ObjectId>,
    /// Where the task's own commits begin, if they were put on a base that was rewritten.
    since: Option<ObjectId>,
}

/// What preparing a run came to.
#[must_use]
pub(super) enum Launched {
    /// It is under way.
    Started(Started),
    /// There is no money for it after all; nothing of it is left.
    Overdrawn(Overdrawn),
    /// The run of this work item has the home that it needs; nothing of it is left.
    HomeTaken(String),
}

impl AgentRun<'_> {
    /// Prepares a run, records it, and starts it; nothing of it is left if there is no money for it after all.
    pub(super) async fn launch(&self) -> anyhow::Result<Launched> {
        let task = &self.record.task;
        let config = self.step.config.now();
        let role_config = self.carried_by.as_ref().with_context(|| {
            format!(
                "no agent works as `{}`; set `roles.{}` or `roles.default` in orch.yaml",
                self.role, self.role
            )
        })?;
        let agent = config
            .agents
            .get(&role_config.agent)
            .context("the role's agent is configured")?;
        let path = std::env::var("PATH").unwrap_or_default();
        let program = resolve_program(&agent.program, &path)
            .with_context(|| format!("agent `{}` of role `{}`", role_config.agent, self.role))?;

        let base = self.repo.base_tip().await?;
        let head = task.head.clone().unwrap_or_else(|| base.clone());
        let Start {
            commit: start,
            base: merged_base,
            since,
        } = self.starting_point(&head, &base).await?;
        if let Some(merged) = &merged_base {
            // From here on the branch may hold all of this base: what is taken out of it later must not come back.
            let ledger = &self.step.ledger;
            ledger
                .note(task.id, EventKind::BaseMerged, intent(merged))
                .await?;
        }
        let git = &self.repo.mirror;
        let tree = self
            .workspace
            .prepare(
                git,
                &self.record.branch,
                &start,
                &base,
                &task.work_item,
                self.role,
            )
            .await?;
        self.overlay_host_artefacts().await?;

        let attempt = task.attempt();
        let name = format!(
            "{}-{}-{attempt}-{}",
            task.work_item, self.role, self.job.key.epoch
        );
        let folder = RunFolder::at(
            self.step
                .launchpad
                .paths
                .runs()
                .join(&self.repo.name)
                .join(format!("{}-{}", self.job.key.id, name)),
        );
        let (ledger, doors) = (&self.step.ledger, &self.step.doors);
        let (record, repo) = (&self.record, self.repo);
        let mut prompt =
            prompts::assemble(ledger, doors, &config, record, repo, &base, self.role).await?;
        let files = self.attachments();
        prompt += &attachments::lay_out(ledger, doors, &config, record, &files).await?;
        let said = remarks::open(ledger, task.id, self.role).await?;
        prompt += &remarks::told(&said);
        let given: Vec<RemarkId> = said.iter().map(|remark| remark.id).collect();
        let driver = driver_of(agent, role_config.model.as_ref(), config.budgets.run_usd);
        let input = PlanInput {
            program: program.clone(),
            args: agent.args.clone(),
            prompt_file: folder.path().join(PROMPT),
        };
        let plan = driver.plan(&input);
        let mut env = self.environment(&role_config.agent, agent)?;
        env.extend(plan.env.clone());
        self.make_home(&role_config.agent, agent)?;
        let cage = self.cage(&role_config.agent, agent, Some(&folder));
        let is_caged = cage.is_some();
        let (program, args, env) = match cage {
            Some(cage) => cage.around(&program, &plan.args, env),
            None => (program, plan.args, env),
        };
        let launch = Launch {
            protocol: PROTOCOL,
            program,
            args,
            env,
            cwd: self.workspace.tree(),
            prompt_on_stdin: plan.prompt_on_stdin,
            terminal_line: plan.terminal_line,
            events: plan.events.map(|format| format.as_str().to_owned()),
            token: self.step.launchpad.run_token(&folder),
            limits: limits_of(role_config, &driver, limits_of_host(&config.disk)),
            writes: vec![self.workspace.root().to_owned()],
        };
        folder.create(&launch, &prompt)?;
        if !is_caged {
            std::fs::write(folder.path().join(HELD_BY), HeldBy::Nothing.as_str())?;
        }
        network::way(agent, Some(&folder)).prepare()?;
        let began = Began {
            head: head.to_string(),
            tree: tree.to_string(),
            merged_base: merged_base.map(|sha| sha.to_string()),
            since: since.map(|sha| sha.to_string()),
            policy: Some(policy::digest(&config, agent)),
        };
        std::fs::write(folder.path().join(BEGAN), serde_json::to_vec(&began)?)?;
        // The row comes before the process: a run that nobody knows of could be started twice.
        let row = NewRun {
            job: self.job.key.id,
            task: task.id,
            role: RunRole::Role(self.role),
            agent: role_config.agent.clone(),
            stage: task.stage,
            attempt,
            folder: folder.path().display().to_string(),
            reserved_usd: config.budgets.run_usd.unwrap_or(0.0),
        };
        let (now, key, budgets) = (self.step.ledger.now(), self.job.key, config.budgets.clone());
        // A home is lent to one run at a time: two would write over each other's login, and one could plant in it what
        // the other starts.
        let mates = config
            .agents
            .iter()
            .filter(|(_, other)| agent.home.is_some() && other.home == agent.home);
        let housemates: Vec<String> = mates.map(|(name, _)| name.clone()).collect();
        let recorded = self
            .step
            .ledger
            .write_or(move |tx| {
                Box::pin(async move {
                    if let Some(item) = tx.busy_agent(&housemates).await? {
                        return Ok(Err(Launched::HomeTaken(item)));
                    }
                    match over_budget(tx, row.task, &budgets, now).await? {
                        Some(overdrawn) => Ok(Err(Launched::Overdrawn(overdrawn))),
                        None => {
                            let run = insert_run(tx, key, &row, now).await?;
                            tx.give_remarks(run, &given).await?;
                            Ok(Ok(run))
                        }
                    }
                })
            })
            .await?;
        let run = match recorded {
            Ok(run) => run,
            Err(refused) => {
                std::fs::remove_dir_all(folder.path())?;
                return Ok(refused);
            }
        };
        self.step.launchpad.start(&folder)?;
        tracing::info!(run.id = run.0, role = %self.role, folder = %folder.path().display(), "run launched");
        Ok(Launched::Started(Started { id: run, folder }))
    }

    /// Where the run begins. A developer who comes back while the base has moved begins with the base merged
    /// in, conflict markers where they conflict, so that resolving them is part of the work. On a base that was rewritten
    /// they begin with what the task changed and nothing else of what lay below it.
    async fn starting_point(&self, head: &ObjectId, base: &ObjectId) -> anyhow::Result<Start> {
        let git = &self.repo.mirror;
        let here = Start {
            commit: head.clone(),
            base: None,
            since: None,
        };
        if self.role != Role::Developer {
            return Ok(here);
        }
        let who = bot(self.step.ledger.now());
        if let Some(since) = self.stranded(head, base).await? {
            let tree = git.tree_onto(head, &since, base, &who).await?;
            let message = "Begin rework on the rewritten base";
            return Ok(Start {
                commit: git.commit(&tree, base, message, &who).await?,
                base: Some(base.clone()),
                since: Some(since),
            });
        }
        if self.record.task.rework_rounds == 0 || git.is_ancestor(base, head).await? {
            return Ok(here);
        }
        let tree = git.merge_tree(head, base).await?;
        let merged = git
            .commit_on(
                &tree,
                &[head, base],
                "Begin rework on the present base",
                &who,
            )
            .await?;
        Ok(Start {
            commit: merged,
            base: Some(base.clone()),
            since: None,
        })
    }

    /// Where the task's own commits begin, if what lies below was taken out of the base: merging the base would keep
    /// it on the branch.
    async fn stranded(&self, head: &ObjectId, base: &ObjectId) -> anyhow::Result<Option<ObjectId>> {
        let (ledger, record, repo) = (&self.step.ledger, &self.record, self.repo);
        if record.task.head.is_none() || rewritten(ledger, record, repo, base).await?.is_none() {
            return Ok(None);
        }
        own_since(ledger, record, repo, head, base).await
    }

    /// The host's artefacts are the agents' to read; changes to them are refused by scope.
    async fn overlay_host_artefacts(&self) -> anyhow::Result<()> {
        let id = self.record.task.id;
        let list = self
            .step
            .ledger
            .read(|tx| Box::pin(tx.host_artefacts(id)))
            .await?;
        let folder = self.workspace.artefacts(&self.record.task.work_item)?;
        for item in list {
            // The branch may hold anything by this name.
            let name = item.path.as_ref();
            put_beneath(&folder, name, item.content.as_bytes()).with_context(|| {
                format!(
                    "the host's artefact `{}` cannot be laid into the work tree",
                    item.path
                )
            })?;
        }
        Ok(())
    }

    /// The cage of the agent; none if the operator has switched it off. Without a run folder it is that of a look at
    /// the program, before there is a run.
    pub(super) fn cage(
        &self,
        name: &str,
        agent: &config::AgentConfig,
        folder: Option<&RunFolder>,
    ) -> Option<Cage> {
        let path = std::env::var("PATH").unwrap_or_default();
        // One that is not there is named by whoever starts it.
        let program = resolve_program(&agent.program, &path).ok();
        let (workspace, home) = (&self.workspace, agent.home.as_ref());
        let mut write = vec![self.home(name, agent)];
        let mut read = Vec::new();
        if let Some(folder) = folder {
            write.push(workspace.tree());
            read.push(folder.path().join(PROMPT));
            read.extend(Some(self.attachments()).filter(|files| files.exists()));
        }
        let Way {
            network,
            proxy,
            gateway,
        } = network::way(agent, folder);
        let judged = Judged {
            grants: &agent.sandbox,
            program: program.as_deref(),
            // Whoever works in a home that lasts is the same user every time.
            workspace: home.map_or(workspace.root(), |home| home.as_path()),
            write,
            temporary: folder.map(|_| workspace.tmp()),
            read,
            refusal: folder.map(|folder| folder.path().join(REFUSED)),
            passed: folder.map(|folder| folder.path().join(PASSED)),
            held_by: folder.map(|folder| folder.path().join(HELD_BY)),
            network,
            proxy,
            gateway,
            limits: orch_process::sandbox::Limits::of_agent(),
        };
        Cage::of(&self.step.config.now(), &self.step.launchpad.orch, judged)
    }

    /// Where files that people attached to the request are laid out for the agent.
    fn attachments(&self) -> PathBuf {
        self.workspace.root().join(attachments::FOLDER)
    }

    /// The agent's home: its own, or one that is kept for the task and the role.
    pub(super) fn home(&self, name: &str, agent: &config::AgentConfig) -> PathBuf {
        let own = || self.workspace.home(name, self.role);
        agent.home.clone().unwrap_or_else(own)
    }

    pub(super) fn make_home(&self, name: &str, agent: &config::AgentConfig) -> anyhow::Result<()> {
        match &agent.home {
            Some(home) => std::fs::create_dir_all(home)
                .with_context(|| format!("its home `{}` cannot be made", home.display())),
            None => Ok(self.workspace.make_home(name, self.role).map(drop)?),
        }
    }

    /// The whole environment of the agent: nothing of the host's but what is named here.
    pub(super) fn environment(
        &self,
        name: &str,
        agent: &config::AgentConfig,
    ) -> anyhow::Result<Vec<(String, String)>> {
        let home = self.home(name, agent);
        let mut env = vec![
            ("PATH".to_owned(), std::env::var("PATH").unwrap_or_default()),
            ("HOME".to_owned(), home.display().to_string()),
            (
                "TMPDIR".to_owned(),
                self.workspace.tmp().display().to_string(),
            ),
            ("LANG".to_owned(), "C.UTF-8".to_owned()),
            (
                "ORCH_WORK_ITEM".to_owned(),
                self.record.task.work_item.to_string(),
            ),
            ("ORCH_ROLE".to_owned(), self.role.to_string()),
            (
                "ORCH_ATTEMPT".to_owned(),
                self.record.task.attempt().to_string(),
            ),
        ];
        env.extend(agent.env.iter().map(|(k, v)| (k.clone(), v.clone())));
        if let Some(name) = &agent.credential_env {
            let value = std::env::var(name).with_context(|| {
                format!("`{name}` is not set; the agent's credential is expected there")
            })?;
            env.push((name.clone(), value));
        }
        if let Some(gateway) = &agent.gateway {
            // Whether there is one; it goes nowhere from here.
            gateway::key(&gateway.key)?;
        }
        env.extend(gateway::variables(agent));
        Ok(env)
    }
}

pub(super) fn driver_of(
    agent: &config::AgentConfig,
    model: Option<&String>,
    budget_usd: Option<f64>,
) -> Driver {
    match agent.driver {
        config::Driver::Command => Driver::Command {
            prompt_as_file: agent.prompt == config::PromptChannel::File,
            json_result: agent.result == config::ResultRule::JsonLastLine,
            exit_codes: agent.exit_codes.clone(),
        },
        config::Driver::Claude => Driver::Claude {
            model: model.or(agent.model.as_ref()).cloned(),
            budget_usd,
        },
    }
}

fn limits_of(role: &config::RoleConfig, driver: &Driver, defaults: Limits) -> Limits {
    let (start_up_ms, idle_ms) = driver.silence_ms();
    let ms = |seconds: Option<u32>, default: u64| seconds.map_or(default, |s| u64::from(s) * 1000);
    Limits {
        wall_ms: ms(role.limits.timeout_s, defaults.wall_ms),
        start_up_ms: ms(role.limits.start_up_s, start_up_ms),
        idle_ms: ms(role.limits.idle_s, idle_ms),
        ..defaults
    }
}
