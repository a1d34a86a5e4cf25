//! What the host asks of a tracker: where people see tasks as issues, move them and write comments.

use std::fmt::Debug;

use super::{PortAnswer, Receipt};
use crate::id::{DoorName, IssueId, UnixMs};
use crate::issue::TrackerState;
use crate::stage::Role;

/// Which issue of which tracker.
#[derive(Debug, Clone, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
pub struct IssueAt {
    /// The tracker, by its name in `orch.yaml`.
    pub tracker: DoorName,
    /// The issue, by the tracker's own name for it.
    pub issue: IssueId,
}

/// A place in the order of all moves of a tracker's issues.
pub type Position = i64;

/// A move of an issue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IssueMove {
    /// Rises with every move of any issue of the tracker; no two moves share one.
    pub position: Position,
    /// Whose move.
    pub issue: IssueId,
    /// Where it was moved to.
    pub state: TrackerState,
    /// By whom: the tracker's own id of the account, which a change of its name leaves as it is; the local tracker has
    /// names of persons. [`super::HOST_ACTOR`] for the host's own.
    pub actor: String,
    /// When, Unix milliseconds.
    pub at_ms: UnixMs,
    /// Whether somebody other than the host moved the issue again since: the last word counts.
    pub is_past: bool,
}

/// In whose name the host writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Voice {
    /// Its own.
    Host,
    /// That of the role whose work it is about.
    Role(Role),
}

/// A comment of an issue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Comment {
    /// Who wrote it.
    pub author: String,
    /// Whether the host did, in whatever name.
    pub is_own: bool,
    /// Its text, in Markdown.
    pub text: String,
    /// When, Unix milliseconds.
    pub at_ms: UnixMs,
}

/// A tracker with all its issues.
///
/// Every method may answer a [`super::PortError`]. An issue that the tracker does not have, or does not show to the
/// host, is [`super::PortFailure::NotFound`] wherever one is named.
pub trait Tracker: Send + Sync + Debug {
    /// Moves after `position`, oldest first, at most `most`. Asked once per look of the reconciler; whoever asks keeps
    /// the position of the last one it has dealt with. Nothing is skipped when it does not answer.
    fn moves(&self, position: Position, most: u32) -> PortAnswer<'_, Vec<IssueMove>>;

    /// Where an issue stands; none if it was never moved.
    fn state<'a>(&'a self, issue: &'a IssueId) -> PortAnswer<'a, Option<TrackerState>>;

    /// Moves an issue in the host's name. Called from the outbox, in order for each issue. Moving it to where it is
    /// already is no move, and the same `key` moves it once: somebody else's later move stays.
    ///
    /// Answers a position: every move that somebody makes from now on, and who could see the state, has a higher one.
    fn set_state<'a>(
        &'a self,
        issue: &'a IssueId,
        state: TrackerState,
        key: &'a str,
    ) -> PortAnswer<'a, Position>;

    /// Adds a comment, once per `key`. Called from the outbox, in order for each issue.
    fn comment<'a>(
        &'a self,
        issue: &'a IssueId,
        voice: Voice,
        text: &'a str,
        key: &'a str,
    ) -> PortAnswer<'a, Receipt>;

    /// Comments of an issue, oldest first. Asked before the prompt of a run is written.
    fn comments<'a>(&'a self, issue: &'a IssueId) -> PortAnswer<'a, Vec<Comment>>;
}
