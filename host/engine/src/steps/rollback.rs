//! Puts production back to what was healthy last, by the operator's rollback hook: once for what did badly. Whatever comes of
//! it, the next step is a person's.

use std::time::Duration;

use anyhow::Context;
use orch_agents::folder::RunFolder;
use orch_config::DeployConfig;
use orch_domain::id::RunId;
use orch_domain::job::{PutOff, PutOffKind};
use orch_domain::outcome::RunEnding;
use orch_domain::release::{ReleaseState, RollbackEnd};
use orch_domain::stage::RunRole;
use orch_store::{ClaimedJob, NewRun, Release, TaskRecord};
use tokio::time::Instant;

use super::hook_run::{Hook, HookEnd, HookRuns, ended_run, how_it_ended, succeeded};
use super::open_run;
use super::probe::Prober;
use super::revision::{InProduction, Seen};
use crate::launch::insert_run;
use crate::ledger::Ledger;
use crate::ledger::ending::{Ending, Write};
use crate::ledger::releases::RollbackPayload;
use crate::ledger::repos::{Repo, Repos};

/// How often it looks whether a deploy that is under way has ended, milliseconds.
const AGAIN_MS: i64 = 2_000;
/// Pause between two probes of production that was put back.
const PAUSE: Duration = Duration::from_secs(1);
/// Tries of the step before it is given up.
pub(super) const TRIES_MAX: i64 = 5;

/// Puts production back.
#[derive(Debug, Clone)]
pub(super) struct RollbackStep {
    pub(super) ledger: Ledger,
    pub(super) repos: Repos,
    pub(super) hooks: HookRuns,
    pub(super) prober: Prober,
}

/// What is taken out, and what comes back.
#[derive(Debug)]
struct Back {
    /// The release that is made.
    own: Release,
    bad: Release,
}

impl RollbackStep {
    pub(super) async fn run(&self, job: &ClaimedJob) -> anyhow::Result<Ending> {
        let record = self.ledger.record(job).await?;
        let back = self.back(job).await?;
        let repo = self.repos.ready(record.task.repo.as_str()).await?;
        let hook = repo.config.deploy.as_ref();
        let hook = hook.and_then(|deploy| Some((deploy, deploy.rollback.as_deref()?)));
        let (run, folder) = match (open_run(&self.ledger, job).await?, hook) {
            (Some(run), _) => (run.id, self.hooks.attach(repo, &run).await?),
            // Its run is gone, and nothing says what came of it.
            (None, _) if back.own.state != ReleaseState::Asked => {
                let detail = "its run is not there any more".to_owned();
                return Ok(back.ended(RollbackEnd::Unknown, detail, Vec::new()));
            }
            (None, None) => return Ok(back.ended(RollbackEnd::NoHook, String::new(), Vec::new())),
            (None, Some((deploy, command))) => {
                match self
                    .launch(job, &record, repo, (deploy, command), &back)
                    .await?
                {
                    Some(launched) => launched,
                    None => {
                        return Ok(Ending::PutOff {
                            until_ms: self.ledger.now() + AGAIN_MS,
                            why: PutOff::new(PutOffKind::Turn, "a deploy to the same place ends"),
                            also: Vec::new(),
                        });
                    }
                }
            }
        };
        let (result, output) = match self.hooks.wait(repo, run, &folder).await? {
            HookEnd::Ended(result, output) => (result, output),
            HookEnd::Lost(how) => {
                let detail = format!("the rollback hook {how}");
                let also = vec![ended_run(run, RunEnding::Unknown, &detail, None)];
                return Ok(back.ended(RollbackEnd::Unknown, detail, also));
            }
        };
        let also = vec![ended_run(
            run,
            RunEnding::Completed,
            "hook ended",
            result.exit_code,
        )];
        if !succeeded(&result) {
            let (code, why) = how_it_ended(&result);
            let detail = format!("exit code {code} {why}\n{}", output.trim_end());
            return Ok(back.ended(RollbackEnd::Failed, detail, also));
        }
        let (end, detail) = self.looked_at(&record, repo, &back).await?;
        Ok(back.ended(end, detail, also))
    }

