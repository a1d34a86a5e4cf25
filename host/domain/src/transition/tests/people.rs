//! Claims about what people say, and about steps that nobody works on any more.

use super::build::{apply, apply_in, at_step, entry, is_ignored, sha};
use crate::job::JobKind;
use crate::outcome::RunOutcome;
use crate::pipeline::{Pipeline, Rules, Step, default_entries, default_steps};
use crate::risk::Tier;
use crate::stage::Stage;
use crate::task::{BlockReason, Status};
use crate::transition::{Chance, Effect, Event, Judgement, Transition, transition};

#[test]
fn rejection_at_a_gate_leads_where_the_gates_own_no_would() {
    let mut entries = default_entries();
    let asking = entries.get_mut(&entry("review-verdict")).unwrap();
    asking.awaits_person = true;
    asking.on_fail = Some(Stage::Architecture);
    let pipeline = Pipeline::new(default_steps(), entries, Rules::default()).unwrap();
    let event = Event::Rejected {
        by: "ann".into(),
        comment: "think again".into(),
    };
    let task = at_step(&pipeline, Stage::Review, 1);
    let (task, _) = apply_in(&pipeline, &task, &event, 1_000);
    assert_eq!(task.stage, Stage::Architecture);
    assert!(task.findings.unwrap().contains("think again"));
}

#[test]
fn step_whose_job_is_lost_begins_anew_and_keeps_its_deadline() {
    let pipeline = Pipeline::default();
    let waiting = Status::Waiting {
        reason: "CI".into(),
        since_ms: 5,
        deadline_ms: 9_000,
    };
    let mut task = at_step(&pipeline, Stage::Development, 1);
    task.status = waiting.clone();
    let (task, effects) = apply_in(&pipeline, &task, &Event::JobLost, 1_000);
    assert_eq!(
        (task.stage, task.step, task.status),
        (Stage::Development, 1, waiting)
    );
    let enqueued = |effect: &Effect, kind| matches!(effect, Effect::Enqueue { kind: k, delay_ms: 0, .. } if *k == kind);
    assert!(
        effects.len() == 1 && enqueued(&effects[0], JobKind::Gate),
        "{effects:?}"
    );
    let mut stopping = at_step(&pipeline, Stage::Review, 0);
    stopping.status = Status::Stopping;
    let (_, effects) = apply_in(&pipeline, &stopping, &Event::JobLost, 1_000);
    assert!(
        effects.len() == 1 && enqueued(&effects[0], JobKind::Stop),
        "{effects:?}"
    );
}

#[test]
fn task_that_has_no_job_by_right_has_lost_none() {
    let pipeline = Pipeline::default();
    let mut task = at_step(&pipeline, Stage::Review, 0);
    for status in [
        Status::AwaitingApproval { since_ms: 0 },
        Status::NeedsInput { detail: "d".into() },
    ] {
        task.status = status;
        let moved = transition(&task, &pipeline, &Event::JobLost, 1_000, Chance(0.5));
        assert!(matches!(moved, Transition::Ignored { .. }), "{moved:?}");
    }
}

#[test]
fn only_a_task_that_is_being_stopped_is_stopped() {
    let pipeline = Pipeline::default();
    let is_applied = |status| {
        let mut task = at_step(&pipeline, Stage::Review, 0);
        task.status = status;
        let moved = transition(&task, &pipeline, &Event::Stopped, 1_000, Chance(0.5));
        matches!(moved, Transition::Applied { .. })
    };
    let others = [
        Status::Active,
        Status::Waiting {
            reason: "CI".into(),
            since_ms: 1,
            deadline_ms: 9_000,
        },
        Status::AwaitingApproval { since_ms: 1 },
        Status::NeedsInput { detail: "d".into() },
        Status::Blocked {
            reason: BlockReason::Unknown,
            detail: "d".into(),
        },
    ];
    for status in others {
        assert!(!is_applied(status.clone()), "{status:?}");
    }
    assert!(is_applied(Status::Stopping));
}

#[test]
fn foreign_push_voids_the_review_and_asks_ci_again() {
    let task = at_step(&Pipeline::default(), Stage::DeployStaging, 4);
    let (task, effects) = apply(&task, &Event::ForeignPush { head: sha('b') });
    assert_eq!((task.stage, task.step), (Stage::Development, 1));
    assert_eq!(task.head, Some(sha('b')));
    assert!(effects.contains(&Effect::CancelJobs) && effects.contains(&Effect::ReleaseMergeLease));
    assert!(
        is_ignored(&task, &Event::ForeignPush { head: sha('b') }),
        "the host's own push is no news"
    );
}

