//! Has a gate judge one subject, or uses an earlier pass of it again.

use std::sync::Arc;

use orch_config::Effective;
use orch_domain::artefact;
use orch_domain::id::TaskId;
use orch_domain::notice::NoticeKind;
use orch_domain::pipeline::Entry;
use orch_domain::risk::{RecordedRisk, Risk};
use orch_domain::stage::Stage;
use orch_domain::transition::Judgement;
use orch_domain::verdict::InconclusiveReason;
use orch_gates::{Interface, Judged, LoadedGate, Seed};
use orch_judge::{Answered as Answer, Case, Facts, Judges, risk_of};
use orch_store::{ClaimedJob, Evaluation, NewEvaluation, ReuseKey, TaskRecord};
use sha2::{Digest, Sha256};
use tracing::Instrument;

use super::claims::contradiction;
use super::gather::{AsksForge, gather};
use super::subject::Subject;
use crate::ledger::Ledger;
use crate::ledger::ending::{KeptEvaluation, Write};

/// Gates that ask the forge how a commit stands, and nothing else.
const STATUS_GATES: [&str; 2] = ["ci", "merge"];

/// What asks gates. Clones are the same.
#[derive(Debug, Clone)]
pub(crate) struct Judging {
    pub(crate) ledger: Ledger,
    pub(crate) judges: Judges,
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
        let (record, head) = (subject.record, subject.head);
        let gate = self.judges.gates().judge(&entry.gate).cloned();
        let imports_forge = |gate: &Arc<LoadedGate>| gate.imports.contains(&Interface::Forge);
        let asks_forge = match gate.as_ref().is_ok_and(imports_forge) {
            true if STATUS_GATES.contains(&entry.gate.as_str()) => AsksForge::Statuses,
            true => AsksForge::Yes,
            false => AsksForge::No,
        };
        let gathered = gather(&self.ledger, subject, effective, entry, asks_forge).await?;
        let key = reuse_key(subject, entry, gate.as_deref().ok(), &gathered.facts).await?;
        let risk = self.risk(subject, effective).await?;
        let not_asked = risk.as_ref().filter(|risk| risk.tier < entry.from_risk);
        let not_asked_below = not_asked.map(|_| entry.from_risk);
        let (answered, reused_from) = match (&gate, not_asked) {
            (_, Some(risk)) => {
                let (tier, from) = (risk.tier, entry.from_risk);
                let why = format!("not asked: the risk is {tier}, and it is asked from {from} on");
                (Answer::not_asked(why), None)
            }
            (Err(why), None) => (
                Answer::inconclusive(InconclusiveReason::Load, why.clone()),
                None,
            ),
            (Ok(gate), None) => match self.earlier(record.task.id, gate, &key).await? {
                Some(pass) => (
                    Answer::passed_before(gate, head.as_str(), pass.summary),
                    Some(pass.id),
                ),
                None => {
                    let case = Case {
                        entry,
                        facts: gathered.facts,
                        memory: gathered.memory,
                        waivers: &effective.waivers,
                        seed: Seed {
                            evaluation: seed_of(subject.job),
                            now_ms: self.ledger.now(),
                        },
                    };
                    (self.judges.judge(gate, case).await, None)
                }
            },
        };
        let contradicted = match answered.judged.judgement {
            Judgement::NotApplicable if not_asked_below.is_some() => None,
            Judgement::Pass | Judgement::NotApplicable => {
                contradiction(&subject.repo.mirror, head, record, entry).await?
            }
            Judgement::Fail { .. } | Judgement::Wait { .. } | Judgement::Inconclusive { .. } => {
                None
            }
        };
        let (answered, reused_from) = match contradicted {
            Some(why) => (
                Answer::inconclusive(InconclusiveReason::BadVerdict, why),
                None,
            ),
            None => (answered, reused_from),
        };
        let gate = gate.ok();
        let judged = &answered.judged;
        if let Some(gate) = &gate
            && judged.reason() == Some(InconclusiveReason::Trap)
        {
            self.quarantine_if_it_traps_everywhere(record, gate).await?;
        }
        tracing::info!(
            task.id = record.task.id.0,
            gate.entry = %entry.id,
            gate.name = entry.gate,
            decision = judged.outcome().as_str(),
            elapsed_us = answered.stats.elapsed_us,
            reused = reused_from.is_some(),
            "gate judged"
        );
        let about = gate.as_ref().map(|g| &g.descriptor);
        let row = NewEvaluation {
            task: record.task.id,
            key,
            gate: entry.gate.clone(),
            gate_version: about.map(|a| a.version.clone()).unwrap_or_default(),
            mode: entry.mode,
            stage: record.task.stage,
            attempt: record.task.attempt(),
            head_sha: head.to_string(),
            decision: judged.judgement.outcome(),
            reason: judged.reason(),
            summary: judged.summary.clone(),
            artefact: judged.artefact.clone().unwrap_or_default(),
            elapsed_us: i64::try_from(answered.stats.elapsed_us).unwrap_or(i64::MAX),
            host_calls: i64::try_from(answered.stats.host_calls).unwrap_or(i64::MAX),
            reused_from,
            risk: risk.map(|risk| RecordedRisk {
                risk,
                not_asked_below,
            }),
        };
        let kept = KeptEvaluation {
            row,
            recording: answered.recording,
            replaces: matches!(judged.judgement, Judgement::Pass | Judgement::NotApplicable),
            staged: answered.staged,
            artefact: about
                .and_then(|a| a.artefact.clone())
                .zip(judged.artefact.clone()),
        };
        Ok(Answered {
            judged: answered.judged,
            kept,
        })
    }

    /// How risky the task's change is. What has landed brings no change any more: then it is as it was told last.
    async fn risk(
        &self,
        subject: Subject<'_>,
        effective: &Effective,
    ) -> anyhow::Result<Option<Risk>> {
        let (task, git) = (&subject.record.task, &subject.repo.mirror);
        let (base, head) = (subject.base, subject.head);
        if task.stage < Stage::Development {
            return Ok(None);
        }
        if git.is_ancestor(head, base).await? {
            let id = task.id;
            let read = self.ledger.read(|tx| Box::pin(tx.latest_risk(id)));
            return Ok(read.await?);
        }
        risk_of(git, base, head, &task.work_item, &effective.risk).await
    }

    /// A gate that traps on tasks of two repositories is at fault itself: it judges nothing until it is mended.
    async fn quarantine_if_it_traps_everywhere(
        &self,
        record: &TaskRecord,
        gate: &LoadedGate,
    ) -> anyhow::Result<()> {
        let repo = record.task.repo.as_str();
        let Some(reason) = self.judges.library().trapped(&gate.digest, repo).await else {
            return Ok(());
        };
        tracing::error!(
            gate.name = gate.name,
            digest = gate.digest,
            reason,
            "a gate is quarantined"
        );
        let key = format!("quarantine:{}", gate.digest);
        let kind = NoticeKind::Quarantined {
            gate: gate.name.clone(),
            digest: gate.short_digest().to_owned(),
            reason,
        };
        self.ledger.announce(None, key, kind).await?;
        Ok(())
    }

    /// An earlier pass over the very same bytes, of a gate that asks about nothing else.
    async fn earlier(
        &self,
        task: TaskId,
        gate: &LoadedGate,
        key: &ReuseKey,
    ) -> anyhow::Result<Option<Evaluation>> {
        if !gate.imports.iter().all(|i| Interface::is_content(*i)) {
            return Ok(None);
        }
        let key = key.clone();
        let earlier = self
            .ledger
            .read(|tx| Box::pin(async move { tx.reusable_pass(task, &key).await }))
            .await?;
        Ok(earlier)
    }
}

/// What an earlier pass must be of, for it to count again.
async fn reuse_key(
    subject: Subject<'_>,
    entry: &Entry,
    gate: Option<&LoadedGate>,
    facts: &Facts,
) -> anyhow::Result<ReuseKey> {
    let folder = artefact::folder(&subject.record.task.work_item);
    let code_tree = subject.repo.mirror.code_tree(subject.head, &folder).await?;
    Ok(ReuseKey {
        entry: entry.id.to_string(),
        gate_digest: gate.map(|g| g.digest.clone()).unwrap_or_default(),
        settings_digest: hex::encode(Sha256::digest(entry.settings.as_bytes())),
        code_tree: code_tree.to_string(),
        base_sha: subject.base.to_string(),
        artefacts_digest: facts.artefacts_digest(),
    })
}

/// Another one for every claim of every job.
fn seed_of(job: &ClaimedJob) -> i64 {
    job.key.id.0.wrapping_mul(1_000_003) + job.key.epoch
}
