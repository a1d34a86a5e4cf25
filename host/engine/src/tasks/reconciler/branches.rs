//! Removes the branches of batches that are over. The batch has landed or was given up; either way nobody needs them, and
//! whoever pushed them may be gone since.

use orch_domain::port::forge::PushOutcome;
use orch_store::BatchBranch;

use super::Reconciler;
use crate::ledger::repos::Repo;

/// Branches that are removed in one look; the next takes up the rest.
const REMOVED_MAX: u32 = 50;

/// Removes what is left. A forge that does not answer is asked again at the next look.
pub(super) async fn look(reconciler: &Reconciler) -> anyhow::Result<()> {
    let over = reconciler
        .ledger
        .read(|tx| Box::pin(tx.batch_branches_over(REMOVED_MAX)))
        .await?;
    for branch in over {
        // That of a repository that is not configured any more stays known until it is again.
        let Some(repo) = reconciler.repos.find(&branch.repo) else {
            continue;
        };
        let source = format!("forge:{}", repo.name);
        match removed(repo, &branch).await {
            Ok(()) => {
                reconciler.status.answered(&source);
                reconciler
                    .ledger
                    .write(move |tx| Box::pin(async move { tx.forget_batch_branch(&branch).await }))
                    .await?;
            }
            Err(error) => reconciler.status.failed(&source, &format!("{error:#}")),
        }
    }
    Ok(())
}

/// Removes one branch, unless somebody else has put something of theirs there.
async fn removed(repo: &Repo, branch: &BatchBranch) -> anyhow::Result<()> {
    let name = &branch.branch;
    match repo.forge.delete_branch(name, &branch.sha).await? {
        PushOutcome::Done => {
            tracing::info!(
                batch.id = branch.batch.0,
                branch = name,
                "the branch of a batch is removed"
            );
        }
        PushOutcome::Moved { actual: None } => {}
        PushOutcome::Moved { actual: Some(at) } => {
            tracing::warn!(branch = name, sha = %at, "somebody else pushed to the branch of a batch, which is left to them");
        }
        PushOutcome::Refused { why } => {
            tracing::warn!(
                branch = name,
                why,
                "the forge does not let the branch of a batch be removed; remove it by hand"
            );
        }
    }
    Ok(())
}
