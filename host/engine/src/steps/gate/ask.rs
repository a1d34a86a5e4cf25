//! Has a gate judge one subject, or uses an earlier pass of it again.

use std::sync::{Arc, Mutex};

use orch_config::waivers;
use orch_config::{Effective, GateGrants, LiveConfig, Waiver};
use orch_domain::artefact;
use orch_domain::id::{EvaluationId, TaskId};
use orch_domain::pipeline::Entry;
use orch_domain::transition::Judgement;
use orch_domain::verdict::{Decision, Inconclusive, InconclusiveReason, Verdict};
use orch_gates::{
    Evaluation, Interface, Judged, Limits, LoadedGate, RecordedEvaluation, Seed, judge,
};
use orch_store::{ClaimedJob, NewEvaluation, ReuseKey, TaskRecord};
use sha2::{Digest, Sha256};
use tracing::Instrument;

use super::gather::gather;
use super::subject::Subject;
use crate::judges::Judges;
use crate::ledger::Ledger;
use crate::ledger::ending::{KeptEvaluation, Write};
use crate::ledger::repos::Repo;
use crate::provider::Provider;
use crate::replay::Kept;
use crate::rights::{Rights, Staged};
use crate::steps::checkout::Checkouts;
use crate::tools::ToolBox;

/// What asks gates. Clones are the same.
#[derive(Debug, Clone)]
pub(crate) struct Judging {
    pub(crate) ledger: Ledger,
    pub(crate) config: LiveConfig,
    pub(crate) judges: Judges,
    pub(crate) checkouts: Checkouts,
}

/// What a gate answered, and what is kept of that.
pub(crate) struct Answered {
    pub(crate) judged: Judged,
    pub(crate) kept: KeptEvaluation,
}

impl Answered {
    /// The artefact that belongs to the gate, with its name.
    pub(in crate::steps) fn owned(&self) -> Option<(&str, &str)> {
        let (name, text) = self.kept.artefact.as_ref()?;
        Some((name, text))
    }

    /// What is written of it.
    pub(in crate::steps) fn keep(self) -> Write {
        Write::Evaluation(Box::new(self.kept))
    }
}

impl Judging {
    /// Has a gate judge, or uses an earlier pass of it again.
    pub(in crate::steps) async fn ask(
        &self,
        subject: Subject<'_>,
        entry: &Entry,
        effective: &Effective,
    ) -> anyhow::Result<Answered> {
        let span = tracing::info_span!(
            "gate",
            gate.name = entry.gate,
            gate.entry = %entry.id,
            stage = %subject.record.task.stage,
        );
        self.judge(subject, entry, effective).instrument(span).await
    }

