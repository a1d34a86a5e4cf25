//! Where does a task stand, for a window that shows it while it moves?

use crate::id::{RepoName, TaskId, UnixMs, WorkItem};
use crate::stage::Stage;

/// Where a task is. A newer one makes an older one needless.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Progress {
    /// Row id of the task.
    pub task: TaskId,
    /// Its name in the tracker.
    pub work_item: WorkItem,
    /// Its repository.
    pub repo: RepoName,
    /// Title of the request.
    pub title: String,
    /// The stage it is at.
    pub stage: Stage,
    /// What it is doing: the name of its status.
    pub status: String,
    /// Since when, Unix milliseconds.
    pub at_ms: UnixMs,
}
