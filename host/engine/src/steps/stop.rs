//! Carries out a stop: ends what still runs, keeps the work, removes workspace and branch.

use orch_agents::folder::RunFolder;
use orch_agents::launcher;
use orch_agents::workspace::{Workspace, bot};
use orch_domain::transition::Event;
use orch_process::git::RefOutcome;
use orch_store::{ClaimedJob, RunEnd, RunRow, TaskRecord};

use crate::engine::{Engine, Repo};

pub(super) async fn handle(engine: &Engine, job: &ClaimedJob) -> anyhow::Result<()> {
    let (record, repo, _) = engine.subject(job).await?;
    let task = record.task.id;
    let open: Vec<RunRow> = engine
        .0
        .store
        .read(|tx| Box::pin(tx.open_runs(task)))
        .await?;
    for run in &open {
        let folder = RunFolder::at(&run.folder);
        launcher::end(&folder, "the task is stopped").await?;
    }
    let workspace = Workspace::at(engine.0.paths.workspace(
        &repo.name,
        task.0,
        record.task.work_item.as_str(),
    ));
    let git = &repo.mirror;
    let base = repo.base_tip().await?;
    let head = record.task.head.clone().unwrap_or(base);
    if workspace.tree().exists() {
        let tree = git.snapshot(&workspace.tree(), &head).await?;
        let kept = git
            .commit(
                &tree,
                &head,
                "Work in progress at the stop",
                &bot(record.updated_ms),
            )
            .await?;
        git.set_ref(&format!("refs/orch/wip/{task}/stop"), &kept)
            .await?;
    }
    remove_branch(engine, &record, repo).await?;
    workspace.remove()?;
    let now = engine.now();
    let extra: super::Extra = Box::new(move |tx| {
        Box::pin(async move {
            for run in open {
                let end = RunEnd {
                    outcome: "cancelled".to_owned(),
                    detail: "stopped".to_owned(),
                    ..RunEnd::default()
                };
                tx.finalise_run(run.id, &end, now).await?;
            }
            Ok(())
        })
    });
    engine.finish(job, Event::Stopped, extra).await
}

/// Keeps the branch's last commit on a ref of the mirror and removes the branch, if it is where the host left it.
async fn remove_branch(engine: &Engine, record: &TaskRecord, repo: &Repo) -> anyhow::Result<()> {
    let (task, git) = (record.task.id, &repo.mirror);
    let name = format!("refs/heads/{}", record.branch);
    let present = repo.forge.resolve(&name).await?;
    // A job that the stop broke off may have pushed what the task never came to know of.
    let pushed = engine
        .0
        .store
        .read(|tx| Box::pin(super::own_pushes(tx, task)))
        .await?;
    let own = present.clone().filter(|tip| pushed.contains(tip));
    let Some(tip) = own.or_else(|| record.task.head.clone()) else {
        return Ok(());
    };
    git.set_ref(&format!("refs/orch/cancelled/{task}"), &tip)
        .await?;
    let landed = git.is_ancestor(&tip, &repo.base_tip().await?).await?;
    if record.branch == record.base_branch || landed {
        return Ok(());
    }
    let forge = repo.forge.git_dir();
    match git.delete_branch(forge, &record.branch, &tip).await? {
        RefOutcome::Done => {}
        RefOutcome::Refused { actual } => {
            tracing::warn!(
                branch = record.branch,
                ?actual,
                "the branch moved and is left alone"
            );
        }
    }
    Ok(())
}
