//! What a gate sees of the forge: required contexts of a commit, and the task's pull request.

use orch_domain::id::ObjectId;
use orch_domain::imports::{Check, CheckState, CommitStatus, PullRequestInfo};
use orch_domain::port::forge::PullRequestState;
use orch_store::TaskRecord;

use crate::ledger::Ledger;

/// Combines the required contexts of a commit. Nothing required is `none` without checks; a required context
/// that nobody posted is pending.
pub(crate) async fn commit_status(
    ledger: &Ledger,
    repo: &str,
    sha: &ObjectId,
    required: &[String],
) -> anyhow::Result<CommitStatus> {
    let (name, commit) = (repo.to_owned(), sha.to_string());
    let posted = ledger
        .read(|tx| Box::pin(async move { tx.statuses(&name, &commit).await }))
        .await?;
    let checks: Vec<Check> = required
        .iter()
        .map(|context| {
            let found = posted.iter().find(|status| status.context == *context);
            Check {
                context: context.clone(),
                state: found.map_or(CheckState::None, |s| s.state),
                url: None,
            }
        })
        .collect();
    let any = |wanted: &[CheckState]| checks.iter().any(|c| wanted.contains(&c.state));
    let state = if checks.is_empty() {
        CheckState::None
    } else if any(&[CheckState::Failure, CheckState::Error]) {
        CheckState::Failure
    } else if any(&[CheckState::Pending, CheckState::None]) {
        CheckState::Pending
    } else {
        CheckState::Success
    };
    Ok(CommitStatus {
        sha: sha.to_string(),
        state,
        checks,
    })
}

/// The task's pull request.
pub(crate) async fn pull_request(
    ledger: &Ledger,
    record: &TaskRecord,
    head: &ObjectId,
) -> anyhow::Result<Option<PullRequestInfo>> {
    let (repo, branch) = (record.task.repo.to_string(), record.branch.clone());
    let found = ledger
        .read(|tx| Box::pin(async move { tx.pull_request(&repo, &branch).await }))
        .await?;
    Ok(found.map(|request| PullRequestInfo {
        number: request.number,
        open: request.state == PullRequestState::Open,
        merged: request.merged_commit().is_some(),
        head_sha: head.to_string(),
        reviews: Vec::new(),
    }))
}
