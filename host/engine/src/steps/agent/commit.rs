//! What a run changed becomes a commit of the host on the task's branch.

use orch_agents::workspace::{Trailers, bot, commit_message};
use orch_domain::event::EventKind;
use orch_domain::id::{ObjectId, RunId};
use orch_domain::port::forge::PushOutcome;
use orch_domain::stage::Role;
use orch_process::git::Delta;

use super::super::stack::host_files;
use super::{AgentRun, Began};
use crate::ledger::intent::intent;

/// Where the branch is after the run.
#[must_use]
pub(super) enum Committed {
    /// At the commit that the host left there.
    Advanced(ObjectId),
    /// Nothing was committed, and nothing was there before.
    Nothing,
    /// Somebody else moved it there meanwhile.
    Foreign(ObjectId),
    /// Somebody removed it.
    Gone,
    /// The forge does not let the host move it, and why.
    Refused(String),
}

impl AgentRun<'_> {
    /// Commits what the run changed and pushes it, if the branch is where the host left it.
    pub(super) async fn commit(
        &self,
        head: &ObjectId,
        began: &Began,
        delta: &[Delta],
    ) -> anyhow::Result<Committed> {
        let task = &self.record.task;
        let git = &self.repo.mirror;
        let purges = self.purges_history();
        if delta.is_empty() && began.merged_base.is_none() && !purges {
            return Ok(task
                .head
                .clone()
                .map_or(Committed::Nothing, Committed::Advanced));
        }
        let merged = began.merged_base.clone().map(ObjectId::new).transpose()?;
        let since = began.since.clone().map(ObjectId::new).transpose()?;
        let on = match (&merged, &since) {
            (Some(base), Some(since)) => {
                let who = bot(self.record.updated_ms);
                git.tree_onto(head, since, base, &who).await?
            }
            (Some(base), None) => git.merge_tree(head, base).await?,
            (None, _) => head.clone(),
        };
        let mut tree = git.apply(&on, delta).await?;
        if self.asks_others && self.role == Role::Developer {
            // What the host has written goes along: a commit of its own before the landing would have the machines of
            // others test the same code once more.
            let files = host_files(&self.step.ledger, &self.record).await?;
            tree = git.tree_with(&tree, &files).await?;
        }
        let (stage, agent) = (task.stage.to_string(), self.agent_name());
        let trailers = Trailers {
            task: task.work_item.as_str(),
            stage: &stage,
            attempt: task.attempt(),
            role: self.role.as_str(),
            agent: &agent,
        };
        let message = commit_message(
            &format!(
                "{}: {} of {}",
                task.work_item,
                self.role,
                orch_words::inert::subject(&task.title)
            ),
            &trailers,
        );
        let fork = match (&merged, purges) {
            (None, true) => Some(git.merge_base(&self.repo.base_tip().await?, head).await?),
            (_, _) => None,
        };
        let parents: Vec<&ObjectId> = match (&merged, &fork) {
            // The branch stands on the base as one commit: what it once held is no longer part of it.
            (Some(base), None) if purges || since.is_some() => vec![base],
            (_, Some(fork)) => vec![fork],
            (Some(base), None) => vec![head, base],
            (None, None) => vec![head],
        };
        // Dated by the task's last move: taking the run in again after a crash makes the same commit.
        let commit = git
            .commit_on(&tree, &parents, &message, &bot(self.record.updated_ms))
            .await?;
        // Whoever finds this commit on the branch before its run is taken in knows whose it is.
        self.step
            .ledger
            .note(task.id, EventKind::PushIntent, intent(&commit))
            .await?;
        let pushed = self
            .repo
            .forge
            .push(&self.record.branch, &commit, task.head.as_ref())
            .await?;
        Ok(match pushed {
            PushOutcome::Done => Committed::Advanced(commit),
            PushOutcome::Moved {
                actual: Some(actual),
            } => Committed::Foreign(actual),
            PushOutcome::Moved { actual: None } => Committed::Gone,
            PushOutcome::Refused { why } => Committed::Refused(why),
        })
    }

    /// Whether this run's work replaces the branch's history: a secret in an old commit cannot be removed by
    /// a new one.
    pub(super) fn purges_history(&self) -> bool {
        self.role == Role::Developer && self.record.task.rewrites_history
    }

    /// Keeps the work of a run that did not count where it can be found again.
    pub(super) async fn keep(
        &self,
        run: RunId,
        head: &ObjectId,
        delta: &[Delta],
    ) -> anyhow::Result<()> {
        if delta.is_empty() {
            return Ok(());
        }
        let git = &self.repo.mirror;
        let tree = git.apply(head, delta).await?;
        let commit = git
            .commit(
                &tree,
                head,
                "Work in progress",
                &bot(self.record.updated_ms),
            )
            .await?;
        git.set_ref(
            &format!("refs/orch/wip/{}/{run}", self.record.task.id),
            &commit,
        )
        .await?;
        Ok(())
    }
}
