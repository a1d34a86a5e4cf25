//! What did a task change? In all, against the base on which it was judged, or in one round.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::endpoint::Endpoint;
use crate::remark::RemarkView;

/// What a task changed.
pub const DIFF: Endpoint<1, DiffRequest, DiffView> = Endpoint::get("/tasks/{item}/diff");

/// Which difference.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DiffRequest {
    /// One round, from 1 on; all of them if not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub round: Option<u32>,
}

/// A difference.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct DiffView {
    /// The task.
    pub work_item: String,
    /// The round that is shown; none for all.
    pub round: Option<u32>,
    /// What is compared with.
    pub base: String,
    /// What is compared.
    pub head: String,
    /// Tree of the head without the task's own folder, if a gate has judged it: what a decision is bound to.
    pub code_tree: Option<String>,
    /// The rounds that there are.
    pub rounds: Vec<RoundView>,
    /// Files that differ, in the order of their paths.
    pub files: Vec<FileDiff>,
    /// How many files differ; more than are shown if it is cut.
    pub total_files: u64,
    /// Lines that came, in all files.
    pub added: u64,
    /// Lines that went, in all files.
    pub removed: u64,
    /// Whether files or lines are left out because there are too many.
    pub is_cut: bool,
    /// What persons said of the task's differences, oldest first, the latest 200.
    #[serde(default)]
    pub remarks: Vec<RemarkView>,
    /// How many remarks there are.
    #[serde(default)]
    pub total_remarks: u64,
}

/// A round of work on the branch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RoundView {
    /// From 1 on.
    pub number: u32,
    /// Who moved the branch: the name of the actor in the task's history.
    pub by: String,
    /// Where the branch was before; none if it was not there.
    pub from: Option<String>,
    /// Where it was after.
    pub to: String,
    /// When, Unix milliseconds.
    pub at_ms: i64,
}

/// How a file differs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum FileChange {
    /// It came.
    Added,
    /// It was changed.
    Changed,
    /// It went.
    Deleted,
}

/// A file that differs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct FileDiff {
    /// Its path; to be shown as text.
    pub path: String,
    /// How.
    pub change: FileChange,
    /// Lines that came.
    pub added: u32,
    /// Lines that went.
    pub removed: u32,
    /// Whether it is no text, so that nothing is shown of it.
    pub is_binary: bool,
    /// Whether lines of it are left out.
    pub is_cut: bool,
    /// Whether it guards the repository, such as CI, configuration of gates, agents or scanners, or holds tests.
    #[serde(default)]
    pub is_protected: bool,
    /// What differs.
    pub hunks: Vec<Hunk>,
}

/// A part of a file with what is around a change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[expect(missing_docs, reason = "the names are those of unified differences")]
pub struct Hunk {
    pub old_start: u32,
    pub old_lines: u32,
    pub new_start: u32,
    pub new_lines: u32,
    /// What the part is in, as git guesses it.
    pub heading: String,
    pub lines: Vec<DiffLine>,
}

/// What became of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum LineChange {
    /// It is in both.
    Same,
    /// It came.
    Added,
    /// It went.
    Removed,
}

/// A line of a difference.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct DiffLine {
    /// What became of it.
    pub change: LineChange,
    /// Its text; to be shown as text.
    pub text: String,
}