#[test]
fn stop_of_a_working_task_cancels_its_jobs_at_once() {
    let task = at_step(&Pipeline::default(), Stage::Development, 0);
    let (task, effects) = apply(&task, &Event::StopRequested { by: "ann".into() });
    assert_eq!(task.status, Status::Stopping);
    assert_eq!(effects[0], Effect::CancelJobs);
    assert!(is_ignored(
        &task,
        &Event::RunEnded {
            outcome: RunOutcome::Completed,
            head: None
        }
    ));
}

#[test]
fn resume_adds_rounds_and_cannot_skip_a_gate() {
    let mut task = at_step(&Pipeline::default(), Stage::Review, 1);
    task.status = Status::Blocked {
        reason: BlockReason::ReworkExhausted,
        detail: String::new(),
    };
    let skip = Event::Resumed {
        stage: Some(Stage::Deploy),
        rounds: 0,
        rebase: false,
        by: "ann".into(),
    };
    assert!(is_ignored(&task, &skip));
    let back = Event::Resumed {
        stage: Some(Stage::Development),
        rounds: 2,
        rebase: false,
        by: "ann".into(),
    };
    let (task, _) = apply(&task, &back);
    assert_eq!(
        (task.stage, task.rework_rounds_max, task.status),
        (Stage::Development, 5, Status::Active)
    );
}

#[test]
fn what_waited_for_too_long_is_blocked_with_its_reason_and_asks_again_when_it_is_resumed() {
    let pipeline = Pipeline::default();
    let event = Event::WaitedTooLong {
        detail: "waited for: an approval".into(),
    };
    let resumed = Event::Resumed {
        stage: None,
        rounds: 0,
        rebase: false,
        by: "ann".into(),
    };
    let approval = at_step(&pipeline, Stage::DeployStaging, 2);
    assert!(matches!(approval.status, Status::AwaitingApproval { .. }));
    for task in [approval, at_step(&pipeline, Stage::Development, 0)] {
        let was = task.status.clone();
        let (task, _) = apply(&task, &event);
        let Status::Blocked { reason, detail } = &task.status else {
            panic!("{:?}", task.status);
        };
        assert_eq!(*reason, BlockReason::WaitDeadline);
        assert!(detail.contains("an approval"));
        assert!(is_ignored(&task, &event), "once");
        let (task, _) = apply(&task, &resumed);
        assert_eq!(task.status.name(), was.name());
    }
}

#[test]
fn approval_by_risk_is_weighed_by_a_job_and_asks_a_person_only_if_it_says_so() {
    let mut pipeline = Pipeline::default();
    pipeline.approval_from = Tier::Medium;
    let steps = pipeline.steps(Stage::DeployStaging);
    let at = steps.iter().position(|s| *s == Step::Approval).unwrap();
    let before = u32::try_from(at - 1).unwrap();
    let judged = Event::GateJudged {
        entry: entry("staging-status"),
        judgement: Judgement::Pass,
    };
    let task = at_step(&pipeline, Stage::DeployStaging, before);
    let (task, effects) = apply_in(&pipeline, &task, &judged, 1_000);
    assert_eq!(
        (task.step, task.status.clone()),
        (before + 1, Status::Active)
    );
    let is_weighing = |effect: &Effect| {
        matches!(
            effect,
            Effect::Enqueue {
                kind: JobKind::Approval,
                ..
            }
        )
    };
    assert!(
        effects.len() == 1 && is_weighing(&effects[0]),
        "{effects:?}"
    );
    let weighed = |is_needed| Event::ApprovalWeighed {
        is_needed,
        tier: Some(Tier::Low),
    };
    let (on, effects) = apply_in(&pipeline, &task, &weighed(false), 2_000);
    assert_eq!((on.step, on.status), (before + 2, Status::Active));
    assert!(
        !effects.iter().any(|e| matches!(e, Effect::Notify(_))),
        "{effects:?}"
    );
    let (asked, effects) = apply_in(&pipeline, &task, &weighed(true), 2_000);
    assert_eq!(asked.status, Status::AwaitingApproval { since_ms: 2_000 });
    assert!(
        effects.iter().any(|e| matches!(e, Effect::Notify(_))),
        "{effects:?}"
    );
    // A job of before says nothing of a task that has moved on.
    assert!(matches!(
        transition(&asked, &pipeline, &weighed(false), 3_000, Chance(0.5)),
        Transition::Ignored { .. }
    ));
    // Nothing works on it any more: it is weighed anew, never left out.
    let (_, effects) = apply_in(&pipeline, &task, &Event::JobLost, 3_000);
    assert!(effects.iter().any(is_weighing), "{effects:?}");
}
