//! Carries out a stop: ends what still runs, keeps the work, removes workspace and branch.

use orch_agents::folder::{RunFolder, StopReason};
use orch_agents::launcher;
use orch_agents::workspace::{Workspace, bot};
use orch_domain::outcome::RunEnding;
use orch_domain::port::forge::PushOutcome;
use orch_domain::transition::Event;
use orch_store::{ClaimedJob, RunEnd, RunRow, TaskRecord};

use crate::ledger::Ledger;
use crate::ledger::ending::{Ending, Write};
use crate::ledger::intent::own_pushes;
use crate::ledger::paths::Paths;
use crate::ledger::repos::{Repo, Repos};

/// Ends whatever a stopped task still has running and cleans up after it.
#[derive(Debug, Clone)]
pub(super) struct StopStep {
    pub(super) ledger: Ledger,
    pub(super) repos: Repos,
    pub(super) paths: Paths,
}

impl StopStep {
    pub(super) async fn run(&self, job: &ClaimedJob) -> anyhow::Result<Ending> {
        let record = self.ledger.record(job).await?;
        let task = record.task.id;
        let open: Vec<RunRow> = self.ledger.read(|tx| Box::pin(tx.open_runs(task))).await?;
        for run in &open {
            let folder = RunFolder::at(&run.folder);
            launcher::end(&folder, StopReason::Person).await?;
        }
        match self.repos.find(record.task.repo.as_str()) {
            Some(repo) => {
                repo.prepare().await?;
                self.keep_work(&record, repo).await?;
                self.remove_branch(&record, repo).await?;
                if let Err(error) = self.workspace(&record, repo).remove().await {
                    // Only what belongs to another user stays; the stop does not wait for it, and `orch gc` names it.
                    let why = anyhow::Error::from(error);
                    tracing::warn!(task.id = task.0, "the workspace stays: {why:#}");
                }
            }
            // Somebody took it out of the configuration: the host has no business there any more, and the task would
            // never end.
            None => tracing::warn!(
                task.id = task.0,
                repo = %record.task.repo,
                "its repository is not in orch.yaml any more; branch and workspace are left as they are"
            ),
        }
        let ended = open.into_iter().map(|run| Write::RunEnded {
            run: run.id,
            end: RunEnd::of(RunEnding::Cancelled, "stopped"),
        });
        Ok(Ending::Event {
            event: Event::Stopped,
            also: ended.collect(),
        })
    }

    fn workspace(&self, record: &TaskRecord, repo: &Repo) -> Workspace {
        let (task, item) = (record.task.id, record.task.work_item.as_str());
        Workspace::at(self.paths.workspace(&repo.name, task.0, item))
            .with_submodules(repo.modules.clone(), repo.submodules.clone())
    }

    /// Keeps what lies in the workspace on a ref of the mirror.
    async fn keep_work(&self, record: &TaskRecord, repo: &Repo) -> anyhow::Result<()> {
        let workspace = self.workspace(record, repo);
        if !workspace.tree().exists() {
            return Ok(());
        }
        let git = &repo.mirror;
        let head = match &record.task.head {
            Some(head) => Some(head.clone()),
            None => repo.base_if_there().await?,
        };
        let Some(head) = head else {
            // What it would differ from is gone with the base; the stop does not wait until somebody pushes another.
            tracing::warn!(
                task.id = record.task.id.0,
                base = repo.config.base,
                "its base is gone, and what lies in the workspace is not kept"
            );
            return Ok(());
        };
        let taken = workspace.snapshot(git, &head).await?;
        for refusal in &taken.refused {
            tracing::warn!(
                task.id = record.task.id.0,
                "not kept at the stop: {refusal}"
            );
        }
        let message = "Work in progress at the stop";
        let kept = git
            .commit(&taken.tree, &head, message, &bot(record.updated_ms))
            .await?;
        let name = format!("refs/orch/wip/{}/stop", record.task.id);
        git.set_ref(&name, &kept).await?;
        Ok(())
    }

    /// Keeps the branch's last commit on a ref of the mirror and removes the branch, if it is where the host left it.
    async fn remove_branch(&self, record: &TaskRecord, repo: &Repo) -> anyhow::Result<()> {
        let (task, git) = (record.task.id, &repo.mirror);
        let present = repo.forge.tip(&record.branch).await?;
        // A job that the stop broke off may have pushed what the task never came to know of.
        let pushed = self
            .ledger
            .read(|tx| Box::pin(own_pushes(tx, task)))
            .await?;
        let own = present.clone().filter(|tip| pushed.contains(tip));
        let Some(tip) = own.or_else(|| record.task.head.clone()) else {
            return Ok(());
        };
        git.set_ref(&format!("refs/orch/cancelled/{task}"), &tip)
            .await?;
        let landed = match repo.base_if_there().await? {
            Some(base) => git.is_ancestor(&tip, &base).await?,
            None => false,
        };
        if record.branch == record.base_branch || landed {
            return Ok(());
        }
        match repo.forge.delete_branch(&record.branch, &tip).await? {
            PushOutcome::Done => {}
            PushOutcome::Moved { actual } => {
                tracing::warn!(
                    branch = record.branch,
                    ?actual,
                    "the branch moved and is left alone"
                );
            }
            PushOutcome::Refused { why } => {
                tracing::warn!(
                    branch = record.branch,
                    why,
                    "the forge does not let the branch be removed; it is left alone"
                );
            }
        }
        Ok(())
    }
}
