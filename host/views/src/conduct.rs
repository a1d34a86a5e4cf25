//! What gates decided lately: how often each let a change on, how fast it was, and what one that only watches would
//! have held up.

use orch_domain::conduct::Proposal;
use orch_domain::pipeline::Mode;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::endpoint::Endpoint;
use crate::page::{Page, PageRequest};

/// Entries that judged lately, by name.
pub const CONDUCT: Endpoint<0, PageRequest, Page<ConductView>> = Endpoint::get("/gates/conduct");

/// What one entry decided lately.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[expect(missing_docs, reason = "the names are those of the columns")]
pub struct ConductView {
    pub entry: String,
    pub gate: String,
    /// As it judged last.
    pub mode: Mode,
    /// Evaluations.
    pub judged: u64,
    pub passed: u64,
    pub failed: u64,
    pub waited: u64,
    pub inconclusive: u64,
    /// Commits of tasks that it judged.
    pub changes: u64,
    /// Of them, those that it held up, or would have: its last word was no pass.
    pub held: u64,
    /// Time that the gate took, microseconds: half of the evaluations are faster.
    pub p50_us: Option<u64>,
    /// All but one in a hundred are faster.
    pub p99_us: Option<u64>,
    /// What is proposed for it.
    pub proposal: Proposal,
}
