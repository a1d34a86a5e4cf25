//! What runs cost and used, for people: by day, stage, work item or agent.

use orch_store::{CostRow, CostsBy, Tokens};
use serde::{Deserialize, Serialize};

use crate::commands::CommandError;
use crate::ledger::budget::day_of;
use crate::wire::Engine;

/// Most days that are looked back.
const DAYS_MAX: u32 = 3_660;
/// Rows that are listed at most.
const ROWS_MAX: u32 = 500;
/// A day, milliseconds.
const DAY_MS: i64 = 24 * 3_600_000;

/// Which costs, and how they are put together.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CostsRequest {
    /// `day`, `stage`, `task` or `agent`.
    pub by: String,
    /// How many days back, today counted, in UTC.
    pub days: u32,
    /// One work item only.
    #[serde(default)]
    pub task: Option<String>,
}

/// Runs added up.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CostView {
    /// Day, stage, work item or agent.
    pub name: String,
    /// How many runs.
    pub runs: i64,
    /// What they said they cost, dollars.
    pub cost_usd: f64,
    /// What is reserved for those under way and for those that ended without a word, dollars.
    pub reserved_usd: f64,
    /// Tokens, as far as they were said.
    pub tokens: TokensView,
}

/// Tokens by class.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the names are those of the columns")]
pub struct TokensView {
    pub input: i64,
    pub output: i64,
    pub cache_read: i64,
    pub cache_write: i64,
}

impl From<Tokens> for TokensView {
    fn from(tokens: Tokens) -> Self {
        Self {
            input: tokens.input,
            output: tokens.output,
            cache_read: tokens.cache_read,
            cache_write: tokens.cache_write,
        }
    }
}

impl From<CostRow> for CostView {
    fn from(row: CostRow) -> Self {
        Self {
            name: row.name,
            runs: row.runs,
            cost_usd: row.spending.known_usd,
            reserved_usd: row.spending.reserved_usd,
            tokens: row.tokens.into(),
        }
    }
}

impl Engine {
    /// Costs of agents' runs, added up.
    ///
    /// # Errors
    /// [`CommandError::Invalid`] for a grouping or number of days that is none; [`CommandError::NotFound`] for an
    /// unknown work item.
    pub async fn costs(&self, request: CostsRequest) -> Result<Vec<CostView>, CommandError> {
        let by = match request.by.as_str() {
            "day" => CostsBy::Day,
            "stage" => CostsBy::Stage,
            "task" => CostsBy::Task,
            "agent" => CostsBy::Agent,
            other => {
                return Err(CommandError::Invalid(format!(
                    "costs cannot be put together by `{other}`; use day, stage, task or agent"
                )));
            }
        };
        if !(1..=DAYS_MAX).contains(&request.days) {
            return Err(CommandError::Invalid(format!(
                "`{}` is no number of days to look back; use 1 to {DAYS_MAX}",
                request.days
            )));
        }
        let task = match &request.task {
            Some(item) => Some(self.task_of_item(item).await?.task.id),
            None => None,
        };
        let since = day_of(self.now()) - i64::from(request.days - 1) * DAY_MS;
        let rows = self
            .0
            .ledger
            .read(move |tx| Box::pin(tx.costs(by, task, since, ROWS_MAX)))
            .await?;
        Ok(rows.into_iter().map(CostView::from).collect())
    }
}
