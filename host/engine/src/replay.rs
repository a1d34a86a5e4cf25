//! Judges again what was judged before, from what the host answered then: the same bytes to prove a verdict,
//! other bytes to see what a new gate would have said.

use orch_domain::id::EvaluationId;
use orch_gates::{GateRuntime, LoadedGate, Recording, judge};
use orch_views::page::{Page, PageRequest};
use serde::{Deserialize, Serialize};

use crate::commands::CommandError;
use crate::pages;
use crate::wire::Engine;
use orch_config::{Waiver, waivers};

/// Evaluations that one backtest looks at.
pub const BACKTEST_MAX: u32 = 1000;

/// What is kept with an evaluation so that it can be made again.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Kept {
    pub(crate) recording: Recording,
    /// The repository's waivers at that time; they are applied to what the gate answers.
    pub(crate) waivers: Vec<Waiver>,
}

/// An evaluation with everything that is needed to make it again.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct KeptEvaluation {
    /// Number of the evaluation.
    pub id: i64,
    /// Work item.
    pub work_item: String,
    /// Pipeline entry.
    pub entry: String,
    /// Gate.
    pub gate: String,
    /// The gate's version.
    pub version: String,
    /// Digest of the gate's bytes.
    pub digest: String,
    /// Commit judged.
    pub head_sha: String,
    /// What was decided.
    pub decision: String,
    /// Reason of an inconclusive decision.
    pub reason: Option<String>,
    /// One line.
    pub summary: String,
    /// The artefact as it was written.
    pub artefact: String,
    /// File with the gate's bytes, if the host still has them.
    pub gate_file: Option<std::path::PathBuf>,
    kept: Kept,
}

/// What an evaluation comes to when it is made again.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Replayed {
    /// Number of the evaluation.
    pub id: i64,
    /// Work item.
    pub work_item: String,
    /// Decision of then.
    pub was: String,
    /// Decision of now.
    pub is: String,
    /// Reason of an inconclusive decision of now.
    pub reason: Option<String>,
    /// Summary of now.
    pub summary: String,
    /// Whether the gate's bytes are the same.
    pub same_gate: bool,
    /// Whether decision, reason, summary and artefact are the same, byte for byte.
    pub identical: bool,
}

impl Replayed {
    /// Whether a task would have gone another way.
    pub fn changes(&self) -> bool {
        self.was != self.is
    }
}

/// Makes an evaluation again with `gate`.
pub async fn replay(
    runtime: &GateRuntime,
    gate: &LoadedGate,
    evaluation: &KeptEvaluation,
) -> Replayed {
    let kept = &evaluation.kept;
    let mut again = runtime.replay(gate, &kept.recording).await;
    if let Ok(verdict) = &mut again.result {
        waivers::apply(verdict, &kept.waivers, kept.recording.seed.now_ms);
    }
    let judged = judge(&again, gate, &evaluation.head_sha);
    let reason = judged.reason().map(|r| r.as_str().to_owned());
    let identical = judged.decision() == evaluation.decision
        && reason == evaluation.reason
        && judged.summary == evaluation.summary
        && judged.artefact.as_deref().unwrap_or_default() == evaluation.artefact;
    Replayed {
        id: evaluation.id,
        work_item: evaluation.work_item.clone(),
        was: evaluation.decision.clone(),
        is: judged.decision().to_owned(),
        reason,
        summary: judged.summary,
        same_gate: gate.digest == evaluation.digest,
        identical,
    }
}

impl Engine {
    /// An evaluation with its recording.
    ///
    /// # Errors
    /// [`CommandError::NotFound`] for a number that stands for nothing, [`CommandError::Conflict`] for an
    /// evaluation that cannot be made again, with the reason.
    pub async fn kept_evaluation(&self, id: i64) -> Result<KeptEvaluation, CommandError> {
        let key = EvaluationId(id);
        let (found, text) = self
            .0
            .ledger
            .read(move |tx| {
                Box::pin(async move { Ok((tx.evaluation(key).await?, tx.recording(key).await?)) })
            })
            .await?;
        let Some((evaluation, work_item)) = found else {
            let text = format!("there is no evaluation {id}; `orch task show ID` numbers them");
            return Err(CommandError::NotFound(text));
        };
        if let Some(from) = evaluation.reused_from {
            let text = format!(
                "evaluation {id} used the pass of evaluation {from} again; replay that one",
                from = from.0
            );
            return Err(CommandError::Conflict(text));
        }
        let Some(text) = text else {
            let text = format!(
                "evaluation {id} has no recording: the gate did not run, was answered with more than {} MiB, or it is too old",
                orch_gates::RECORDING_BYTES_MAX / 1024 / 1024
            );
            return Err(CommandError::Conflict(text));
        };
        let kept: Kept = serde_json::from_str(&text)
            .map_err(|e| CommandError::Host(format!("recording of evaluation {id}: {e}")))?;
        Ok(KeptEvaluation {
            id,
            work_item,
            entry: evaluation.entry,
            gate: evaluation.gate,
            version: evaluation.gate_version,
            gate_file: self.0.judges.library.file_of(&evaluation.gate_digest),
            digest: evaluation.gate_digest,
            head_sha: evaluation.head_sha,
            decision: evaluation.decision,
            reason: evaluation.reason,
            summary: evaluation.summary,
            artefact: evaluation.artefact,
            kept,
        })
    }

    /// Numbers of the latest evaluations of a gate that can be made again, newest first.
    ///
    /// # Errors
    /// [`CommandError::Invalid`] for a page that makes no sense.
    pub async fn recorded_evaluations(
        &self,
        gate: &str,
        request: PageRequest,
    ) -> Result<Page<i64>, CommandError> {
        let limit = pages::limit(request.limit)?;
        let before = pages::after(request.after.as_deref())?.map(EvaluationId);
        let gate = gate.to_owned();
        let read = self.0.ledger.read(move |tx| {
            Box::pin(async move {
                let rows = tx.recorded(&gate, before, limit + 1).await?;
                Ok((rows, tx.count_recorded(&gate).await?))
            })
        });
        let (rows, total) = read.await?;
        let place = |id: &EvaluationId| id.0.to_string();
        Ok(pages::page(rows, limit, total, place, |id| id.0))
    }
}
