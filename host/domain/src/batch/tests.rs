//! Claims about batches, tried on every batch that is small enough.

use super::*;
use crate::id::{ObjectId, RepoName, WorkItem};
use crate::task::BlockReason;

/// Tests until all is known, where `is_red` says what a run of the first so many comes to.
fn tested(count: usize, is_red: impl Fn(usize) -> bool) -> (usize, Option<usize>, Vec<usize>) {
    let mut runs = Vec::new();
    loop {
        match next(count, &runs) {
            Next::Test(first) => {
                assert!((1..=count).contains(&first), "{first} of {count}");
                let passed = !is_red(first);
                runs.push(Run { first, passed });
                assert!(runs.len() <= count + 1, "it does not end: {runs:?}");
            }
            Next::Known { green, bad } => {
                let order = runs.iter().map(|run| run.first).collect();
                return (green, bad, order);
            }
        }
    }
}

#[test]
fn whole_is_tested_first_and_is_all_that_is_tested_if_it_passes() {
    for count in 1..=16 {
        assert_eq!(tested(count, |_| false), (count, None, vec![count]));
    }
}

#[test]
fn first_bad_one_is_found_whoever_else_is_bad_and_all_before_it_passed_together() {
    for count in 1..=10_usize {
        for bad_ones in 1_u32..1 << count {
            let first = bad_ones.trailing_zeros() as usize;
            let is_red = |tested: usize| bad_ones & ((1 << tested) - 1) != 0;
            let (green, bad, order) = tested(count, is_red);
            assert_eq!(
                (green, bad),
                (first, Some(first)),
                "{bad_ones:b} of {count}"
            );
            // What lands was tested itself, as exactly this stack.
            assert!(green == 0 || order.contains(&green), "{order:?}");
            let mut once = order.clone();
            once.sort_unstable();
            once.dedup();
            assert_eq!(
                once.len(),
                order.len(),
                "nothing is tested twice: {order:?}"
            );
            let halvings = usize::BITS - (count - 1).leading_zeros();
            assert!(order.len() <= 1 + halvings as usize, "{order:?}");
        }
    }
}

#[test]
fn two_that_are_red_only_together_cost_the_later_one_its_place() {
    for count in 2..=10 {
        for (one, other) in (0..count).flat_map(|a| (a + 1..count).map(move |b| (a, b))) {
            let (green, bad, _) = tested(count, |first| first > other);
            assert_eq!((green, bad), (other, Some(other)), "{one} and {other}");
        }
    }
}

#[test]
fn half_whose_sibling_and_whole_are_known_is_not_run() {
    let run = |first, passed| Run { first, passed };
    assert_eq!(next(2, &[run(2, false)]), Next::Test(1));
    // The second is red without a run of its own.
    let known = Next::Known {
        green: 1,
        bad: Some(1),
    };
    assert_eq!(next(2, &[run(2, false), run(1, true)]), known);
    assert_eq!(next(8, &[run(8, false), run(4, true)]), Next::Test(6));
}

#[test]
fn runs_of_a_batch_that_lost_members_since_say_nothing_of_more_than_are_left() {
    let runs = [
        Run {
            first: 8,
            passed: false,
        },
        Run {
            first: 4,
            passed: true,
        },
    ];
    assert_eq!(
        next(4, &runs),
        Next::Known {
            green: 4,
            bad: None
        }
    );
    assert_eq!(next(3, &runs), Next::Test(3));
    assert_eq!(
        next(0, &runs),
        Next::Known {
            green: 0,
            bad: None
        }
    );
}

#[test]
fn leader_stands_first_and_the_oldest_follow() {
    let ids = |list: &[i64]| list.iter().copied().map(TaskId).collect::<Vec<_>>();
    let waiting = ids(&[9, 4, 7, 5, 4]);
    assert_eq!(in_order(TaskId(7), &waiting), ids(&[7, 4, 5, 9]));
    assert_eq!(in_order(TaskId(3), &[]), ids(&[3]));
}

/// A task that is to be prepared for landing.
fn before_landing(pipeline: &Pipeline) -> Task {
    let at = pipeline.preparation(Stage::DeployStaging);
    let item = WorkItem::new("SHOP-1").expect("an item");
    let repo = RepoName::new("shop").expect("a name");
    Task {
        stage: Stage::DeployStaging,
        step: at.expect("it prepares"),
        head: Some(ObjectId::new("a".repeat(40)).expect("an id")),
        ..Task::new(TaskId(4), item, repo, "Discount".to_owned(), 3)
    }
}

#[test]
fn younger_task_gives_the_lead_to_the_oldest_once_and_no_more() {
    let task = before_landing(&Pipeline::default());
    let waiting = [TaskId(9), TaskId(2), TaskId(4), TaskId(3)];
    assert_eq!(yields_to(&task, &waiting), Some(TaskId(2)));
    assert_eq!(yields_to(&task, &[TaskId(4), TaskId(9)]), None);
    assert_eq!(yields_to(&task, &[]), None);
    let has_waited = Task {
        status: Status::Waiting {
            reason: "r".to_owned(),
            since_ms: 1,
            deadline_ms: 2,
        },
        ..task.clone()
    };
    let overtaken = Task {
        overtaken: 1,
        ..task
    };
    for task in [has_waited, overtaken] {
        assert_eq!(yields_to(&task, &waiting), None);
    }
}

#[test]
fn only_who_goes_on_by_itself_is_taken_along() {
    let pipeline = Pipeline::default();
    let waiting = before_landing(&pipeline);
    let at = waiting.step;
    assert!(waits_to_land(&waiting, &pipeline));
    assert!(!is_about_to_land(&waiting, &pipeline));
    let prepared = Task {
        step: at + 1,
        ..waiting.clone()
    };
    assert!(!waits_to_land(&prepared, &pipeline));
    assert!(is_about_to_land(&prepared, &pipeline));
    let stopped = Task {
        stop_requested: true,
        ..waiting.clone()
    };
    let blocked = Task {
        status: Status::Blocked {
            reason: BlockReason::Config,
            detail: "d".to_owned(),
        },
        ..waiting.clone()
    };
    let elsewhere = Task {
        stage: Stage::Development,
        step: 0,
        ..waiting.clone()
    };
    let empty = Task {
        head: None,
        ..waiting
    };
    for task in [stopped, blocked, elsewhere, empty] {
        assert!(!waits_to_land(&task, &pipeline), "{task:?}");
        assert!(!is_about_to_land(&task, &pipeline), "{task:?}");
    }
}

#[test]
fn pipeline_that_judges_more_than_the_preparation_lands_each_by_itself() {
    use crate::pipeline::{Rules, default_entries, default_steps};
    assert!(lands_by_its_preparation(&Pipeline::default()));
    let mut steps = default_steps();
    let list = steps.get_mut(&Stage::DeployStaging).expect("it has steps");
    let id = crate::id::EntryId::new("image-freshness").expect("an id");
    list.insert(list.len() - 1, Step::Gate(id));
    let more = Pipeline::new(steps, default_entries(), Rules::default()).expect("it is valid");
    assert!(!lands_by_its_preparation(&more));
}
