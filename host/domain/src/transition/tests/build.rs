//! Builders of tasks and events, which the claims and the printed table share.

use crate::id::{EntryId, ObjectId, RepoName, TaskId, WorkItem};
use crate::left::{ChangeKind, Strayed};
use crate::notice::NoticeKind;
use crate::outcome::{ResultFault, RunOutcome};
use crate::pipeline::{Pipeline, Step};
use crate::stage::Stage;
use crate::task::{BlockReason, Status, Task};
use crate::transition::{Chance, Effect, Event, Judgement, Transition, WorkFailure, transition};
use crate::verdict::InconclusiveReason;

pub(in crate::transition) fn sha(c: char) -> ObjectId {
    ObjectId::new(c.to_string().repeat(40)).unwrap()
}

pub(in crate::transition) fn entry(name: &str) -> EntryId {
    EntryId::new(name).unwrap()
}

pub(in crate::transition) fn new_task() -> Task {
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
pub(in crate::transition) fn at_step(pipeline: &Pipeline, stage: Stage, index: u32) -> Task {
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
pub(in crate::transition) fn all_events(
    pipeline: &Pipeline,
    stage: Stage,
    index: u32,
) -> Vec<(String, Event)> {
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
            let detail = "d".into();
            events.push(("overtaken".into(), Event::Overtaken { detail }));
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
    let detail = "d".into();
    events.push(("waited too long".into(), Event::WaitedTooLong { detail }));
    events.push(("job lost".into(), Event::JobLost));
    events.push(("foreign push".into(), Event::ForeignPush { head: sha('b') }));
    events.push((
        "rebased".into(),
        Event::Rebased {
            head: sha('b'),
            onto: sha('c'),
        },
    ));
    events.push((
        "stop requested".into(),
        Event::StopRequested { by: "ann".into() },
    ));
    events
}

pub(in crate::transition) fn judgements() -> Vec<(&'static str, Judgement)> {
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

pub(in crate::transition) fn failures() -> Vec<(&'static str, WorkFailure)> {
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
        (
            "branch-gone",
            WorkFailure::BranchGone { detail: "d".into() },
        ),
        ("unapproved", WorkFailure::Unapproved { detail: "d".into() }),
        ("config", WorkFailure::Config { detail: "d".into() }),
    ]
}

pub(in crate::transition) fn apply(task: &Task, event: &Event) -> (Task, Vec<Effect>) {
    apply_in(&Pipeline::default(), task, event, 1_000)
}

pub(in crate::transition) fn apply_in(
    pipeline: &Pipeline,
    task: &Task,
    event: &Event,
    now: i64,
) -> (Task, Vec<Effect>) {
    match transition(task, pipeline, event, now, Chance(0.5)) {
        Transition::Applied { task, effects } => (*task, effects),
        Transition::Ignored { reason } => panic!("ignored: {reason}"),
    }
}

pub(in crate::transition) fn is_ignored(task: &Task, event: &Event) -> bool {
    matches!(
        transition(task, &Pipeline::default(), event, 1_000, Chance(0.5)),
        Transition::Ignored { .. }
    )
}

pub(in crate::transition) fn failed(name: &str) -> Event {
    Event::GateJudged {
        entry: entry(name),
        judgement: Judgement::Fail {
            findings: "src/a.rs:3 is wrong".into(),
            reveals_secret: false,
        },
    }
}

pub(in crate::transition) fn passed(name: &str) -> Event {
    Event::GateJudged {
        entry: entry(name),
        judgement: Judgement::Pass,
    }
}

pub(in crate::transition) fn is_block_told(effect: &Effect) -> bool {
    matches!(effect, Effect::Notify(NoticeKind::Blocked { .. }))
}
