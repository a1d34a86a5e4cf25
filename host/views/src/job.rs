//! Jobs of the queue: how many, which run, which comes next.

use orch_domain::job::{JobKind, Lane};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::endpoint::Endpoint;
use crate::page::{Page, PageRequest};
use crate::pause::PauseView;

/// What runs and what comes next.
pub const LIST: Endpoint<0, PageRequest, JobsView> = Endpoint::get("/queue/jobs");

/// Where a job is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[expect(missing_docs, reason = "the states are those of the queue")]
pub enum JobState {
    Scheduled,
    Ready,
    Running,
    Done,
    Dead,
    Cancelled,
}

impl JobState {
    /// Its name on the wire and on pages.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Scheduled => "scheduled",
            Self::Ready => "ready",
            Self::Running => "running",
            Self::Done => "done",
            Self::Dead => "dead",
            Self::Cancelled => "cancelled",
        }
    }
}

/// How many jobs are in each state.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[expect(missing_docs, reason = "the names are those of the states")]
pub struct JobCounts {
    pub scheduled: i64,
    pub ready: i64,
    pub running: i64,
    pub done: i64,
    pub dead: i64,
    pub cancelled: i64,
}

/// What runs and what comes next, read at one moment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct JobsView {
    /// How many are in each state.
    pub counts: JobCounts,
    /// Alerts that nobody has acknowledged.
    pub alerts: u64,
    /// What is held back.
    pub pauses: Vec<PauseView>,
    /// Those at work, the longest first, at most as many as a page may have.
    pub running: Vec<JobView>,
    /// Those that wait, in the order in which they begin: ready ones by urgency and age, then later ones by time.
    pub waiting: Page<JobView>,
}

/// A job with what it is about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[expect(missing_docs, reason = "the names are those of the columns")]
pub struct JobView {
    pub id: i64,
    /// None if it is a job of another version of the host.
    pub kind: Option<JobKind>,
    /// None if that is another version's.
    pub lane: Option<Lane>,
    pub state: JobState,
    pub repo: String,
    /// Work item of its task, if it has one.
    pub work_item: Option<String>,
    pub priority: i64,
    pub attempt: i64,
    /// When it is due, Unix milliseconds.
    pub due_ms: i64,
    pub due: String,
    pub reason: Option<String>,
}

/// A job among the latest of the queue.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[expect(missing_docs, reason = "the names are those of the columns")]
pub struct RecentJob {
    pub id: i64,
    pub kind: JobKind,
    pub state: JobState,
    pub task_id: Option<i64>,
    pub attempt: i64,
    pub epoch: i64,
    pub reason: Option<String>,
    pub last_error: Option<String>,
}
