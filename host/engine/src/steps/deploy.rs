//! Runs the production deploy hook under a supervisor, on the landed commit, and writes `14-deploy-log.md`.
//!
//! A hook is never run twice: if nobody can know how it ended, a person decides.

use anyhow::Context;
use orch_agents::folder::{
    Launch, Limits, PROTOCOL, RunFolder, RunResult, RunState, STDERR, STDOUT,
};
use orch_agents::launcher;
use orch_agents::supervise::sweep_marked;
use orch_agents::workspace::bot;
use orch_domain::artefact::{self, DEPLOY_LOG};
use orch_domain::id::{ObjectId, RunId};
use orch_domain::pipeline::HostWork;
use orch_domain::transition::{Event, WorkFailure};
use orch_store::{ClaimedJob, EnqueueOutcome, NewRun, RunEnd, TaskRecord};

use super::open_run;
use crate::engine::{Engine, Repo};
use orch_config::DeployConfig;

/// Bytes of the hook's output in the log.
const TAIL_BYTES: usize = 8 * 1024;

pub(super) async fn handle(engine: &Engine, job: &ClaimedJob) -> anyhow::Result<()> {
    let (record, repo, _) = engine.subject(job).await?;
    let work = HostWork::Deploy;
    let failed = |failure| Event::WorkFailed { work, failure };
    let Some(deploy) = &repo.config.deploy else {
        let detail = format!(
            "repository `{}` has no deploy hook; set `repositories.{}.deploy`, or give stage `deploy` an empty pipeline",
            repo.name, repo.name
        );
        return engine
            .finish(
                job,
                failed(WorkFailure::Config { detail }),
                super::nothing(),
            )
            .await;
    };
    let landed = record
        .task
        .head
        .clone()
        .context("the task has no landed commit")?;
    let open = open_run(engine, job).await?;
    let (run, folder) = match open {
        Some(run) => {
            engine
                .0
                .store
                .write(move |tx| Box::pin(tx.run_attached(run.id)))
                .await?;
            let folder = RunFolder::at(&run.folder);
            if folder.state()? == RunState::NotStarted {
                // No supervisor has taken the folder, so the hook has not run; the folder's lock lets only one in.
                launcher::spawn_supervisor(&engine.0.orch, &folder)?;
            }
            (run.id, folder)
        }
        None => launch(engine, job, &record, repo, deploy, &landed).await?,
    };
    let state = launcher::wait(&folder).await?;
    let result = match state {
        RunState::Finished(result) => result,
        RunState::Lost | RunState::Running | RunState::NotStarted => {
            let token = folder.launch()?.token;
            // What is left of it must not work beside the hook that a person begins anew.
            let ended = tokio::task::spawn_blocking(move || sweep_marked(&token)).await?;
            let detail = format!(
                "the deploy hook of {landed} was interrupted and nobody can know how far it came ({ended} of its \
                 processes were ended); look at production, then `orch task resume {}`",
                record.task.work_item
            );
            let extra = end(engine, run, "unknown", &detail, None);
            return engine
                .finish(job, failed(WorkFailure::Unknown { detail }), extra)
                .await;
        }
    };
    let output = [STDOUT, STDERR]
        .map(|name| String::from_utf8_lossy(&folder.tail(name, TAIL_BYTES)).into_owned());
    let log = log(&record, &landed, &result, &output.join("\n"));
    let path = format!("{}/{DEPLOY_LOG}", artefact::folder(&record.task.work_item));
    publish_docs(engine, &record, repo, &landed, &path, &log).await?;
    let (task, now) = (record.task.id, engine.now());
    let watch = match succeeded(&result) {
        true => super::monitor::job(repo, &record, &landed, now),
        false => None,
    };
    let ended = end(engine, run, "completed", "hook ended", result.exit_code);
    let extra: super::Extra = Box::new(move |tx| {
        Box::pin(async move {
            ended(tx).await?;
            if let Some(job) = watch {
                // A deploy of this commit that is being watched already needs no second watch.
                let (EnqueueOutcome::Enqueued(_) | EnqueueOutcome::AlreadyQueued(_)) =
                    tx.enqueue(&job, now).await?;
            }
            tx.put_host_artefact(task, DEPLOY_LOG, &log, now).await
        })
    });
    engine
        .finish(job, Event::WorkDone { work, head: None }, extra)
        .await
}

