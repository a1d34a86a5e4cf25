//! A run from near: its log by range, its events, and what its agent does now.

use orch_domain::run_event::RunEvent;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::endpoint::Endpoint;

/// Most lines of one range.
pub const LINES_MAX: u32 = 5_000;
/// Lines of a range that asks for no number.
pub const LINES_DEFAULT: u32 = 1_000;

/// A range of a run's log. The run is a number, or `latest`.
pub const LOG: Endpoint<2, LogRequest, LogView> = Endpoint::get("/tasks/{item}/runs/{run}/log");
/// The lines of a run's log that hold a text.
pub const SEARCH: Endpoint<2, SearchRequest, SearchView> =
    Endpoint::get("/tasks/{item}/runs/{run}/search");
/// Most characters of a text that is looked for.
pub const SEARCH_CHARS_MAX: usize = 200;
/// Address of a file of a run as it is: plain text to be kept, up to where it ends when it is asked for.
pub const RAW_PATH: &str = "/tasks/{item}/runs/{run}/raw";

/// Which file of a run.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RawRequest {
    /// What to read.
    #[serde(default)]
    pub source: LogSource,
}

/// A range of what a run's agent did. The run is a number, or `latest`.
pub const EVENTS: Endpoint<2, EventsRequest, EventsView> =
    Endpoint::get("/tasks/{item}/runs/{run}/events");

/// Which part of what a run left is read as its log.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum LogSource {
    /// What people read: the events in words if the agent's command line tells of them, else its output.
    #[default]
    Log,
    /// The output as it came.
    Stdout,
    /// The error output as it came.
    Stderr,
    /// What the agent was told, as it was sent.
    Prompt,
}

impl LogSource {
    /// Every one, in order.
    pub const ALL: [Self; 4] = [Self::Log, Self::Stdout, Self::Stderr, Self::Prompt];

    /// Its name on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Log => "log",
            Self::Stdout => "stdout",
            Self::Stderr => "stderr",
            Self::Prompt => "prompt",
        }
    }
}

/// Which lines of a log. At most one of `from`, `line` and `tail` says where the range begins; else it is the start.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LogRequest {
    /// What to read.
    #[serde(default)]
    pub source: LogSource,
    /// First byte: the `to` of the range before, to follow a log.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<u64>,
    /// First line, from 1 on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line: Option<u64>,
    /// The last lines.
    #[serde(default)]
    pub tail: bool,
    /// Lines at most, 1 to [`LINES_MAX`]; [`LINES_DEFAULT`] if not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lines: Option<u32>,
}

/// A range of a log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct LogView {
    /// The run.
    pub run: i64,
    /// First byte of the range.
    pub from: u64,
    /// First byte after the range: the `from` that follows.
    pub to: u64,
    /// Bytes that the log has now.
    pub size: u64,
    /// Whether the run has ended and nothing more comes.
    pub ended: bool,
    /// Number of the first line of the range, from 1 on; none where counting would mean to read the log anew.
    pub first_line: Option<u64>,
    /// How many lines the log has; none while it is written.
    pub total_lines: Option<u64>,
    /// Whether the middle of the output was dropped, because there was more of it than is kept.
    pub truncated: bool,
    /// The lines.
    pub lines: Vec<LogLine>,
}

/// A line of a log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct LogLine {
    /// Its first byte in the log.
    pub at: u64,
    /// Its text, as the agent wrote it; to be shown as text.
    pub text: String,
    /// How many bytes of it are not shown.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub cut: u64,
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "the form that serde asks for"
)]
fn is_zero(count: &u64) -> bool {
    *count == 0
}

/// What is looked for in a log.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SearchRequest {
    /// What a line has to hold, in letters of either case; 1 to [`SEARCH_CHARS_MAX`] characters.
    pub text: String,
    /// What to look through.
    #[serde(default)]
    pub source: LogSource,
    /// First line that is looked at: the `next_line` of the answer before; the first one if not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line: Option<u64>,
    /// Lines at most that hold it, as [`LogRequest::lines`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lines: Option<u32>,
}

/// Lines of a log that hold a text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SearchView {
    /// The run.
    pub run: i64,
    /// Whether the run has ended and nothing more comes.
    pub ended: bool,
    /// The lines, in order.
    pub lines: Vec<FoundLine>,
    /// First line that was not looked at; none if all were that there are by now.
    pub next_line: Option<u64>,
}

/// A line that holds what was looked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct FoundLine {
    /// Its number, from 1 on.
    pub number: u64,
    /// The line.
    #[serde(flatten)]
    pub line: LogLine,
}

/// Which events of a run.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EventsRequest {
    /// First byte of the events: the `to` of the range before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<u64>,
    /// The last ones.
    #[serde(default)]
    pub tail: bool,
    /// Events at most, as [`LogRequest::lines`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lines: Option<u32>,
}

/// A range of what a run's agent did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct EventsView {
    /// The run.
    pub run: i64,
    /// First byte of the range.
    pub from: u64,
    /// First byte after it: the `from` that follows.
    pub to: u64,
    /// Bytes of all events now.
    pub size: u64,
    /// Whether the run has ended and nothing more comes.
    pub ended: bool,
    /// The events, in order.
    pub events: Vec<EventView>,
}

/// Something that an agent did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct EventView {
    /// When, Unix milliseconds.
    pub at_ms: i64,
    /// What.
    #[serde(flatten)]
    pub event: RunEvent,
}

/// What an agent does now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ActivityView {
    /// The run that does it.
    pub run: i64,
    /// Since when, Unix milliseconds.
    pub at_ms: i64,
    /// The same as text.
    pub at: String,
    /// Kind of the event, or `output` of a command line that tells of none.
    pub kind: String,
    /// It in one line, the agent's words; to be shown as text.
    pub text: String,
}
