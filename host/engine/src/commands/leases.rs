//! Frees leases by force.

use orch_domain::id::TaskId;
use orch_domain::job::{PutOff, PutOffKind};
use orch_domain::names::LeaseName;
use orch_domain::notice::{LeaseLoss, NoticeKind};
use orch_domain::person::Caller;
use orch_store::Reaping;
use orch_views::message::Message;

use super::error::CommandError;
use super::lookup::task_of_item;
use crate::ledger::Ledger;
use crate::ledger::notices::announce;
use crate::ledger::status::ReaperStatus;
use crate::ledger::turn::wake_waiters_of;

/// Frees leases. Clones are the same.
#[derive(Debug, Clone)]
pub struct Leases {
    pub(crate) ledger: Ledger,
    pub(crate) reaper: ReaperStatus,
}

impl Leases {
    /// Frees a lease by force: `merge:REPOSITORY`, or `task:WORK-ITEM`, whose job goes back to the queue under a
    /// new epoch, so that whoever worked on it writes nothing more.
    ///
    /// # Errors
    /// [`CommandError::NotFound`] when nobody holds it.
    pub async fn release(&self, resource: &str, caller: &Caller) -> Result<Message, CommandError> {
        let free = || {
            CommandError::not_found(format!("`{resource}` is not held"))
                .with_remedy("`orch lease list` shows what is held")
        };
        if let Some(item) = resource.strip_prefix("task:") {
            let task = task_of_item(&self.ledger, item).await?.task.id;
            let released = self.release_transition(item, task, caller).await?;
            return released.ok_or_else(free);
        }
        let (name, now) = (
            LeaseName::parse(resource).ok_or_else(free)?,
            self.ledger.now(),
        );
        let freed = self
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
                    let kind = NoticeKind::LeaseReclaimed {
                        lease: name.to_string(),
                        holder,
                        why: LeaseLoss::FreedByPerson,
                    };
                    let key = format!("forced:{name}:{}", lease.epoch);
                    announce(tx, Some(holder), &key, kind, now).await?;
                    wake_waiters_of(tx, holder, now).await?;
                    Ok(true)
                })
            })
            .await?;
        if !freed {
            return Err(free());
        }
        tracing::warn!(lease = resource, person = %caller.person, "lease freed by a person");
        self.reaper.change(|c| c.reclaimed += 1);
        Ok(Message {
            message: format!("`{resource}` is free"),
        })
    }

    async fn release_transition(
        &self,
        item: &str,
        task: TaskId,
        caller: &Caller,
    ) -> Result<Option<Message>, CommandError> {
        let now = self.ledger.now();
        let released = self
            .ledger
            .write(move |tx| {
                Box::pin(async move {
                    let running = tx.running_jobs().await?;
                    let Some(job) = running
                        .into_iter()
                        .find(|j| j.task == Some(task) && !j.kind.works_beside_steps())
                    else {
                        return Ok(None);
                    };
                    let why = PutOff::new(PutOffKind::Released, "a person released it");
                    let Some(key) = tx.reap(&job, &Reaping::Release, &why, now).await? else {
                        return Ok(None);
                    };
                    let kind = NoticeKind::TransitionReleased {
                        job: key.id,
                        kind: job.kind,
                    };
                    let name = format!("forced:task:{task}:{}", key.epoch);
                    announce(tx, Some(task), &name, kind, now).await?;
                    Ok(Some(key))
                })
            })
            .await?;
        Ok(released.map(|key| {
            tracing::warn!(
                job.id = key.id.0,
                job.epoch = key.epoch,
                task.id = task.0,
                person = %caller.person,
                "transition released by a person"
            );
            Message {
                message: format!("`task:{item}` is free; job {} starts again", key.id),
            }
        }))
    }
}