    /// What the job is about.
    async fn back(&self, job: &ClaimedJob) -> anyhow::Result<Back> {
        let payload: RollbackPayload =
            serde_json::from_str(&job.payload).context("payload of a rollback")?;
        let read = self.ledger.read(move |tx| {
            Box::pin(async move {
                let own = tx.release(payload.release).await?;
                let bad = match own.as_ref().and_then(|own| own.undoes) {
                    Some(undoes) => tx.release(undoes).await?,
                    None => None,
                };
                Ok(own.zip(bad))
            })
        });
        let (own, bad) = read.await?.context("the release of a rollback is gone")?;
        Ok(Back { own, bad })
    }

    /// Launches the hook in a checkout of what comes back; none while a deploy to the same place is under way.
    async fn launch(
        &self,
        job: &ClaimedJob,
        record: &TaskRecord,
        repo: &Repo,
        (deploy, command): (&DeployConfig, &str),
        back: &Back,
    ) -> anyhow::Result<Option<(RunId, RunFolder)>> {
        let hook = Hook {
            name: "rollback",
            before: None,
            command,
            timeout_s: deploy.timeout_s,
            commit: &back.own.commit,
            env: vec![
                ("EXPECTED_REVISION".to_owned(), back.own.revision.clone()),
                ("ORCH_BAD_REVISION".to_owned(), back.bad.revision.clone()),
            ],
        };
        let folder = self.hooks.lay_out(job, record, repo, hook).await?;
        let row = NewRun {
            job: job.key.id,
            task: record.task.id,
            role: RunRole::RollbackHook,
            agent: "hook".to_owned(),
            stage: record.task.stage,
            attempt: record.task.attempt(),
            folder: folder.path().display().to_string(),
            reserved_usd: 0.0,
        };
        let (now, key, release) = (self.ledger.now(), job.key, back.own.id);
        let name = record.task.repo.clone();
        // The rows are the intent: from here on the hook may have run, and is not started again.
        let run = self
            .ledger
            .write_or(move |tx| {
                Box::pin(async move {
                    if tx.deploy_under_way(&name, row.task).await?.is_some() {
                        return Ok(None);
                    }
                    let run = insert_run(tx, key, &row, now).await?;
                    tx.move_release(release, ReleaseState::Asked, ReleaseState::Begun, now)
                        .await?;
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

    /// Whether production runs what came back, and serves.
    async fn looked_at(
        &self,
        record: &TaskRecord,
        repo: &Repo,
        back: &Back,
    ) -> anyhow::Result<(RollbackEnd, String)> {
        let Some(deploy) = &repo.config.deploy else {
            return Ok((RollbackEnd::Serves, String::new()));
        };
        let settle = Duration::from_secs(deploy.settle_s.into());
        let expected = &back.own.revision;
        if let Some(command) = &deploy.revision {
            let in_production = InProduction {
                checkouts: &self.prober.checkouts,
                repo,
                command,
            };
            if let Seen::Other(said) = in_production.settle(expected, settle).await? {
                return Ok((
                    RollbackEnd::Failed,
                    format!("the hook ended well, but {said}"),
                ));
            }
        }
        let Some(watch) = &repo.config.post_deploy else {
            return Ok((RollbackEnd::Serves, String::new()));
        };
        let until = Instant::now() + settle;
        loop {
            let (task, commit) = (record.task.id, &back.own.commit);
            let probe = self
                .prober
                .probe(repo, task, watch, commit, expected.clone())
                .await?;
            if probe.ok {
                return Ok((RollbackEnd::Serves, String::new()));
            }
            if Instant::now() >= until {
                return Ok((RollbackEnd::StillDegraded, probe.output));
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// How the job ends that failed too often.
    pub(super) async fn given_up(&self, job: &ClaimedJob, error: &str) -> anyhow::Result<Ending> {
        let back = self.back(job).await?;
        let open = open_run(&self.ledger, job).await?;
        let also = open.map(|run| ended_run(run.id, RunEnding::Unknown, error, None));
        let end = match also {
            Some(_) => RollbackEnd::Unknown,
            None => RollbackEnd::Failed,
        };
        Ok(back.ended(end, error.to_owned(), also.into_iter().collect()))
    }
}

impl Back {
    fn ended(&self, end: RollbackEnd, detail: String, mut also: Vec<Write>) -> Ending {
        let release = self.own.id;
        also.push(Write::RolledBack {
            release,
            end,
            detail,
        });
        Ending::Quiet { also }
    }
}
