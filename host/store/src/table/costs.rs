//! What runs cost and used, added up. A run that does not say what it cost counts with what was reserved for it.

use orch_domain::id::{TaskId, UnixMs};

use super::get;
use crate::error::{Context, StoreError};
use crate::tx::Tx;

/// Tokens by class. What an agent does not say is 0.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tokens {
    /// Read by the model.
    pub input: i64,
    /// Written by the model.
    pub output: i64,
    /// Read from the provider's cache.
    pub cache_read: i64,
    /// Written into the provider's cache.
    pub cache_write: i64,
}

/// Money of some runs, dollars.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Spending {
    /// What those that ended said they cost.
    pub known_usd: f64,
    /// Reserved for runs under way, and for those that ended without a word.
    pub reserved_usd: f64,
    /// Runs under way.
    pub open: u32,
}

impl Spending {
    /// Everything that counts against a budget.
    pub fn charged_usd(&self) -> f64 {
        self.known_usd + self.reserved_usd
    }
}

/// By what costs are put together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CostsBy {
    /// Day in UTC, `2026-11-21`.
    Day,
    /// Each stage that runs were launched in.
    Stage,
    /// Work item.
    Task,
    /// Name of the agent.
    Agent,
}

impl CostsBy {
    fn column(self) -> &'static str {
        match self {
            Self::Day => "date(runs.started_ms / 1000, 'unixepoch')",
            Self::Stage => "runs.stage",
            Self::Task => "tasks.work_item",
            Self::Agent => "runs.agent",
        }
    }
}

/// Runs of one day, stage, task or agent, added up.
#[derive(Debug, Clone, PartialEq)]
pub struct CostRow {
    /// The task, stage, agent or day that the costs are of.
    pub name: String,
    /// How many runs.
    pub runs: i64,
    /// Their money.
    pub spending: Spending,
    /// Their tokens.
    pub tokens: Tokens,
}

/// Columns of the sums: what is known, what is reserved, runs under way.
const SPENDING: &str = "coalesce(sum(cost_usd), 0.0) AS known, \
    coalesce(sum(reserved_usd) FILTER (WHERE cost_usd IS NULL), 0.0) AS held, count(*) FILTER (WHERE runs.state = 'started')";

impl Tx {
    /// Money of the agents' runs that began since `since_ms`: of one task, or of all.
    pub async fn spending(
        &mut self,
        task: Option<TaskId>,
        since_ms: UnixMs,
    ) -> Result<Spending, StoreError> {
        let sql = match task {
            Some(_) => format!(
                "SELECT {SPENDING} FROM runs WHERE role NOT IN ('deploy-hook', 'rollback-hook') AND started_ms >= ? AND task_id = ?"
            ),
            None => format!(
                "SELECT {SPENDING} FROM runs WHERE role NOT IN ('deploy-hook', 'rollback-hook') AND started_ms >= ?"
            ),
        };
        let query = sqlx::query(sqlx::AssertSqlSafe(sql)).bind(since_ms);
        let query = match task {
            Some(task) => query.bind(task.0),
            None => query,
        };
        let row = query
            .fetch_one(&mut self.conn)
            .await
            .doing("add up costs")?;
        Ok(Spending {
            known_usd: get(&row, 0)?,
            reserved_usd: get(&row, 1)?,
            open: get(&row, 2)?,
        })
    }

    /// Costs of the agents' runs that began since `since_ms`, dearest first, days latest first; at most `most`
    /// rows behind the first `skip`; of one task, or of all.
    pub async fn costs(
        &mut self,
        by: CostsBy,
        task: Option<TaskId>,
        since_ms: UnixMs,
        skip: u32,
        most: u32,
    ) -> Result<Vec<CostRow>, StoreError> {
        let name = by.column();
        let order = match by {
            CostsBy::Day => "1 DESC",
            CostsBy::Stage | CostsBy::Task | CostsBy::Agent => "known + held DESC, 1",
        };
        let sql = format!(
            "SELECT {name}, count(*), {SPENDING}, coalesce(sum(input_tokens), 0), coalesce(sum(output_tokens), 0), \
             coalesce(sum(cache_read_tokens), 0), coalesce(sum(cache_write_tokens), 0) \
             FROM runs JOIN tasks ON tasks.id = runs.task_id WHERE role NOT IN ('deploy-hook', 'rollback-hook') AND started_ms >= ?1 \
             AND (?2 IS NULL OR task_id = ?2) GROUP BY 1 ORDER BY {order} LIMIT +?3 OFFSET ?4"
        );
        let rows = sqlx::query(sqlx::AssertSqlSafe(sql))
            .bind(since_ms)
            .bind(task.map(|t| t.0))
            .bind(most)
            .bind(skip)
            .fetch_all(&mut self.conn)
            .await
            .doing("add up costs")?;
        rows.iter()
            .map(|row| {
                Ok(CostRow {
                    name: get(row, 0)?,
                    runs: get(row, 1)?,
                    spending: Spending {
                        known_usd: get(row, 2)?,
                        reserved_usd: get(row, 3)?,
                        open: get(row, 4)?,
                    },
                    tokens: Tokens {
                        input: get(row, 5)?,
                        output: get(row, 6)?,
                        cache_read: get(row, 7)?,
                        cache_write: get(row, 8)?,
                    },
                })
            })
            .collect()
    }

    /// How many rows [`Tx::costs`] has in all.
    pub async fn count_costs(
        &mut self,
        by: CostsBy,
        task: Option<TaskId>,
        since_ms: UnixMs,
    ) -> Result<u64, StoreError> {
        let sql = format!(
            "SELECT count(DISTINCT {}) FROM runs JOIN tasks ON tasks.id = runs.task_id \
             WHERE role NOT IN ('deploy-hook', 'rollback-hook') AND started_ms >= ?1 AND (?2 IS NULL OR task_id = ?2)",
            by.column()
        );
        let row = sqlx::query(sqlx::AssertSqlSafe(sql))
            .bind(since_ms)
            .bind(task.map(|t| t.0))
            .fetch_one(&mut self.conn)
            .await
            .doing("count rows of costs")?;
        let count: i64 = get(&row, 0)?;
        Ok(u64::try_from(count).unwrap_or_default())
    }
}
