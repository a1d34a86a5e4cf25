//! How a commit's test is asked for, and how its forge hears of it.

use orch_config::LOCAL_CI_CONTEXT;
use orch_domain::commit_test::{ASKED_AGAIN_MAX, TestState};
use orch_domain::id::{ObjectId, RepoName, TaskId, UnixMs};
use orch_domain::job::JobKind;
use orch_domain::message::{Message, StatusNote};
use orch_domain::names::JobName;
use orch_store::{EnqueueOutcome, NewJob, StoreError, Tx};

/// Asks for the test of a pushed commit.
pub(crate) async fn ask_ci(
    tx: &mut Tx,
    repo: &RepoName,
    task: TaskId,
    sha: &ObjectId,
    now: UnixMs,
) -> Result<(), StoreError> {
    tx.ask_test(repo, sha, now).await?;
    post_status(tx, repo, task, sha, StatusNote::Queued, now).await?;
    enqueue(tx, repo, task, sha, now).await
}

/// Asks again for a test that was lost; false if it is answered, or was asked for again often enough.
pub(crate) async fn ask_ci_again(
    tx: &mut Tx,
    repo: &RepoName,
    task: TaskId,
    sha: &ObjectId,
    now: UnixMs,
) -> Result<bool, StoreError> {
    let asked = tx.ask_test_again(repo, sha, ASKED_AGAIN_MAX, now).await?;
    let Some(time) = asked else { return Ok(false) };
    post_status(tx, repo, task, sha, StatusNote::AskedAgain { time }, now).await?;
    enqueue(tx, repo, task, sha, now).await?;
    Ok(true)
}

/// Tells the forge how the host's own test of a commit stands.
pub(super) async fn post_status(
    tx: &mut Tx,
    repo: &RepoName,
    task: TaskId,
    sha: &ObjectId,
    note: StatusNote,
    now: UnixMs,
) -> Result<(), StoreError> {
    let state = tx.test_state(repo, sha).await?.unwrap_or(TestState::Asked);
    let key = match &note {
        StatusNote::Queued => format!("status:{repo}:{sha}:queued:{now}"),
        StatusNote::AskedAgain { time } => format!("status:{repo}:{sha}:again-{time}:{now}"),
        StatusNote::Ended { .. } | StatusNote::PassedAgain { .. } => {
            format!("status:{repo}:{sha}:ended:{now}")
        }
        // What gates say has another context and is written elsewhere.
        StatusNote::GatePassed
        | StatusNote::GateFailed
        | StatusNote::GateWaits
        | StatusNote::GateInconclusive
        | StatusNote::GatesToCome
        | StatusNote::GatesPassed => format!("status:{repo}:{sha}:gate:{now}"),
    };
    let message = Message::PostStatus {
        repo: repo.clone(),
        commit: sha.clone(),
        context: LOCAL_CI_CONTEXT.to_owned(),
        state: state.check(),
        note,
    };
    tx.push_message(Some(task), &message, &key, now).await
}

async fn enqueue(
    tx: &mut Tx,
    repo: &RepoName,
    task: TaskId,
    sha: &ObjectId,
    now: UnixMs,
) -> Result<(), StoreError> {
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
