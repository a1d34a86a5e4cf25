//! What failures of tasks have in common: one that several tasks in a row meet at the same step is not theirs, and goes
//! on for as long as others are sent into it. The lane of the repository is held back then, until a person has looked.

use orch_domain::event::EventKind;
use orch_domain::id::UnixMs;
use orch_domain::job::JobKind;
use orch_domain::notice::NoticeKind;
use orch_domain::pipeline::{Pipeline, Step};
use orch_domain::port::HOST_ACTOR;
use orch_domain::task::{BlockReason, Status, Task};
use orch_domain::transition::Event;
use orch_store::{Pause, StoreError, Tx};

use super::notices::announce;

/// Tasks in a row that a step blocks for one reason before its lane is held back.
const ALIKE_MAX: u64 = 3;

/// Counts what an event did to a task, and holds the lane of its step back if it was one time too many.
pub(crate) async fn count(
    tx: &mut Tx,
    before: &Task,
    after: &Task,
    pipeline: &Pipeline,
    event: &Event,
    now: UnixMs,
) -> Result<(), StoreError> {
    let was_blocked = matches!(before.status, Status::Blocked { .. });
    match &after.status {
        Status::Blocked { reason, .. } if !was_blocked && reason.may_be_common() => {
            match pipeline.step(after.stage, after.step) {
                Some(step) => failed(tx, after, step, *reason, now).await,
                None => Ok(()),
            }
        }
        _ if came_to_an_end(before, after, event) => {
            match pipeline.step(before.stage, before.step) {
                Some(step) => tx.step_ended(before.repo.as_str(), &step.name()).await,
                None => Ok(()),
            }
        }
        Status::Active
        | Status::Waiting { .. }
        | Status::AwaitingApproval { .. }
        | Status::NeedsInput { .. }
        | Status::Blocked { .. }
        | Status::Stopping
        | Status::Ended => Ok(()),
    }
}

/// Whether the step did its work, whatever it found.
fn came_to_an_end(before: &Task, after: &Task, event: &Event) -> bool {
    let is_of_step = matches!(
        event,
        Event::RunEnded { .. } | Event::GateJudged { .. } | Event::WorkDone { .. }
    );
    is_of_step && (before.stage, before.step) != (after.stage, after.step)
}

async fn failed(
    tx: &mut Tx,
    task: &Task,
    step: &Step,
    reason: BlockReason,
    now: UnixMs,
) -> Result<(), StoreError> {
    let lane = JobKind::of_step(step).lane();
    let (repo, name) = (task.repo.as_str(), step.name());
    let tasks = tx.step_failed(repo, &name, reason, task.id, now).await?;
    if tasks < ALIKE_MAX {
        return Ok(());
    }
    // Counted anew from here: whoever lets the lane go on wants to see whether it is mended.
    tx.step_ended(repo, &name).await?;
    let scope = format!("lane:{lane}@{repo}");
    let held = tx.pauses(now).await?;
    if held.iter().any(|pause| pause.scope == scope) {
        return Ok(());
    }
    let pause = Pause {
        scope: scope.clone(),
        until_ms: None,
        reason: format!("`{name}` blocked {tasks} tasks in a row ({reason})"),
        set_by: HOST_ACTOR.to_owned(),
        set_ms: now,
    };
    tx.pause(&pause).await?;
    let data = serde_json::json!({"scope": scope, "step": name, "reason": reason}).to_string();
    tx.append_event(None, EventKind::Paused, HOST_ACTOR, &data, now)
        .await?;
    let kind = NoticeKind::LanePaused {
        repo: task.repo.clone(),
        scope: scope.clone(),
        step: name,
        reason,
        tasks: u32::try_from(tasks).unwrap_or(u32::MAX),
    };
    announce(tx, None, &format!("{scope}:{now}"), kind, now).await
}
