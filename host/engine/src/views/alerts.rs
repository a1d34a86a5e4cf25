//! Alerts, as people see them.

use orch_domain::notice::Subject;
use orch_store::AlertRow;
use orch_views::alert::AlertView;
use orch_views::page::{ListRequest, Page};

use super::pages;
use crate::commands::CommandError;
use crate::ledger::Ledger;
use crate::ledger::clock::stamp;

/// Shows alerts. Clones are the same.
#[derive(Debug, Clone)]
pub struct AlertViews {
    pub(crate) ledger: Ledger,
}

impl AlertViews {
    /// Alerts, newest first; acknowledged ones too if `all`.
    ///
    /// # Errors
    /// [`CommandError::Invalid`] for a page that makes no sense.
    pub async fn list(&self, request: ListRequest) -> Result<Page<AlertView>, CommandError> {
        let limit = pages::limit(request.limit)?;
        let before = pages::after(request.after.as_deref())?;
        let read = self.ledger.read(move |tx| {
            Box::pin(async move {
                let rows = tx.alerts(request.all, before, limit + 1).await?;
                Ok((rows, tx.count_alerts(request.all).await?))
            })
        });
        let (rows, total) = read.await?;
        let place = |row: &AlertRow| row.id.to_string();
        Ok(pages::page(rows, limit, total, place, view))
    }
}

fn view(row: AlertRow) -> AlertView {
    let (acknowledged_by, acknowledged_ms) = row.acknowledged.unzip();
    AlertView {
        id: row.id,
        kind: row.kind,
        level: row.notice.kind.level(),
        needs_person: row.notice.kind.needs_person(),
        text: orch_words::notice::text(&row.notice),
        repo: row.repo,
        work_item: match row.notice.subject {
            Subject::Host => None,
            Subject::Task { work_item, .. } => Some(work_item.to_string()),
        },
        count: row.count,
        first_ms: row.first_ms,
        first: stamp(row.first_ms),
        last_ms: row.last_ms,
        last: stamp(row.last_ms),
        acknowledged_by,
        acknowledged_ms,
    }
}
