//! Takes and keeps a repository's merge lease for the task of a job.

use std::time::Duration;

use orch_config::LiveConfig;
use orch_domain::id::WorkItem;
use orch_domain::names::LeaseName;
use orch_domain::notice::{LeaseLoss, NoticeKind};
use orch_store::{AcquireOutcome, ClaimedJob, TaskRecord};

use crate::ledger::Ledger;
use crate::ledger::notices::announce;

/// The merge leases. Clones are the same.
#[derive(Debug, Clone)]
pub(super) struct MergeLease {
    pub(super) ledger: Ledger,
    pub(super) config: LiveConfig,
}

/// What asking for the lease came to.
#[must_use]
pub(super) enum Taken {
    Held,
    /// Another task has it.
    Busy(WorkItem),
}

impl MergeLease {
    /// Takes the lease, or renews it under a new epoch if the task has it already.
    pub(super) async fn take(
        &self,
        job: &ClaimedJob,
        record: &TaskRecord,
    ) -> anyhow::Result<Taken> {
        let lease = LeaseName::Merge(record.task.repo.clone());
        let (task, id) = (record.task.id, job.key.id);
        let (owner, now) = (self.ledger.owner(), self.ledger.now());
        let ttl = self.config.now().merge_lock_timeout_ms();
        let outcome = self
            .ledger
            .write(move |tx| {
                Box::pin(async move {
                    let outcome = tx.acquire_lease(&lease, task, id, &owner, now, ttl).await?;
                    if let AcquireOutcome::Held {
                        epoch,
                        reclaimed_from: Some(from),
                    } = &outcome
                    {
                        let kind = NoticeKind::LeaseReclaimed {
                            lease: lease.to_string(),
                            holder: *from,
                            why: LeaseLoss::TakenOver { by: task },
                        };
                        let key = format!("reclaim:{lease}:{epoch}");
                        announce(tx, Some(task), &key, kind, now).await?;
                    }
                    Ok(outcome)
                })
            })
            .await?;
        match outcome {
            AcquireOutcome::Held { .. } => Ok(Taken::Held),
            AcquireOutcome::Busy { holder, .. } => {
                let holder = self.ledger.read(|tx| Box::pin(tx.task(holder))).await?;
                Ok(Taken::Busy(holder.task.work_item))
            }
        }
    }

    /// Renews the lease once; false if it is no longer held.
    pub(super) async fn renew(
        &self,
        job: &ClaimedJob,
        record: &TaskRecord,
    ) -> anyhow::Result<bool> {
        let ttl = self.config.now().merge_lock_timeout_ms();
        let lease = LeaseName::Merge(record.task.repo.clone());
        let (key, now) = (job.key, self.ledger.now());
        Ok(self
            .ledger
            .write(move |tx| Box::pin(async move { tx.renew_lease(&lease, key, now, ttl).await }))
            .await?)
    }

    /// Renews the lease while tests or gates run; ends only when it is lost or the store fails.
    pub(super) async fn keep(&self, job: &ClaimedJob, record: &TaskRecord) -> anyhow::Error {
        loop {
            let ttl = self.config.now().merge_lock_timeout_ms();
            let pause = u64::try_from(ttl / 5).unwrap_or(1_000);
            tokio::time::sleep(Duration::from_millis(pause)).await;
            match self.renew(job, record).await {
                Ok(true) => {}
                Ok(false) => {
                    return anyhow::anyhow!(
                        "the merge lease was lost while the merge was under way"
                    );
                }
                Err(error) => return error,
            }
        }
    }
}
