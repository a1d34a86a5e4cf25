//! Claims about what cannot be taken back: the base that moves meanwhile, the lease, a stop, an unknown end.

use std::collections::BTreeMap;

use super::build::{apply, at_step, entry, is_ignored, sha};
use crate::job::JobKind;
use crate::message::Remark;
use crate::pipeline::{HostWork, Pipeline, Step};
use crate::stage::{Role, Stage};
use crate::task::{BlockReason, Status};
use crate::transition::{Chance, Effect, Event, Judgement, Transition, WorkFailure, transition};

#[test]
fn stop_waits_for_the_irreversible_step_and_no_longer() {
    let pipeline = Pipeline::default();
    let land = pipeline
        .steps(Stage::DeployStaging)
        .iter()
        .position(|s| *s == Step::Work(HostWork::Land))
        .unwrap();
    let task = at_step(
        &pipeline,
        Stage::DeployStaging,
        u32::try_from(land).unwrap(),
    );
    let (task, effects) = apply(&task, &Event::StopRequested { by: "ann".into() });
    assert!(task.stop_requested && effects.is_empty());
    let (task, effects) = apply(
        &task,
        &Event::WorkDone {
            work: HostWork::Land,
            head: None,
        },
    );
    assert_eq!(task.status, Status::Stopping);
    assert!(effects.contains(&Effect::Enqueue {
        kind: JobKind::Stop,
        delay_ms: 0,
        put_off: None
    }));
    let (task, _) = apply(&task, &Event::Stopped);
    assert_eq!(task.stage, Stage::Cancelled);
}

#[test]
fn base_that_moved_before_landing_is_prepared_again_without_a_round() {
    let pipeline = Pipeline::default();
    let land = pipeline
        .steps(Stage::DeployStaging)
        .iter()
        .position(|s| *s == Step::Work(HostWork::Land))
        .unwrap();
    let task = at_step(
        &pipeline,
        Stage::DeployStaging,
        u32::try_from(land).unwrap(),
    );
    let stale = Event::WorkFailed {
        work: HostWork::Land,
        failure: WorkFailure::Stale {
            detail: "base moved".into(),
        },
    };
    let (task, effects) = apply(&task, &stale);
    assert_eq!(
        pipeline.step(task.stage, task.step),
        Some(&Step::Work(HostWork::MergePrepare))
    );
    assert_eq!(task.rework_rounds, 0);
    assert!(effects.iter().any(|e| matches!(
        e,
        Effect::Enqueue {
            kind: JobKind::MergePrepare,
            ..
        }
    )));
}

#[test]
fn a_wait_after_the_lease_was_taken_gives_it_back() {
    let task = at_step(&Pipeline::default(), Stage::DeployStaging, 4);
    let wait = Event::GateJudged {
        entry: entry("merge"),
        judgement: Judgement::Wait {
            after_ms: 1,
            reason: "r".into(),
        },
    };
    let (_, effects) = apply(&task, &wait);
    assert!(effects.contains(&Effect::ReleaseMergeLease));
}

#[test]
fn an_unknown_irreversible_step_is_left_to_a_person() {
    let task = at_step(&Pipeline::default(), Stage::Deploy, 0);
    let unknown = Event::WorkFailed {
        work: HostWork::Deploy,
        failure: WorkFailure::Unknown {
            detail: "reboot".into(),
        },
    };
    let (task, effects) = apply(&task, &unknown);
    assert!(matches!(
        task.status,
        Status::Blocked {
            reason: BlockReason::Unknown,
            ..
        }
    ));
    assert!(!effects.iter().any(|e| matches!(e, Effect::Enqueue { .. })));
}

