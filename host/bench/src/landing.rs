//! How tasks that wait for one base land: a simulation over the rules that the host itself goes by, without a clock.
//!
//! Who leads, who is taken along, what is tested next and what a run tells comes from `orch_domain::batch`. Stacking,
//! gates and the landing itself take no time here. A commit lands only if it, or the batch that it is in, was tested on
//! exactly the base that it lands on.

use orch_domain::batch::{Next, Run, holds_base, in_order, next};
use orch_domain::id::TaskId;

use crate::page::Table;

const SECOND_MS: u64 = 1_000;
const MINUTE_MS: u64 = 60 * SECOND_MS;
/// When the simulation gives up.
const END_MS: u64 = 24 * 60 * MINUTE_MS;

/// A base, and what waits for it.
#[derive(Debug, Clone)]
struct Site {
    /// Tasks that are ready at the start.
    tasks: usize,
    /// The one whose change turns the tests red.
    bad: Option<usize>,
    /// How long a run of the tests takes.
    test_ms: u64,
    /// How often somebody else pushes to the base; never if none.
    pushed_every_ms: Option<u64>,
    /// `merge.batch`.
    batch: usize,
    /// Whether `merge.hold_s` lets the host hold the base for as long as a run takes.
    may_hold: bool,
}

/// What became of them.
#[derive(Debug, Default)]
struct Outcome {
    runs: usize,
    /// Runs whose base moved meanwhile.
    lost: usize,
    /// When each landed.
    landed_ms: Vec<u64>,
    went_back: Vec<usize>,
    /// How long somebody else's push waited at most.
    push_waited_ms: u64,
}

/// The pushes of others, of which those that come while the base is held follow when it is let go.
struct Others {
    every_ms: Option<u64>,
    next_ms: u64,
}

impl Others {
    /// Whether the base moves between two times.
    fn push(&mut self, from_ms: u64, to_ms: u64) -> bool {
        let Some(every) = self.every_ms else {
            return false;
        };
        let mut moved = false;
        while self.next_ms < to_ms {
            moved |= self.next_ms >= from_ms;
            self.next_ms += every;
        }
        moved
    }

    /// Lets everything wait that comes until `to_ms`; answers how long the first of it waits.
    fn wait_until(&mut self, to_ms: u64) -> u64 {
        let first = self.next_ms;
        match self.push(0, to_ms) {
            true => to_ms - first,
            false => 0,
        }
    }
}

fn simulate(site: &Site) -> Outcome {
    let mut others = Others {
        every_ms: site.pushed_every_ms,
        next_ms: site.pushed_every_ms.unwrap_or(0),
    };
    let mut waiting: Vec<TaskId> = (0_i64..).map(TaskId).take(site.tasks).collect();
    let bad = site.bad.and_then(|at| waiting.get(at).copied());
    let (mut outcome, mut now) = (Outcome::default(), 0);
    let (mut overtaken, mut was_held) = (0, false);
    while now < END_MS {
        let Some(leader) = waiting.iter().min().copied() else {
            break;
        };
        let members: Vec<TaskId> = in_order(leader, &waiting)
            .into_iter()
            .take(site.batch)
            .collect();
        let holds = site.may_hold && holds_base(overtaken, was_held);
        let mut runs = Vec::new();
        let known = loop {
            let first = match next(members.len(), &runs) {
                Next::Test(first) => first,
                Next::Known { green, bad } => break Some((green, bad)),
            };
            let ends = now + site.test_ms;
            outcome.runs += 1;
            let moved = !holds && others.push(now, ends);
            now = ends;
            if moved {
                break None;
            }
            let passed = !members.iter().take(first).any(|task| Some(*task) == bad);
            runs.push(Run { first, passed });
        };
        let Some((green, found)) = known else {
            outcome.lost += 1;
            overtaken += 1;
            continue;
        };
        if holds {
            let waited = others.wait_until(now);
            outcome.push_waited_ms = outcome.push_waited_ms.max(waited);
        }
        (overtaken, was_held) = (0, holds);
        let back = found.and_then(|at| members.get(at)).copied();
        outcome.landed_ms.extend(vec![now; green]);
        outcome
            .went_back
            .extend(back.and_then(|task| usize::try_from(task.0).ok()));
        let gone: Vec<TaskId> = members.iter().take(green).copied().chain(back).collect();
        waiting.retain(|task| !gone.contains(task));
    }
    outcome
}

