//! What keeps agents from starting: money, pauses, preflight, breakers.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::pause::PauseView;

/// What keeps agents from starting, and how busy the store is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ResilienceView {
    /// What was spent, and what may be.
    pub budget: BudgetView,
    /// What is held back.
    pub pauses: Vec<PauseView>,
    /// How the writer of the database fares.
    pub store: StoreView,
    /// What was found when agents were looked at, by agent.
    pub preflight: BTreeMap<String, PreflightView>,
    /// Circuit breakers.
    pub breakers: Vec<BreakerView>,
}

/// Money, dollars.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct BudgetView {
    /// What today's runs said they cost.
    pub spent_today_usd: f64,
    /// What is reserved for runs under way and those that ended without a word.
    pub reserved_today_usd: f64,
    /// Runs under way.
    pub runs_under_way: u32,
    /// What a day may cost.
    pub day_usd: Option<f64>,
    /// What a task may cost.
    pub task_usd: Option<f64>,
    /// What a run may cost.
    pub run_usd: Option<f64>,
}

/// Writes of the store since the start.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct StoreView {
    /// Writes that were asked for since the start.
    pub commands: u64,
    /// Commits that wrote them.
    pub commits: u64,
}

/// What was found when an agent was looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PreflightView {
    /// Whether it may start.
    pub ok: bool,
    /// Its version, or what is wrong.
    pub says: String,
    /// When it was looked at, Unix milliseconds.
    pub asked_ms: i64,
}

/// How a circuit breaker stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct BreakerView {
    /// Whose it is.
    pub key: BreakerKey,
    /// How it stands.
    pub breaker: BreakerState,
}

/// What shares the fate of a breaker.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct BreakerKey {
    /// The program.
    pub program: String,
    /// A name for what it logs in with; never the secret.
    pub account: String,
}

/// How a breaker stands at a moment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct BreakerState {
    /// The phase.
    pub phase: BreakerPhase,
    /// Transient failures in a row, while closed.
    pub failures: u32,
    /// Successes in a row, while half-open.
    pub successes: u32,
    /// Openings since it was last closed.
    pub openings: u32,
    /// Until when nothing starts, Unix milliseconds.
    pub held_until_ms: Option<i64>,
    /// Why nothing starts.
    pub reason: Option<BreakerReason>,
}

/// Phase of a breaker.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum BreakerPhase {
    /// Runs start.
    Closed,
    /// Nothing starts.
    Open,
    /// One at a time starts, as a probe.
    HalfOpen,
}

/// Why a breaker lets nothing start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum BreakerReason {
    /// The provider failed several times in a row.
    Failures,
    /// The provider's rate limit is reached.
    RateLimited,
    /// A probe is under way.
    ProbeOutstanding,
}
