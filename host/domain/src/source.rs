//! Ports to the sources of truth outside of the host: the forge and the tracker.
//!
//! Notices of them (webhooks, wake-ups) are hints that may be lost or come twice; what counts is what these
//! ports answer. The reconciler asks them again and again. How a source is reached is the business of the
//! crates above.

use std::collections::BTreeMap;
use std::future::Future;

use crate::id::{ObjectId, RepoName, TaskId, UnixMs};
use crate::issue::TrackerState;

/// Name under which the host acts in its sources; what it did itself is never news to it.
pub const HOST_ACTOR: &str = "orch";

/// Why a source did not answer. Its text names the source and the reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceError(pub String);

impl std::fmt::Display for SourceError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for SourceError {}

/// Tips of branches by name.
pub type Tips = BTreeMap<String, ObjectId>;

/// A forge: where branches are pushed to and commits are tested.
pub trait Forge: Send + Sync {
    /// Where the host's branches of a repository are now. Asked once per look and repository, before any task of it is
    /// judged.
    ///
    /// # Errors
    /// [`SourceError`] when the forge does not answer; no task of the repository is touched then.
    fn tips(&self, repo: &RepoName) -> impl Future<Output = Result<Tips, SourceError>> + Send;

    /// Commits among `heads` whose test was asked for before `before_ms` and which nobody tests. Asked once per
    /// look and repository.
    ///
    /// # Errors
    /// [`SourceError`] when the forge does not answer.
    fn untested(
        &self,
        repo: &RepoName,
        heads: &[ObjectId],
        before_ms: UnixMs,
    ) -> impl Future<Output = Result<Vec<ObjectId>, SourceError>> + Send;
}

/// A move of an issue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IssueMove {
    /// Rises with every move of any issue.
    pub position: i64,
    /// Whose issue.
    pub task: TaskId,
    /// Where it was moved to.
    pub state: TrackerState,
    /// By whom; [`HOST_ACTOR`] for the host's own.
    pub actor: String,
    /// When, Unix milliseconds.
    pub at_ms: UnixMs,
    /// Whether somebody other than the host moved the issue again since: the last word counts.
    pub is_past: bool,
}

/// A tracker: where people see tasks as issues and move them.
pub trait Tracker: Send + Sync {
    /// Moves after `position`, oldest first, at most `most`. Asked once per look; whoever asks keeps the position
    /// of the last one it has dealt with.
    ///
    /// # Errors
    /// [`SourceError`] when the tracker does not answer; nothing is skipped then.
    fn moves(
        &self,
        position: i64,
        most: u32,
    ) -> impl Future<Output = Result<Vec<IssueMove>, SourceError>> + Send;
}
