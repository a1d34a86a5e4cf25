//! Evaluates the gate at the task's current step, on pinned commits, and acts on what was read back.

use std::sync::{Arc, Mutex};

use orch_domain::artefact;
use orch_domain::id::{ObjectId, TaskId};
use orch_domain::pipeline::{Entry, Step};
use orch_domain::transition::{Event, Judgement};
use orch_domain::verdict::{Decision, Inconclusive, InconclusiveReason};
use orch_gates::artefact::{Stamp, findings, read_back, render};
use orch_gates::{Evaluation, Interface, Limits, LoadedGate, Seed};
use orch_store::{ClaimedJob, NewEvaluation, ReuseKey, StoreError, TaskRecord};
use sha2::{Digest, Sha256};

use crate::engine::{Engine, Repo};
use crate::provider::Provider;
use crate::replay::Kept;
use crate::rights::{Rights, Staged};
use crate::tools::ToolBox;
use orch_config::waivers;
use orch_config::{Effective, GateGrants, Waiver};

/// Beginning of the rules that say that a secret was found, whichever gate found it.
pub(super) const SECRET_RULE: &str = "secret/";

/// The commit of a task that is judged, and under which claim.
#[derive(Clone, Copy)]
pub(super) struct Subject<'a> {
    pub(super) job: &'a ClaimedJob,
    pub(super) record: &'a TaskRecord,
    pub(super) repo: &'a Repo,
    pub(super) head: &'a ObjectId,
    pub(super) base: &'a ObjectId,
}

/// What it answered, and what is kept of that.
pub(super) struct Answered {
    pub(super) judged: Judged,
    /// The artefact that belongs to the gate, with its name.
    pub(super) owned: Option<(String, String)>,
    /// Whether the findings of a fail name a secret.
    secret: bool,
    row: NewEvaluation,
    recording: Option<String>,
    staged: Vec<Staged>,
}

impl Answered {
    /// Writes the evaluation and everything that belongs to it. What the gate staged before for the task is
    /// replaced, unless this judgement is none.
    pub(super) fn keep(self, task: TaskId, now: i64) -> super::Extra {
        let replaces = matches!(
            self.judged.judgement,
            Judgement::Pass | Judgement::NotApplicable
        );
        Box::new(move |tx| {
            Box::pin(async move {
                let id = tx.insert_evaluation(&self.row, now).await?;
                if let Some(text) = self.recording {
                    tx.put_recording(id, &text).await?;
                }
                let gate = &self.row.gate;
                if replaces && self.row.reused_from.is_none() {
                    tx.unstage_memory(task, gate).await?;
                }
                for Staged {
                    key,
                    value,
                    read_version,
                } in self.staged
                {
                    tx.stage_memory(task, gate, &key, value.as_deref(), read_version)
                        .await?;
                }
                match self.owned {
                    Some((name, text)) => tx.put_host_artefact(task, &name, &text, now).await,
                    None => Ok(()),
                }
            })
        })
    }
}

pub(super) async fn handle(engine: &Engine, job: &ClaimedJob) -> anyhow::Result<()> {
    let (record, repo, effective) = engine.subject(job).await?;
    let pipeline = effective.pipeline()?;
    let Some(Step::Gate(id)) = pipeline.step(record.task.stage, record.task.step).cloned() else {
        anyhow::bail!("the task is not at a gate");
    };
    let Some(entry) = pipeline.entry(&id) else {
        anyhow::bail!("gate entry `{id}` is not in the task's configuration");
    };
    let base = repo.base_tip().await?;
    let head = record.task.head.clone().unwrap_or_else(|| base.clone());
    let provider = Provider::gather(engine, &record, repo, &effective, &head, &base, entry).await?;
    let subject = Subject {
        job,
        record: &record,
        repo,
        head: &head,
        base: &base,
    };
    let answered = ask(engine, subject, entry, provider, &effective).await?;
    let rotate = answered.secret.then(|| {
        let (item, gate) = (&record.task.work_item, &entry.gate);
        let text = format!("{item}: gate `{gate}` found a secret on the branch; rotate this key, it has been in the repository ({head})");
        (format!("rotate:{}:{head}", record.task.id.0), text)
    });
    let judgement = answered.judged.judgement.clone();
    let (task, version, now) = (record.task.id, record.task.version, engine.now());
    let pinned = record.task.head.clone();
    let kept = answered.keep(task, now);
    let extra: super::Extra = Box::new(move |tx| {
        Box::pin(async move {
            let present = tx.task(task).await?.task;
            if present.version != version || present.head != pinned {
                return Err(StoreError::Refused(
                    "the task moved under the evaluation; it is asked again".to_owned(),
                ));
            }
            kept(tx).await?;
            match rotate {
                Some((key, text)) => tx.push_outbox(Some(task), "alert", &key, &text, now).await,
                None => Ok(()),
            }
        })
    });
    let event = Event::GateJudged {
        entry: id,
        judgement,
    };
    engine.finish(job, event, extra).await
}

