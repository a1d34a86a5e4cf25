//! What stands in the place of a developer in a drill: the bad change of its class becomes a commit on its branch.
//!
//! The change follows from base and seed, and its date from the task: whoever takes it up after a crash makes the same
//! commit.

use anyhow::Context;
use orch_agents::workspace::bot;
use orch_domain::event::EventKind;
use orch_domain::id::ObjectId;
use orch_domain::outcome::RunOutcome;
use orch_domain::port::forge::PushOutcome;
use orch_domain::task::BlockReason;
use orch_domain::transition::Event;
use orch_judge::Material;
use orch_store::ClaimedJob;

use crate::ledger::Ledger;
use crate::ledger::ending::{Ending, Write};
use crate::ledger::intent::{intent, own_pushes};
use crate::ledger::repos::Repos;

/// Makes the change of a drill.
#[derive(Debug, Clone)]
pub(super) struct DrillStep {
    pub(super) ledger: Ledger,
    pub(super) repos: Repos,
}

impl DrillStep {
    pub(super) async fn run(&self, job: &ClaimedJob) -> anyhow::Result<Ending> {
        let (record, effective) = self.ledger.subject(job).await?;
        let task = record.task.id;
        let repo = self.repos.ready(record.task.repo.as_str()).await?;
        let found = self.ledger.read(|tx| Box::pin(tx.drill_of(task))).await?;
        let (drill, class) = found.context("the task carries no change of a drill")?;
        let (git, base) = (&repo.mirror, &drill.new.base);
        let has_ci = effective.ci.is_some();
        let material = Material::read(git, base, has_ci, &drill.new.seed).await?;
        let planned = match material.make(class) {
            Ok(planned) => planned,
            // It could be made when the drill began: the program is another one now.
            Err(detail) => {
                let reason = BlockReason::Config;
                return Ok(Ending::event(Event::Halted { reason, detail }));
            }
        };
        let tree = git.tree_with(base, &planned.files).await?;
        let message = format!(
            "{}: {}\n\nA drill of the gates. This commit is known to be bad and never lands.\n",
            record.task.work_item, record.task.title
        );
        let commit = git
            .commit(&tree, base, &message, &bot(record.created_ms))
            .await?;
        self.ledger
            .note(task, EventKind::PushIntent, intent(&commit))
            .await?;
        let before = record.task.head.as_ref();
        let pushed = repo.forge.push(&record.branch, &commit, before).await?;
        let halted = |detail: String| {
            let reason = BlockReason::BranchMoved;
            Ok(Ending::event(Event::Halted { reason, detail }))
        };
        match pushed {
            PushOutcome::Done => {}
            PushOutcome::Moved {
                actual: Some(actual),
            } if self.is_own(task, &actual).await? => {}
            PushOutcome::Moved { actual } => {
                return halted(format!("somebody else moved the branch to {actual:?}"));
            }
            PushOutcome::Refused { why } => {
                return halted(format!("the forge refuses the branch: {why}"));
            }
        }
        tracing::info!(task.id = task.0, sha = %commit, "the change of a drill is made: {class}");
        let mut also = Vec::new();
        if has_ci {
            also.push(Write::AskCi(commit.clone()));
        }
        Ok(Ending::Event {
            event: Event::RunEnded {
                outcome: RunOutcome::Completed,
                head: Some(commit),
            },
            also,
        })
    }

    /// Whether a commit on the branch is one that an earlier try put there.
    async fn is_own(&self, task: orch_domain::id::TaskId, at: &ObjectId) -> anyhow::Result<bool> {
        let own = self.ledger.read(|tx| Box::pin(own_pushes(tx, task)));
        Ok(own.await?.contains(at))
    }
}
