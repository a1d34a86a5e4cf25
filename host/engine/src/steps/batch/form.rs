//! Forms a batch: who is taken along, and what their commits become on top of each other.
//!
//! Whoever cannot be stacked now is left out, which costs nothing: its turn to lead comes, and then it is told why.

use orch_domain::batch::{in_order, lands_by_its_preparation, waits_to_land, yields_to};
use orch_domain::id::{BatchId, ObjectId, TaskId, WorkItem};
use orch_store::{Batch, NewBatch, NewMember, TaskRecord};

use super::super::approval::{self, Approval};
use super::super::contexts::{can_ask_others, of_others};
use super::super::others::{landed_by_others, taken_back};
use super::super::stack::{Branch, Put, branch, put_on, rewritten};
use super::{BatchStep, Leader};
use crate::ledger::apply::pipeline_of;
use crate::ledger::unwritten::Unwritten;

/// Tasks on their way to production that are looked at, the oldest.
const WAITING_MAX: u32 = 200;
/// Tasks that are tried for each place of a batch, so that conflicts do not keep the lease for ever.
const TRIED_PER_PLACE: usize = 3;

/// What looking for company came to.
pub(super) enum Formed {
    /// Tasks that are tested together.
    Batch(Box<Batch>),
    /// The leader is prepared by itself.
    Alone,
    /// This older task leads.
    After(WorkItem),
}

impl BatchStep {
    /// Stacks those that wait with the leader.
    pub(super) async fn form(&self, leader: Leader<'_>) -> anyhow::Result<Formed> {
        let most = usize::try_from(self.config.now().merge.batch).unwrap_or(usize::MAX);
        let staging = leader.repo.config.staging.as_ref();
        let has_image = staging.is_some_and(|staging| staging.image.is_some());
        let asks_others = of_others(leader.effective).next().is_some();
        let has_tests = asks_others || leader.effective.ci.is_some();
        // An image is of one commit, and so is what is deployed from it. Without tests there is nothing to share.
        if most < 2 || has_image || !has_tests {
            return Ok(Formed::Alone);
        }
        if asks_others && (!can_ask_others(leader.repo) || self.is_unheard(leader).await?) {
            return Ok(Formed::Alone);
        }
        let waiting = self.waiting(leader).await?;
        let own = leader.record.task.id;
        if waiting.len() < 2 || !waiting.iter().any(|record| record.task.id == own) {
            return Ok(Formed::Alone);
        }
        let ids: Vec<TaskId> = waiting.iter().map(|record| record.task.id).collect();
        let older = yields_to(&leader.record.task, &ids);
        if let Some(older) = waiting.iter().find(|record| Some(record.task.id) == older) {
            return Ok(Formed::After(older.task.work_item.clone()));
        }
        let mut members: Vec<NewMember> = Vec::new();
        let tried = in_order(own, &ids).into_iter();
        for id in tried.take(most.saturating_mul(TRIED_PER_PLACE)) {
            let Some(record) = waiting.iter().find(|record| record.task.id == id) else {
                continue;
            };
            let below = members.last().map_or(leader.base, |member| &member.tip);
            match self.stacked(leader, record, below).await? {
                Some(member) => members.push(member),
                // What keeps the leader itself from landing is found and said without company.
                None if id == own => return Ok(Formed::Alone),
                None => {}
            }
            if members.len() == most {
                break;
            }
        }
        if members.len() < 2 {
            return Ok(Formed::Alone);
        }
        let batch = self.begin(leader, members).await?;
        Ok(Formed::Batch(Box::new(batch)))
    }

    /// Who waits to land as the leader does, the leader with them.
    async fn waiting(&self, leader: Leader<'_>) -> anyhow::Result<Vec<TaskRecord>> {
        let (repo, base) = (leader.repo.name.clone(), leader.record.base_branch.clone());
        let read = self.ledger.read_or(move |tx| {
            Box::pin(async move {
                let mut waiting = Vec::new();
                for record in tx.before_landing(&repo, &base, WAITING_MAX).await? {
                    let pipeline = pipeline_of(tx, &record).await?;
                    if waits_to_land(&record.task, &pipeline) && lands_by_its_preparation(&pipeline)
                    {
                        waiting.push(record);
                    }
                }
                Ok::<_, Unwritten>(waiting)
            })
        });
        let mut alike = Vec::new();
        for record in read.await? {
            let effective = self.ledger.configuration(&record.config_digest).await?;
            // A run tells of those only who would be tested in the same way, here and by others.
            let is_alike = of_others(&effective).eq(of_others(leader.effective));
            if effective.ci == leader.effective.ci && is_alike {
                alike.push(record);
            }
        }
        Ok(alike)
    }

    /// A task's commits on top of `below`; none if they cannot stand there now.
    async fn stacked(
        &self,
        leader: Leader<'_>,
        record: &TaskRecord,
        below: &ObjectId,
    ) -> anyhow::Result<Option<NewMember>> {
        let Leader { repo, base, .. } = leader;
        let Branch::Own { head, .. } = branch(&self.ledger, record, repo).await? else {
            return Ok(None);
        };
        if rewritten(&self.ledger, record, repo, base).await?.is_some() {
            return Ok(None);
        }
        // The reconciler halts such a task at its next look, which may come after the landing.
        if landed_by_others(&self.ledger, record, repo, &head, base).await?
            || taken_back(&self.ledger, record, repo).await?.is_some()
        {
            return Ok(None);
        }
        let effective = self.ledger.configuration(&record.config_digest).await?;
        let pipeline = effective.pipeline()?;
        let approved = approval::of(&self.ledger, record, repo, &pipeline, &head).await?;
        if matches!(approved, Approval::Void(_)) {
            return Ok(None);
        }
        match put_on(&self.ledger, record, repo, &head, base, below).await? {
            Put::On { tip, .. } if tip != *below => Ok(Some(NewMember {
                task: record.task.id,
                head,
                below: below.clone(),
                tip,
            })),
            // Nothing of it is left that could land, or it conflicts with one that stands before it.
            Put::On { .. } | Put::Conflict(_) | Put::Apart => {
                tracing::info!(task.id = record.task.id.0, "left out of a batch");
                Ok(None)
            }
        }
    }

    async fn begin(&self, leader: Leader<'_>, members: Vec<NewMember>) -> anyhow::Result<Batch> {
        let new = NewBatch {
            repo: leader.repo.name.clone(),
            leader: leader.record.task.id,
            base: leader.base.clone(),
            members,
        };
        let (key, now) = (leader.job.key, self.ledger.now());
        let begun = self
            .ledger
            .write(move |tx| {
                Box::pin(async move {
                    if !tx.holds(key).await? {
                        return Ok(None);
                    }
                    let id: BatchId = tx.form_batch(&new, now).await?;
                    tx.batch(id).await.map(Some)
                })
            })
            .await?;
        let Some(batch) = begun else {
            anyhow::bail!("the claim was lost while a batch was formed");
        };
        tracing::info!(
            batch.id = batch.id.0,
            repo = leader.repo.name,
            count = batch.members.len(),
            "tasks that wait for one base are prepared as a batch"
        );
        Ok(batch)
    }
}
