//! Leases as people see and free them: merge leases, and a task's transition as a view of its running job.

use std::collections::BTreeMap;

use orch_domain::id::TaskId;
use orch_domain::job::JobKind;
use orch_store::{LeaseRow, Reaping, RunningJob, StoreError, Tx};
use orch_views::lease::LeaseView;
use orch_views::message::Message;
use orch_views::page::{LIMIT_MAX, Page, PageRequest};
use orch_views::queue::TransitionLeaseView;

use crate::commands::CommandError;
use crate::pages;
use crate::wire::Engine;

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

impl Engine {
    /// Every lease that is held now.
    ///
    /// # Errors
    /// [`CommandError::Invalid`] for a page that makes no sense.
    pub async fn lease_views(&self, request: PageRequest) -> Result<Page<LeaseView>, CommandError> {
        let limit = pages::limit(request.limit)?;
        let skip = pages::after(request.after.as_deref())?.unwrap_or(0);
        let (leases, running, names) = self.0.ledger.read(|tx| Box::pin(held(tx))).await?;
        Ok(Page::of_list(views(&leases, &running, &names), skip, limit))
    }

    /// Frees a lease by force: `merge:REPOSITORY`, or `task:WORK-ITEM`, whose job goes back to the queue under a
    /// new epoch, so that whoever worked on it writes nothing more.
    ///
    /// # Errors
    /// [`CommandError::NotFound`] when nobody holds it.
    pub async fn release_lease(&self, resource: &str) -> Result<Message, CommandError> {
        let free = || CommandError::NotFound(format!("nobody holds `{resource}`"));
        if let Some(item) = resource.strip_prefix("task:") {
            let task = self.task_of_item(item).await?.task.id;
            return self.release_transition(item, task).await?.ok_or_else(free);
        }
        let (name, now) = (resource.to_owned(), self.now());
        let freed = self
            .0
            .ledger
            .write(move |tx| {
                Box::pin(async move {
                    let Some((lease, holder)) = tx.lease(&name).await?.and_then(|l| {
                        let holder = l.holder?;
                        Some((l, holder))
                    }) else {
                        return Ok(false);
                    };
                    if !tx.free_lease(&name, holder, lease.epoch).await? {
                        return Ok(false);
                    }
                    let text = format!("lease `{name}` of task {holder} was freed by a person");
                    let key = format!("forced:{name}:{}", lease.epoch);
                    tx.push_outbox(Some(holder), "alert", &key, &text, now)
                        .await?;
                    crate::ledger::turn::wake_waiters_of(tx, holder, now).await?;
                    Ok(true)
                })
            })
            .await?;
        if !freed {
            return Err(free());
        }
        tracing::warn!(lease = resource, "lease freed by a person");
        self.0.reaper.change(|c| c.reclaimed += 1);
        Ok(Message {
            message: format!("`{resource}` is free"),
        })
    }

    async fn release_transition(
        &self,
        item: &str,
        task: TaskId,
    ) -> Result<Option<Message>, CommandError> {
        let now = self.now();
        let released = self.0.ledger
            .write(move |tx| {
                Box::pin(async move {
                    let running = tx.running_jobs().await?;
                    let Some(job) = running.into_iter().find(|j| j.task == Some(task)) else {
                        return Ok(None);
                    };
                    let why = "a person released it";
                    let Some(key) = tx.reap(&job, &Reaping::Release, why, now).await? else {
                        return Ok(None);
                    };
                    let text = format!(
                        "the transition of task {task} was released by a person: job {} ({}) begins anew",
                        key.id,
                        job.kind.as_str()
                    );
                    let alert = format!("forced:task:{task}:{}", key.epoch);
                    tx.push_outbox(Some(task), "alert", &alert, &text, now).await?;
                    Ok(Some(key))
                })
            })
            .await?;
        Ok(released.map(|key| {
            tracing::warn!(
                job.id = key.id.0,
                job.epoch = key.epoch,
                task.id = task.0,
                "transition released by a person"
            );
            Message {
                message: format!("`task:{item}` is free; job {} begins again", key.id),
            }
        }))
    }

    /// The leases' block of the queue.
    pub(crate) fn leases_block(
        &self,
        leases: &[LeaseRow],
        running: &[RunningJob],
        names: &BTreeMap<TaskId, String>,
    ) -> TransitionLeaseView {
        let mut leases = views(leases, running, names);
        leases.truncate(usize::try_from(LIMIT_MAX).unwrap_or(usize::MAX));
        let owned = running.iter().filter(|job| is_uninterrupted(job)).count();
        TransitionLeaseView {
            leases,
            finalizer_owned: owned as u64,
            finalizer_defers_total: self.0.reaper.now().deferred,
        }
    }
}

/// Whether reaper and others leave a transition in the hands of this job.
fn is_uninterrupted(job: &RunningJob) -> bool {
    let leaves = match job.kind {
        JobKind::Gate | JobKind::MergePrepare | JobKind::Land | JobKind::Deploy => true,
        JobKind::Agent | JobKind::Staging | JobKind::Ci | JobKind::Monitor | JobKind::Stop => false,
    };
    leaves && job.task.is_some()
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
        resource: lease.resource.clone(),
        work_item,
        epoch: lease.epoch,
        job: lease.holder_job.map(|j| j.0),
        kind: String::new(),
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
        kind: job.kind.as_str().to_owned(),
        owner: job.owner.clone(),
        since_ms: Some(job.claimed_ms),
        expires_ms: Some(job.lease_until_ms),
    }
}
