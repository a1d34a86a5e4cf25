//! Watches production for a while after a deploy: one probe per claim, kept as they come, so that a restart
//! loses none. At the end the gate `post-deploy` reads the series and writes `16-post-deploy-log.md`. No stage
//! moves here; what is found is alerted.

use std::time::Duration;

use anyhow::Context;
use orch_agents::supervise::TOKEN_VARIABLE;
use orch_domain::artefact::{self, POST_DEPLOY_LOG};
use orch_domain::id::ObjectId;
use orch_domain::job::JobKind;
use orch_domain::transition::Judgement;
use orch_process::{Spec, run};
use orch_store::{ClaimedJob, EvidenceRow, FinishOutcome, NewJob, TaskRecord};
use serde::{Deserialize, Serialize};

use crate::engine::{Engine, Repo};
use crate::provider::Provider;
use orch_config::{Effective, PostDeployConfig};

/// Name of the evidence.
const PROBES: &str = "post-deploy/probes";
/// Bytes of a failed probe's output in the series.
const TAIL_BYTES: usize = 500;

#[derive(Serialize, Deserialize)]
struct Payload {
    sha: String,
}

/// One look at production.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Probe {
    at_ms: i64,
    ok: bool,
    exit_code: i32,
    /// Output of a failed probe.
    output: String,
}

/// The series, as the gate reads it.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Series {
    started_ms: i64,
    window_s: u32,
    /// How many probes were to be made.
    planned: u32,
    probes: Vec<Probe>,
}

impl Series {
    fn step_ms(&self) -> i64 {
        i64::from(self.window_s) * 1000 / i64::from(self.planned.max(1))
    }

    /// When the next probe is due; none if the series is complete or its window is over.
    fn due(&self, now: i64) -> Option<i64> {
        let made = i64::try_from(self.probes.len()).unwrap_or(i64::MAX);
        let over = now > self.started_ms + i64::from(self.window_s) * 1000 + self.step_ms();
        if over || made >= i64::from(self.planned) {
            return None;
        }
        // Probes that a host that was down has missed are not made up for in a burst.
        let last = self
            .probes
            .last()
            .map_or(i64::MIN, |p| p.at_ms + self.step_ms() / 2);
        Some((self.started_ms + made * self.step_ms()).max(last))
    }
}

/// The job that watches what was deployed; none if the repository has no probe.
pub(super) fn job(repo: &Repo, record: &TaskRecord, landed: &ObjectId, now: i64) -> Option<NewJob> {
    repo.config.post_deploy.as_ref()?;
    let payload = Payload {
        sha: landed.to_string(),
    };
    Some(NewJob {
        kind: JobKind::Monitor,
        task: Some(record.task.id),
        repo: repo.name.clone(),
        payload: serde_json::to_string(&payload).unwrap_or_default(),
        priority: 4,
        run_at_ms: now,
        unique_key: Some(format!("monitor:{}:{landed}", record.task.id)),
        reason: None,
    })
}

pub(super) async fn handle(engine: &Engine, job: &ClaimedJob) -> anyhow::Result<()> {
    let (record, repo, effective) = engine.subject(job).await?;
    let payload: Payload = serde_json::from_str(&job.payload).context("payload of a monitor")?;
    let landed = ObjectId::new(payload.sha)?;
    let Some(watch) = &repo.config.post_deploy else {
        // The operator has taken the probe away meanwhile.
        return engine.finish_quietly(job, super::nothing()).await;
    };
    let mut series = series(engine, &record, &landed, watch).await?;
    match series.due(engine.now()) {
        None => conclude(engine, job, &record, repo, &effective, &landed).await,
        Some(at) if at > engine.now() => put_off(engine, job, at, None).await,
        Some(_) => {
            series
                .probes
                .push(probe(engine, repo, watch, &landed).await?);
            let row = EvidenceRow {
                name: PROBES.to_owned(),
                sha: landed.to_string(),
                obtained_ms: engine.now(),
                content: serde_json::to_string(&series)?,
            };
            let next = series.due(engine.now()).unwrap_or_else(|| engine.now());
            put_off(engine, job, next, Some(row)).await
        }
    }
}

async fn series(
    engine: &Engine,
    record: &TaskRecord,
    landed: &ObjectId,
    watch: &PostDeployConfig,
) -> anyhow::Result<Series> {
    let (task, sha) = (record.task.id, landed.to_string());
    let kept = engine
        .0
        .store
        .read(|tx| Box::pin(async move { tx.evidence_for(task, PROBES, &sha).await }))
        .await?;
    match kept {
        Some(row) => serde_json::from_str(&row.content).context("the series of probes"),
        None => Ok(Series {
            started_ms: engine.now(),
            window_s: watch.window_s,
            planned: watch.probes,
            probes: Vec::new(),
        }),
    }
}

