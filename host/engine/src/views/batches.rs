//! A task's part in its latest batch, as people see it.

use orch_domain::id::TaskId;
use orch_store::{BatchRun, StoreError, Tx};
use orch_views::task::{BatchRunView, BatchView};

/// The latest batch of a task; none if it was never in one.
pub(super) async fn latest(tx: &mut Tx, task: TaskId) -> Result<Option<BatchView>, StoreError> {
    let Some(batch) = tx.latest_batch(task).await? else {
        return Ok(None);
    };
    let mut names = Vec::new();
    for member in &batch.members {
        names.push(tx.task(member.task).await?.task.work_item.to_string());
    }
    let own = (1..).zip(&batch.members).find(|(_, m)| m.task == task);
    Ok(own.map(|(position, member)| BatchView {
        id: batch.id.0,
        state: batch.state,
        why: batch.why,
        part: member.part,
        position,
        members: names,
        base: batch.base.to_string(),
        tip: member.tip.to_string(),
        runs: batch.runs.iter().map(run).collect(),
    }))
}

fn run(ran: &BatchRun) -> BatchRunView {
    BatchRunView {
        first: ran.run.first as u64,
        commit: ran.sha.to_string(),
        passed: ran.run.passed,
        exit_code: ran.exit_code,
        duration_ms: ran.duration_ms,
    }
}
