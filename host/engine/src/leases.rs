//! Leases as people see and free them: merge leases, and a task's transition as a view of its running job.

use orch_domain::id::TaskId;
use orch_store::{LeaseRow, Reaping, RunningJob};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::commands::CommandError;
use crate::wire::Engine;

/// A lease that is held.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct LeaseView {
    /// `merge:REPOSITORY` or `task:WORK-ITEM`.
    pub resource: String,
    /// Work item of the task that holds it.
    pub work_item: String,
    /// Rises with every acquisition or claim.
    pub epoch: i64,
    /// Job under which it is held.
    pub job: Option<i64>,
    /// What that job does; empty for a merge lease.
    pub kind: String,
    /// Process that holds it: boot, process id and start.
    pub owner: String,
    /// Since when, Unix milliseconds.
    pub since_ms: Option<i64>,
    /// Until when unless it is renewed, Unix milliseconds.
    pub expires_ms: Option<i64>,
}

impl Engine {
    /// Every lease that is held now.
    ///
    /// # Errors
    /// [`CommandError::Host`] when the store does not answer.
    pub async fn lease_views(&self) -> Result<Vec<LeaseView>, CommandError> {
        let (leases, running, tasks) = self
            .0
            .ledger
            .read(|tx| {
                Box::pin(async move {
                    Ok((
                        tx.leases().await?,
                        tx.running_jobs().await?,
                        tx.tasks(true, 1_000).await?,
                    ))
                })
            })
            .await?;
        let item = |id: Option<TaskId>| {
            let record = tasks.iter().find(|r| Some(r.task.id) == id);
            record.map_or_else(String::new, |r| r.task.work_item.to_string())
        };
        let merges = leases
            .iter()
            .filter(|l| l.holder.is_some())
            .map(|l| of_merge(l, item(l.holder)));
        let transitions = running
            .iter()
            .filter(|j| j.task.is_some())
            .map(|j| of_task(j, item(j.task)));
        Ok(merges.chain(transitions).collect())
    }

    /// Frees a lease by force: `merge:REPOSITORY`, or `task:WORK-ITEM`, whose job goes back to the queue under a
    /// new epoch, so that whoever worked on it writes nothing more.
    ///
    /// # Errors
    /// [`CommandError::NotFound`] when nobody holds it.
    pub async fn release_lease(&self, resource: &str) -> Result<String, CommandError> {
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
        Ok(format!("`{resource}` is free"))
    }

    async fn release_transition(
        &self,
        item: &str,
        task: TaskId,
    ) -> Result<Option<String>, CommandError> {
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
            format!("`task:{item}` is free; job {} begins anew", key.id)
        }))
    }

    /// The leases' block of the queue.
    pub(crate) async fn leases_block(&self) -> Result<serde_json::Value, CommandError> {
        let leases = self.lease_views().await?;
        let owned = leases.iter().filter(|l| is_finaliser(&l.kind)).count();
        Ok(json!({
            "leases": leases,
            "finalizer_owned": owned,
            "finalizer_defers_total": self.0.reaper.now().deferred,
        }))
    }
}

/// Jobs in whose hands the reaper and others leave a transition.
fn is_finaliser(kind: &str) -> bool {
    matches!(kind, "gate" | "merge-prepare" | "land" | "deploy")
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
