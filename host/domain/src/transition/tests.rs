//! Claims about the transition function, and builders of tasks and events that the table shares.

mod people;
mod runs;

use super::{Chance, Effect, Event, Judgement, Transition, WorkFailure, transition};
use crate::id::{EntryId, ObjectId, RepoName, TaskId, WorkItem};
use crate::issue::TrackerState;
use crate::job::JobKind;
use crate::left::{ChangeKind, Strayed};
use crate::notice::NoticeKind;
use crate::outcome::{ResultFault, RunOutcome};
use crate::pipeline::{HostWork, Mode, Pipeline, Step, default_entries, default_steps};
use crate::stage::Stage;
use crate::task::{BlockReason, Status, Task};
use crate::verdict::InconclusiveReason;

fn sha(c: char) -> ObjectId {
    ObjectId::new(c.to_string().repeat(40)).unwrap()
}

fn entry(name: &str) -> EntryId {
    EntryId::new(name).unwrap()
}

fn new_task() -> Task {
    let item = WorkItem::new("SHOP-1").unwrap();
    Task::new(
        TaskId(1),
        item,
        RepoName::new("shop").unwrap(),
        "Add a thing".to_owned(),
        3,
    )
}

/// A task that works on step `index` of `stage`.
pub(super) fn at_step(pipeline: &Pipeline, stage: Stage, index: u32) -> Task {
    let mut task = new_task();
    task.stage = stage;
    task.step = index;
    task.attempts.insert(stage, 1);
    task.head = Some(sha('a'));
    if pipeline.step(stage, index) == Some(&Step::Approval) {
        task.status = Status::AwaitingApproval { since_ms: 0 };
    }
    task
}

/// One event of each kind that could meet step `index` of `stage`, with a label.
pub(super) fn all_events(pipeline: &Pipeline, stage: Stage, index: u32) -> Vec<(String, Event)> {
    let mut events: Vec<(String, Event)> = Vec::new();
    match pipeline.step(stage, index) {
        Some(Step::Run(_)) => {
            for outcome in [
                RunOutcome::Completed,
                RunOutcome::NoChange,
                RunOutcome::Crashed("exit 1".into()),
                RunOutcome::ProtocolError {
                    fault: ResultFault::LogEmpty,
                    detail: "the log is empty".into(),
                },
                RunOutcome::RateLimited { until_ms: None },
                RunOutcome::AuthRequired("logged out".into()),
                RunOutcome::BoundaryViolation(vec![Strayed {
                    path: "x".into(),
                    kind: ChangeKind::Added,
                }]),
            ] {
                events.push((
                    format!("run {}", outcome.name()),
                    Event::RunEnded {
                        outcome,
                        head: None,
                    },
                ));
            }
        }
        Some(Step::Gate(id)) => {
            for (label, judgement) in judgements() {
                events.push((
                    format!("gate {label}"),
                    Event::GateJudged {
                        entry: id.clone(),
                        judgement,
                    },
                ));
            }
        }
        Some(Step::Work(work)) => {
            events.push((
                "work done".into(),
                Event::WorkDone {
                    work: *work,
                    head: None,
                },
            ));
            for (label, failure) in failures() {
                events.push((
                    format!("work {label}"),
                    Event::WorkFailed {
                        work: *work,
                        failure,
                    },
                ));
            }
        }
        Some(Step::Approval) => {
            events.push(("approved".into(), Event::Approved { by: "ann".into() }))
        }
        None => {}
    }
    events.push((
        "rejected".into(),
        Event::Rejected {
            by: "ann".into(),
            comment: "no".into(),
        },
    ));
    events.push((
        "halted".into(),
        Event::Halted {
            reason: BlockReason::CrashLoop,
            detail: "5 crashes".into(),
        },
    ));
    events.push(("job lost".into(), Event::JobLost));
    events.push(("foreign push".into(), Event::ForeignPush { head: sha('b') }));
    events.push((
        "stop requested".into(),
        Event::StopRequested { by: "ann".into() },
    ));
    events
}

fn judgements() -> Vec<(&'static str, Judgement)> {
    vec![
        ("pass", Judgement::Pass),
        ("not-applicable", Judgement::NotApplicable),
        (
            "fail",
            Judgement::Fail {
                findings: "f".into(),
                reveals_secret: false,
            },
        ),
        (
            "wait",
            Judgement::Wait {
                after_ms: 5_000,
                reason: "r".into(),
            },
        ),
        (
            "inconclusive",
            Judgement::Inconclusive {
                reason: InconclusiveReason::Trap,
                detail: "d".into(),
            },
        ),
        (
            "misconfigured",
            Judgement::Inconclusive {
                reason: InconclusiveReason::Misconfigured,
                detail: "d".into(),
            },
        ),
    ]
}

fn failures() -> Vec<(&'static str, WorkFailure)> {
    vec![
        (
            "rework",
            WorkFailure::Rework {
                findings: "f".into(),
            },
        ),
        ("infra", WorkFailure::Infra { detail: "d".into() }),
        (
            "wait",
            WorkFailure::Wait {
                after_ms: 5_000,
                reason: "r".into(),
            },
        ),
        ("stale", WorkFailure::Stale { detail: "d".into() }),
        ("unknown", WorkFailure::Unknown { detail: "d".into() }),
        (
            "base-rewritten",
            WorkFailure::BaseRewritten { detail: "d".into() },
        ),
        ("config", WorkFailure::Config { detail: "d".into() }),
    ]
}

