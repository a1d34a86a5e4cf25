//! What the host asks of a tracker: where people see tasks as issues, move them and write comments.

use std::fmt::Debug;

use super::{PortAnswer, PortError, PortFailure, Receipt};
use crate::id::{DoorName, IssueId, RepoName, UnixMs, WorkItem};
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

/// A file that somebody attached to an issue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attachment {
    /// The tracker's own name for it.
    pub id: String,
    /// What whoever attached it calls it.
    pub name: String,
    /// Its media type, as they say.
    pub kind: String,
    /// Who attached it, by the tracker's own name for them.
    pub author: String,
}

/// An issue that people put where the host is to begin it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Which issue.
    pub issue: IssueId,
    /// What its task is to be called.
    pub work_item: WorkItem,
    /// The repository that is to be worked on.
    pub repo: RepoName,
    /// One line.
    pub title: String,
    /// The request, in Markdown; what could not be fetched is said in it.
    pub text: String,
    /// Who asks: whoever put the issue there, by the tracker's own name for them.
    pub by: String,
    /// Whoever has changed what it says since.
    pub changed_by: Vec<String>,
    /// When it was put there, Unix milliseconds.
    pub at_ms: UnixMs,
}

/// Where a tracker that cannot tell a repeated move by its key notes what it is about to do.
pub trait Intents: Send + Sync + Debug {
    /// What was noted under `key` before. If nothing was, `since` is noted, durably, and none is answered.
    fn begin<'a>(&'a self, key: &'a str, since: &'a str) -> PortAnswer<'a, Option<String>>;
}

/// A tracker with all its issues.
///
/// Every method may answer a [`super::PortError`]. An issue that the tracker does not have, or does not show to the
/// host, is [`super::PortFailure::NotFound`] wherever one is named.
pub trait Tracker: Send + Sync + Debug {
    /// Moves after `position`, oldest first, at most `most`. Asked once per look of the reconciler; whoever asks keeps
    /// the position of the last one it has dealt with. Nothing is skipped when it does not answer.
    fn moves(&self, position: Position, most: u32) -> PortAnswer<'_, Vec<IssueMove>>;

    /// Whether the latest answer to [`Tracker::moves`] held back moves of people that are too young to be told in their
    /// order: whoever came because of a notice of one looks again soon.
    fn holds_back(&self) -> bool {
        false
    }

    /// The position from which a host looks that has never looked before.
    fn beginning(&self) -> PortAnswer<'_, Position> {
        Box::pin(std::future::ready(Ok(0)))
    }

    /// Issues that stand where people put what the host is to begin, oldest first, at most `most`. Asked once per look
    /// of the reconciler. An issue is in the answer for as long as it stands there.
    fn entries(&self, _most: u32) -> PortAnswer<'_, Vec<Entry>> {
        Box::pin(std::future::ready(Ok(Vec::new())))
    }

    /// Whether the tracker knows for certain that an issue was deleted: not being shown it is no proof. Asked now and
    /// then for each issue of a task under way.
    fn is_deleted<'a>(&'a self, _issue: &'a IssueId) -> PortAnswer<'a, bool> {
        Box::pin(std::future::ready(Ok(false)))
    }

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

    /// Files that are attached to an issue. Asked before the prompt of a run is written.
    fn attachments<'a>(&'a self, _issue: &'a IssueId) -> PortAnswer<'a, Vec<Attachment>> {
        Box::pin(std::future::ready(Ok(Vec::new())))
    }

    /// What is in a file that is attached to an issue; one of more than `bytes_max` bytes is refused.
    fn attachment<'a>(
        &'a self,
        _issue: &'a IssueId,
        id: &'a str,
        _bytes_max: usize,
    ) -> PortAnswer<'a, Vec<u8>> {
        let error = PortError::new("this tracker", PortFailure::NotFound, id);
        Box::pin(std::future::ready(Err(error)))
    }
}
