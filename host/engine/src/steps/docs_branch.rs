//! Where what is written after the landing goes.

use orch_agents::workspace::bot;
use orch_domain::id::{ObjectId, UnixMs};
use orch_process::git::RefOutcome;
use orch_store::TaskRecord;

use crate::ledger::repos::Repo;

/// What was written after landing cannot be on the landed commit: it goes to a docs branch of its own, which
/// keeps what an earlier log left there.
pub(super) async fn publish_docs(
    now: UnixMs,
    record: &TaskRecord,
    repo: &Repo,
    landed: &ObjectId,
    path: &str,
    log: &str,
) -> anyhow::Result<()> {
    let branch = format!("orch-docs/{}-{}", record.task.work_item, record.task.id);
    let present = repo
        .mirror
        .remote_branch(repo.forge.git_dir(), &branch)
        .await?;
    let parent = present.as_ref().unwrap_or(landed);
    let tree = repo
        .mirror
        .tree_with(parent, &[(path.to_owned(), Some(log.as_bytes().to_vec()))])
        .await?;
    if tree == repo.mirror.tree_of(parent).await? {
        return Ok(());
    }
    let message = format!("{}: {}\n", record.task.work_item, path_name(path));
    let commit = repo
        .mirror
        .commit(&tree, parent, &message, &bot(now))
        .await?;
    match repo
        .mirror
        .push(repo.forge.git_dir(), &commit, &branch, present.as_ref())
        .await?
    {
        RefOutcome::Done => {}
        RefOutcome::Refused { .. } => {
            tracing::warn!(
                branch,
                "the docs branch moved meanwhile; the log stays in the store"
            );
        }
    }
    Ok(())
}

fn path_name(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}
