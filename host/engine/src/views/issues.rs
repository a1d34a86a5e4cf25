//! Issues of the local tracker, as people see them.

use orch_domain::id::TaskId;
use orch_store::IssueRow;
use orch_views::issue::IssueView;
use orch_views::page::{ListRequest, Page};

use super::pages;
use crate::commands::CommandError;
use crate::ledger::Ledger;
use crate::ledger::clock::stamp;

/// Shows issues. Clones are the same.
#[derive(Debug, Clone)]
pub struct IssueViews {
    pub(crate) ledger: Ledger,
}

impl IssueViews {
    /// Issues, newest first; those of ended tasks too if `all`.
    ///
    /// # Errors
    /// [`CommandError::Invalid`] for a page that makes no sense.
    pub async fn list(&self, request: ListRequest) -> Result<Page<IssueView>, CommandError> {
        let limit = pages::limit(request.limit)?;
        let before = pages::after(request.after.as_deref())?.map(TaskId);
        let read = self.ledger.read(move |tx| {
            Box::pin(async move {
                let rows = tx.issues(request.all, before, limit + 1).await?;
                Ok((rows, tx.count_issues(request.all).await?))
            })
        });
        let (rows, total) = read.await?;
        let place = |row: &IssueRow| row.task.to_string();
        Ok(pages::page(rows, limit, total, place, |row| IssueView {
            work_item: row.work_item,
            title: row.title,
            state: row.state,
            moved_by: row.actor,
            moved: stamp(row.at_ms),
        }))
    }
}
