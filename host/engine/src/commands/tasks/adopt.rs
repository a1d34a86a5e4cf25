//! How does a task begin for an issue that a tracker has already?

use orch_domain::id::{RepoName, UnixMs, WorkItem};
use orch_domain::person::Caller;
use orch_domain::port::tracker::IssueAt;
use orch_views::task::Done;

use super::{Asked, TITLE_BYTES_MAX, Tasks};
use crate::commands::error::CommandError;

/// An issue of a tracker for which a task is to begin.
#[derive(Debug, Clone)]
pub(crate) struct NewOfTracker {
    pub(crate) at: IssueAt,
    pub(crate) work_item: WorkItem,
    pub(crate) repo: RepoName,
    pub(crate) title: String,
    pub(crate) body: String,
    pub(crate) entered_ms: UnixMs,
}

impl Tasks {
    /// Begins a task for an issue of a tracker.
    pub(crate) async fn begin_of_tracker(
        &self,
        new: NewOfTracker,
        caller: &Caller,
    ) -> Result<Done, CommandError> {
        let NewOfTracker {
            at,
            work_item,
            repo,
            title,
            body,
            entered_ms,
        } = new;
        let mut end = title.len().min(TITLE_BYTES_MAX);
        while !title.is_char_boundary(end) {
            end -= 1;
        }
        let new = Asked {
            id: Some(work_item),
            repo: repo.to_string(),
            title: title[..end].to_owned(),
            body,
            after: Vec::new(),
            priority: None,
            at: Some((at, entered_ms)),
        };
        self.accept(new, caller).await
    }
}
