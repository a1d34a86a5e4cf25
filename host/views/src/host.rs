//! The host itself: whether it answers, what it is, what it carries.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::endpoint::Endpoint;
use crate::message::Nothing;

/// Whether the host answers; open to everybody.
pub const HEALTH: Endpoint<0, Nothing, HealthView> = Endpoint::open("/health");
/// What the host is and how much it carries.
pub const STATUS: Endpoint<0, Nothing, StatusView> = Endpoint::get("/status");

/// The host answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct HealthView {
    /// How it is.
    pub status: Health,
}

/// How the host is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Health {
    /// It answers.
    Ok,
}

/// What the host is and how much it carries.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct StatusView {
    /// Version of the program.
    pub version: String,
    /// When it started, Unix milliseconds.
    pub started_ms: i64,
    /// Its clock, Unix milliseconds.
    pub now_ms: i64,
    /// Repositories it started with.
    pub repositories: Vec<String>,
    /// How many tasks there are, by what they need.
    pub tasks: TaskCounts,
    /// How many gates serve, and how many do not.
    pub gates: GateCounts,
    /// What runs in the background.
    pub background: Vec<BackgroundView>,
    /// Sources of webhooks that somebody spoke for since the host started, by name.
    #[serde(default)]
    pub webhooks: BTreeMap<String, WebhookView>,
    /// Windows in which people answer, by name.
    #[serde(default)]
    pub windows: BTreeMap<String, WindowView>,
}

/// How a window is listened to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct WindowView {
    /// When it answered last, Unix milliseconds; none if it has not since the host started.
    pub answered_ms: Option<i64>,
    /// Why it has not answered since.
    pub failing: Option<String>,
}

/// What came in from a source of webhooks since the host started.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct WebhookView {
    /// Deliveries that were kept.
    pub accepted: u64,
    /// Those that had been kept before.
    pub doubled: u64,
    /// Those whose signature was wrong or absent.
    pub refused: u64,
    /// Those about a repository or project that the source does not speak for.
    pub strangers: u64,
    /// Those that could not be read.
    pub dead: u64,
    /// When the latest was kept, Unix milliseconds.
    pub last_accepted_ms: Option<i64>,
}

/// A background task of the host.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct BackgroundView {
    /// Its name.
    pub name: String,
    /// What it does, in one line.
    pub description: String,
    /// How often it looks by itself, milliseconds; none if it goes by something else.
    pub period_ms: Option<u64>,
    /// What it is doing.
    pub state: BackgroundState,
    /// Panics since the host started.
    pub panics: u32,
    /// The latest panic.
    pub last_panic: Option<PanicView>,
}

/// What a background task is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum BackgroundState {
    /// At work.
    Running,
    /// It panicked and is started again after a pause.
    Pausing,
    /// It has ended with the host.
    Ended,
}

/// A panic.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PanicView {
    /// When, Unix milliseconds.
    pub at_ms: i64,
    /// What it said.
    pub says: String,
}

/// How many tasks there are.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct TaskCounts {
    /// Under way.
    pub live: u64,
    /// Those of them that only a person can move on.
    pub blocked: u64,
}

/// How many gates there are.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct GateCounts {
    /// Those that judge.
    pub loaded: u64,
    /// With something to be looked at.
    pub failed: u64,
}