async fn launch(
    engine: &Engine,
    job: &ClaimedJob,
    record: &TaskRecord,
    repo: &Repo,
    deploy: &DeployConfig,
    landed: &ObjectId,
) -> anyhow::Result<(RunId, RunFolder)> {
    let name = format!(
        "{}-{}-deploy-{}",
        job.key.id, record.task.work_item, job.key.epoch
    );
    let folder = RunFolder::at(engine.0.paths.runs().join(&repo.name).join(name));
    let tree = folder.path().join("tree");
    repo.mirror.export(landed, &tree).await?;
    let home = folder.path().join("home");
    std::fs::create_dir_all(&home)?;
    let variable = |name: &str, value: String| (name.to_owned(), value);
    let launch = Launch {
        protocol: PROTOCOL,
        program: "/bin/sh".into(),
        args: vec!["-c".to_owned(), deploy.hook.clone()],
        env: vec![
            variable("PATH", std::env::var("PATH").unwrap_or_default()),
            variable("HOME", home.display().to_string()),
            variable("LANG", "C.UTF-8".to_owned()),
            variable("EXPECTED_REVISION", landed.to_string()),
            variable("ORCH_WORK_ITEM", record.task.work_item.to_string()),
        ],
        cwd: tree,
        prompt_on_stdin: false,
        terminal_line: None,
        token: engine.run_token(&folder),
        limits: Limits {
            wall_ms: u64::from(deploy.timeout_s) * 1000,
            ..Limits::default()
        },
    };
    folder.create(&launch, "")?;
    let row = NewRun {
        job: job.key.id,
        task: record.task.id,
        role: "deploy-hook".to_owned(),
        agent: "hook".to_owned(),
        stage: record.task.stage.to_string(),
        attempt: record.task.attempt(),
        folder: folder.path().display().to_string(),
        head_before: Some(landed.to_string()),
        reserved_usd: 0.0,
    };
    let (now, key) = (engine.now(), job.key);
    // The row is the intent: from here on the hook may have run, and is not started again.
    let run = engine
        .0
        .store
        .write(move |tx| Box::pin(async move { super::insert_run(tx, key, &row, now).await }))
        .await?;
    launcher::spawn_supervisor(&engine.0.orch, &folder)?;
    Ok((run, folder))
}

fn end(
    engine: &Engine,
    run: RunId,
    outcome: &str,
    detail: &str,
    exit_code: Option<i32>,
) -> super::Extra {
    let end = RunEnd {
        outcome: outcome.to_owned(),
        detail: detail.to_owned(),
        exit_code,
        ..RunEnd::default()
    };
    let now = engine.now();
    Box::new(move |tx| Box::pin(async move { tx.finalise_run(run, &end, now).await.map(|_| ()) }))
}

fn succeeded(result: &RunResult) -> bool {
    result.exit_code == Some(0)
        && result.killed.is_none()
        && result.stopped.is_none()
        && result.launch_error.is_none()
}

fn log(record: &TaskRecord, landed: &ObjectId, result: &RunResult, output: &str) -> String {
    let success = succeeded(result);
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
        if success { "SUCCESS" } else { "FAILED" },
        orch_frontmatter::render_scalar(record.task.work_item.as_str()),
        output.trim_end()
    )
}

/// What was written after landing cannot be on the landed commit: it goes to a docs branch of its own, which
/// keeps what an earlier log left there.
pub(super) async fn publish_docs(
    engine: &Engine,
    record: &TaskRecord,
    repo: &Repo,
    landed: &ObjectId,
    path: &str,
    log: &str,
) -> anyhow::Result<()> {
    let branch = format!("orch-docs/{}-{}", record.task.work_item, record.task.id);
    let present = repo
        .mirror
        .remote_branch(repo.forge.git_dir(), &branch)
        .await?;
    let parent = present.as_ref().unwrap_or(landed);
    let tree = repo
        .mirror
        .tree_with(parent, &[(path.to_owned(), Some(log.as_bytes().to_vec()))])
        .await?;
    if tree == repo.mirror.tree_of(parent).await? {
        return Ok(());
    }
    let message = format!("{}: {}\n", record.task.work_item, path_name(path));
    let commit = repo
        .mirror
        .commit(&tree, parent, &message, &bot(engine.now()))
        .await?;
    match repo
        .mirror
        .push(repo.forge.git_dir(), &commit, &branch, present.as_ref())
        .await?
    {
        orch_process::git::RefOutcome::Done => {}
        orch_process::git::RefOutcome::Refused { .. } => {
            tracing::warn!(
                branch,
                "the docs branch moved meanwhile; the log stays in the store"
            );
        }
    }
    Ok(())
}

fn path_name(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}
