//! Claims about drills: whatever happens, a drill lands nothing, bothers nobody and ends.

use super::build::{all_events, at_step, new_task};
use crate::job::JobKind;
use crate::outcome::RunOutcome;
use crate::pipeline::{Pipeline, Step};
use crate::stage::Stage;
use crate::task::{Status, Task};
use crate::transition::{Chance, Effect, Event, Judgement, Transition, transition};
use crate::verdict::InconclusiveReason;

fn moved(task: &Task, pipeline: &Pipeline, event: &Event) -> Option<(Task, Vec<Effect>)> {
    match transition(task, pipeline, event, 1_000, Chance(0.5)) {
        Transition::Applied { task, effects } => Some((*task, effects)),
        Transition::Ignored { .. } => None,
    }
}

#[test]
fn drill_that_no_gate_lets_on_is_judged_by_all_of_them_and_stopped() {
    let pipeline = Pipeline::default().drilled();
    let answers = [
        Judgement::Pass,
        Judgement::NotApplicable,
        Judgement::Fail {
            findings: "a key".into(),
            reveals_secret: true,
        },
        Judgement::Inconclusive {
            reason: InconclusiveReason::Denied,
            detail: "no grant".into(),
        },
    ];
    for judgement in answers {
        let (mut task, _) = moved(&new_task(), &pipeline, &Event::Created).unwrap();
        let mut judged = Vec::new();
        while task.status != Status::Stopping {
            let event = match pipeline.step(task.stage, task.step).unwrap().clone() {
                Step::Run(_) => Event::RunEnded {
                    outcome: RunOutcome::Completed,
                    head: None,
                },
                Step::Gate(entry) => {
                    judged.push(entry.to_string());
                    Event::GateJudged {
                        entry,
                        judgement: judgement.clone(),
                    }
                }
                step => panic!("a drill has no step {step:?}"),
            };
            task = moved(&task, &pipeline, &event).unwrap().0;
            assert!(judged.len() < 10, "it ends");
        }
        assert_eq!(judged, ["ci-green", "review-verdict", "tests-passed"]);
        let (task, _) = moved(&task, &pipeline, &Event::Stopped).unwrap();
        assert_eq!((task.stage, task.status), (Stage::Cancelled, Status::Ended));
    }
}

#[test]
fn no_event_has_a_drill_land_or_bother_anybody() {
    let (pipeline, whole) = (Pipeline::default().drilled(), Pipeline::default());
    for stage in Stage::ALL {
        for index in 0..u32::try_from(pipeline.steps(stage).len()).unwrap() {
            for (label, event) in all_events(&whole, stage, index) {
                let before = at_step(&pipeline, stage, index);
                let Some((task, effects)) = moved(&before, &pipeline, &event) else {
                    continue;
                };
                assert!(!task.status.needs_person(), "{stage} {index} {label}");
                for effect in effects {
                    match effect {
                        Effect::Enqueue { kind, .. } => assert!(
                            matches!(kind, JobKind::Agent | JobKind::Gate | JobKind::Stop),
                            "{stage} {index} {label}: {kind}"
                        ),
                        Effect::CancelJobs | Effect::ReleaseMergeLease => {}
                        other => panic!("{stage} {index} {label}: {other:?}"),
                    }
                }
            }
        }
    }
}
