//! One judgement from near: its document, and what it found that the one before had not.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::endpoint::Endpoint;
use crate::message::Nothing;
use crate::task::VerdictView;

/// A judgement with its document.
pub const VERDICT: Endpoint<1, Nothing, EvaluationView> =
    Endpoint::get("/evaluations/{id}/verdict");

/// A judgement.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct EvaluationView {
    /// What a task says of it.
    #[serde(flatten)]
    pub verdict: VerdictView,
    /// The task.
    pub work_item: String,
    /// The verdict as it was written; empty if there is none.
    pub artefact: String,
    /// The evaluation whose pass was used again; none if the gate judged.
    pub reused_from: Option<i64>,
    /// Whether it can be made again.
    pub can_replay: bool,
    /// The judgement of the same entry before this one.
    pub before: Option<i64>,
    /// The judgement of the same entry after this one.
    pub after: Option<i64>,
    /// What it found, in the verdict's order.
    pub findings: Vec<FoundView>,
    /// What the one before found and this one does not.
    pub fixed: Vec<String>,
}

/// A finding beside those of the judgement before.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct FoundView {
    /// As the verdict has it.
    pub text: String,
    /// Whether the one before did not find it.
    pub is_new: bool,
}