#[test]
fn what_nobody_approved_goes_back_to_the_approval_without_the_lease_and_without_a_round() {
    let pipeline = Pipeline::default();
    let at = |wanted: &Step| {
        let steps = pipeline.steps(Stage::DeployStaging);
        u32::try_from(steps.iter().position(|s| s == wanted).unwrap()).unwrap()
    };
    for work in [HostWork::MergePrepare, HostWork::Land] {
        let task = at_step(&pipeline, Stage::DeployStaging, at(&Step::Work(work)));
        let failure = WorkFailure::Unapproved {
            detail: "another hook".into(),
        };
        let (task, effects) = apply(&task, &Event::WorkFailed { work, failure });
        assert_eq!(task.step, at(&Step::Approval));
        assert!(matches!(task.status, Status::AwaitingApproval { .. }));
        assert_eq!((task.rework_rounds, task.infra_failures), (0, 0));
        assert!(effects.contains(&Effect::ReleaseMergeLease));
        let remark = Remark::ApprovalVoid {
            why: "another hook".into(),
        };
        assert!(effects.contains(&Effect::Comment(remark)));
    }
}

/// A task that is blocked at its preparation for this reason.
fn blocked_for(reason: BlockReason, pipeline: &Pipeline) -> crate::task::Task {
    let at = pipeline.preparation(Stage::DeployStaging).unwrap();
    let mut task = at_step(pipeline, Stage::DeployStaging, at);
    task.status = Status::Blocked {
        reason,
        detail: "d".into(),
    };
    task
}

fn rebase(stage: Option<Stage>) -> Event {
    Event::Resumed {
        stage,
        rounds: 0,
        rebase: true,
        by: "ann".into(),
    }
}

#[test]
fn task_is_rebased_only_where_it_stands_and_only_if_its_base_was_rewritten() {
    let pipeline = Pipeline::default();
    for reason in BlockReason::ALL {
        let task = blocked_for(reason, &pipeline);
        let is_rewritten = reason == BlockReason::BaseRewritten;
        assert_eq!(
            is_ignored(&task, &rebase(None)),
            !is_rewritten,
            "{reason:?}"
        );
    }
    let task = blocked_for(BlockReason::BaseRewritten, &pipeline);
    assert!(is_ignored(&task, &rebase(Some(Stage::Development))));
    let (resumed, effects) = apply(&task, &rebase(None));
    assert_eq!(
        (resumed.step, &resumed.status),
        (task.step, &Status::Active)
    );
    assert!(effects.contains(&Effect::Enqueue {
        kind: JobKind::MergePrepare,
        delay_ms: 0,
        put_off: None
    }));
}

#[test]
fn rebased_work_is_judged_anew_from_its_first_gate_and_costs_no_round() {
    let pipeline = Pipeline::default();
    let rebased = Event::Rebased {
        head: sha('b'),
        onto: sha('c'),
    };
    let at = pipeline.preparation(Stage::DeployStaging).unwrap();
    let before = at_step(&pipeline, Stage::DeployStaging, at);
    let (after, effects) = apply(&before, &rebased);
    assert_eq!(after.stage, Stage::Development);
    assert!(matches!(
        pipeline.step(after.stage, after.step),
        Some(Step::Gate(_))
    ));
    assert_eq!(after.head, Some(sha('b')));
    assert_eq!(after.rework_rounds, before.rework_rounds);
    assert!(effects.contains(&Effect::ReleaseMergeLease));
    // Where nobody judges in development, whoever comes next does.
    let work = |work| Step::Work(work);
    let steps = BTreeMap::from([
        (Stage::Development, vec![Step::Run(Role::Developer)]),
        (
            Stage::DeployStaging,
            vec![
                Step::Approval,
                work(HostWork::MergePrepare),
                work(HostWork::Land),
            ],
        ),
    ]);
    let pipeline = Pipeline::new(steps, BTreeMap::new(), pipeline.rules).unwrap();
    let before = at_step(&pipeline, Stage::DeployStaging, 1);
    let Transition::Applied { task, .. } = transition(&before, &pipeline, &rebased, 1, Chance(0.5))
    else {
        panic!("it fits");
    };
    assert_eq!((task.stage, task.step), (Stage::DeployStaging, 0));
    assert!(matches!(task.status, Status::AwaitingApproval { .. }));
}