/// Has a gate judge, or uses an earlier pass of it again.
pub(super) async fn ask(
    engine: &Engine,
    subject: Subject<'_>,
    entry: &Entry,
    provider: Provider,
    effective: &Effective,
) -> anyhow::Result<Answered> {
    let Subject {
        job,
        record,
        repo,
        head,
        base,
    } = subject;
    let code_tree = repo
        .mirror
        .code_tree(head, &artefact::folder(&record.task.work_item))
        .await?;
    let found = engine.0.gates.snapshot().judge(&entry.gate).cloned();
    let gate = found.as_ref().ok().cloned();
    let key = ReuseKey {
        entry: entry.id.to_string(),
        gate_digest: gate.as_ref().map(|g| g.digest.clone()).unwrap_or_default(),
        settings_digest: hex::encode(Sha256::digest(entry.settings.as_bytes())),
        code_tree: code_tree.to_string(),
        base_sha: base.to_string(),
        artefacts_digest: provider.artefacts_digest(),
    };
    let (mut recording, mut staged) = (None, Vec::new());
    let (evaluation, reused_from) = match &found {
        Err(why) => {
            let missing = Inconclusive::new(InconclusiveReason::Load, why.clone());
            (Evaluation::refused(missing), None)
        }
        Ok(gate) => match reusable(engine, &record.task.id, gate, &key).await? {
            Some((evaluation, from)) => (evaluation, Some(from)),
            None => {
                let waivers = &effective.waivers;
                let done = evaluate(engine, job, repo, gate, entry, provider, waivers).await?;
                (recording, staged) = (done.recording, done.staged);
                (done.evaluation, None)
            }
        },
    };
    for (level, line) in &evaluation.logs {
        tracing::debug!(gate.name = entry.gate, level = ?level, "{line}");
    }
    if let (Some(gate), Err(cause)) = (&gate, &evaluation.result)
        && cause.reason == InconclusiveReason::Trap
    {
        quarantine_if_it_traps_everywhere(engine, record, gate).await?;
    }
    let judged = judge(&evaluation, gate.as_deref(), head.as_str());
    tracing::info!(
        task.id = record.task.id.0,
        gate.entry = %entry.id,
        gate.name = entry.gate,
        decision = judged.decision,
        elapsed_us = evaluation.stats.elapsed_us,
        reused = reused_from.is_some(),
        "gate judged"
    );
    let row = NewEvaluation {
        task: record.task.id,
        key,
        gate: entry.gate.clone(),
        gate_version: gate
            .as_ref()
            .map(|g| g.descriptor.version.clone())
            .unwrap_or_default(),
        mode: entry.mode.as_str().to_owned(),
        stage: record.task.stage.to_string(),
        attempt: record.task.attempt(),
        head_sha: head.to_string(),
        decision: judged.decision.to_owned(),
        reason: judged.reason.map(|r| r.as_str().to_owned()),
        summary: judged.summary.clone(),
        artefact: judged.artefact.clone().unwrap_or_default(),
        elapsed_us: i64::try_from(evaluation.stats.elapsed_us).unwrap_or(i64::MAX),
        host_calls: i64::try_from(evaluation.stats.host_calls).unwrap_or(i64::MAX),
        reused_from,
    };
    let owned = gate
        .as_ref()
        .and_then(|g| g.descriptor.artefact.clone())
        .zip(judged.artefact.clone());
    let secret = match (&evaluation.result, &judged.judgement) {
        (Ok(verdict), Judgement::Fail { .. }) => verdict
            .findings
            .iter()
            .any(|f| f.rule.starts_with(SECRET_RULE)),
        _ => false,
    };
    Ok(Answered {
        judged,
        owned,
        secret,
        row,
        recording,
        staged,
    })
}

