//! Leases as people see them: merge leases, and a task's transition as a view of its running job.

use std::collections::BTreeMap;

use orch_domain::id::TaskId;
use orch_store::{LeaseRow, RunningJob, StoreError, Tx};
use orch_views::lease::LeaseView;
use orch_views::page::{LIMIT_MAX, Page, PageRequest};
use orch_views::queue::TransitionLeaseView;

use super::pages;
use crate::commands::CommandError;
use crate::ledger::Ledger;

/// Leases, running jobs, and the work items of both, read at one moment.
pub(crate) type Held = (Vec<LeaseRow>, Vec<RunningJob>, BTreeMap<TaskId, String>);

/// Everything that holds something now.
pub(crate) async fn held(tx: &mut Tx) -> Result<Held, StoreError> {
    let (leases, running) = (tx.leases().await?, tx.running_jobs().await?);
    let holders = leases.iter().filter_map(|lease| lease.holder);
    let ids: Vec<TaskId> = holders
        .chain(running.iter().filter_map(|j| j.task))
        .collect();
    let names = tx.work_items(&ids).await?;
    Ok((leases, running, names))
}

/// Shows leases. Clones are the same.
#[derive(Debug, Clone)]
pub struct LeaseViews {
    pub(crate) ledger: Ledger,
}

impl LeaseViews {
    /// Every lease that is held now.
    ///
    /// # Errors
    /// [`CommandError::Invalid`] for a page that makes no sense.
    pub async fn list(&self, request: PageRequest) -> Result<Page<LeaseView>, CommandError> {
        let limit = pages::limit(request.limit)?;
        let skip = pages::after(request.after.as_deref())?.unwrap_or(0);
        let (leases, running, names) = self.ledger.read(|tx| Box::pin(held(tx))).await?;
        Ok(Page::of_list(views(&leases, &running, &names), skip, limit))
    }
}

/// The leases' block of the queue.
pub(super) fn block(
    deferred: u64,
    leases: &[LeaseRow],
    running: &[RunningJob],
    names: &BTreeMap<TaskId, String>,
) -> TransitionLeaseView {
    let mut leases = views(leases, running, names);
    leases.truncate(usize::try_from(LIMIT_MAX).unwrap_or(usize::MAX));
    // What the reaper and others leave a transition to.
    let owned = running
        .iter()
        .filter(|j| j.task.is_some() && j.kind.finalises());
    TransitionLeaseView {
        leases,
        finalizer_owned: owned.count() as u64,
        finalizer_defers_total: deferred,
    }
}

fn views(
    leases: &[LeaseRow],
    running: &[RunningJob],
    names: &BTreeMap<TaskId, String>,
) -> Vec<LeaseView> {
    let name = |id: Option<TaskId>| {
        id.and_then(|id| names.get(&id))
            .cloned()
            .unwrap_or_default()
    };
    let merges = leases.iter().filter(|l| l.holder.is_some());
    let merges = merges.map(|l| of_merge(l, name(l.holder)));
    let transitions = running.iter().filter(|j| j.task.is_some());
    let transitions = transitions.map(|j| of_task(j, name(j.task)));
    merges.chain(transitions).collect()
}

fn of_merge(lease: &LeaseRow, work_item: String) -> LeaseView {
    LeaseView {
        resource: lease.lease.to_string(),
        work_item,
        epoch: lease.epoch,
        job: lease.holder_job.map(|j| j.0),
        kind: None,
        owner: lease.holder_owner.clone().unwrap_or_default(),
        since_ms: lease.acquired_ms,
        expires_ms: lease.expires_ms,
    }
}

fn of_task(job: &RunningJob, work_item: String) -> LeaseView {
    LeaseView {
        resource: format!("task:{work_item}"),
        work_item,
        epoch: job.key.epoch,
        job: Some(job.key.id.0),
        kind: Some(job.kind),
        owner: job.owner.clone(),
        since_ms: Some(job.claimed_ms),
        expires_ms: Some(job.lease_until_ms),
    }
}
