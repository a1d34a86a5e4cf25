//! What a gate sees of the forge: required contexts of a commit, and the task's pull request.
//!
//! Of its own tests the host is the witness; what a forge shows under that name anybody may have written.

use orch_config::LOCAL_CI_CONTEXT;
use orch_domain::artefact;
use orch_domain::id::ObjectId;
use orch_domain::imports::{Check, CheckState, CommitStatus, PullRequestInfo, Review};
use orch_domain::port::forge::PullRequestState;
use orch_store::TaskRecord;

use super::subject::Subject as Asked;
use crate::ledger::Ledger;
use crate::ledger::evidence::prepared_of;
use crate::ledger::repos::Repo;

/// Combines the required contexts of a commit. Nothing required is `none` without checks; a required context
/// that nobody posted is pending.
pub(super) async fn commit_status(
    ledger: &Ledger,
    record: &TaskRecord,
    repo: &Repo,
    sha: &ObjectId,
    required: &[String],
) -> anyhow::Result<CommitStatus> {
    let (name, commit) = (record.task.repo.clone(), sha.clone());
    let own = ledger
        .read(|tx| Box::pin(async move { tx.test_state(&name, &commit).await }))
        .await?
        .map(|test| test.check());
    let own = match own {
        Some(state) => Some(state),
        None => prepared(ledger, record, sha).await?,
    };
    let is_foreign = |context: &String| context != LOCAL_CI_CONTEXT;
    let posted = match required.iter().any(is_foreign) {
        true => repo.forge.statuses(sha).await?,
        false => Vec::new(),
    };
    let state = |context: &String| match is_foreign(context) {
        true => posted
            .iter()
            .find(|status| status.context == *context)
            .map(|status| status.state),
        false => own,
    };
    let checks: Vec<Check> = required
        .iter()
        .map(|context| Check {
            context: context.clone(),
            state: state(context).unwrap_or(CheckState::None),
            url: posted
                .iter()
                .find(|status| is_foreign(context) && status.context == *context)
                .and_then(|status| status.url.clone()),
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

/// How the tests ended under which the commit was prepared for landing: in a batch they ran on a commit that has this
/// one in it.
async fn prepared(
    ledger: &Ledger,
    record: &TaskRecord,
    sha: &ObjectId,
) -> anyhow::Result<Option<CheckState>> {
    let prepared = prepared_of(ledger, record.task.id).await?;
    let run = prepared
        .map(|prepared| prepared.preparation)
        .filter(|preparation| preparation.head_sha == sha.as_str())
        .and_then(|preparation| preparation.retest);
    Ok(run.map(|run| match run.passed {
        true => CheckState::Success,
        false => CheckState::Failure,
    }))
}

/// The task's pull request with what reviewers said whose word counts there, and what people told the host. A review
/// is about the code of its commit: what roles write into the task's folder makes none stale.
pub(super) async fn pull_request(
    repo: &Repo,
    asked: Asked<'_>,
    told: Vec<Review>,
) -> anyhow::Result<Option<PullRequestInfo>> {
    let Asked { record, head, .. } = asked;
    let Some(request) = repo.forge.pull_request(&record.branch).await? else {
        return Ok(None);
    };
    let folder = artefact::folder(&record.task.work_item);
    let mut reviews = told;
    for review in repo.forge.reviews(request.number).await? {
        if !review.is_official {
            continue;
        }
        let is_fresh = match &review.commit {
            Some(commit) => repo.is_same_code(commit, head, &folder).await?,
            None => false,
        };
        reviews.push(Review {
            author: review.author,
            state: review.state,
            stale: !is_fresh,
        });
    }
    Ok(Some(PullRequestInfo {
        number: request.number,
        open: request.state == PullRequestState::Open,
        merged: matches!(request.state, PullRequestState::Merged { .. }),
        head_sha: head.to_string(),
        reviews,
    }))
}
