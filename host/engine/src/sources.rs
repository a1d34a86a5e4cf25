//! The local tracker behind the port of the domain: tables of the store.

use orch_domain::source::{IssueMove, SourceError, Tracker};
use orch_store::Store;

/// The tracker in the store.
#[derive(Debug)]
pub(crate) struct LocalTracker<'a>(pub(crate) &'a Store);

impl Tracker for LocalTracker<'_> {
    async fn moves(&self, position: i64, most: u32) -> Result<Vec<IssueMove>, SourceError> {
        let moves = self
            .0
            .read(move |tx| Box::pin(tx.issue_moves(position, most)));
        moves.await.map_err(|e| failed("tracker", "local", &e))
    }
}

fn failed(what: &str, name: &str, error: &dyn std::error::Error) -> SourceError {
    let reason = error.source().map(|s| format!(": {s}")).unwrap_or_default();
    SourceError(format!("{what} `{name}` does not answer: {error}{reason}"))
}
