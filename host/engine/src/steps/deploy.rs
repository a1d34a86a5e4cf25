//! Runs the production deploy hook under a supervisor, on the landed commit, and writes `14-deploy-log.md`.
//!
//! A hook is never run twice: if nobody can know how it ended, a person decides. One that says itself that it changed
//! nothing is tried again.

use std::time::Duration;

use anyhow::Context;
use orch_agents::folder::{RunFolder, RunResult};
use orch_config::DeployConfig;
use orch_domain::artefact::{self, DEPLOY_LOG};
use orch_domain::batch::BatchState;
use orch_domain::id::{ObjectId, ReleaseId, RunId};
use orch_domain::outcome::RunEnding;
use orch_domain::pipeline::HostWork;
use orch_domain::release::ReleaseState;
use orch_domain::stage::{RunRole, Stage};
use orch_domain::task::Status;
use orch_domain::transition::{Event, WorkFailure};
use orch_store::{ClaimedJob, NewRelease, NewRun, TaskRecord};

use super::checkout::Checkouts;
use super::docs_branch::publish_docs;
use super::hook_run::{
    Hook, HookEnd, HookRuns, changed_nothing, ended_run, how_it_ended, succeeded,
};
use super::revision::{InProduction, Seen};
use super::{image, monitor, open_run};
use crate::launch::insert_run;
use crate::ledger::Ledger;
use crate::ledger::ending::{Ending, Write};
use crate::ledger::releases;
use crate::ledger::repos::{Repo, Repos};

/// How often a task looks whether those before it in its batch are deployed, milliseconds.
pub(super) const AHEAD_MS: i64 = 2_000;

/// Runs the production deploy hook.
#[derive(Debug, Clone)]
pub(super) struct DeployStep {
    pub(super) ledger: Ledger,
    pub(super) repos: Repos,
    pub(super) checkouts: Checkouts,
    pub(super) hooks: HookRuns,
}

/// Whether a deploy may begin.
#[derive(Debug)]
pub(super) enum Turn {
    /// It may. `lifts` is the rollback whose hold ends with it, because it takes out what did badly.
    Now { lifts: Option<ReleaseId> },
    /// It may not, and its step ends so.
    Not(Ending),
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
        let (run, folder) = match open_run(&self.ledger, job).await? {
            Some(run) => (run.id, self.hooks.attach(repo, &run).await?),
            None => {
                let lifts = match self.turn(&record, repo, &landed).await? {
                    Turn::Now { lifts } => lifts,
                    Turn::Not(ending) => return Ok(ending),
                };
                match self
                    .launch(job, &record, repo, deploy, &landed, lifts)
                    .await?
                {
                    Some(launched) => launched,
                    // Another one began, or deploys are held, since it was looked.
                    None => return Ok(self.later("another deploy ends")),
                }
            }
        };
        let (result, mut output) = match self.hooks.wait(repo, run, &folder).await? {
            HookEnd::Ended(result, output) => (result, output),
            HookEnd::Lost(how) => {
                let detail = format!("the deploy hook of {landed} {how}");
                let also = vec![
                    ended_run(run, RunEnding::Unknown, &detail, None),
                    Write::ReleaseEnded(ReleaseState::Unknown),
                ];
                let failure = WorkFailure::Unknown { detail };
                let event = Event::WorkFailed { work, failure };
                return Ok(Ending::Event { event, also });
            }
        };
        let ended = ended_run(run, RunEnding::Completed, "hook ended", result.exit_code);
        if changed_nothing(&result) {
            let said = output.trim();
            let detail =
                format!("the deploy hook says that it changed nothing (exit code 3): {said}");
            let failure = WorkFailure::Infra { detail };
            let event = Event::WorkFailed { work, failure };
            let also = vec![ended, Write::ReleaseEnded(ReleaseState::Failed)];
            return Ok(Ending::Event { event, also });
        }
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
        let mut also = vec![ended];
        if is_there {
            also.push(Write::ReleaseEnded(ReleaseState::Live));
            // A deploy of this commit that is being watched already needs no second watch.
            also.extend(monitor::job(repo, &record, &landed, now).map(Write::Enqueue));
        } else {
            also.push(Write::ReleaseEnded(ReleaseState::Failed));
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

    /// Whether something that landed in the same batch, below this task, is still on its way to production: deployed
    /// after it, it would take this task's change out again.
    pub(super) async fn has_others_ahead(&self, record: &TaskRecord) -> anyhow::Result<bool> {
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

    /// Launches the hook; none if another deploy to the same place is under way, or deploys are held. `lifts` is the
    /// rollback whose hold ends with this deploy.
    async fn launch(
        &self,
        job: &ClaimedJob,
        record: &TaskRecord,
        repo: &Repo,
        deploy: &DeployConfig,
        landed: &ObjectId,
        lifts: Option<ReleaseId>,
    ) -> anyhow::Result<Option<(RunId, RunFolder)>> {
        let revision = image::staged_revision(&self.ledger, record.task.id, landed).await?;
        let hook = Hook {
            name: "deploy",
            before: deploy.snapshot.as_deref(),
            command: &deploy.hook,
            timeout_s: deploy.timeout_s,
            commit: landed,
            env: vec![("EXPECTED_REVISION".to_owned(), revision.clone())],
        };
        let folder = self.hooks.lay_out(job, record, repo, hook).await?;
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
        let release = NewRelease {
            repo: record.task.repo.clone(),
            task: record.task.id,
            commit: landed.clone(),
            revision,
            state: ReleaseState::Begun,
            undoes: None,
        };
        let (now, key) = (self.ledger.now(), job.key);
        // The rows are the intent: from here on the hook may have run, and is not started again.
        let run = self
            .ledger
            .write_or(move |tx| {
                Box::pin(async move {
                    let under_way = tx.deploy_under_way(&release.repo, release.task).await?;
                    if under_way.is_some()
                        || !releases::let_through(tx, &release.repo, lifts, now).await?
                    {
                        return Ok(None);
                    }
                    let run = insert_run(tx, key, &row, now).await?;
                    tx.insert_release(&release, now).await?;
                    Ok(Some(run))
                })
            })
            .await?;
        let Some(run) = run else {
            std::fs::remove_dir_all(folder.path())?;
            return Ok(None);
        };
        self.hooks.start(repo, &folder)?;
        Ok(Some((run, folder)))
    }
}

/// The log of a deploy; `is_there` says whether production has it.
fn log(
    record: &TaskRecord,
    landed: &ObjectId,
    (result, is_there): (&RunResult, bool),
    output: &str,
) -> String {
    let (code, why) = how_it_ended(result);
    format!(
        "---\ndeploy_status: {}\nwork_item: {}\nhook_exit_code: {code}\ndeployed_by: host\nrevision: {landed}\n---\n\n# Deploy\n\n{why}\n{}\n",
        if is_there { "SUCCESS" } else { "FAILED" },
        orch_frontmatter::render_scalar(record.task.work_item.as_str()),
        output.trim_end()
    )
}
