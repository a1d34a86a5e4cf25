//! A judgement of a plain repository, made without a host.

use orch_domain::verdict::{EvaluationOutcome, InconclusiveReason};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::finding::FindingView;

/// What came of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct JudgementView {
    /// Name of the gate that judged.
    pub gate: String,
    /// The gate's version.
    pub version: String,
    /// Digest of the gate's bytes.
    pub digest: String,
    /// What it came to.
    pub decision: EvaluationOutcome,
    /// Why it was inconclusive, if it was.
    pub reason: Option<InconclusiveReason>,
    /// One line.
    pub summary: String,
    /// What was found.
    pub findings: Vec<FindingView>,
    /// The artefact, or empty for a wait or an inconclusive result.
    pub artefact: String,
    /// Commit judged.
    pub head_sha: String,
    /// Always false: who wrote what cannot be checked without a host.
    pub provenance_checked: bool,
    /// Exit code: 0 pass or not-applicable, 1 fail, 2 inconclusive, 3 wait.
    pub exit_code: i32,
}
