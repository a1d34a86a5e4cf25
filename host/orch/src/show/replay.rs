//! Evaluations of the past made again, as text.

use orch_domain::verdict::InconclusiveReason;
use orch_views::replay::{BacktestRow, BacktestView, ReplayView};

use super::plain;
use super::table::table;

pub(crate) fn replayed(view: &ReplayView) -> String {
    let same = match (view.identical, view.same_gate) {
        (true, _) => "the very same verdict",
        (false, true) => "NOT the verdict of then",
        (false, false) => "another gate, another verdict",
    };
    format!(
        "evaluation {} of {}: {} then, {} now: {same}\n{}",
        view.id,
        plain::line(&view.work_item),
        view.was,
        view.is,
        plain::line(&view.summary),
    )
}

pub(crate) fn backtest(view: &BacktestView) -> String {
    let head = format!(
        "{} of {} verdicts of `{}` would change",
        view.changed,
        view.evaluations,
        plain::line(&view.gate),
    );
    let changed: Vec<&BacktestRow> = view.results.iter().filter(|row| row.changes).collect();
    if changed.is_empty() {
        return head;
    }
    let columns = ["id", "work_item", "was", "is", "reason", "summary"];
    let rows = table(columns, &changed, |row| {
        [
            row.id.to_string(),
            row.work_item.clone(),
            row.was.to_string(),
            row.is.to_string(),
            row.reason.map_or("", InconclusiveReason::as_str).to_owned(),
            row.summary.clone(),
        ]
    });
    format!("{head}\n{rows}")
}

#[cfg(test)]
mod tests {
    use orch_domain::verdict::EvaluationOutcome;
    use orch_views::replay::CandidateView;

    use super::*;
    use crate::show::plain::tests::hostile;

    #[test]
    fn verdict_is_the_same_another_one_or_another_gates() {
        let view = |identical, same_gate| ReplayView {
            id: 12,
            work_item: "SHOP-1".into(),
            was: EvaluationOutcome::Pass,
            is: EvaluationOutcome::Fail,
            reason: None,
            summary: hostile(),
            same_gate,
            identical,
        };
        insta::assert_snapshot!(replayed(&view(true, true)), @r"
        evaluation 12 of SHOP-1: pass then, fail now: the very same verdict
        \u{1b}[31mred\u{1b}[0m\u{7}\u{d}over\u{202e}drawn\u{2066}⏎next
        ");
        assert!(replayed(&view(false, true)).contains("NOT the verdict"));
        assert!(replayed(&view(false, false)).contains("another gate"));
    }

    #[test]
    fn backtest_lists_what_would_change_and_nothing_else() {
        let row = |id, changes, summary: &str| BacktestRow {
            id,
            work_item: "SHOP-1".into(),
            was: EvaluationOutcome::Pass,
            is: match changes {
                true => EvaluationOutcome::Inconclusive,
                false => EvaluationOutcome::Pass,
            },
            changes,
            reason: changes.then_some(InconclusiveReason::Trap),
            summary: summary.into(),
        };
        let view = |results: Vec<BacktestRow>| BacktestView {
            gate: "review".into(),
            candidate: CandidateView {
                file: "new.wasm".into(),
                version: "2.0.0".into(),
                digest: "ab".into(),
            },
            evaluations: results.len() as u64,
            changed: results.iter().filter(|r| r.changes).count() as u64,
            results,
        };
        insta::assert_snapshot!(backtest(&view(vec![row(1, false, "ok")])), @"0 of 1 verdicts of `review` would change");
        let some = vec![
            row(1, false, "ok"),
            row(2, true, "it traps"),
            row(3, true, &hostile()),
        ];
        insta::assert_snapshot!(backtest(&view(some)), @r"
        2 of 3 verdicts of `review` would change
        id  work_item  was   is            reason  summary
        2   SHOP-1     pass  inconclusive  trap    it traps
        3   SHOP-1     pass  inconclusive  trap    \u{1b}[31mred\u{1b}[0m\u{7}\u{d}over\u{202e}drawn\u{2066}⏎next
        ");
    }
}
