//! How a commit's test is asked for.

use orch_config::LOCAL_CI_CONTEXT;
use orch_domain::id::{ObjectId, RepoName, TaskId, UnixMs};
use orch_domain::imports::CheckState;
use orch_domain::job::JobKind;
use orch_domain::names::JobName;
use orch_store::{EnqueueOutcome, NewJob, StoreError, Tx};

/// Asks the local forge to test a pushed commit; `description` is what its status says meanwhile.
pub(crate) async fn ask_ci(
    tx: &mut Tx,
    repo: &RepoName,
    task: TaskId,
    sha: &ObjectId,
    description: &str,
    now: UnixMs,
) -> Result<(), StoreError> {
    tx.set_status(
        repo.as_str(),
        sha.as_str(),
        LOCAL_CI_CONTEXT,
        CheckState::Pending,
        description,
        now,
    )
    .await?;
    let job = NewJob {
        kind: JobKind::Ci,
        task: Some(task),
        repo: repo.to_string(),
        payload: serde_json::json!({"sha": sha.as_str()}).to_string(),
        priority: 4,
        run_at_ms: now,
        name: Some(JobName::Ci {
            repo: repo.clone(),
            commit: sha.clone(),
        }),
        put_off: None,
    };
    // A commit that is being tested already needs no second run.
    let (EnqueueOutcome::Enqueued(_) | EnqueueOutcome::AlreadyQueued(_)) =
        tx.enqueue(&job, now).await?;
    Ok(())
}
