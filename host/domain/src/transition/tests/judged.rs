//! Claims about gates: what follows from a verdict, from a wait, and from no verdict.

use super::build::{
    apply, apply_in, at_step, entry, failed, is_block_told, is_ignored, judgements, passed,
};
use crate::issue::TrackerState;
use crate::job::JobKind;
use crate::outcome::RunOutcome;
use crate::pipeline::{Mode, Pipeline, default_entries, default_steps};
use crate::stage::Stage;
use crate::task::{BlockReason, Status};
use crate::transition::{Effect, Event, Judgement};
use crate::verdict::InconclusiveReason;

#[test]
fn history_is_rewritten_for_a_secret_and_for_no_words_of_anybody() {
    let at = at_step(&Pipeline::default(), Stage::Review, 1);
    let words = "- [ ] secret/config.yml is unused";
    let fails = |reveals_secret| Event::GateJudged {
        entry: entry("review-verdict"),
        judgement: Judgement::Fail {
            findings: words.into(),
            reveals_secret,
        },
    };
    let (quoted, _) = apply(&at, &fails(false));
    assert!(!quoted.rewrites_history && quoted.findings.unwrap().contains(words));
    let (revealed, _) = apply(&at, &fails(true));
    assert!(revealed.rewrites_history);
    let ended = Event::RunEnded {
        outcome: RunOutcome::Completed,
        head: None,
    };
    let (developed, _) = apply(&revealed, &ended);
    assert!(!developed.rewrites_history);
}

#[test]
fn failed_review_sends_the_findings_back_verbatim() {
    let task = at_step(&Pipeline::default(), Stage::Review, 1);
    let (task, effects) = apply(&task, &failed("review-verdict"));
    assert_eq!(
        (task.stage, task.step, task.rework_rounds),
        (Stage::Development, 0, 1)
    );
    assert!(task.findings.unwrap().contains("src/a.rs:3 is wrong"));
    assert!(effects.contains(&Effect::Enqueue {
        kind: JobKind::Agent,
        delay_ms: 0,
        put_off: None
    }));
    assert!(effects.contains(&Effect::Tracker(TrackerState::InProgress)));
}

#[test]
fn fourth_failure_after_development_blocks_and_alerts() {
    let mut task = at_step(&Pipeline::default(), Stage::Review, 1);
    for round in 1..=3 {
        (task, _) = apply(&task, &failed("review-verdict"));
        assert_eq!(task.rework_rounds, round);
        task.stage = Stage::Review;
        task.step = 1;
    }
    let (task, effects) = apply(&task, &failed("review-verdict"));
    assert!(matches!(
        task.status,
        Status::Blocked {
            reason: BlockReason::ReworkExhausted,
            ..
        }
    ));
    assert!(effects.iter().any(is_block_told));
    assert!(!effects.iter().any(|e| matches!(e, Effect::Enqueue { .. })));
}

#[test]
fn failure_before_development_asks_the_role_again_and_then_a_person() {
    let mut task = at_step(&Pipeline::default(), Stage::Analysis, 1);
    for _ in 1..3 {
        (task, _) = apply(&task, &failed("analysis-complete"));
        assert_eq!((task.stage, task.step), (Stage::Analysis, 0));
        task.step = 1;
    }
    let (task, effects) = apply(&task, &failed("analysis-complete"));
    assert!(matches!(task.status, Status::NeedsInput { .. }));
    assert_eq!(task.rework_rounds, 0);
    assert!(effects.contains(&Effect::Tracker(TrackerState::NeedsInput)));
}

