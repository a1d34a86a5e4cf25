//! Gates whose memory another landing has changed since they passed this task: they judge again before it lands.
//!
//! Every landing of a repository happens under its merge lease, so nothing can overtake between this look and
//! the landing itself.

use orch_domain::pipeline::{Entry, Mode};
use orch_domain::transition::{Judgement, WorkFailure};

use super::gate::{Judging, Subject};
use orch_config::Effective;

/// Has every overtaken gate judge the commit that would land; answers why it may not, if one says so.
pub(super) async fn judge_again(
    judging: &Judging,
    subject: Subject<'_>,
    effective: &Effective,
) -> anyhow::Result<Option<WorkFailure>> {
    let (task, name) = (subject.record.task.id, subject.repo.name.clone());
    let gates = judging
        .ledger
        .read(|tx| Box::pin(async move { tx.overtaken_gates(task, &name).await }))
        .await?;
    if gates.is_empty() {
        return Ok(None);
    }
    let pipeline = effective.pipeline()?;
    let entries = pipeline.entries_in_use().map(|(_, entry)| entry);
    for entry in entries.filter(|e| gates.contains(&e.gate)) {
        tracing::info!(
            task.id = task.0,
            gate.entry = %entry.id,
            "another landing changed what this gate judged by; it judges again"
        );
        if let Some(failure) = judge(judging, subject, effective, entry).await? {
            return Ok(Some(failure));
        }
    }
    Ok(None)
}

async fn judge(
    judging: &Judging,
    subject: Subject<'_>,
    effective: &Effective,
    entry: &Entry,
) -> anyhow::Result<Option<WorkFailure>> {
    let (key, task) = (subject.job.key, subject.record.task.id);
    let answered = judging.ask(subject, entry, effective).await?;
    let failure = refusal(entry, &answered.judged.judgement);
    // A refusal leaves what it staged before in place, so that the next try asks it again.
    let (kept, now) = (answered.kept, judging.ledger.now());
    let held = judging
        .ledger
        .write(move |tx| {
            Box::pin(async move {
                if !tx.holds(key).await? {
                    return Ok(false);
                }
                kept.write(tx, task, now).await?;
                Ok(true)
            })
        })
        .await?;
    anyhow::ensure!(held, "the claim was lost while `{}` judged again", entry.id);
    Ok(failure)
}

/// What a second judgement keeps from landing; nothing of a gate that only advises.
fn refusal(entry: &Entry, judgement: &Judgement) -> Option<WorkFailure> {
    if entry.mode != Mode::Enforce {
        return None;
    }
    match judgement {
        Judgement::Pass | Judgement::NotApplicable => None,
        Judgement::Fail { findings, .. } => Some(WorkFailure::Rework {
            findings: format!(
                "Gate `{}` judged again, because another landing changed what it goes by.\n\n{findings}",
                entry.id
            ),
        }),
        Judgement::Wait { after_ms, reason } => Some(WorkFailure::Wait {
            after_ms: *after_ms,
            reason: reason.clone(),
        }),
        Judgement::Inconclusive { reason, detail } => Some(WorkFailure::Infra {
            detail: format!("gate `{}` is inconclusive ({reason}): {detail}", entry.id),
        }),
    }
}
