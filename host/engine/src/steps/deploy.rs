//! Runs the production deploy hook under a supervisor, on the landed commit, and writes `14-deploy-log.md`.
//!
//! A hook is never run twice: if nobody can know how it ended, a person decides.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context;
use orch_agents::folder::{
    HELD_BY, Launch, Limits, PASSED, PROTOCOL, REFUSED, RunFolder, RunResult, RunState, STDERR,
    STDOUT,
};
use orch_agents::launcher;
use orch_config::{DeployConfig, NetworkMode};
use orch_domain::artefact::{self, DEPLOY_LOG};
use orch_domain::batch::BatchState;
use orch_domain::id::{ObjectId, RunId};
use orch_domain::job::{PutOff, PutOffKind};
use orch_domain::outcome::RunEnding;
use orch_domain::pipeline::HostWork;
use orch_domain::stage::{RunRole, Stage};
use orch_domain::task::Status;
use orch_domain::transition::{Event, WorkFailure};
use orch_process::mark::sweep_marked;
use orch_store::{Asker, ClaimedJob, NewRun, RunEnd, TaskRecord};

use super::checkout::Checkouts;
use super::docs_branch::publish_docs;
use super::judged::runs_files_of;
use super::network::{Way, served, sockets_of};
use super::revision::{InProduction, Seen};
use super::{image, monitor, open_run};
use crate::launch::cage::{Cage, Judged};
use crate::launch::room::limits_of_host;
use crate::launch::{Launchpad, insert_run};
use crate::ledger::Ledger;
use crate::ledger::ending::{Ending, Write};
use crate::ledger::repos::{Repo, Repos};

/// Bytes of the hook's output in the log.
const TAIL_BYTES: usize = 8 * 1024;

/// How often a task looks whether those before it in its batch are deployed, milliseconds.
pub(super) const AHEAD_MS: i64 = 2_000;

/// Runs the production deploy hook.
#[derive(Debug, Clone)]
pub(super) struct DeployStep {
    pub(super) ledger: Ledger,
    pub(super) repos: Repos,
    pub(super) launchpad: Launchpad,
    pub(super) checkouts: Checkouts,
}

impl DeployStep {
    pub(super) async fn run(&self, job: &ClaimedJob) -> anyhow::Result<Ending> {
        let record = self.ledger.record(job).await?;
        let repo = self.repos.ready(record.task.repo.as_str()).await?;
        let work = HostWork::Deploy;
        let Some(deploy) = &repo.config.deploy else {
            let detail = format!(
                "repository `{}` has no deploy hook; set `repositories.{}.deploy`, or give stage `deploy` an empty pipeline",
                repo.name, repo.name
            );
            return Ok(Ending::failed(work, WorkFailure::Config { detail }));
        };
        let landed = record
            .task
            .head
            .clone()
            .context("the task has no landed commit")?;
        let open = open_run(&self.ledger, job).await?;
        if open.is_none() && self.has_others_ahead(&record).await? {
            return Ok(Ending::PutOff {
                until_ms: self.ledger.now() + AHEAD_MS,
                why: PutOff::new(PutOffKind::Turn, "what landed with it below it is deployed"),
                also: Vec::new(),
            });
        }
        if open.is_none()
            && let Some(ending) = self.out_of_turn(&record, repo, &landed).await?
        {
            return Ok(ending);
        }
        let (run, folder) = match open {
            Some(run) => {
                self.ledger
                    .write(move |tx| Box::pin(tx.run_attached(run.id)))
                    .await?;
                let folder = RunFolder::at(&run.folder);
                if folder.state()? == RunState::NotStarted {
                    // No supervisor has taken the folder, so the hook has not run; the folder's lock lets only one in.
                    self.launchpad.start(&folder)?;
                }
                (run.id, folder)
            }
            None => match self.launch(job, &record, repo, deploy, &landed).await? {
                Some(launched) => launched,
                // Another one began since it was looked for.
                None => return Ok(self.later("another deploy ends")),
            },
        };
        let result = match self.wait(repo, run, &folder).await? {
            RunState::Finished(result) => result,
            RunState::Lost | RunState::Running | RunState::NotStarted => {
                let token = folder.launch()?.token;
                // What is left of it must not work beside the hook that a person begins anew.
                let ended = tokio::task::spawn_blocking(move || sweep_marked(&token)).await?;
                let detail = format!(
                    "the deploy hook of {landed} was interrupted, and how far it came is unknown; {ended} of its \
                     processes were ended"
                );
                let also = vec![ended_run(run, RunEnding::Unknown, &detail, None)];
                let failure = WorkFailure::Unknown { detail };
                let event = Event::WorkFailed { work, failure };
                return Ok(Ending::Event { event, also });
            }
        };
        let output = [STDOUT, STDERR]
            .map(|name| String::from_utf8_lossy(&folder.tail(name, TAIL_BYTES)).into_owned());
        let mut output = self.checkouts.masks().text(&output.join("\n"));
        let mut is_there = succeeded(&result);
        if let (true, Some(command)) = (is_there, &deploy.revision) {
            let expected = image::staged_revision(&self.ledger, record.task.id, &landed).await?;
            let in_production = InProduction {
                checkouts: &self.checkouts,
                repo,
                command,
            };
            let settle = Duration::from_secs(deploy.settle_s.into());
            if let Seen::Other(said) = in_production.settle(&expected, settle).await? {
                is_there = false;
                output = format!("{output}\n\nthe hook ended well, but {said}");
            }
        }
        let content = log(&record, &landed, (&result, is_there), &output);
        let path = format!("{}/{DEPLOY_LOG}", artefact::folder(&record.task.work_item));
        let now = self.ledger.now();
        publish_docs(now, &record, repo, &landed, &path, &content).await?;
        let mut also = vec![ended_run(
            run,
            RunEnding::Completed,
            "hook ended",
            result.exit_code,
        )];
        if is_there {
            // A deploy of this commit that is being watched already needs no second watch.
            also.extend(monitor::job(repo, &record, &landed, now).map(Write::Enqueue));
        }
        also.push(Write::HostArtefact {
            name: DEPLOY_LOG.to_owned(),
            content,
        });
        Ok(Ending::Event {
            event: Event::WorkDone { work, head: None },
            also,
        })
    }

