//! Whether it is a task's turn to run an agent: what it depends on is done, and a serial repository is its own.

use orch_domain::job::{PutOff, PutOffKind};
use orch_domain::names::LeaseName;
use orch_domain::stage::Stage;
use orch_store::{AcquireOutcome, ClaimedJob, TaskRecord};

use super::{Launchpad, Refusal};

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

impl Launchpad {
    pub(crate) async fn turn(&self, job: &ClaimedJob, record: &TaskRecord) -> anyhow::Result<Turn> {
        let (task, repo) = (record.task.id, record.task.repo.as_str());
        let unmet = self.ledger.read(|tx| Box::pin(tx.unmet(task))).await?;
        if let Some(ended) = unmet.iter().find(|d| d.stage == Stage::Cancelled) {
            return Ok(Turn::Never(format!(
                "it depends on {}, which was stopped; resume it to go on without",
                ended.work_item
            )));
        }
        let later = |what: &str| {
            Turn::Later(Refusal {
                until_ms: self.ledger.now() + LOOK_MS,
                why: PutOff::new(PutOffKind::Turn, format!("its turn: {what} comes first")),
            })
        };
        if let Some(first) = unmet.first() {
            return Ok(later(&first.work_item));
        }
        // The configuration in force, so that an operator can make a repository serial at any time.
        let config = self.config.now();
        let is_serial = config
            .repositories
            .get(repo)
            .is_some_and(|repository| repository.serial);
        if !is_serial {
            return Ok(Turn::Now);
        }
        let (lease, id, owner, now) = (
            LeaseName::Serial(record.task.repo.clone()),
            job.key.id,
            self.ledger.owner(),
            self.ledger.now(),
        );
        let acquired = self
            .ledger
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
                let holder = self
                    .ledger
                    .read(move |tx| Box::pin(tx.task(holder)))
                    .await?;
                Ok(later(holder.task.work_item.as_str()))
            }
        }
    }
}
