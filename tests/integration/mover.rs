//! Among other people, who push, rewrite, delete, break and decide while a task runs, nothing lands that was not
//! judged, nothing is lost, and what a task waits for helps. A sample; `cargo xtask torture --mover N` does more.

use orch_kit::torture::walk;

/// Walks from this seed on; several tests of them, so that none is long.
fn walks(first: u64, count: u64) {
    let wrong: Vec<String> = (first..first + count)
        .map(walk)
        .filter(|round| !round.violations.is_empty())
        .map(|round| format!("{}\n{}", round.what, round.violations.join("\n")))
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

#[test]
fn task_among_other_people_ends_well_from_seed_0() {
    walks(0, 5);
}

#[test]
fn task_among_other_people_ends_well_from_seed_100() {
    walks(100, 5);
}
