//! What is held back now, and what that holds up.

use orch_domain::job::JobState;
use orch_store::{JobRow, Pause, StoreError, Tx};
use orch_views::page::{Page, PageRequest};
use orch_views::pause::PauseView;

use super::pages;
use crate::commands::CommandError;
use crate::ledger::Ledger;
use crate::ledger::clock::stamp;

/// Shows pauses. Clones are the same.
#[derive(Debug, Clone)]
pub struct PauseViews {
    pub(crate) ledger: Ledger,
}

impl PauseViews {
    /// Everything that is held back now.
    ///
    /// # Errors
    /// [`CommandError::Invalid`] for a page that makes no sense.
    pub async fn list(&self, request: PageRequest) -> Result<Page<PauseView>, CommandError> {
        let limit = pages::limit(request.limit)?;
        let skip = pages::after(request.after.as_deref())?.unwrap_or(0);
        let now = self.ledger.now();
        let pauses = self.ledger.read(move |tx| Box::pin(tx.pauses(now))).await?;
        let views = pauses.into_iter().map(view).collect();
        Ok(Page::of_list(views, skip, limit))
    }
}

/// A pause as it is shown.
pub(crate) fn view(pause: Pause) -> PauseView {
    PauseView {
        scope: pause.scope,
        until_ms: pause.until_ms,
        reason: pause.reason,
        by: pause.set_by,
        since_ms: pause.set_ms,
    }
}

/// What holds a job back that is due, in words.
pub(crate) async fn held_back(
    tx: &mut Tx,
    job: &JobRow,
    now: i64,
) -> Result<Option<String>, StoreError> {
    if !matches!(job.state, JobState::Ready | JobState::Scheduled) {
        return Ok(None);
    }
    let scopes = [
        format!("lane:{}", job.kind.lane().as_str()),
        format!("repo:{}", job.repo),
        format!("lane:{}@{}", job.kind.lane().as_str(), job.repo),
    ];
    let pauses = tx.pauses(now).await?;
    let held = pauses.iter().find(|pause| scopes.contains(&pause.scope));
    Ok(held.map(|pause| {
        let until = pause.until_ms.map(|at| format!(" until {}", stamp(at)));
        let until = until.unwrap_or_default();
        let why = if pause.reason.is_empty() {
            String::new()
        } else {
            format!(": {}", pause.reason)
        };
        format!(
            "{} holds `{}` back{until}{why}; `orch unpause {}` lets it go on",
            pause.set_by, pause.scope, pause.scope
        )
    }))
}
