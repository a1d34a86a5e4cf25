//! What runs cost and used, added up.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::endpoint::Endpoint;
use crate::page::Page;

/// Costs of agents' runs, dearest first, days latest first.
pub const COSTS: Endpoint<0, CostsRequest, Page<CostView>> = Endpoint::get("/costs");

/// By what costs are added up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[expect(missing_docs, reason = "each is what it says")]
pub enum CostsBy {
    Day,
    Stage,
    Task,
    Agent,
}

impl CostsBy {
    /// Every grouping.
    pub const ALL: [Self; 4] = [Self::Day, Self::Stage, Self::Task, Self::Agent];

    /// Its name on the wire and on the command line.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Day => "day",
            Self::Stage => "stage",
            Self::Task => "task",
            Self::Agent => "agent",
        }
    }
}

/// Which costs, and how they are added up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CostsRequest {
    /// By what.
    pub by: CostsBy,
    /// How many days back, today counted, in UTC.
    pub days: u32,
    /// One work item only.
    #[serde(default)]
    pub task: Option<String>,
    /// As in [`crate::page::PageRequest`].
    #[serde(default)]
    pub limit: Option<u32>,
    /// As in [`crate::page::PageRequest`].
    #[serde(default)]
    pub after: Option<String>,
}

/// Runs added up.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct CostView {
    /// Day, stage, work item or agent.
    pub name: String,
    /// How many runs.
    pub runs: i64,
    /// What they said they cost, dollars.
    pub cost_usd: f64,
    /// What is reserved for those under way and for those that ended without a word, dollars.
    pub reserved_usd: f64,
    /// Tokens, as far as they were said.
    pub tokens: TokensView,
}

/// Tokens by class.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[expect(missing_docs, reason = "the names are those of the columns")]
pub struct TokensView {
    pub input: i64,
    pub output: i64,
    pub cache_read: i64,
    pub cache_write: i64,
}