/// A gate that traps on tasks of two repositories is at fault itself: it judges nothing until it is mended.
async fn quarantine_if_it_traps_everywhere(
    engine: &Engine,
    record: &TaskRecord,
    gate: &LoadedGate,
) -> anyhow::Result<()> {
    let repo = record.task.repo.as_str();
    let Some(reason) = engine.0.library.trapped(&gate.digest, repo).await else {
        return Ok(());
    };
    let text = format!(
        "gate `{}` {} is in quarantine: {reason}",
        gate.name,
        gate.short_digest()
    );
    tracing::error!(gate.name = gate.name, digest = gate.digest, "{text}");
    let (task, key, now) = (
        record.task.id,
        format!("quarantine:{}", gate.digest),
        engine.now(),
    );
    engine
        .0
        .store
        .write(move |tx| {
            Box::pin(async move { tx.push_outbox(Some(task), "alert", &key, &text, now).await })
        })
        .await?;
    Ok(())
}

/// An earlier pass over the very same bytes, for a gate that asks about nothing else.
async fn reusable(
    engine: &Engine,
    task: &orch_domain::id::TaskId,
    gate: &LoadedGate,
    key: &ReuseKey,
) -> anyhow::Result<Option<(Evaluation, orch_domain::id::EvaluationId)>> {
    if !gate.imports.iter().all(|i| Interface::is_content(*i)) {
        return Ok(None);
    }
    let (task, key) = (*task, key.clone());
    let earlier = engine
        .0
        .store
        .read(|tx| Box::pin(async move { tx.reusable_pass(task, &key).await }))
        .await?;
    Ok(earlier.map(|earlier| {
        let verdict = orch_domain::verdict::Verdict {
            decision: Decision::Pass,
            summary: earlier.summary,
            fields: Vec::new(),
            findings: Vec::new(),
            report: String::new(),
        };
        let evaluation = Evaluation {
            result: Ok(verdict),
            stats: Default::default(),
            logs: Vec::new(),
        };
        (evaluation, earlier.id)
    }))
}

/// An evaluation with what is kept of it.
struct Done {
    evaluation: Evaluation,
    /// Its recording as text; none if it cannot be replayed.
    recording: Option<String>,
    staged: Vec<Staged>,
}

impl From<Evaluation> for Done {
    fn from(evaluation: Evaluation) -> Self {
        Self {
            evaluation,
            recording: None,
            staged: Vec::new(),
        }
    }
}

fn refused(reason: InconclusiveReason, detail: String) -> Done {
    Evaluation::refused(Inconclusive::new(reason, detail)).into()
}

async fn evaluate(
    engine: &Engine,
    job: &ClaimedJob,
    repo: &Repo,
    gate: &LoadedGate,
    entry: &Entry,
    mut provider: Provider,
    waivers: &[Waiver],
) -> anyhow::Result<Done> {
    let gates = &engine.0.gates;
    match gates.check_settings(gate, &entry.settings).await {
        Ok(problems) if problems.is_empty() => {}
        Ok(problems) => {
            let detail = format!("settings of `{}`: {}", entry.id, problems.join("; "));
            return Ok(refused(InconclusiveReason::Misconfigured, detail));
        }
        Err(inconclusive) => return Ok(Evaluation::refused(inconclusive).into()),
    }
    let seed = Seed {
        evaluation: job.key.id.0.wrapping_mul(1_000_003) + job.key.epoch,
        now_ms: engine.now(),
    };
    let config = engine.config();
    let grants = match GateGrants::of(&config, &repo.name, &gate.name) {
        Ok(grants) => grants,
        Err(error) => {
            return Ok(refused(
                InconclusiveReason::Misconfigured,
                error.to_string(),
            ));
        }
    };
    if let Some(missing) = grants.missing(gate) {
        let detail = format!("gate `{}`: {missing}", gate.name);
        return Ok(refused(InconclusiveReason::Denied, detail));
    }
    let (name, of_gate) = (repo.name.clone(), gate.name.clone());
    let kept = engine
        .0
        .store
        .read(|tx| Box::pin(async move { tx.gate_memory(&name, &of_gate).await }))
        .await?;
    provider.rights = Some(Rights {
        tools: ToolBox {
            orch: engine.0.orch.clone(),
            folder: engine.0.paths.checkouts(),
            socket: engine.0.paths.socket(),
            git: repo.mirror.clone(),
            head: provider.head.clone(),
            base: provider.base.clone(),
            granted: grants.tools.clone(),
            config,
        },
        advisories: engine.advisories()?,
        http: grants.http.clone(),
        kept,
        staged: Mutex::default(),
    });
    let limits = limits_of(entry);
    let imports = Arc::new(provider);
    let (mut evaluation, recording) = gates
        .evaluate_recorded(gate, imports.clone(), &grants.interfaces(), &limits, seed)
        .await;
    let passes = matches!(&evaluation.result, Ok(v) if v.decision == Decision::Pass);
    // Only a pass may leave something behind.
    let staged = imports
        .rights
        .as_ref()
        .filter(|_| passes)
        .map(Rights::staged);
    if let Ok(verdict) = &mut evaluation.result {
        waivers::apply(verdict, waivers, seed.now_ms);
    }
    Ok(Done {
        evaluation,
        recording: recording.and_then(|recording| {
            let waivers = waivers.to_vec();
            serde_json::to_string(&Kept { recording, waivers }).ok()
        }),
        staged: staged.unwrap_or_default(),
    })
}

