//! Has others wait with their pushes to the base while what would land on it is tested, where the operator allows that.
//!
//! A commit lands on the very base that it was tested on. On a base that moves in every run of the tests nothing could
//! ever land, however it is batched. The hold ends by itself, so nobody has to be there to end it.

use orch_config::LiveConfig;
use orch_domain::batch::holds_base;
use orch_domain::port::forge::HoldOutcome;
use orch_store::TaskRecord;

use crate::ledger::Ledger;
use crate::ledger::repos::Repo;

/// Holds of bases. Clones are the same.
#[derive(Debug, Clone)]
pub(super) struct BaseHold {
    pub(super) ledger: Ledger,
    pub(super) config: LiveConfig,
}

impl BaseHold {
    /// Holds the base for a task whose landing it outran, or would outrun as it did the one before.
    pub(super) async fn begin(&self, record: &TaskRecord, repo: &Repo) -> anyhow::Result<()> {
        let most_ms = i64::from(self.config.now().merge.hold_s) * 1000;
        let (name, task, now) = (repo.name.clone(), record.task.id, self.ledger.now());
        let known = self.ledger.read(|tx| {
            Box::pin(async move {
                let since = now.saturating_sub(most_ms);
                let was_held = tx.landed_under_hold(&name, since).await?;
                Ok((tx.holds_base_for(&name, task, now).await?, was_held))
            })
        });
        let (is_held, was_held) = known.await?;
        if most_ms == 0 || is_held || !holds_base(record.task.overtaken, was_held) {
            return Ok(());
        }
        let until = now.saturating_add(most_ms);
        let item = &record.task.work_item;
        let why = format!("what {item} would land on it is tested");
        let base = &record.base_branch;
        match repo.forge.hold(base, until, &why).await? {
            HoldOutcome::Held => {
                tracing::info!(task.id = task.0, base, "the base is held");
                let name = repo.name.clone();
                self.ledger
                    .write(move |tx| {
                        Box::pin(async move { tx.note_hold(&name, task, until).await })
                    })
                    .await?;
            }
            HoldOutcome::NotOffered { why } => {
                tracing::warn!(task.id = task.0, base, why, "the base cannot be held");
            }
        }
        Ok(())
    }

    /// Lets the base go, if it is held for this task.
    pub(super) async fn end(
        &self,
        record: &TaskRecord,
        repo: &Repo,
        landed: bool,
    ) -> anyhow::Result<()> {
        let (name, task, now) = (repo.name.clone(), record.task.id, self.ledger.now());
        let held = self
            .ledger
            .read(|tx| Box::pin(async move { tx.holds_base_for(&name, task, now).await }))
            .await?;
        if !held {
            return Ok(());
        }
        repo.forge.let_go(&record.base_branch).await?;
        let (name, landed_ms) = (repo.name.clone(), landed.then_some(now));
        self.ledger
            .write(move |tx| {
                Box::pin(async move { tx.end_hold(&name, task, landed_ms, now).await })
            })
            .await?;
        Ok(())
    }
}
