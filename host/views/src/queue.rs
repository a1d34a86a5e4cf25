//! The queue with a block for each mechanism that works on it. The keys are stable.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::endpoint::Endpoint;
use crate::job::{JobCounts, RecentJob};
use crate::lease::LeaseView;
use crate::message::Nothing;
use crate::resilience::ResilienceView;

/// The queue.
pub const QUEUE: Endpoint<0, Nothing, QueueView> = Endpoint::get("/queue");

/// The queue, read at one moment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct QueueView {
    /// How many jobs are in each state.
    pub counts: JobCounts,
    /// Agents that run at once, as it was when the host started.
    pub max_concurrency: u32,
    /// Longest time between two looks of an idle worker, seconds.
    pub poll_interval: f64,
    /// What keeps agents from starting.
    pub resilience: ResilienceView,
    /// The reconciler.
    pub reconcile: ReconcileView,
    /// The reaper.
    pub reaper: ReaperView,
    /// Watches after deploys.
    pub post_deploy: PostDeployView,
    /// Which steps are under way, and whose leases end soon.
    pub transition_lease: TransitionLeaseView,
    /// Stops under way.
    pub stop: StopView,
    /// What people have not seen yet.
    pub alerts: AlertsView,
    /// The security gate.
    pub security: SecurityView,
    /// The jobs with the highest numbers, at most ten.
    pub recent: Vec<RecentJob>,
    /// Changes that landed on each of the last 30 days, in UTC, the oldest first.
    #[serde(default)]
    pub landed: Vec<LandedDay>,
}

/// What landed on a day.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct LandedDay {
    /// Beginning of the day, Unix milliseconds.
    pub day_ms: i64,
    /// Changes.
    pub changes: u64,
}

/// Who asks forge and tracker for what no notice told.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ReconcileView {
    /// Whether it looks at all.
    pub enabled: bool,
    /// Time between two looks, seconds.
    pub interval: u32,
    /// How long a difference has to stand, seconds.
    pub grace: u32,
    /// When it last looked, Unix milliseconds.
    pub last_run_ts: Option<i64>,
    /// Looks since the start.
    pub looks_total: u64,
    /// Differences it made good since the start.
    pub made_good_total: u64,
    /// The latest of them.
    pub last_made_good: Option<MadeGood>,
    /// Sources that did not answer at the latest look, with the reason.
    pub failing: BTreeMap<String, String>,
}

/// A difference that was made good.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct MadeGood {
    /// The task.
    pub work_item: String,
    /// What it was.
    pub what: String,
}

/// Who recovers abandoned work.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ReaperView {
    /// Whether it looks at all.
    pub enabled: bool,
    /// Time between two looks, seconds.
    pub interval: u32,
    /// When it last looked, Unix milliseconds.
    pub last_run_ts: Option<i64>,
    /// Jobs taken from their owners since the start.
    pub reaped_total: u64,
    /// The latest of them.
    pub last_reaped: Option<LastReaped>,
    /// Leases taken from their holders since the start.
    pub lease_reclaimed_total: u64,
}

/// A job that was taken from its owner.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct LastReaped {
    /// The job.
    pub job_id: i64,
    /// Agent of its run, if it had one.
    pub agent: Option<String>,
    /// Why it was taken, in words.
    pub outcome: String,
}

/// Watches after deploys.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PostDeployView {
    /// Whether any repository is watched.
    pub enabled: bool,
    /// Those that are.
    pub repositories: Vec<String>,
    /// Landed commits that are watched now.
    pub watching: i64,
}

/// Leases, and what waits for steps that nothing may interrupt.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct TransitionLeaseView {
    /// Leases that are held, at most as many as a page may have.
    pub leases: Vec<LeaseView>,
    /// Those held by steps that nothing may interrupt.
    pub finalizer_owned: u64,
    /// Times that something was left to such a step, since the start.
    pub finalizer_defers_total: u64,
}

/// Stops under way.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct StopView {
    /// Tasks that are being stopped.
    pub stopping: u64,
}

/// What people have to see.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct AlertsView {
    /// Alerts that nobody has acknowledged.
    pub open: u64,
}

/// The security gate.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SecurityView {
    /// Whether it judges anywhere.
    pub enabled: bool,
    /// Where, and in which mode.
    pub repositories: BTreeMap<String, String>,
    /// What it decided lately, and how often.
    pub decisions: BTreeMap<String, i64>,
}
