//! Claims about ended runs: limits that are waited for, results that are not there.

use super::build::{apply, apply_in, at_step};
use crate::job::{PutOff, PutOffKind};
use crate::notice::NoticeKind;
use crate::outcome::{ResultFault, RunOutcome};
use crate::pipeline::Pipeline;
use crate::retry;
use crate::stage::{Role, Stage};
use crate::task::{BlockReason, Status, Task};
use crate::transition::{Effect, Event};

fn ended(outcome: RunOutcome) -> Event {
    Event::RunEnded {
        outcome,
        head: None,
    }
}

fn developing() -> Task {
    at_step(&Pipeline::default(), Stage::Development, 0)
}

/// Delay of the one job that is put into the queue, and why.
fn enqueued(effects: &[Effect]) -> (i64, Option<PutOff>) {
    let mut jobs = effects.iter().filter_map(|effect| match effect {
        Effect::Enqueue {
            delay_ms, put_off, ..
        } => Some((*delay_ms, put_off.clone())),
        _ => None,
    });
    let found = jobs.next().expect("a job follows");
    assert_eq!(jobs.next(), None, "one job only");
    found
}

fn told(effects: &[Effect]) -> Vec<&NoticeKind> {
    let kinds = effects.iter().filter_map(|effect| match effect {
        Effect::Notify(kind) => Some(kind),
        _ => None,
    });
    kinds.collect()
}

#[test]
fn rate_limited_run_begins_again_when_the_limit_ends_and_costs_nothing() {
    let now = 1_000_000;
    let day = 24 * 3_600_000;
    for (until_ms, delay) in [
        (Some(now + 90_000), 90_000),
        (Some(now + 5 * day), 5 * day),
        (Some(now + 100 * day), retry::LIMIT_CEILING_MS),
        (Some(now - 1), 1_000),
        (Some(i64::MIN), 1_000),
        (None, retry::DEFERRAL_MS),
    ] {
        let event = ended(RunOutcome::RateLimited { until_ms });
        let before = developing();
        let (task, effects) = apply_in(&Pipeline::default(), &before, &event, now);
        let (delayed_ms, why) = enqueued(&effects);
        assert_eq!(delayed_ms, delay, "{until_ms:?}");
        assert_eq!(why.map(|w| w.kind), Some(PutOffKind::RateLimit));
        assert_eq!((task.stage, task.step), (before.stage, before.step));
        assert_eq!(task.infra_failures, 0);
        assert!(told(&effects).is_empty(), "{effects:?}");
        // The next limit prolongs nothing: the end of the wait counts from the first one.
        let late = now + retry::PATIENCE_MS;
        let (again, _) = apply_in(&Pipeline::default(), &task, &event, late - 1);
        assert!(matches!(again.status, Status::Waiting { since_ms, .. } if since_ms == now));
        let (over, _) = apply_in(&Pipeline::default(), &again, &event, late);
        let is_over = |status: &Status| {
            matches!(
                status,
                Status::Blocked {
                    reason: BlockReason::WaitDeadline,
                    ..
                }
            )
        };
        assert!(is_over(&over.status), "{:?}", over.status);
    }
}

#[test]
fn run_without_a_result_never_advances_and_alerts_each_time_until_it_blocks() {
    for fault in ResultFault::ALL {
        let event = ended(RunOutcome::ProtocolError {
            fault,
            detail: "what was found".to_owned(),
        });
        let lost = NoticeKind::ResultLost {
            role: Role::Developer,
            stage: Stage::Development,
            fault,
            detail: "what was found".to_owned(),
        };
        let mut task = developing();
        let tries = Pipeline::default().rules.infra_failures_max;
        for failures in 1..=tries {
            let (next, effects) = apply(&task, &event);
            assert_eq!(told(&effects), [&lost]);
            assert_eq!((next.stage, next.step), (task.stage, task.step));
            assert_eq!((next.infra_failures, next.rework_rounds), (failures, 0));
            let (delay, why) = enqueued(&effects);
            let why = why.expect("it says why");
            assert_eq!(why.kind, PutOffKind::Retry);
            assert!(delay > 0 && why.reason.contains(fault.as_str()));
            task = next;
        }
        let (task, effects) = apply(&task, &event);
        assert_eq!(told(&effects).first(), Some(&&lost));
        assert!(matches!(
            task.status,
            Status::Blocked {
                reason: BlockReason::InfraExhausted,
                ..
            }
        ));
    }
}