async fn probe(
    engine: &Engine,
    repo: &Repo,
    watch: &PostDeployConfig,
    landed: &ObjectId,
) -> anyhow::Result<Probe> {
    let root = engine.0.paths.checkouts();
    std::fs::create_dir_all(&root)?;
    let folder = tempfile::Builder::new()
        .prefix(&format!("{}-probe-", repo.name))
        .tempdir_in(&root)?;
    let timeout = Duration::from_secs(u64::from(watch.timeout_s));
    let spec = Spec::shell(&watch.probe, folder.path().to_owned(), timeout)
        .env("PATH", std::env::var("PATH").unwrap_or_default())
        .env("HOME", folder.path().display().to_string())
        .env("LANG", "C.UTF-8")
        .env("EXPECTED_REVISION", landed.to_string())
        .env(TOKEN_VARIABLE, crate::ci::token_of(folder.path()));
    let at_ms = engine.now();
    let done = run(&spec).await?;
    let output = match (done.success(), done.timed_out) {
        (true, _) => String::new(),
        (false, true) => format!("no answer within {} s", watch.timeout_s),
        (false, false) => done.tail(TAIL_BYTES),
    };
    Ok(Probe {
        at_ms,
        ok: done.success(),
        exit_code: done.exit.code(),
        output,
    })
}

/// Ends this claim and keeps what was seen under it.
async fn put_off(
    engine: &Engine,
    job: &ClaimedJob,
    at: i64,
    row: Option<EvidenceRow>,
) -> anyhow::Result<()> {
    let (key, task) = (job.key, job.task.context("a monitor without a task")?);
    engine
        .0
        .store
        .write(move |tx| {
            Box::pin(async move {
                let reason = "the next probe of production";
                if tx.put_off(key, at, reason, true).await? == FinishOutcome::Fenced {
                    return Ok(());
                }
                match row {
                    Some(row) => tx.put_evidence(task, &row).await,
                    None => Ok(()),
                }
            })
        })
        .await?;
    Ok(())
}

/// Has the gate read the series, and writes down what it says.
async fn conclude(
    engine: &Engine,
    job: &ClaimedJob,
    record: &TaskRecord,
    repo: &Repo,
    effective: &Effective,
    landed: &ObjectId,
) -> anyhow::Result<()> {
    let pipeline = effective.pipeline()?;
    let Some(entry) = pipeline.watch_entry() else {
        return engine.finish_quietly(job, super::nothing()).await;
    };
    let provider = Provider::gather(engine, record, repo, effective, landed, landed, entry).await?;
    let subject = super::gate::Subject {
        job,
        record,
        repo,
        head: landed,
        base: landed,
    };
    let answered = super::gate::ask(engine, subject, entry, provider, effective).await?;
    let item = &record.task.work_item;
    let text = match (&answered.judged.judgement, &answered.owned) {
        (Judgement::Pass | Judgement::NotApplicable, _) => None,
        (Judgement::Fail { findings }, _) => Some(format!(
            "{item}: production is degraded after {landed}\n{findings}"
        )),
        (Judgement::Wait { reason, .. }, _) => Some(format!(
            "{item}: nobody knows how production is after {landed}: {reason}"
        )),
        (Judgement::Inconclusive { reason, detail }, _) => Some(format!(
            "{item}: nobody knows how production is after {landed}: {}: {detail}",
            reason.as_str()
        )),
    };
    if let Some((name, log)) = &answered.owned
        && name == POST_DEPLOY_LOG
    {
        let path = format!("{}/{name}", artefact::folder(item));
        super::deploy::publish_docs(engine, record, repo, landed, &path, log).await?;
    }
    let (task, now, key) = (
        record.task.id,
        engine.now(),
        format!("post-deploy:{landed}"),
    );
    let kept = answered.keep(task, now);
    let extra: super::Extra = Box::new(move |tx| {
        Box::pin(async move {
            kept(tx).await?;
            match text {
                Some(text) => tx.push_outbox(Some(task), "alert", &key, &text, now).await,
                None => Ok(()),
            }
        })
    });
    engine.finish_quietly(job, extra).await
}

#[cfg(test)]
mod tests {
    use super::*;

    fn series(made: &[i64]) -> Series {
        let probe = |at_ms: &i64| Probe {
            at_ms: *at_ms,
            ok: true,
            exit_code: 0,
            output: String::new(),
        };
        Series {
            started_ms: 1_000,
            window_s: 30,
            planned: 3,
            probes: made.iter().map(probe).collect(),
        }
    }

    #[test]
    fn probes_are_spread_over_the_window_and_missed_ones_come_in_no_burst() {
        assert_eq!(series(&[]).due(1_000), Some(1_000));
        assert_eq!(series(&[1_000]).due(1_010), Some(11_000));
        // The host was down from 11 s to 29 s: the second probe is late, the third keeps its distance.
        assert_eq!(series(&[1_000, 29_000]).due(29_010), Some(34_000));
        assert_eq!(series(&[1_000, 11_000, 21_000]).due(21_010), None);
    }

    #[test]
    fn series_ends_with_its_window_though_probes_are_missing() {
        assert_eq!(series(&[1_000]).due(42_000), None);
    }
}
