//! Whether it is a task's turn to run an agent: what it depends on is done, and a serial repository is its own.

use orch_domain::pipeline::{Pipeline, Step};
use orch_domain::stage::Stage;
use orch_domain::task::{Status, Task};
use orch_store::{AcquireOutcome, ClaimedJob, StoreError, TURN, TaskRecord, Tx};

use crate::admission::Refusal;
use crate::engine::{Engine, Repo};

/// How long until a task looks again whether it is its turn; the end of the other one wakes it anyway,
/// milliseconds.
const LOOK_MS: i64 = 15_000;
/// A serial repository is a task's until it stands still or ends; the reaper frees it if the task has no job.
const NO_END_MS: i64 = 100 * 365 * 24 * 3_600_000;

/// Whether it is a task's turn.
pub(crate) enum Turn {
    /// It is.
    Now,
    /// Not yet.
    Later(Refusal),
    /// It never will be: a person has to decide.
    Never(String),
}

/// Name of the lease on a serial repository.
fn serial_lease(repo: &str) -> String {
    format!("serial:{repo}")
}

impl Engine {
    pub(crate) async fn turn(
        &self,
        job: &ClaimedJob,
        record: &TaskRecord,
        repo: &Repo,
    ) -> anyhow::Result<Turn> {
        let task = record.task.id;
        let unmet = self.0.store.read(|tx| Box::pin(tx.unmet(task))).await?;
        if let Some(ended) = unmet.iter().find(|d| d.stage == Stage::Cancelled.as_str()) {
            return Ok(Turn::Never(format!(
                "it depends on {}, which was stopped; resume it to go on without",
                ended.work_item
            )));
        }
        let later = |what: &str| {
            Turn::Later(Refusal {
                until_ms: self.now() + LOOK_MS,
                reason: format!("{TURN}: {what} comes first"),
            })
        };
        if let Some(first) = unmet.first() {
            return Ok(later(&first.work_item));
        }
        // The configuration in force, so that an operator can make a repository serial at any time.
        let config = self.config();
        let is_serial = config
            .repositories
            .get(&repo.name)
            .is_some_and(|repository| repository.serial);
        if !is_serial {
            return Ok(Turn::Now);
        }
        let (lease, id, owner, now) = (
            serial_lease(&repo.name),
            job.key.id,
            self.0.store.owner().clone(),
            self.now(),
        );
        let acquired = self
            .0
            .store
            .write(move |tx| {
                Box::pin(async move {
                    tx.acquire_lease(&lease, task, id, &owner, now, NO_END_MS)
                        .await
                })
            })
            .await?;
        match acquired {
            AcquireOutcome::Held { .. } => Ok(Turn::Now),
            AcquireOutcome::Busy { holder, .. } => {
                let holder = self.0.store.read(|tx| Box::pin(tx.task(holder))).await?;
                Ok(later(holder.task.work_item.as_str()))
            }
        }
    }
}

/// Gives a serial repository back when its task stands still or has ended, and wakes whoever waits for either.
pub(crate) async fn give_turn(
    tx: &mut Tx,
    task: &Task,
    pipeline: &Pipeline,
    now: i64,
) -> Result<(), StoreError> {
    let ended = task.status == Status::Ended;
    if !ended && !waits_for_person(task, pipeline) {
        return Ok(());
    }
    let repo = task.repo.as_str();
    let freed = tx.release_lease(&serial_lease(repo), task.id).await?;
    if ended || freed {
        tx.wake_turns(task.id, repo, now).await?;
    }
    Ok(())
}

/// Whether only a person can move the task on, a gate that asks for one included.
fn waits_for_person(task: &Task, pipeline: &Pipeline) -> bool {
    task.status.needs_person() || gate_asks_person(task, pipeline)
}

/// Whether the task waits at a gate that asks for a person.
pub(crate) fn gate_asks_person(task: &Task, pipeline: &Pipeline) -> bool {
    match (&task.status, pipeline.step(task.stage, task.step)) {
        (Status::Waiting { .. }, Some(Step::Gate(id))) => {
            pipeline.entry(id).is_some_and(|entry| entry.awaits_person)
        }
        _ => false,
    }
}