    /// Waits for the hook, and serves its network meanwhile if it has a proxy.
    async fn wait(&self, repo: &Repo, run: RunId, folder: &RunFolder) -> anyhow::Result<RunState> {
        let ended = launcher::wait(folder);
        let sockets = sockets_of(folder.path());
        let network = &repo.config.network;
        if network.mode != NetworkMode::Proxied || !sockets.exists() {
            return Ok(ended.await?);
        }
        let asker = Asker::Run(run);
        let (state, _) = served(&self.ledger, &asker, network, &sockets, ended).await?;
        Ok(state?)
    }

    /// Whether something that landed in the same batch, below this task, is still on its way to production: deployed
    /// after it, it would take this task's change out again.
    async fn has_others_ahead(&self, record: &TaskRecord) -> anyhow::Result<bool> {
        let id = record.task.id;
        let ahead = self.ledger.read(|tx| {
            Box::pin(async move {
                let Some(batch) = tx.latest_batch(id).await? else {
                    return Ok(false);
                };
                if batch.state != BatchState::Landed {
                    return Ok(false);
                }
                for member in batch.landing().take_while(|member| member.task != id) {
                    let task = tx.task(member.task).await?.task;
                    let is_under_way =
                        matches!(task.status, Status::Active | Status::Waiting { .. });
                    if is_under_way && matches!(task.stage, Stage::DeployStaging | Stage::Deploy) {
                        return Ok(true);
                    }
                }
                Ok(false)
            })
        });
        Ok(ahead.await?)
    }

