//! What a gate sees of the forge: required contexts of a commit, and the task's pull request.
//!
//! Of its own tests the host is the witness; what a forge shows under that name anybody may have written.

use orch_config::LOCAL_CI_CONTEXT;
use orch_domain::artefact;
use orch_domain::id::{ObjectId, UnixMs};
use orch_domain::imports::{Check, CheckState, CommitStatus, PullRequestInfo, Review, ReviewState};
use orch_domain::port::forge::{PullRequestState, Status};
use orch_store::TaskRecord;

use super::subject::Subject as Asked;
use crate::ledger::Ledger;
use crate::ledger::evidence::prepared_of;
use crate::ledger::repos::Repo;

/// How long a failure of somebody else's has to stand, milliseconds.
const QUIET_MS: i64 = 30_000;

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
    let now = ledger.now();
    let posted = match required.iter().any(is_foreign) {
        true => repo.forge.statuses(sha).await?,
        false => Vec::new(),
    };
    let state = |context: &String| match is_foreign(context) {
        true => posted
            .iter()
            .find(|status| status.context == *context)
            .map(|status| settled(status, now)),
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

/// How a status counts now. A run that was broken off fails before the one that takes its place begins: a failure
/// counts when it has stood for a while, or when nobody can say for how long.
fn settled(status: &Status, now: UnixMs) -> CheckState {
    let is_young = status
        .at_ms
        .is_some_and(|at| now.saturating_sub(at).abs() < QUIET_MS);
    match status.state {
        CheckState::Failure | CheckState::Error if is_young => CheckState::Pending,
        state => state,
    }
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
    let is_elsewhere = request
        .base
        .as_ref()
        .is_some_and(|base| *base != record.base_branch);
    for review in repo.forge.reviews(request.number).await? {
        // Who may approve, and what, is said for one base.
        let is_void = is_elsewhere && review.state == ReviewState::Approved;
        if !review.is_official || is_void {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failure_of_others_counts_when_it_has_stood_for_a_while_and_a_success_at_once() {
        let status = |state, at_ms| Status {
            context: "ci/build".to_owned(),
            state,
            description: String::new(),
            url: None,
            reporter: None,
            at_ms,
        };
        let now = 10 * QUIET_MS;
        for (state, at_ms, expected) in [
            (CheckState::Failure, Some(now - 1_000), CheckState::Pending),
            (CheckState::Error, Some(now + 1_000), CheckState::Pending),
            (
                CheckState::Failure,
                Some(now - QUIET_MS),
                CheckState::Failure,
            ),
            // A clock that is far off says nothing.
            (
                CheckState::Failure,
                Some(now + QUIET_MS),
                CheckState::Failure,
            ),
            (CheckState::Failure, None, CheckState::Failure),
            (CheckState::Success, Some(now), CheckState::Success),
        ] {
            assert_eq!(
                settled(&status(state, at_ms), now),
                expected,
                "{state} {at_ms:?}"
            );
        }
    }
}
