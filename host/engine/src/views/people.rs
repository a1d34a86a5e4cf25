//! Tokens of persons, as an admin sees them.

use orch_domain::id::TokenId;
use orch_store::TokenRow;
use orch_views::page::{Page, PageRequest};
use orch_views::person::TokenView;

use super::pages;
use crate::commands::{CommandError, token_view};
use crate::ledger::Ledger;

/// Shows tokens. Clones are the same.
#[derive(Debug, Clone)]
pub struct PeopleViews {
    pub(crate) ledger: Ledger,
}

impl PeopleViews {
    /// Tokens, oldest first, with those that do not count any more.
    ///
    /// # Errors
    /// [`CommandError::Invalid`] for a page that makes no sense.
    pub async fn tokens(&self, request: PageRequest) -> Result<Page<TokenView>, CommandError> {
        let limit = pages::limit(request.limit)?;
        let after = pages::after(request.after.as_deref())?.unwrap_or(0);
        let now = self.ledger.now();
        let read = self.ledger.read(move |tx| {
            Box::pin(async move {
                let rows = tx.tokens(TokenId(after), limit + 1).await?;
                Ok((rows, tx.count_tokens().await?))
            })
        });
        let (rows, total) = read.await?;
        let place = |row: &TokenRow| row.id.to_string();
        Ok(pages::page(rows, limit, total, place, |row| {
            token_view(row, now)
        }))
    }
}
