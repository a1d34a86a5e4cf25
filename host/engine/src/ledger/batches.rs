//! Writes what became of a batch, for every member at once: none of them is left behind in another state.
//!
//! The event of the task whose job ends is not written here: the job's ending has it.

use orch_domain::batch::{BatchState, Part, WhyDissolved, waits_to_land};
use orch_domain::id::{BatchId, ObjectId, TaskId, UnixMs};
use orch_domain::pipeline::HostWork;
use orch_domain::transition::{Event, WorkFailure};
use orch_store::{Cancel, EvidenceRow, Tx};

use super::apply::{Applied, By, apply, pipeline_of};
use super::unwritten::Unwritten;

/// What the tests of a batch came to.
#[derive(Debug)]
pub(crate) struct TestedBatch {
    pub(crate) batch: BatchId,
    /// Those that passed together; the batch is over if there are none.
    pub(crate) passed: Vec<Passed>,
    /// Who turned the tests red, with what they said.
    pub(crate) bad: Option<(TaskId, String)>,
    /// Who stood on top of that one.
    pub(crate) left: Vec<TaskId>,
}

/// A member whose commits passed with the others'.
#[derive(Debug)]
pub(crate) struct Passed {
    pub(crate) task: TaskId,
    /// Where the task was when its commits were stacked.
    pub(crate) head: ObjectId,
    /// What is known of the commit that would land.
    pub(crate) evidence: Vec<EvidenceRow>,
}

/// Moves every member to where the tests send it. `own` is the task whose job ends.
pub(super) async fn settle(
    tx: &mut Tx,
    tested: TestedBatch,
    own: TaskId,
    by: &By,
) -> Result<(), Unwritten> {
    let batch = tested.batch;
    let goes_on = !tested.passed.is_empty();
    for passed in tested.passed {
        still_waits(tx, batch, passed.task, Some(&passed.head)).await?;
        for row in &passed.evidence {
            tx.put_evidence(passed.task, row).await?;
        }
        if passed.task != own {
            let event = Event::WorkDone {
                work: HostWork::MergePrepare,
                head: None,
            };
            move_on(tx, batch, passed.task, &event, by).await?;
        }
    }
    for task in tested.left {
        tx.set_part(batch, task, Part::Left).await?;
    }
    if let Some((task, findings)) = tested.bad {
        tx.set_part(batch, task, Part::Bad).await?;
        if task != own {
            still_waits(tx, batch, task, None).await?;
            let event = Event::WorkFailed {
                work: HostWork::MergePrepare,
                failure: WorkFailure::Rework { findings },
            };
            move_on(tx, batch, task, &event, by).await?;
        }
    }
    let moved = match goes_on {
        true => {
            let (from, to) = (BatchState::Testing, BatchState::Passed);
            tx.move_batch(batch, from, to, by.now).await?
        }
        false => {
            tx.dissolve_batch(batch, WhyDissolved::FirstBad, by.now)
                .await?
        }
    };
    moved.then_some(()).ok_or(Unwritten::BatchMoved(batch))
}

/// A member may have been stopped or pushed to since it was looked at.
async fn still_waits(
    tx: &mut Tx,
    batch: BatchId,
    task: TaskId,
    head: Option<&ObjectId>,
) -> Result<(), Unwritten> {
    let record = tx.task(task).await?;
    let pipeline = pipeline_of(tx, &record).await?;
    let is_there = head.is_none() || record.task.head.as_ref() == head;
    match waits_to_land(&record.task, &pipeline) && is_there {
        true => Ok(()),
        false => Err(Unwritten::BatchMoved(batch)),
    }
}

/// Moves another task than the one whose job ends: what it did itself meanwhile is given up.
async fn move_on(
    tx: &mut Tx,
    batch: BatchId,
    task: TaskId,
    event: &Event,
    by: &By,
) -> Result<(), Unwritten> {
    tx.cancel_jobs(task, by.now, Cancel::Steps).await?;
    match apply(tx, task, event, by).await? {
        Applied::Moved(_) => Ok(()),
        Applied::Ignored(_) => Err(Unwritten::BatchMoved(batch)),
    }
}

/// Writes down that a batch is in the base, whatever was thought of it before, and lets its members see it.
pub(super) async fn landed(
    tx: &mut Tx,
    id: BatchId,
    own: TaskId,
    now: UnixMs,
) -> Result<(), Unwritten> {
    let batch = tx.batch(id).await?;
    if batch.state != BatchState::Landed {
        // One writer: nobody can have moved it since it was read.
        tx.move_batch(id, batch.state, BatchState::Landed, now)
            .await?;
    }
    wake(tx, id, own, now).await
}

/// Ends a batch, unless it has landed, and lets its members see it.
pub(super) async fn dissolve(
    tx: &mut Tx,
    id: BatchId,
    why: WhyDissolved,
    own: TaskId,
    now: UnixMs,
) -> Result<(), Unwritten> {
    if tx.dissolve_batch(id, why, now).await? {
        wake(tx, id, own, now).await?;
    }
    Ok(())
}

async fn wake(tx: &mut Tx, id: BatchId, own: TaskId, now: UnixMs) -> Result<(), Unwritten> {
    let members = tx.batch(id).await?.members;
    for member in members.iter().filter(|m| m.task != own && m.part.is_in()) {
        tx.make_due(member.task, now).await?;
    }
    Ok(())
}