    /// Launches the hook; none if another deploy to the same place is under way.
    async fn launch(
        &self,
        job: &ClaimedJob,
        record: &TaskRecord,
        repo: &Repo,
        deploy: &DeployConfig,
        landed: &ObjectId,
    ) -> anyhow::Result<Option<(RunId, RunFolder)>> {
        let name = format!(
            "{}-{}-deploy-{}",
            job.key.id, record.task.work_item, job.key.epoch
        );
        let folder = RunFolder::at(self.launchpad.paths.runs().join(&repo.name).join(name));
        let tree = folder.path().join("tree");
        repo.mirror.export(landed, &tree).await?;
        let home = folder.path().join("home");
        let tmp = folder.path().join("tmp");
        for made in [&home, &tmp] {
            std::fs::create_dir_all(made)?;
        }
        let expected = image::staged_revision(&self.ledger, record.task.id, landed).await?;
        let variable = |name: &str, value: String| (name.to_owned(), value);
        let env = vec![
            variable("PATH", std::env::var("PATH").unwrap_or_default()),
            variable("HOME", home.display().to_string()),
            variable("LANG", "C.UTF-8".to_owned()),
            variable("EXPECTED_REVISION", expected),
            variable("ORCH_WORK_ITEM", record.task.work_item.to_string()),
        ];
        let shell = PathBuf::from("/bin/sh");
        let args = vec!["-c".to_owned(), deploy.hook.clone()];
        let way = Way::of(&repo.config.network, false, Some(folder.path()));
        let judged = Judged {
            grants: &repo.config.sandbox,
            program: None,
            workspace: folder.path(),
            write: vec![tree.clone(), home],
            temporary: Some(tmp),
            read: Vec::new(),
            refusal: Some(folder.path().join(REFUSED)),
            passed: Some(folder.path().join(PASSED)),
            held_by: Some(folder.path().join(HELD_BY)),
            network: way.network,
            proxy: way.proxy.clone(),
            gateway: false,
            limits: orch_process::sandbox::Limits::of_agent(),
        };
        // What runs files of the branch, landed or not, is judged as the branch is.
        let cage = runs_files_of(&tree, &deploy.hook)
            .then(|| Cage::of(&self.launchpad.config.now(), &self.launchpad.orch, judged));
        let (program, args, env) = match cage.flatten() {
            Some(cage) => {
                way.prepare()?;
                cage.around(&shell, &args, env)
            }
            None => (shell, args, env),
        };
        let launch = Launch {
            protocol: PROTOCOL,
            program,
            args,
            env,
            cwd: tree,
            prompt_on_stdin: false,
            terminal_line: None,
            events: None,
            token: self.launchpad.run_token(&folder),
            limits: Limits {
                wall_ms: u64::from(deploy.timeout_s) * 1000,
                ..limits_of_host(&self.launchpad.config.now().disk)
            },
            writes: vec![folder.path().to_owned()],
        };
        folder.create(&launch, "")?;
        let row = NewRun {
            job: job.key.id,
            task: record.task.id,
            role: RunRole::DeployHook,
            agent: "hook".to_owned(),
            stage: record.task.stage,
            attempt: record.task.attempt(),
            folder: folder.path().display().to_string(),
            reserved_usd: 0.0,
        };
        let (now, key) = (self.ledger.now(), job.key);
        let target = record.task.repo.clone();
        // The row is the intent: from here on the hook may have run, and is not started again.
        let run = self
            .ledger
            .write_or(move |tx| {
                Box::pin(async move {
                    match tx.deploy_under_way(&target, row.task).await? {
                        Some(_) => Ok(None),
                        None => insert_run(tx, key, &row, now).await.map(Some),
                    }
                })
            })
            .await?;
        let Some(run) = run else {
            std::fs::remove_dir_all(folder.path())?;
            return Ok(None);
        };
        self.launchpad.start(&folder)?;
        Ok(Some((run, folder)))
    }
}

fn ended_run(run: RunId, outcome: RunEnding, detail: &str, exit_code: Option<i32>) -> Write {
    let end = RunEnd {
        exit_code,
        ..RunEnd::of(outcome, detail)
    };
    Write::RunEnded { run, end }
}

fn succeeded(result: &RunResult) -> bool {
    result.exit_code == Some(0)
        && result.killed.is_none()
        && result.stopped.is_none()
        && result.launch_error.is_none()
}

/// The log of a deploy; `is_there` says whether production has it.
fn log(
    record: &TaskRecord,
    landed: &ObjectId,
    (result, is_there): (&RunResult, bool),
    output: &str,
) -> String {
    let code = result
        .exit_code
        .unwrap_or_else(|| 128 + result.signal.unwrap_or(0));
    let why = result
        .launch_error
        .clone()
        .or_else(|| {
            result
                .killed
                .as_ref()
                .map(|k| format!("ended by the {k} limit"))
        })
        .unwrap_or_default();
    format!(
        "---\ndeploy_status: {}\nwork_item: {}\nhook_exit_code: {code}\ndeployed_by: host\nrevision: {landed}\n---\n\n# Deploy\n\n{why}\n{}\n",
        if is_there { "SUCCESS" } else { "FAILED" },
        orch_frontmatter::render_scalar(record.task.work_item.as_str()),
        output.trim_end()
    )
}
