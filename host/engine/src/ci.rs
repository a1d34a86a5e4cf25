//! Tests a commit in a clean checkout: the local forge's CI, and the re-test before landing.

use std::time::Duration;

use anyhow::Context;
use orch_agents::supervise::{TOKEN_VARIABLE, sweep_marked};
use orch_domain::id::ObjectId;
use orch_domain::imports::CheckState;
use orch_process::sandbox::{Confinement, Limits, NOT_CONFINED, Network};
use orch_process::{Spec, run};
use orch_store::{ClaimedJob, EvidenceRow};
use serde::Deserialize;

use crate::config::{CiConfig, LOCAL_CI_CONTEXT, SandboxMode};
use crate::engine::{Engine, Repo};
use crate::forge::{LOCAL_TESTS, StoredRun};
use crate::handlers::Extra;

/// Bytes of output that are kept as evidence and reach the developer.
const TAIL_BYTES: usize = 16 * 1024;

#[derive(Deserialize)]
struct Payload {
    sha: String,
}

pub(crate) async fn handle(engine: &Engine, job: &ClaimedJob) -> anyhow::Result<()> {
    let (record, repo, effective) = engine.subject(job).await?;
    let payload: Payload = serde_json::from_str(&job.payload).context("payload of a CI job")?;
    let sha = ObjectId::new(payload.sha)?;
    // A commit that somebody else pushed may not be in the mirror yet.
    repo.base_tip().await?;
    let ci = effective.ci.context("the repository has no test command")?;
    let tested = test_commit(engine, repo, &sha, &ci).await?;
    tracing::info!(repo = repo.name, sha = %sha, passed = tested.passed, "CI ended");
    let task = record.task.id;
    let now = engine.now();
    let write = record_run(repo.name.clone(), task, sha, tested, now);
    let extra: Extra = Box::new(move |tx| {
        Box::pin(async move {
            write(tx).await?;
            // Whoever waits for this commit may look again at once.
            tx.make_due(task, now).await.map(|_| ())
        })
    });
    engine.finish_quietly(job, extra).await
}

/// Posts the status of a tested commit and keeps the run as evidence.
pub(crate) fn record_run(
    repo: String,
    task: orch_domain::id::TaskId,
    sha: ObjectId,
    tested: StoredRun,
    now: i64,
) -> Extra {
    Box::new(move |tx| {
        Box::pin(async move {
            let state = if tested.passed {
                CheckState::Success
            } else {
                CheckState::Failure
            };
            let description = format!("exit code {}", tested.exit_code);
            tx.set_status(
                &repo,
                sha.as_str(),
                LOCAL_CI_CONTEXT,
                state,
                &description,
                now,
            )
            .await?;
            let content = serde_json::to_string(&tested).unwrap_or_default();
            let row = |name: &str, content: String| EvidenceRow {
                name: name.to_owned(),
                sha: sha.to_string(),
                obtained_ms: now,
                content,
            };
            tx.put_evidence(task, &row(LOCAL_TESTS, content)).await?;
            let output = tested.output_tail.clone();
            tx.put_evidence(task, &row(&format!("ci/{LOCAL_CI_CONTEXT}"), output))
                .await
        })
    })
}

/// Runs set-up and tests of a commit in a clean checkout.
pub(crate) async fn test_commit(
    engine: &Engine,
    repo: &Repo,
    sha: &ObjectId,
    ci: &CiConfig,
) -> anyhow::Result<StoredRun> {
    let checkout = checkout(engine, repo, sha).await?;
    let timeout = Duration::from_secs(u64::from(ci.timeout_s));
    let mut output = String::new();
    let mut duration_ms = 0;
    // Setting up may fetch what the tests need; the tests themselves talk to nobody but themselves.
    let setup = ci.setup.iter().map(|command| (command, Network::Host));
    for (command, network) in setup.chain([(&ci.test, Network::None)]) {
        let spec = plain_environment(
            Spec::shell(command, checkout.path().join("tree"), timeout),
            &checkout,
        );
        let token = format!("ci-{}", checkout.path().display());
        let spec =
            confined(engine, spec, &checkout, network, timeout).env(TOKEN_VARIABLE, token.clone());
        let done = run(&spec).await?;
        tokio::task::spawn_blocking(move || sweep_marked(&token)).await?;
        let stderr = done.stderr.text();
        if done.exit.code() == NOT_CONFINED && stderr.contains("sandbox: ") {
            // The machine's fault and not the commit's.
            anyhow::bail!("the tests could not be confined: {}", stderr.trim());
        }
        duration_ms += u64::try_from(done.duration.as_millis()).unwrap_or(u64::MAX);
        output.push_str(&format!("$ {command}\n{}\n", done.tail(TAIL_BYTES)));
        if done.timed_out {
            output.push_str(&format!("(ended after {} s)\n", ci.timeout_s));
        }
        if !done.success() {
            let exit_code = if done.timed_out {
                124
            } else {
                done.exit.code()
            };
            return Ok(StoredRun {
                passed: false,
                exit_code,
                output_tail: output,
                duration_ms,
            });
        }
    }
    Ok(StoredRun {
        passed: true,
        exit_code: 0,
        output_tail: output,
        duration_ms,
    })
}

/// The same command, confined to its checkout as the operator's configuration says.
fn confined(
    engine: &Engine,
    spec: Spec,
    checkout: &tempfile::TempDir,
    network: Network,
    timeout: Duration,
) -> Spec {
    let config = engine.config();
    if config.sandbox.mode == SandboxMode::Off {
        return spec;
    }
    let confinement = Confinement {
        read: config.sandbox.read.clone(),
        write: vec![checkout.path().to_owned()],
        hide: vec![engine.0.paths.socket()],
        network,
        limits: Limits {
            // Of each process; a machine with many cores may spend more than its wall clock.
            cpu_s: timeout.as_secs().saturating_mul(64).max(1),
            ..Limits::default()
        },
    };
    let (program, args) = confinement.wrap(&engine.0.orch, &spec.program, &spec.args);
    Spec {
        program,
        args,
        ..spec
    }
}

/// A clean checkout with a home and a temporary folder of its own, removed when dropped.
pub(crate) async fn checkout(
    engine: &Engine,
    repo: &Repo,
    sha: &ObjectId,
) -> anyhow::Result<tempfile::TempDir> {
    let root = engine.0.paths.checkouts();
    std::fs::create_dir_all(&root)?;
    let folder = tempfile::Builder::new()
        .prefix(&format!("{}-", repo.name))
        .tempdir_in(&root)?;
    for name in ["home", "tmp"] {
        std::fs::create_dir(folder.path().join(name))?;
    }
    repo.mirror.export(sha, &folder.path().join("tree")).await?;
    Ok(folder)
}

/// The environment of tests and hooks: where programs are, a home and a place for temporary files.
pub(crate) fn plain_environment(spec: Spec, checkout: &tempfile::TempDir) -> Spec {
    spec.env("PATH", std::env::var("PATH").unwrap_or_default())
        .env("HOME", checkout.path().join("home").display().to_string())
        .env("TMPDIR", checkout.path().join("tmp").display().to_string())
        .env("LANG", "C.UTF-8")
        .env("CI", "true")
}
