//! What did gates decide lately, and should one that only watches be enforced?

use std::collections::BTreeMap;

use orch_domain::conduct::Conduct;
use orch_domain::id::TaskId;
use orch_domain::pipeline::Mode;
use orch_domain::verdict::EvaluationOutcome;
use orch_store::DecisionRow;
use orch_views::conduct::ConductView;
use orch_views::page::{Page, PageRequest};

use super::pages;
use crate::commands::CommandError;
use crate::ledger::Ledger;

/// Evaluations that are looked at, of all gates together: some hundred tasks, read in tens of milliseconds.
const DECISIONS_MAX: u32 = 20_000;

/// Shows how gates decide. Clones are the same.
#[derive(Debug, Clone)]
pub struct ConductViews {
    pub(crate) ledger: Ledger,
}

impl ConductViews {
    /// Entries that judged lately, by name.
    ///
    /// # Errors
    /// [`CommandError::Invalid`] for a page that makes no sense.
    pub async fn page(&self, request: PageRequest) -> Result<Page<ConductView>, CommandError> {
        let limit = pages::limit(request.limit)?;
        let skip = pages::after(request.after.as_deref())?.unwrap_or(0);
        let read = self
            .ledger
            .read(|tx| Box::pin(async move { tx.decisions(DECISIONS_MAX).await }));
        Ok(Page::of_list(added_up(read.await?), skip, limit))
    }
}

/// What is known of one entry so far.
struct Sum {
    mode: Mode,
    counts: BTreeMap<EvaluationOutcome, u64>,
    /// The last word about each change.
    last: BTreeMap<(TaskId, String), EvaluationOutcome>,
    times_us: Vec<u64>,
}

/// Adds decisions up, the newest of which come first.
fn added_up(rows: Vec<DecisionRow>) -> Vec<ConductView> {
    let mut sums: BTreeMap<(String, String), Sum> = BTreeMap::new();
    for row in rows {
        let sum = sums.entry((row.entry, row.gate)).or_insert_with(|| Sum {
            mode: row.mode,
            counts: BTreeMap::new(),
            last: BTreeMap::new(),
            times_us: Vec::new(),
        });
        *sum.counts.entry(row.decision).or_default() += 1;
        let change = (row.task, row.head_sha);
        sum.last.entry(change).or_insert(row.decision);
        let time_us = row.elapsed_us.and_then(|us| u64::try_from(us).ok());
        sum.times_us.extend(time_us);
    }
    sums.into_iter()
        .map(|((entry, gate), sum)| view(entry, gate, sum))
        .collect()
}

fn view(entry: String, gate: String, mut sum: Sum) -> ConductView {
    let count = |outcome| sum.counts.get(&outcome).copied().unwrap_or_default();
    let last = |wanted: &[EvaluationOutcome]| {
        let found = sum.last.values().filter(|last| wanted.contains(last));
        u64::try_from(found.count()).unwrap_or(u64::MAX)
    };
    let conduct = Conduct {
        changes: u64::try_from(sum.last.len()).unwrap_or(u64::MAX),
        held: last(&[EvaluationOutcome::Fail, EvaluationOutcome::Wait]),
        undecided: last(&[EvaluationOutcome::Inconclusive]),
    };
    sum.times_us.sort_unstable();
    ConductView {
        entry,
        gate,
        mode: sum.mode,
        judged: sum.counts.values().sum(),
        passed: count(EvaluationOutcome::Pass) + count(EvaluationOutcome::NotApplicable),
        failed: count(EvaluationOutcome::Fail),
        waited: count(EvaluationOutcome::Wait),
        inconclusive: count(EvaluationOutcome::Inconclusive),
        changes: conduct.changes,
        held: conduct.held + conduct.undecided,
        p50_us: percentile(&sum.times_us, 50),
        p99_us: percentile(&sum.times_us, 99),
        proposal: conduct.proposal(sum.mode),
    }
}

/// The value that `percent` of a sorted list are not above.
fn percentile(sorted: &[u64], percent: usize) -> Option<u64> {
    let rank = (sorted.len() * percent).div_ceil(100);
    sorted.get(rank.max(1) - 1).copied()
}

#[cfg(test)]
mod tests {
    use orch_domain::conduct::Proposal;

    use super::*;

    fn row(task: i64, head: &str, decision: EvaluationOutcome, us: i64) -> DecisionRow {
        DecisionRow {
            entry: "licence".into(),
            gate: "licence".into(),
            mode: Mode::Observe,
            task: TaskId(task),
            head_sha: head.into(),
            decision,
            elapsed_us: Some(us),
        }
    }

    #[test]
    fn last_word_about_a_change_says_whether_it_was_held_up() {
        // Newest first: it waited on the first commit before it let it on.
        let rows = vec![
            row(2, "b", EvaluationOutcome::Fail, 30),
            row(1, "a", EvaluationOutcome::Pass, 20),
            row(1, "a", EvaluationOutcome::Wait, 10),
        ];
        let [view] = added_up(rows).try_into().unwrap();
        assert_eq!((view.judged, view.changes, view.held), (3, 2, 1));
        assert_eq!((view.passed, view.waited, view.failed), (1, 1, 1));
        assert_eq!((view.p50_us, view.p99_us), (Some(20), Some(30)));
        assert_eq!(view.proposal, Proposal::WatchOn);
    }

    #[test]
    fn percentile_of_nothing_is_none() {
        assert_eq!(percentile(&[], 50), None);
        assert_eq!(percentile(&[7], 99), Some(7));
    }
}