/// The simulated cases, as the page shows them.
pub(crate) fn run() -> anyhow::Result<Table> {
    let still = Site {
        tasks: 10,
        bad: None,
        test_ms: 10 * SECOND_MS,
        pushed_every_ms: None,
        batch: 8,
        may_hold: false,
    };
    let moving = Site {
        tasks: 20,
        test_ms: 10 * MINUTE_MS,
        pushed_every_ms: Some(3 * MINUTE_MS),
        may_hold: true,
        ..still.clone()
    };
    let one_by_one = |site: &Site| Site {
        batch: 1,
        ..site.clone()
    };
    let cases = [
        ("ten, still base", still.clone()),
        ("ten one by one, still base", one_by_one(&still)),
        ("twenty, pushed to every 3 min, held", moving.clone()),
        (
            "twenty one by one, pushed to every 3 min, held",
            one_by_one(&moving),
        ),
        (
            "twenty, pushed to every 3 min, never held",
            Site {
                may_hold: false,
                ..moving.clone()
            },
        ),
        (
            "twenty, pushed to every 25 min, never held",
            Site {
                may_hold: false,
                pushed_every_ms: Some(25 * MINUTE_MS),
                ..moving
            },
        ),
    ];
    let mut rows: Vec<Vec<String>> = cases.iter().map(|(name, site)| row(name, site)).collect();
    rows.insert(2, worst_of_ten(&still)?);
    Ok(Table {
        title: "Landing together",
        note: "A simulation over the rules of `orch_domain::batch`, not a measurement: the same on every machine. All tasks are ready at the start; only runs of the tests take time, 10 s each on the still base and 10 min each on the moving one. `held` is `merge.hold_s` long enough for one run: pushes of others wait for the end of a run once one was lost to them. Without it nothing can land on a base that moves in every run, because what lands was tested on the very base that it lands on. Waits are in runs of the tests. The row with one bad task is the worst of all ten places that it can have.".to_owned(),
        header: vec![
            "case", "runs", "lost to the base", "landed", "went back", "longest wait", "a push waited, min",
        ],
        rows,
    })
}

fn row(name: &str, site: &Site) -> Vec<String> {
    let outcome = simulate(site);
    let longest = outcome.landed_ms.iter().max();
    let waited = longest.map(|ms| format!("{:.1}", *ms as f64 / site.test_ms as f64));
    vec![
        name.to_owned(),
        outcome.runs.to_string(),
        outcome.lost.to_string(),
        format!("{} of {}", outcome.landed_ms.len(), site.tasks),
        outcome.went_back.len().to_string(),
        waited.unwrap_or_else(|| "never".to_owned()),
        format!("{:.0}", outcome.push_waited_ms as f64 / MINUTE_MS as f64),
    ]
}

fn worst_of_ten(still: &Site) -> anyhow::Result<Vec<String>> {
    let sites = (0..still.tasks).map(|at| Site {
        bad: Some(at),
        ..still.clone()
    });
    let worst = sites.max_by_key(|site| simulate(site).runs);
    let worst = worst.ok_or_else(|| anyhow::anyhow!("there is no task"))?;
    let alone = simulate(&worst).went_back;
    anyhow::ensure!(
        alone.as_slice() == worst.bad.as_slice(),
        "{alone:?} went back, not {:?}",
        worst.bad
    );
    Ok(row("ten with one bad, still base", &worst))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn site(tasks: usize) -> Site {
        Site {
            tasks,
            bad: None,
            test_ms: 10 * MINUTE_MS,
            pushed_every_ms: None,
            batch: 8,
            may_hold: true,
        }
    }

    #[test]
    fn ten_on_a_still_base_land_by_two_runs_and_with_a_bad_one_by_at_most_seven() {
        let outcome = simulate(&site(10));
        assert_eq!((outcome.runs, outcome.landed_ms.len()), (2, 10));
        for bad in 0..10 {
            let outcome = simulate(&Site {
                bad: Some(bad),
                ..site(10)
            });
            assert!(outcome.runs <= 7, "{bad}: {outcome:?}");
            assert_eq!(outcome.went_back, [bad]);
            assert_eq!(outcome.landed_ms.len(), 9);
        }
    }

    #[test]
    fn twenty_on_a_base_that_moves_thrice_in_a_run_land_within_four_runs_if_it_may_be_held() {
        let moving = Site {
            pushed_every_ms: Some(3 * MINUTE_MS),
            ..site(20)
        };
        let outcome = simulate(&moving);
        assert_eq!(outcome.landed_ms.len(), 20);
        assert!(
            outcome.landed_ms.iter().all(|ms| *ms <= 4 * moving.test_ms),
            "{outcome:?}"
        );
        assert!(outcome.push_waited_ms <= moving.test_ms, "{outcome:?}");
    }

    #[test]
    fn nothing_lands_untested_on_a_base_that_moves_in_every_run_and_is_not_held() {
        let outcome = simulate(&Site {
            pushed_every_ms: Some(3 * MINUTE_MS),
            may_hold: false,
            ..site(20)
        });
        assert_eq!((outcome.landed_ms.len(), outcome.runs), (0, outcome.lost));
    }

    #[test]
    fn base_that_rests_between_runs_is_landed_on_without_being_held() {
        let outcome = simulate(&Site {
            pushed_every_ms: Some(25 * MINUTE_MS),
            may_hold: false,
            ..site(20)
        });
        assert_eq!((outcome.landed_ms.len(), outcome.push_waited_ms), (20, 0));
    }
}
