//! What does a delivery of anything else speak of? A few words of JSON say where to look:
//! `{"repository": "shop", "branch": "main"}`, with `pull_request` (a number) or `commit` instead of `branch`, or
//! nothing more; or `{"issue": "SHOP-12"}` for a source of issues.

use orch_domain::id::{IssueId, ObjectId};
use orch_domain::port::webhook::{About, Arrived, Look, LookAt};
use serde::Deserialize;

use super::SpeaksFor;

/// Headers with the signature.
pub(super) const SIGNATURES: &[&str] = &["x-orch-signature", "x-hub-signature-256"];

/// The sender's own name for a delivery.
pub(super) fn delivery<'a>(arrived: &Arrived<'a>) -> Option<&'a str> {
    arrived.header("x-orch-delivery")
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Event {
    repository: Option<String>,
    branch: Option<String>,
    pull_request: Option<u64>,
    commit: Option<ObjectId>,
    issue: Option<IssueId>,
}

pub(super) fn about(body: &[u8], speaks_for: &SpeaksFor) -> About {
    let read: Event = match serde_json::from_slice(body) {
        Ok(read) => read,
        Err(error) => return About::Unreadable(error.to_string()),
    };
    if let Some(name) = read.repository {
        let Some(repo) = speaks_for.repositories.get(&name.to_lowercase()) else {
            return About::Stranger(name.chars().take(200).collect());
        };
        let at = match (read.commit, read.pull_request, read.branch) {
            (Some(commit), _, _) => LookAt::Commit(commit),
            (None, Some(number), _) => LookAt::PullRequest(number),
            (None, None, Some(branch)) => LookAt::Branch(branch),
            (None, None, None) => LookAt::Everything,
        };
        return About::Look(Look::Repository {
            repo: repo.clone(),
            at,
        });
    }
    match (&speaks_for.tracker, read.issue) {
        (Some(tracker), issue) => About::Look(Look::Tracker {
            tracker: tracker.clone(),
            issue,
        }),
        (None, _) => About::Unreadable("it names no repository".to_owned()),
    }
}
