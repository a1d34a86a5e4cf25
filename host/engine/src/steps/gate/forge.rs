//! What a gate sees of the forge: required contexts of a commit, and the task's pull request.
//!
//! Of its own tests the host is the witness; what a forge shows under that name anybody may have written.

use orch_config::RequiredContext;
use orch_domain::artefact;
use orch_domain::id::{ObjectId, UnixMs};
use orch_domain::imports::{Check, CheckState, CommitStatus, PullRequestInfo, Review, ReviewState};
use orch_domain::port::forge::{PullRequestState, Status};
use orch_domain::task::Status as TaskStatus;
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
    required: &[RequiredContext],
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
    let posted = match required.iter().all(RequiredContext::is_own) {
        true => Vec::new(),
        false => repo.forge.statuses(sha).await?,
    };
    let times = Times {
        now: ledger.now(),
        waits_since: waits_since(&record.task.status),
    };
    let check = |context: &RequiredContext| {
        let found = posted.iter().find(|status| status.context == context.name);
        let found = found.filter(|_| !context.is_own());
        let state = match context.is_own() {
            true => own.unwrap_or(CheckState::None),
            false => counted(context, found, times),
        };
        Check {
            context: shown(context, found, state),
            state,
            url: found.and_then(|status| status.url.clone()),
        }
    };
    let checks: Vec<Check> = required.iter().map(check).collect();
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

/// What is judged against.
#[derive(Debug, Clone, Copy)]
struct Times {
    now: UnixMs,
    /// Since when the task has waited where it is, which is no longer than its commit has been there; none if it does not.
    waits_since: Option<UnixMs>,
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

/// How a context of somebody else's counts now.
fn counted(context: &RequiredContext, posted: Option<&Status>, times: Times) -> CheckState {
    match posted {
        Some(status) if !context.counts_from(status.reporter.as_deref()) => CheckState::None,
        Some(status) if status.is_skipped && context.skipped_passes => CheckState::Success,
        Some(status) => settled(status, times.now),
        None => {
            let waited_ms = times
                .waits_since
                .map_or(0, |since| times.now.saturating_sub(since));
            let after_ms = context.absent_passes_after_s.map(|s| i64::from(s) * 1000);
            match after_ms.is_some_and(|after_ms| waited_ms >= after_ms) {
                true => CheckState::Success,
                false => CheckState::None,
            }
        }
    }
}

/// A context as people read it in the reason why something waits: its name, and why what was posted does not count.
fn shown(context: &RequiredContext, posted: Option<&Status>, state: CheckState) -> String {
    let name = &context.name;
    let Some(status) = posted.filter(|_| state == CheckState::None) else {
        return name.clone();
    };
    match status.reporter.as_deref() {
        reporter if !context.counts_from(reporter) => {
            let who = reporter.unwrap_or("nobody");
            format!("{name} (posted by account {who}, which its `from` does not list)")
        }
        _ if status.is_skipped => format!("{name} (skipped; `skipped_passes` would let it)"),
        _ => name.clone(),
    }
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
            is_skipped: false,
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

    #[test]
    fn skipped_absent_and_reported_by_others_count_only_as_the_operator_says() {
        let context = RequiredContext {
            from: vec!["7".to_owned()],
            skipped_passes: true,
            absent_passes_after_s: Some(60),
            ..RequiredContext::plain("ci/docs")
        };
        let strict = RequiredContext::plain("ci/docs");
        let posted = |state, reporter: &str, is_skipped| Status {
            context: "ci/docs".to_owned(),
            state,
            description: String::new(),
            url: None,
            is_skipped,
            reporter: Some(reporter.to_owned()),
            at_ms: None,
        };
        let at = |waits_since| Times {
            now: 100_000,
            waits_since,
        };
        let (none, green) = (CheckState::None, CheckState::Success);
        let skipped = posted(none, "7", true);
        assert_eq!(counted(&context, Some(&skipped), at(None)), green);
        assert_eq!(counted(&strict, Some(&skipped), at(None)), none);
        let forged = posted(green, "8", false);
        assert_eq!(counted(&context, Some(&forged), at(Some(0))), none);
        assert!(shown(&context, Some(&forged), none).contains("account 8"));
        assert_eq!(counted(&context, None, at(Some(40_000))), green);
        assert_eq!(counted(&context, None, at(Some(40_001))), none);
        assert_eq!(counted(&context, None, at(None)), none);
        assert_eq!(counted(&strict, None, at(Some(0))), none);
        let red = posted(CheckState::Failure, "7", false);
        assert_eq!(
            counted(&context, Some(&red), at(Some(0))),
            CheckState::Failure
        );
    }
}
