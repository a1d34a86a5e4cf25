//! Settings of what takes up work that others let fall: reaper, leases, crash loops.

use serde::{Deserialize, Serialize};

/// Bounds of the reaper; its tiers are those of the reference system.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct ReaperConfig {
    /// Whether it runs at all.
    pub enabled: bool,
    /// Whether it frees leases of holders that are dead or late.
    pub lease_reclaim_enabled: bool,
    /// Time between two looks, seconds.
    pub interval_s: u32,
    /// Tier 1: looks in a row at which nobody works on a running job; at least 2.
    pub dead_ticks: u32,
    /// Tier 2: how long the result of a run may lie there untaken, seconds.
    pub finalize_grace_s: u32,
    /// Tier 3: how long anything may run, seconds; above every timeout. An hour if not given, more if a timeout
    /// asks for it.
    pub max_running_s: Option<u32>,
    /// No reaping for this long after a start, a step of the clock or a sleep of the machine, seconds.
    pub hold_s: u32,
    /// How often a job may take its host or handler down with it before it ends for good.
    pub crashes_max: u32,
}

impl Default for ReaperConfig {
    fn default() -> Self {
        Self {
            enabled: true,
            lease_reclaim_enabled: true,
            interval_s: 15,
            dead_ticks: 2,
            finalize_grace_s: 300,
            max_running_s: None,
            hold_s: 30,
            crashes_max: 5,
        }
    }
}

/// What agents may cost; unset sums have no limit.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct BudgetsConfig {
    /// One run, dollars: handed to the Claude command line, which ends the run there, and reserved while a run
    /// is under way.
    pub run_usd: Option<f64>,
    /// All runs of a task, dollars.
    pub task_usd: Option<f64>,
    /// All runs that start within a day (UTC), dollars.
    pub day_usd: Option<f64>,
    /// Runs of one work item that start within an hour, of all its tasks; 0 for as many as come. A person who resumes
    /// the task lets as many begin again.
    pub runs_per_hour: u32,
}

/// Far more than a work item takes that comes to its end, with every round that the rules allow.
const RUNS_PER_HOUR: u32 = 60;

impl Default for BudgetsConfig {
    fn default() -> Self {
        Self {
            run_usd: None,
            task_usd: None,
            day_usd: None,
            runs_per_hour: RUNS_PER_HOUR,
        }
    }
}

/// Whether agents are looked at before they start.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct PreflightConfig {
    /// Whether it is asked at all.
    pub enabled: bool,
    /// Whether the login of the Claude command line is looked at; off for a login that lies elsewhere.
    pub check_auth: bool,
    /// How long before its expiry a login is refused, seconds.
    pub auth_expiry_skew_seconds: u32,
    /// How long a pass is believed, seconds.
    pub cache_ttl_s: u32,
}

impl Default for PreflightConfig {
    fn default() -> Self {
        Self {
            enabled: true,
            check_auth: true,
            auth_expiry_skew_seconds: 60,
            cache_ttl_s: 60,
        }
    }
}

impl PreflightConfig {
    /// The same as the agents' crate takes it.
    pub fn settings(&self) -> orch_agents::preflight::Settings {
        orch_agents::preflight::Settings {
            expiry_skew_ms: self.auth_expiry_skew_seconds.saturating_mul(1000),
            passed_ttl_ms: self.cache_ttl_s.saturating_mul(1000),
            ..orch_agents::preflight::Settings::default()
        }
    }
}
