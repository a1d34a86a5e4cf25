//! Whether there is money for another run: what was spent, what is under way, what the next one may cost.

use orch_domain::id::TaskId;

use crate::config::BudgetsConfig;
use crate::engine::Engine;

/// A day, milliseconds.
const DAY_MS: i64 = 24 * 3_600_000;

/// Money of one pot, dollars.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Pot {
    /// Spent by runs that ended.
    spent: f64,
    /// Runs under way.
    open: u32,
    /// What the pot holds; none for no bottom.
    limit: Option<f64>,
}

impl Pot {
    /// Whether a run that may cost `each` goes over it, runs under way counted with what they may cost.
    fn is_overdrawn(&self, each: f64) -> bool {
        let asked = self.spent + f64::from(self.open) * each + each;
        self.limit
            .is_some_and(|limit| asked > limit || self.spent >= limit)
    }
}

/// The start of the day in UTC.
pub(crate) fn day_of(now: i64) -> i64 {
    now - now.rem_euclid(DAY_MS)
}

impl Engine {
    /// Why no run of this task may start now for want of money, and when to ask again.
    pub(crate) async fn over_budget(&self, task: TaskId) -> anyhow::Result<Option<(String, i64)>> {
        let budgets = self.config().budgets.clone();
        if budgets == BudgetsConfig::default() {
            return Ok(None);
        }
        let (now, each) = (self.now(), budgets.run_usd.unwrap_or(0.0));
        let day = day_of(now);
        let ((spent, open), (spent_today, open_today)) = self
            .0
            .store
            .read(|tx| {
                Box::pin(async move {
                    Ok((
                        tx.spending(Some(task), 0).await?,
                        tx.spending(None, day).await?,
                    ))
                })
            })
            .await?;
        let of_task = Pot {
            spent,
            open,
            limit: budgets.task_usd,
        };
        if let (true, Some(limit)) = (of_task.is_overdrawn(each), of_task.limit) {
            let text = format!(
                "the task has cost {spent:.2} of {limit:.2} USD and a run may cost {each:.2}; raise `budgets.task_usd` in orch.yaml, or stop the task"
            );
            return Ok(Some((text, now + super::ASK_AGAIN_MS)));
        }
        let of_day = Pot {
            spent: spent_today,
            open: open_today,
            limit: budgets.day_usd,
        };
        if let (true, Some(limit)) = (of_day.is_overdrawn(each), of_day.limit) {
            let text = format!(
                "today has cost {spent_today:.2} of {limit:.2} USD and {open_today} runs are under way; runs go on tomorrow (UTC), or raise `budgets.day_usd` in orch.yaml"
            );
            // Looked at again before midnight, because the limit may be raised.
            return Ok(Some((text, (now + super::ASK_AGAIN_MS).min(day + DAY_MS))));
        }
        Ok(None)
    }

    /// What was spent today, for people.
    pub(crate) async fn budget_view(&self) -> Result<serde_json::Value, orch_store::StoreError> {
        let day = day_of(self.now());
        let (spent, open) = self
            .0
            .store
            .read(|tx| Box::pin(tx.spending(None, day)))
            .await?;
        let budgets = &self.config().budgets;
        Ok(serde_json::json!({
            "spent_today_usd": spent,
            "runs_under_way": open,
            "day_usd": budgets.day_usd,
            "task_usd": budgets.task_usd,
            "run_usd": budgets.run_usd,
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_under_way_and_the_next_one_count_with_what_they_may_cost() {
        let pot = |spent, open| Pot {
            spent,
            open,
            limit: Some(10.0),
        };
        assert!(!pot(7.0, 1).is_overdrawn(1.5));
        assert!(pot(7.1, 1).is_overdrawn(1.5));
        assert!(pot(10.0, 0).is_overdrawn(0.0));
        assert!(!pot(9.9, 0).is_overdrawn(0.0));
        let endless = Pot {
            limit: None,
            ..pot(1e9, 9)
        };
        assert!(!endless.is_overdrawn(1e9));
    }

    #[test]
    fn day_begins_at_midnight_utc() {
        assert_eq!(day_of(86_400_000 + 5), 86_400_000);
        assert_eq!(day_of(86_399_999), 0);
    }
}