    async fn judge(
        &self,
        subject: Subject<'_>,
        entry: &Entry,
        effective: &Effective,
    ) -> anyhow::Result<Answered> {
        let provider = gather(&self.ledger, subject, effective, entry).await?;
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
        let found = self.judges.runtime.snapshot().judge(&entry.gate).cloned();
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
            Ok(gate) => match self.reusable(record.task.id, gate, &key).await? {
                Some((evaluation, from)) => (evaluation, Some(from)),
                None => {
                    let waivers = &effective.waivers;
                    let done = self
                        .evaluate(job, repo, gate, entry, provider, waivers)
                        .await?;
                    (recording, staged) = (done.recording, done.staged);
                    (done.evaluation, None)
                }
            },
        };
        for line in &evaluation.logs {
            tracing::debug!(gate.name = entry.gate, level = ?line.level, "{}", line.text);
        }
        if let (Some(gate), Err(cause)) = (&gate, &evaluation.result)
            && cause.reason == InconclusiveReason::Trap
        {
            self.quarantine_if_it_traps_everywhere(record, gate).await?;
        }
        let judged = match (&evaluation.result, &gate) {
            (_, Some(gate)) => judge(&evaluation, gate, head.as_str()),
            (Err(cause), None) => Judged::inconclusive(cause),
            (Ok(_), None) => anyhow::bail!("an evaluation without a gate has no verdict"),
        };
        tracing::info!(
            task.id = record.task.id.0,
            gate.entry = %entry.id,
            gate.name = entry.gate,
            decision = judged.decision(),
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
            mode: entry.mode,
            stage: record.task.stage,
            attempt: record.task.attempt(),
            head_sha: head.to_string(),
            decision: judged.judgement.outcome(),
            reason: judged.reason(),
            summary: judged.summary.clone(),
            artefact: judged.artefact.clone().unwrap_or_default(),
            elapsed_us: i64::try_from(evaluation.stats.elapsed_us).unwrap_or(i64::MAX),
            host_calls: i64::try_from(evaluation.stats.host_calls).unwrap_or(i64::MAX),
            reused_from,
        };
        let artefact = gate
            .as_ref()
            .and_then(|g| g.descriptor.artefact.clone())
            .zip(judged.artefact.clone());
        let replaces = matches!(judged.judgement, Judgement::Pass | Judgement::NotApplicable);
        let kept = KeptEvaluation {
            row,
            recording,
            replaces,
            staged,
            artefact,
        };
        Ok(Answered { judged, kept })
    }

    /// A gate that traps on tasks of two repositories is at fault itself: it judges nothing until it is mended.
    async fn quarantine_if_it_traps_everywhere(
        &self,
        record: &TaskRecord,
        gate: &LoadedGate,
    ) -> anyhow::Result<()> {
        let repo = record.task.repo.as_str();
        let Some(reason) = self.judges.library.trapped(&gate.digest, repo).await else {
            return Ok(());
        };
        let text = format!(
            "gate `{}` {} is in quarantine: {reason}",
            gate.name,
            gate.short_digest()
        );
        tracing::error!(gate.name = gate.name, digest = gate.digest, "{text}");
        let key = format!("quarantine:{}", gate.digest);
        self.ledger.alert(Some(record.task.id), key, text).await?;
        Ok(())
    }

    /// An earlier pass over the very same bytes, for a gate that asks about nothing else.
    async fn reusable(
        &self,
        task: TaskId,
        gate: &LoadedGate,
        key: &ReuseKey,
    ) -> anyhow::Result<Option<(Evaluation, EvaluationId)>> {
        if !gate.imports.iter().all(|i| Interface::is_content(*i)) {
            return Ok(None);
        }
        let key = key.clone();
        let earlier = self
            .ledger
            .read(|tx| Box::pin(async move { tx.reusable_pass(task, &key).await }))
            .await?;
        Ok(earlier.map(|earlier| {
            let verdict = Verdict {
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

    async fn evaluate(
        &self,
        job: &ClaimedJob,
        repo: &Repo,
        gate: &LoadedGate,
        entry: &Entry,
        mut provider: Provider,
        waivers: &[Waiver],
    ) -> anyhow::Result<Done> {
        let gates = &self.judges.runtime;
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
            now_ms: self.ledger.now(),
        };
        let config = self.config.now();
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
        let kept = self
            .ledger
            .read(|tx| Box::pin(async move { tx.gate_memory(&name, &of_gate).await }))
            .await?;
        provider.rights = Some(Rights {
            tools: ToolBox {
                orch: self.checkouts.orch().to_owned(),
                folder: self.checkouts.folder().to_owned(),
                socket: self.checkouts.socket().to_owned(),
                git: repo.mirror.clone(),
                head: provider.head.clone(),
                base: provider.base.clone(),
                granted: grants.tools.clone(),
                config,
            },
            advisories: self.judges.feed()?,
            http: grants.http.clone(),
            kept,
            staged: Mutex::default(),
        });
        let limits = limits_of(entry);
        let imports = Arc::new(provider);
        let RecordedEvaluation {
            mut evaluation,
            recording,
        } = gates
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