fn apply(task: &Task, event: &Event) -> (Task, Vec<Effect>) {
    apply_in(&Pipeline::default(), task, event, 1_000)
}

fn apply_in(pipeline: &Pipeline, task: &Task, event: &Event, now: i64) -> (Task, Vec<Effect>) {
    match transition(task, pipeline, event, now, Chance(0.5)) {
        Transition::Applied { task, effects } => (*task, effects),
        Transition::Ignored { reason } => panic!("ignored: {reason}"),
    }
}

fn is_ignored(task: &Task, event: &Event) -> bool {
    matches!(
        transition(task, &Pipeline::default(), event, 1_000, Chance(0.5)),
        Transition::Ignored { .. }
    )
}

fn failed(name: &str) -> Event {
    Event::GateJudged {
        entry: entry(name),
        judgement: Judgement::Fail {
            findings: "src/a.rs:3 is wrong".into(),
            reveals_secret: false,
        },
    }
}

fn passed(name: &str) -> Event {
    Event::GateJudged {
        entry: entry(name),
        judgement: Judgement::Pass,
    }
}

#[test]
fn a_task_whose_every_step_succeeds_reaches_done() {
    let pipeline = Pipeline::default();
    let (mut task, _) = apply(&new_task(), &Event::Created);
    let mut steps = 0;
    while !task.stage.is_terminal() {
        let event = match pipeline.step(task.stage, task.step).unwrap().clone() {
            Step::Run(_) => Event::RunEnded {
                outcome: RunOutcome::Completed,
                head: Some(sha('a')),
            },
            Step::Gate(entry) => Event::GateJudged {
                entry,
                judgement: Judgement::Pass,
            },
            Step::Approval => Event::Approved { by: "ann".into() },
            Step::Work(work) => Event::WorkDone { work, head: None },
        };
        (task, _) = apply(&task, &event);
        steps += 1;
        assert!(steps < 100, "the pipeline ends");
    }
    assert_eq!(task.stage, Stage::Done);
    assert_eq!(task.rework_rounds, 0);
}

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

fn is_block_told(effect: &Effect) -> bool {
    matches!(effect, Effect::Notify(NoticeKind::Blocked { .. }))
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
fn nothing_moves_an_ended_or_blocked_task() {
    let mut task = at_step(&Pipeline::default(), Stage::Review, 1);
    task.status = Status::Blocked {
        reason: BlockReason::Config,
        detail: String::new(),
    };
    assert!(is_ignored(&task, &passed("review-verdict")));
    task.stage = Stage::Done;
    task.status = Status::Ended;
    for (_, event) in all_events(&Pipeline::default(), Stage::Review, 1) {
        assert!(is_ignored(&task, &event));
    }
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
fn resume_adds_rounds_and_cannot_skip_a_gate() {
    let mut task = at_step(&Pipeline::default(), Stage::Review, 1);
    task.status = Status::Blocked {
        reason: BlockReason::ReworkExhausted,
        detail: String::new(),
    };
    let skip = Event::Resumed {
        stage: Some(Stage::Deploy),
        rounds: 0,
        by: "ann".into(),
    };
    assert!(is_ignored(&task, &skip));
    let back = Event::Resumed {
        stage: Some(Stage::Development),
        rounds: 2,
        by: "ann".into(),
    };
    let (task, _) = apply(&task, &back);
    assert_eq!(
        (task.stage, task.rework_rounds_max, task.status),
        (Stage::Development, 5, Status::Active)
    );
}

#[test]
fn every_event_at_every_step_leaves_a_state_that_says_what_comes_next() {
    let pipeline = Pipeline::default();
    for stage in Stage::ALL {
        for index in 0..u32::try_from(pipeline.steps(stage).len()).unwrap() {
            for (label, event) in all_events(&pipeline, stage, index) {
                let before = at_step(&pipeline, stage, index);
                let Transition::Applied { task, effects } =
                    transition(&before, &pipeline, &event, 1_000, Chance(0.5))
                else {
                    continue;
                };
                let enqueued = effects
                    .iter()
                    .filter(|e| matches!(e, Effect::Enqueue { .. }))
                    .count();
                let expected = match task.status {
                    Status::Active if task.stop_requested => 0,
                    Status::Active | Status::Waiting { .. } | Status::Stopping => 1,
                    _ => 0,
                };
                assert_eq!(
                    enqueued, expected,
                    "{stage} {index} {label}: {:?}",
                    task.status
                );
                assert_eq!(task.version, before.version + 1);
            }
        }
    }
}

#[test]
fn failed_deploy_reworks_on_a_new_branch() {
    let task = at_step(&Pipeline::default(), Stage::Deploy, 1);
    let (task, effects) = apply(&task, &failed("deploy-status"));
    assert_eq!((task.stage, task.head), (Stage::Development, None));
    assert!(effects.contains(&Effect::NewBranch));
}
