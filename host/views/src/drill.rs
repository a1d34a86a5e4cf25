//! Drills: changes that are known to be bad, and what the gates of a repository made of them.

use orch_domain::drill::{DrillAnswer, DrillClass, DrillFate};
use orch_domain::person::PersonRole;
use orch_domain::pipeline::Mode;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::endpoint::Endpoint;
use crate::message::Nothing;
use crate::page::{Page, PageRequest};

/// Begins a drill.
pub const BEGIN: Endpoint<0, DrillRequest, DrillBegun> =
    Endpoint::post(PersonRole::Operator, "/drills");
/// Drills, newest first.
pub const LIST: Endpoint<0, PageRequest, Page<DrillView>> = Endpoint::get("/drills");
/// One drill.
pub const SHOW: Endpoint<1, Nothing, DrillView> = Endpoint::get("/drills/{drill}");

/// What to drill.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DrillRequest {
    /// Repository whose gates are tried.
    pub repo: String,
    /// Classes of changes; every one if none is given. The harmless one comes along in any case.
    #[serde(default)]
    pub classes: Vec<DrillClass>,
}

/// A drill has begun.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct DrillBegun {
    /// Its number.
    pub drill: i64,
    /// What was done, for people.
    pub message: String,
}

/// A drill with what gates made of it so far.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[expect(missing_docs, reason = "the names are those of the columns")]
pub struct DrillView {
    pub drill: i64,
    pub repo: String,
    /// Commit of the base of which the changes are made.
    pub base: String,
    pub person: String,
    pub asked: String,
    pub asked_ms: i64,
    /// Whether every gate has judged every change.
    pub is_over: bool,
    pub caught: u64,
    pub escaped: u64,
    pub undecided: u64,
    pub not_applicable: u64,
    /// The task with the harmless change.
    pub control: Option<String>,
    /// What became of each bad change.
    pub classes: Vec<DrillClassView>,
    /// What each gate made of all of them, in the order of the pipeline.
    pub gates: Vec<DrillGateView>,
}

/// What became of one bad change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct DrillClassView {
    /// What is wrong with it.
    pub class: DrillClass,
    /// The same, for people.
    pub about: String,
    /// What became of it.
    pub fate: DrillFate,
    /// What was changed and where, or why nothing could be.
    pub note: String,
    /// The task that carried it.
    pub work_item: Option<String>,
    /// What each gate made of it, in the order of the pipeline.
    pub answers: Vec<DrillAnswerView>,
    /// What would have it caught; none if it is, or nobody knows yet.
    pub remedy: Option<String>,
}

/// What a gate made of one bad change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct DrillAnswerView {
    /// Entry of the pipeline.
    pub entry: String,
    /// How much its verdict counts for work.
    pub mode: Mode,
    /// What it made of it.
    pub answer: DrillAnswer,
    /// Number of the evaluation; none if it never judged.
    pub evaluation: Option<i64>,
}

/// What a gate made of all bad changes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[expect(missing_docs, reason = "the names are those of the columns")]
pub struct DrillGateView {
    pub entry: String,
    pub gate: String,
    pub mode: Mode,
    pub caught: u64,
    pub let_through: u64,
    pub undecided: u64,
    /// Whether it holds up the harmless change too, so that it tells nothing apart.
    pub holds_all: bool,
}
