//! Where what is written after the landing goes.

use orch_agents::workspace::bot;
use orch_domain::id::{ObjectId, UnixMs};
use orch_domain::port::forge::PushOutcome;
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
    let present = repo.forge.tip(&branch).await?;
    if let Some(tip) = &present
        && repo.mirror.resolve(tip.as_str()).await?.is_none()
    {
        // Somebody else put something there; it stays below what is written now.
        repo.forge.fetch().await?;
        if repo.mirror.resolve(tip.as_str()).await?.is_none() {
            tracing::warn!(
                branch,
                "the docs branch moves all the time; the log stays in the store"
            );
            return Ok(());
        }
    }
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
    match repo.forge.push(&branch, &commit, present.as_ref()).await? {
        PushOutcome::Done => {}
        PushOutcome::Moved { .. } => {
            tracing::warn!(
                branch,
                "the docs branch moved meanwhile; the log stays in the store"
            );
        }
        PushOutcome::Refused { why } => {
            tracing::warn!(
                branch,
                why,
                "the forge refuses the docs branch; the log stays in the store"
            );
        }
    }
    Ok(())
}

fn path_name(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}
