//! What a gate sees of the forge: required contexts of a commit, and the task's pull request.
//!
//! Of its own tests the host is the witness; what a forge shows under that name anybody may have written.

use orch_config::RequiredContext;
use orch_domain::artefact;
use orch_domain::id::{ObjectId, UnixMs};
use orch_domain::imports::{Check, CheckState, CommitStatus, PullRequestInfo, Review, ReviewState};
use orch_domain::port::forge::PullRequestState;
use orch_domain::task::Status as TaskStatus;
use orch_store::TaskRecord;

use super::super::contexts::{self, QUIET_MS, Times};
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
    required: &[RequiredContext],
) -> anyhow::Result<CommitStatus> {
    let (name, commit) = (record.task.repo.clone(), sha.clone());
    let own = ledger
        .read(|tx| Box::pin(async move { tx.test_state(&name, &commit).await }))
        .await?
        .map(|test| test.check());
    let asks_others = !required.iter().all(RequiredContext::is_own);
    let prepared = match own.is_none() || asks_others {
        true => prepared(ledger, record, sha).await?,
        false => None,
    };
    let own = own.or(prepared.as_ref().and_then(|prepared| prepared.own));
    // What others said of a batch is written down; its members' commits below its tip they have never seen.
    let is_of_batch = prepared.is_some_and(|prepared| prepared.is_of_batch);
    let posted = match asks_others && !is_of_batch {
        true => repo.forge.statuses(sha).await?,
        false => Vec::new(),
    };
    let times = Times {
        now: ledger.now(),
        waits_since: waits_since(&record.task.status),
        quiet_ms: QUIET_MS,
    };
    let said = |context: &RequiredContext, state| Check {
        context: context.name.clone(),
        state,
        url: None,
    };
    let check = |context: &RequiredContext| match (context.is_own(), is_of_batch) {
        (true, _) => said(context, own.unwrap_or(CheckState::None)),
        (false, true) => said(context, CheckState::Success),
        (false, false) => contexts::check(context, &posted, times),
    };
    let checks: Vec<Check> = required.iter().map(check).collect();
    let state = contexts::combined(&checks);
    Ok(CommitStatus {
        sha: sha.to_string(),
        state,
        checks,
    })
}

fn waits_since(status: &TaskStatus) -> Option<UnixMs> {
    match status {
        TaskStatus::Waiting { since_ms, .. } => Some(*since_ms),
        TaskStatus::Active
        | TaskStatus::AwaitingApproval { .. }
        | TaskStatus::NeedsInput { .. }
        | TaskStatus::Blocked { .. }
        | TaskStatus::Stopping
        | TaskStatus::Ended => None,
    }
}

/// What was found out when the commit was prepared for landing.
struct FoundOut {
    /// How the host's own tests ended; none if it has none.
    own: Option<CheckState>,
    /// Whether it was tested in a batch, on a commit that has this one in it: it is prepared only if all that is required
    /// was green there.
    is_of_batch: bool,
}

async fn prepared(
    ledger: &Ledger,
    record: &TaskRecord,
    sha: &ObjectId,
) -> anyhow::Result<Option<FoundOut>> {
    let prepared = prepared_of(ledger, record.task.id).await?;
    let prepared = prepared.filter(|prepared| prepared.preparation.head_sha == sha.as_str());
    Ok(prepared.map(|prepared| FoundOut {
        own: prepared.preparation.retest.map(|run| match run.passed {
            true => CheckState::Success,
            false => CheckState::Failure,
        }),
        is_of_batch: prepared.batch.is_some(),
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
