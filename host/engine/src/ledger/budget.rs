//! Whether there is money for another run: what was spent, what is under way, what the next one may cost.
//!
//! A run is charged with what it said it cost. Until it says so, and for good if it never does, it is charged
//! with what was reserved when it began: silence is not free.

use orch_domain::id::TaskId;
use orch_domain::notice::{Budget, NoticeKind};
use orch_store::{Spending, StoreError, Tx};

use super::notices::announce;
use orch_config::BudgetsConfig;

/// A day, milliseconds.
pub(crate) const DAY_MS: i64 = 24 * 3_600_000;
/// How long a job waits until it asks again for a run that was refused, milliseconds.
pub(crate) const ASK_AGAIN_MS: i64 = 15_000;
/// Share of a budget from which a person is told.
const WARN_SHARE: f64 = 0.8;

/// Why no run may start for want of money, and when to ask again.
pub(crate) struct Overdrawn {
    pub(crate) reason: String,
    pub(crate) until_ms: i64,
}

/// Whether a run that may cost `each` goes over `limit`.
fn is_overdrawn(spending: &Spending, each: f64, limit: Option<f64>) -> bool {
    let charged = spending.charged_usd();
    limit.is_some_and(|limit| charged + each > limit || charged >= limit)
}

/// The start of the day in UTC.
pub(crate) fn day_of(now: i64) -> i64 {
    now - now.rem_euclid(DAY_MS)
}

/// Why no run of this task may start now. Asked before a run is prepared, and once more in the transaction that
/// records it, so that two that begin at once cannot both have the last of it.
pub(crate) async fn over_budget(
    tx: &mut Tx,
    task: TaskId,
    budgets: &BudgetsConfig,
    now: i64,
) -> Result<Option<Overdrawn>, StoreError> {
    let each = budgets.run_usd.unwrap_or(0.0);
    if let Some(limit) = budgets.task_usd {
        let of_task = tx.spending(Some(task), 0).await?;
        if is_overdrawn(&of_task, each, Some(limit)) {
            let charged = of_task.charged_usd();
            let reason = format!(
                "the task has cost {charged:.2} of {limit:.2} USD and a run may cost {each:.2}; raise `budgets.task_usd` in orch.yaml, or stop the task"
            );
            let until_ms = now + ASK_AGAIN_MS;
            return Ok(Some(Overdrawn { reason, until_ms }));
        }
    }
    if let Some(limit) = budgets.day_usd {
        let day = day_of(now);
        let of_day = tx.spending(None, day).await?;
        if is_overdrawn(&of_day, each, Some(limit)) {
            let (charged, open) = (of_day.charged_usd(), of_day.open);
            let reason = format!(
                "today has cost {charged:.2} of {limit:.2} USD with {open} runs under way, and a run may cost {each:.2}; runs go on tomorrow (UTC), or raise `budgets.day_usd` in orch.yaml"
            );
            // Looked at again before midnight, because the limit may be raised.
            let until_ms = (now + ASK_AGAIN_MS).min(day + DAY_MS);
            return Ok(Some(Overdrawn { reason, until_ms }));
        }
    }
    Ok(None)
}

/// Tells a person, once for each budget, that most of it is used up. Called where a run's cost is written.
pub(crate) async fn warn(
    tx: &mut Tx,
    task: TaskId,
    budgets: &BudgetsConfig,
    now: i64,
) -> Result<(), StoreError> {
    let day = day_of(now);
    let pots = [
        (Some(task), 0, budgets.task_usd, Budget::Task),
        (None, day, budgets.day_usd, Budget::Day),
    ];
    for (of, since, limit, budget) in pots {
        let Some(limit) = limit else { continue };
        let charged = tx.spending(of, since).await?.charged_usd();
        if charged < limit * WARN_SHARE {
            continue;
        }
        let kind = NoticeKind::BudgetNearlySpent {
            budget,
            charged_cents: cents(charged),
            limit_cents: cents(limit),
        };
        let key = format!("budget:{}:{since}:{limit}", of.map_or(0, |t| t.0));
        announce(tx, of, &key, kind, now).await?;
    }
    Ok(())
}

/// Hundredths of a dollar.
fn cents(usd: f64) -> i64 {
    #[expect(
        clippy::cast_possible_truncation,
        reason = "no budget is near 2^53 cents, and a cast that is too large stops at the largest number"
    )]
    let cents = (usd * 100.0).round() as i64;
    cents
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_under_way_and_the_next_one_count_with_what_they_may_cost() {
        let of = |known_usd, reserved_usd| Spending {
            known_usd,
            reserved_usd,
            open: 0,
        };
        let limit = Some(10.0);
        assert!(!is_overdrawn(&of(7.0, 1.5), 1.5, limit));
        assert!(is_overdrawn(&of(7.1, 1.5), 1.5, limit));
        assert!(is_overdrawn(&of(10.0, 0.0), 0.0, limit));
        assert!(!is_overdrawn(&of(9.9, 0.0), 0.0, limit));
        assert!(!is_overdrawn(&of(1e9, 1e9), 9.0, None));
    }

    #[test]
    fn day_begins_at_midnight_utc() {
        assert_eq!(day_of(86_400_000 + 5), 86_400_000);
        assert_eq!(day_of(86_399_999), 0);
    }
}