#[test]
fn waits_and_inconclusive_verdicts_cost_no_round() {
    let task = at_step(&Pipeline::default(), Stage::Development, 1);
    let wait = Event::GateJudged {
        entry: entry("ci-green"),
        judgement: Judgement::Wait {
            after_ms: 0,
            reason: "CI is running".into(),
        },
    };
    let (task, effects) = apply(&task, &wait);
    assert_eq!(task.rework_rounds, 0);
    assert!(
        matches!(
            &effects[..],
            [Effect::Enqueue {
                delay_ms: 1_000,
                ..
            }]
        ),
        "the floor applies: {effects:?}"
    );
    let trap = Event::GateJudged {
        entry: entry("ci-green"),
        judgement: Judgement::Inconclusive {
            reason: InconclusiveReason::Trap,
            detail: String::new(),
        },
    };
    let (task, _) = apply(&task, &trap);
    assert_eq!(
        (task.stage, task.rework_rounds, task.infra_failures),
        (Stage::Development, 0, 1)
    );
}

#[test]
fn wait_past_its_deadline_blocks_and_never_fails() {
    let pipeline = Pipeline::default();
    let task = at_step(&pipeline, Stage::Development, 1);
    let wait = Event::GateJudged {
        entry: entry("ci-green"),
        judgement: Judgement::Wait {
            after_ms: 60_000,
            reason: "CI is running".into(),
        },
    };
    let (task, _) = apply_in(&pipeline, &task, &wait, 0);
    let Status::Waiting {
        since_ms: 0,
        deadline_ms,
        ..
    } = task.status
    else {
        panic!("{:?}", task.status)
    };
    let (task, _) = apply_in(&pipeline, &task, &wait, deadline_ms - 1);
    let (task, effects) = apply_in(&pipeline, &task, &wait, deadline_ms);
    assert!(matches!(
        task.status,
        Status::Blocked {
            reason: BlockReason::WaitDeadline,
            ..
        }
    ));
    assert_eq!(task.rework_rounds, 0);
    assert!(effects.iter().any(is_block_told));
}

#[test]
fn inconclusive_is_retried_by_budget_and_then_blocks() {
    let mut task = at_step(&Pipeline::default(), Stage::Development, 1);
    let event = Event::GateJudged {
        entry: entry("ci-green"),
        judgement: Judgement::Inconclusive {
            reason: InconclusiveReason::Unavailable,
            detail: "down".into(),
        },
    };
    for _ in 0..3 {
        (task, _) = apply(&task, &event);
        assert_eq!(task.status, Status::Active);
    }
    let (task, _) = apply(&task, &event);
    assert!(matches!(
        task.status,
        Status::Blocked {
            reason: BlockReason::Inconclusive,
            ..
        }
    ));
}

#[test]
fn verdict_of_a_gate_that_is_not_the_current_step_changes_nothing() {
    let task = at_step(&Pipeline::default(), Stage::Review, 1);
    assert!(is_ignored(&task, &passed("ci-green")));
    let at_run = at_step(&Pipeline::default(), Stage::Review, 0);
    assert!(is_ignored(&at_run, &passed("review-verdict")));
}

#[test]
fn advising_gate_moves_the_task_on_whatever_it_says() {
    let mut entries = default_entries();
    entries.get_mut(&entry("review-verdict")).unwrap().mode = Mode::Advise;
    let pipeline =
        Pipeline::new(default_steps(), entries, crate::pipeline::Rules::default()).unwrap();
    let task = at_step(&pipeline, Stage::Review, 1);
    for (label, judgement) in judgements() {
        let event = Event::GateJudged {
            entry: entry("review-verdict"),
            judgement,
        };
        let (task, _) = apply_in(&pipeline, &task, &event, 1_000);
        assert_eq!(
            (task.stage, task.rework_rounds),
            (Stage::Testing, 0),
            "{label}"
        );
    }
}

#[test]
fn failed_deploy_reworks_on_a_new_branch() {
    let task = at_step(&Pipeline::default(), Stage::Deploy, 1);
    let (task, effects) = apply(&task, &failed("deploy-status"));
    assert_eq!((task.stage, task.head), (Stage::Development, None));
    assert!(effects.contains(&Effect::NewBranch));
}
