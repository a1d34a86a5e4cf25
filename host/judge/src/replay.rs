//! What does an evaluation come to when it is made again, from what the host answered then? With the same bytes to
//! prove a verdict, with other bytes to see what a new gate would have said.

use std::path::PathBuf;

use orch_config::Waiver;
use orch_domain::verdict::{EvaluationOutcome, InconclusiveReason};
use orch_gates::{GateRuntime, LoadedGate, Recording, judge};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::waivers;

/// Evaluations that one backtest looks at.
pub const BACKTEST_MAX: u32 = 1000;

/// What is kept with an evaluation so that it can be made again.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Kept {
    recording: Recording,
    /// The repository's waivers at that time; they are applied to what the gate answers.
    waivers: Vec<Waiver>,
}

impl Kept {
    pub(crate) fn of(recording: Recording, waivers: &[Waiver]) -> Self {
        Self {
            recording,
            waivers: waivers.to_vec(),
        }
    }

    /// As it is stored; none if it cannot be written.
    pub(crate) fn text(&self) -> Option<String> {
        serde_json::to_string(self).ok()
    }

    /// Reads what was stored.
    ///
    /// # Errors
    /// If it was stored by a host that kept it in another form.
    pub fn parse(text: &str) -> Result<Self, serde_json::Error> {
        serde_json::from_str(text)
    }
}

/// An evaluation with everything that is needed to make it again.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
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
    /// What it came to.
    pub decision: EvaluationOutcome,
    /// Why it was inconclusive, if it was.
    pub reason: Option<InconclusiveReason>,
    /// One line.
    pub summary: String,
    /// The artefact as it was written.
    pub artefact: String,
    /// File with the gate's bytes, if the host still has them.
    pub gate_file: Option<PathBuf>,
    /// What it is made again from; the form is the host's own.
    #[schemars(with = "serde_json::Map<String, serde_json::Value>")]
    pub kept: Kept,
}

/// What an evaluation comes to when it is made again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Replayed {
    /// Number of the evaluation.
    pub id: i64,
    /// Work item.
    pub work_item: String,
    /// What it came to then.
    pub was: EvaluationOutcome,
    /// What it comes to now.
    pub is: EvaluationOutcome,
    /// Why it is inconclusive now, if it is.
    pub reason: Option<InconclusiveReason>,
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
    let identical = judged.outcome() == evaluation.decision
        && judged.reason() == evaluation.reason
        && judged.summary == evaluation.summary
        && judged.artefact.as_deref().unwrap_or_default() == evaluation.artefact;
    Replayed {
        id: evaluation.id,
        work_item: evaluation.work_item.clone(),
        was: evaluation.decision,
        is: judged.outcome(),
        reason: judged.reason(),
        summary: judged.summary,
        same_gate: gate.digest == evaluation.digest,
        identical,
    }
}
