//! Among other people, who push, rewrite, delete, break and decide while tasks run, nothing lands that was not judged,
//! nothing is lost, and what a task waits for helps. A sample; `cargo xtask torture --mover N` does more.

use std::sync::Mutex;

use orch_kit::torture::{Round, walk, walk_together};

/// Walks at once: most of a walk is waiting.
const AT_ONCE: usize = 3;

/// Walks from this seed on; several tests of them, so that none is long.
fn walks(walk: impl Fn(u64) -> Round + Sync, first: u64, count: u64) {
    let (seeds, wrong) = (Mutex::new(first..first + count), Mutex::new(Vec::new()));
    let next = || seeds.lock().expect("no walk panics").next();
    std::thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                while let Some(seed) = next() {
                    let Round {
                        what, violations, ..
                    } = walk(seed);
                    if !violations.is_empty() {
                        let text = format!("{what}\n{}", violations.join("\n"));
                        wrong.lock().expect("no walk panics").push(text);
                    }
                }
            });
        }
    });
    let wrong = wrong.into_inner().expect("no walk panics");
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

#[test]
fn task_among_other_people_ends_well_from_seed_0() {
    walks(walk, 0, 6);
}

#[test]
fn task_among_other_people_ends_well_from_seed_100() {
    walks(walk, 100, 6);
}

#[test]
fn tasks_that_land_together_among_other_people_end_well_from_seed_0() {
    walks(walk_together, 0, 3);
}
