//! Every task that is under way at one look: where it is, what its gates said, and why it does not move.

use orch_domain::risk::Tier;
use orch_domain::stage::Stage;
use orch_domain::verdict::EvaluationOutcome;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::endpoint::Endpoint;
use crate::message::Nothing;
use crate::task::TaskLine;

/// Most tasks under way that a board shows, the newest; `live` says how many there are.
pub const LIVE_MAX: u32 = 500;
/// Ended tasks that a board shows, the newest.
pub const ENDED_MAX: u32 = 20;

/// The board.
pub const BOARD: Endpoint<0, Nothing, BoardView> = Endpoint::get("/board");

/// The board, read at one moment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct BoardView {
    /// When it was read, Unix milliseconds.
    pub now_ms: i64,
    /// How many tasks are under way.
    pub live: u64,
    /// Stages that tasks go through, in order.
    pub stages: Vec<Stage>,
    /// Tasks, those under way first, each the newest first.
    pub cards: Vec<CardView>,
}

/// A task on the board.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct CardView {
    /// The task in one line.
    #[serde(flatten)]
    pub line: TaskLine,
    /// What it waits for, since when, and what would move it.
    pub why: String,
    /// What that is.
    pub held_by: HeldBy,
    /// When it last moved, Unix milliseconds.
    pub moved_ms: i64,
    /// Rework rounds that it may have.
    pub rework_rounds_max: u32,
    /// What each gate last said, in the order in which they judged.
    pub lamps: Vec<LampView>,
    /// What its runs are known to have cost, dollars.
    pub cost_usd: f64,
    /// How risky its change is, as a gate was last asked about it; none before development.
    pub risk: Option<Tier>,
    /// The agent that worked on it last; none before the first.
    pub agent: Option<String>,
    /// Who asked for it.
    pub person: String,
}

/// What a gate last said.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct LampView {
    /// Number of the evaluation.
    pub evaluation: i64,
    /// The gate's entry.
    pub entry: String,
    /// What it came to.
    pub decision: EvaluationOutcome,
}

/// What keeps a task where it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum HeldBy {
    /// Nothing: it is at work.
    Nothing,
    /// Its turn in the queue: a free slot, or the time at which it is tried again.
    Turn,
    /// Somebody holds its lane or repository back.
    Pause,
    /// What its step waits for outside: another task, tests, a deploy.
    Outside,
    /// A person.
    Person,
    /// It is being stopped.
    Stop,
    /// It has ended.
    End,
}

impl HeldBy {
    /// Its name on the wire and on pages.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Nothing => "nothing",
            Self::Turn => "turn",
            Self::Pause => "pause",
            Self::Outside => "outside",
            Self::Person => "person",
            Self::Stop => "stop",
            Self::End => "end",
        }
    }
}
