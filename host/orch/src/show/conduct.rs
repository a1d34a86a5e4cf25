//! What gates decided lately, as text.

use orch_domain::conduct::{CHANGES_MIN, Proposal};
use orch_views::conduct::ConductView;
use orch_views::page::Page;

use super::table;

pub(crate) fn page(conduct: &Page<ConductView>) -> String {
    let header = [
        "entry", "gate", "mode", "changes", "held", "pass", "fail", "wait", "none", "p50", "p99",
        "says",
    ];
    table::page(header, conduct, |row| {
        [
            row.entry.clone(),
            row.gate.clone(),
            row.mode.to_string(),
            row.changes.to_string(),
            row.held.to_string(),
            row.passed.to_string(),
            row.failed.to_string(),
            row.waited.to_string(),
            row.inconclusive.to_string(),
            time(row.p50_us),
            time(row.p99_us),
            says(row),
        ]
    })
}

fn time(us: Option<u64>) -> String {
    us.map_or(String::new(), |us| {
        format!("{}.{} ms", us / 1000, us % 1000 / 100)
    })
}

fn says(row: &ConductView) -> String {
    match row.proposal {
        Proposal::Nothing => String::new(),
        Proposal::WatchOn => format!("{} of {CHANGES_MIN} changes seen", row.changes),
        Proposal::Mend => "mend it first: it could not decide, and would have blocked".to_owned(),
        Proposal::LookFirst => "would hold up much: look at its findings first".to_owned(),
        Proposal::Enforce => format!(
            "set `mode: enforce`: it would have held up {} of {}",
            row.held, row.changes
        ),
    }
}

#[cfg(test)]
mod tests {
    use orch_domain::pipeline::Mode;

    use super::*;

    fn row(entry: &str, mode: Mode, changes: u64, proposal: Proposal) -> ConductView {
        ConductView {
            entry: entry.into(),
            gate: "licence".into(),
            mode,
            judged: changes,
            passed: changes - 1,
            failed: 1,
            waited: 0,
            inconclusive: 0,
            changes,
            held: 1,
            p50_us: Some(1_250),
            p99_us: None,
            proposal,
        }
    }

    #[test]
    fn gate_that_watches_says_when_to_enforce_it() {
        let rows = vec![
            row("ci-green", Mode::Enforce, 40, Proposal::Nothing),
            row("licence", Mode::Observe, 40, Proposal::Enforce),
            row("new", Mode::Observe, 3, Proposal::WatchOn),
        ];
        insta::assert_snapshot!(page(&Page::of_list(rows, 0, 10)), @r"
        entry     gate     mode     changes  held  pass  fail  wait  none  p50     p99  says
        ci-green  licence  enforce  40       1     39    1     0     0     1.2 ms
        licence   licence  observe  40       1     39    1     0     0     1.2 ms       set `mode: enforce`: it would have held up 1 of 40
        new       licence  observe  3        1     2     1     0     0     1.2 ms       3 of 20 changes seen
        ");
    }
}
