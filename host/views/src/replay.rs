//! Evaluations of the past made again: the same verdict or another one.

use orch_domain::verdict::{EvaluationOutcome, InconclusiveReason};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::endpoint::Endpoint;
use crate::page::{Page, PageRequest};

/// Numbers of a gate's latest evaluations that can be made again, newest first.
pub const RECORDED: Endpoint<1, PageRequest, Page<i64>> =
    Endpoint::get("/gates/{name}/evaluations");

/// What an evaluation comes to when it is made again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ReplayView {
    /// Number of the evaluation.
    pub id: i64,
    /// Work item.
    pub work_item: String,
    /// Decision of then.
    pub was: EvaluationOutcome,
    /// Decision of now.
    pub is: EvaluationOutcome,
    /// Reason of an inconclusive decision of now.
    pub reason: Option<InconclusiveReason>,
    /// Summary of now.
    pub summary: String,
    /// Whether the gate's bytes are the same.
    pub same_gate: bool,
    /// Whether decision, reason, summary and artefact are the same, byte for byte.
    pub identical: bool,
}

/// What another gate file would have decided.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct BacktestView {
    /// Gate whose evaluations were looked at.
    pub gate: String,
    /// The other file.
    pub candidate: CandidateView,
    /// Evaluations looked at.
    pub evaluations: u64,
    /// Those that would be decided in another way.
    pub changed: u64,
    /// Every one of them.
    pub results: Vec<BacktestRow>,
}

/// A gate file that is tried.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[expect(missing_docs, reason = "each is what it says")]
pub struct CandidateView {
    pub file: String,
    pub version: String,
    pub digest: String,
}

/// One evaluation of a backtest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct BacktestRow {
    /// Number of the evaluation.
    pub id: i64,
    /// Work item.
    pub work_item: String,
    /// Decision of then.
    pub was: EvaluationOutcome,
    /// Decision of the candidate.
    pub is: EvaluationOutcome,
    /// Whether a task would have gone another way.
    pub changes: bool,
    /// Reason of an inconclusive decision of the candidate.
    pub reason: Option<InconclusiveReason>,
    /// Summary of the candidate.
    pub summary: String,
}
