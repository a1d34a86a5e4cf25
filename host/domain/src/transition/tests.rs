//! Claims about the transition function: of the whole way, and of every event at every step.

pub(super) mod build;
mod drill;
mod judged;
mod landing;
mod overtaken;
mod people;
mod runs;

use build::{all_events, apply, at_step, is_ignored, new_task, passed, sha};

use crate::outcome::RunOutcome;
use crate::pipeline::{Pipeline, Step};
use crate::stage::Stage;
use crate::task::{BlockReason, Status};
use crate::transition::{Chance, Effect, Event, Judgement, Transition, transition};

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
