//! When a task gives its turn back, and what that wakes.

use orch_domain::id::{TaskId, UnixMs};
use orch_domain::names::LeaseName;
use orch_domain::pipeline::Pipeline;
use orch_domain::remedy::asks_person;
use orch_domain::task::{Status, Task};
use orch_store::{StoreError, Tx};

/// Gives a serial repository back when its task stands still or has ended, and wakes whoever waits for either.
pub(crate) async fn give_turn(
    tx: &mut Tx,
    task: &Task,
    pipeline: &Pipeline,
    now: UnixMs,
) -> Result<(), StoreError> {
    let ended = task.status == Status::Ended;
    if !ended && !waits_for_person(task, pipeline) {
        return Ok(());
    }
    let lease = LeaseName::Serial(task.repo.clone());
    let freed = tx.release_lease(&lease, task.id).await?;
    if ended || freed {
        tx.wake_turns(task.id, task.repo.as_str(), now).await?;
    }
    Ok(())
}

/// Whether only a person can move the task on, a gate that asks for one included.
pub(crate) fn waits_for_person(task: &Task, pipeline: &Pipeline) -> bool {
    task.status.needs_person() || asks_person(task, pipeline)
}

/// Wakes whoever waits for what a task held.
pub(crate) async fn wake_waiters_of(
    tx: &mut Tx,
    id: TaskId,
    now: UnixMs,
) -> Result<(), StoreError> {
    let task = tx.task(id).await?.task;
    wake_waiters(tx, &task, now).await
}

/// A lease that is given back may be what other tasks of the repository wait for: the oldest looks first.
pub(crate) async fn wake_waiters(tx: &mut Tx, task: &Task, now: UnixMs) -> Result<(), StoreError> {
    tx.wake_oldest_waiter(task.repo.as_str(), task.id, now)
        .await
        .map(|_| ())
}