/// The production limits, as far as the entry does not lower them.
fn limits_of(entry: &Entry) -> Limits {
    let most = Limits::default();
    let lower = |most: u64, limit: Option<u64>| limit.map_or(most, |limit| limit.min(most));
    Limits {
        cpu_ms: lower(most.cpu_ms, entry.limits.cpu_ms),
        wall_ms: lower(most.wall_ms, entry.limits.wall_ms),
        memory_bytes: lower(most.memory_bytes, entry.limits.memory_bytes),
        host_calls: lower(most.host_calls, entry.limits.host_calls),
        ..most
    }
}

/// What the host acts on.
pub(crate) struct Judged {
    pub(crate) decision: &'static str,
    pub(crate) reason: Option<InconclusiveReason>,
    pub(crate) summary: String,
    pub(crate) artefact: Option<String>,
    pub(crate) judgement: Judgement,
}

/// Writes the verdict as an artefact, reads it back, and takes the decision from what was read.
pub(crate) fn judge(evaluation: &Evaluation, gate: Option<&LoadedGate>, head: &str) -> Judged {
    let inconclusive = |cause: &Inconclusive| Judged {
        decision: "inconclusive",
        reason: Some(cause.reason),
        summary: cause.detail.clone(),
        artefact: None,
        judgement: Judgement::Inconclusive {
            reason: cause.reason,
            detail: cause.detail.clone(),
        },
    };
    let (verdict, gate) = match (&evaluation.result, gate) {
        (Ok(verdict), Some(gate)) => (verdict, gate),
        (Err(cause), _) => return inconclusive(cause),
        (Ok(_), None) => {
            return inconclusive(&Inconclusive::new(
                InconclusiveReason::Load,
                "there is no gate",
            ));
        }
    };
    if let Decision::Wait { after_ms } = verdict.decision {
        return Judged {
            decision: "wait",
            reason: None,
            summary: verdict.summary.clone(),
            artefact: None,
            judgement: Judgement::Wait {
                after_ms,
                reason: verdict.summary.clone(),
            },
        };
    }
    let stamp = Stamp {
        gate: &gate.name,
        digest: &gate.digest,
        head_sha: head,
    };
    let text = render(verdict, &gate.descriptor, &stamp).unwrap_or_default();
    let read = match read_back(&text, &gate.descriptor) {
        Ok(read) => read.decision(),
        Err(why) => return inconclusive(&Inconclusive::new(InconclusiveReason::BadVerdict, why)),
    };
    let judgement = match read {
        Decision::Pass => Judgement::Pass,
        Decision::NotApplicable => Judgement::NotApplicable,
        Decision::Fail | Decision::Wait { .. } => {
            let mut text = findings(verdict);
            if text.is_empty() {
                text = format!("{}\n{}", verdict.summary, verdict.report);
            }
            Judgement::Fail { findings: text }
        }
    };
    Judged {
        decision: read.as_str(),
        reason: None,
        summary: verdict.summary.clone(),
        artefact: Some(text),
        judgement,
    }
}
