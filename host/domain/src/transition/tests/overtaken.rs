//! A base that moves under what was prepared for landing.

use super::build::{apply, apply_in, at_step, is_ignored};
use crate::job::JobKind;
use crate::pipeline::{HostWork, Pipeline, Step};
use crate::stage::Stage;
use crate::task::{BlockReason, Status, Task};
use crate::transition::{Effect, Event, WorkFailure};

fn step_of(work: HostWork) -> u32 {
    let steps = Pipeline::default();
    let mut steps = steps.steps(Stage::DeployStaging).iter();
    let at = steps.position(|step| *step == Step::Work(work));
    u32::try_from(at.expect("it has the step")).unwrap()
}

fn overtaken() -> Event {
    Event::Overtaken {
        detail: "`main` moved".into(),
    }
}

/// A task at the first gate after the preparation.
fn prepared() -> Task {
    let at = step_of(HostWork::MergePrepare) + 1;
    at_step(&Pipeline::default(), Stage::DeployStaging, at)
}

#[test]
fn base_that_moves_is_prepared_for_again_at_once_and_uses_nothing_up() {
    let mut task = prepared();
    for times in 1..=Pipeline::default().rules.overtaken_max {
        task.step = step_of(HostWork::MergePrepare) + 1;
        let effects;
        (task, effects) = apply(&task, &overtaken());
        assert_eq!(task.step, step_of(HostWork::MergePrepare));
        assert_eq!((task.overtaken, task.infra_failures), (times, 0));
        assert_eq!(task.rework_rounds, 0);
        assert!(effects.contains(&Effect::Enqueue {
            kind: JobKind::MergePrepare,
            delay_ms: 0,
            put_off: None,
        }));
    }
}

#[test]
fn base_that_keeps_moving_is_waited_for_without_the_lease_until_the_deadline() {
    let pipeline = Pipeline::default();
    let mut task = prepared();
    task.overtaken = pipeline.rules.overtaken_max;
    let (waiting, effects) = apply(&task, &overtaken());
    assert!(matches!(waiting.status, Status::Waiting { .. }));
    assert!(effects.contains(&Effect::ReleaseMergeLease));
    let stale = Event::WorkFailed {
        work: HostWork::MergePrepare,
        failure: WorkFailure::Stale {
            detail: "`main` moved".into(),
        },
    };
    let late = 2_000 + pipeline.rules.work_wait_deadline_ms;
    let (blocked, _) = apply_in(&pipeline, &waiting, &stale, late);
    assert!(matches!(
        blocked.status,
        Status::Blocked {
            reason: BlockReason::WaitDeadline,
            ..
        }
    ));
    let resumed = Event::Resumed {
        stage: None,
        rounds: 0,
        rebase: false,
        by: "ann".into(),
    };
    let (again, _) = apply(&blocked, &resumed);
    assert_eq!((again.status, again.overtaken), (Status::Active, 0));
    assert_eq!(again.step, step_of(HostWork::MergePrepare));
}

#[test]
fn nothing_is_overtaken_before_it_is_prepared() {
    for stage in Stage::ALL {
        for index in 0..=step_of(HostWork::MergePrepare) {
            let task = at_step(&Pipeline::default(), stage, index);
            assert!(is_ignored(&task, &overtaken()), "{stage} {index}");
        }
    }
}
