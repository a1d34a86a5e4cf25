//! What runs cost and used, for people: by day, stage, work item or agent.

use orch_store::{CostRow, CostsBy, Tokens};
use orch_views::costs::{CostView, CostsBy as By, CostsRequest, TokensView};
use orch_views::page::Page;

use super::pages;
use crate::commands::{CommandError, named};
use crate::ledger::Ledger;
use crate::ledger::budget::{DAY_MS, day_of};

/// Most days that are looked back.
const DAYS_MAX: u32 = 3_660;

/// Tokens as they are shown.
pub(crate) fn tokens_view(tokens: Tokens) -> TokensView {
    TokensView {
        input: tokens.input,
        output: tokens.output,
        cache_read: tokens.cache_read,
        cache_write: tokens.cache_write,
    }
}

/// A row of costs as it is shown.
pub(crate) fn view(row: CostRow) -> CostView {
    CostView {
        name: row.name,
        runs: row.runs,
        cost_usd: row.spending.known_usd,
        reserved_usd: row.spending.reserved_usd,
        tokens: tokens_view(row.tokens),
    }
}

/// Shows costs. Clones are the same.
#[derive(Debug, Clone)]
pub struct CostViews {
    pub(crate) ledger: Ledger,
}

impl CostViews {
    /// Costs of agents' runs, added up.
    ///
    /// # Errors
    /// [`CommandError::Invalid`] for a number of days or a page that makes no sense; [`CommandError::NotFound`] for
    /// an unknown work item.
    pub async fn list(&self, request: CostsRequest) -> Result<Page<CostView>, CommandError> {
        if !(1..=DAYS_MAX).contains(&request.days) {
            return Err(CommandError::invalid(format!(
                "`days` must be 1 to {DAYS_MAX}, not {}",
                request.days
            )));
        }
        let limit = pages::limit(request.limit)?;
        let skip: u32 = pages::after(request.after.as_deref())?.unwrap_or(0);
        let since = day_of(self.ledger.now()) - i64::from(request.days - 1) * DAY_MS;
        let item = request.task.as_deref().map(named).transpose()?;
        let by = stored(request.by);
        let read = self.ledger.read(move |tx| {
            Box::pin(async move {
                let task = match item {
                    Some(item) => Some(tx.task_of_item(&item).await?.task.id),
                    None => None,
                };
                let rows = tx.costs(by, task, since, skip, limit + 1).await?;
                Ok((rows, tx.count_costs(by, task, since).await?))
            })
        });
        let (rows, total) = read.await?;
        let next = skip.saturating_add(limit).to_string();
        Ok(pages::page(rows, limit, total, |_| next.clone(), view))
    }
}

fn stored(by: By) -> CostsBy {
    match by {
        By::Day => CostsBy::Day,
        By::Stage => CostsBy::Stage,
        By::Task => CostsBy::Task,
        By::Agent => CostsBy::Agent,
    }
}
