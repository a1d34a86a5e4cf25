//! What does a delivery of Gitea or Forgejo speak of?

use orch_domain::id::{ObjectId, RepoName};
use orch_domain::port::webhook::{About, Arrived, Look, LookAt};
use serde::Deserialize;

use super::SpeaksFor;

/// Headers with the signature: the same in all of them, and one of them always there.
pub(super) const SIGNATURES: &[&str] = &[
    "x-forgejo-signature",
    "x-gitea-signature",
    "x-gogs-signature",
    "x-hub-signature-256",
];

/// The kind of event. Some versions leave it empty and name only its type.
pub(super) fn event(arrived: &Arrived<'_>) -> String {
    let names = [
        "x-forgejo-event",
        "x-gitea-event",
        "x-gogs-event",
        "x-forgejo-event-type",
        "x-gitea-event-type",
    ];
    let found = names.iter().find_map(|name| arrived.header(name));
    found.unwrap_or_default().chars().take(64).collect()
}

/// The server's own name for a delivery. Sent again by hand, it has another one.
pub(super) fn delivery<'a>(arrived: &Arrived<'a>) -> Option<&'a str> {
    let names = ["x-forgejo-delivery", "x-gitea-delivery", "x-gogs-delivery"];
    names.iter().find_map(|name| arrived.header(name))
}

/// What is read of an event; everything else of it is read back from the server.
#[derive(Deserialize)]
struct Event {
    repository: Option<Repository>,
    /// Whole with pushes and deleted branches, short with some versions of new ones.
    #[serde(rename = "ref")]
    reference: Option<String>,
    ref_type: Option<String>,
    pull_request: Option<Numbered>,
    issue: Option<Issue>,
    /// Of a status.
    sha: Option<String>,
    workflow_run: Option<WorkflowRun>,
}

#[derive(Deserialize)]
struct Repository {
    #[serde(default)]
    id: i64,
    full_name: String,
}

#[derive(Deserialize)]
struct Numbered {
    number: u64,
}

#[derive(Deserialize)]
struct Issue {
    number: u64,
    /// There if the issue is a pull request.
    pull_request: Option<serde_json::Value>,
}

#[derive(Deserialize)]
struct WorkflowRun {
    head_sha: String,
}

pub(super) fn about(event: &str, body: &[u8], speaks_for: &SpeaksFor) -> About {
    let read: Event = match serde_json::from_slice(body) {
        Ok(read) => read,
        Err(error) => return About::Unreadable(error.to_string()),
    };
    let Some(repository) = &read.repository else {
        return About::Nothing;
    };
    let Some(repo) = named(repository, speaks_for) else {
        return About::Stranger(repository.full_name.chars().take(200).collect());
    };
    if read.pull_request.is_none()
        && read.reference.is_none()
        && let Some(issue) = &read.issue
        && issue.pull_request.is_none()
        && let Some(tracker) = &speaks_for.tracker
    {
        return About::Look(Look::Tracker {
            tracker: tracker.clone(),
            issue: None,
        });
    }
    match at(event, &read) {
        Ok(Some(at)) => About::Look(Look::Repository {
            repo: repo.clone(),
            at,
        }),
        Ok(None) => About::Nothing,
        Err(why) => About::Unreadable(why),
    }
}

/// The repository that an event is about, by its number on the server where that is known: a name may have become
/// another one's.
fn named<'a>(told: &Repository, speaks_for: &'a SpeaksFor) -> Option<&'a RepoName> {
    let mut names = speaks_for.repositories.values();
    let by_id = names.find(|name| speaks_for.places.id(name) == Some(told.id));
    by_id.or_else(|| {
        let name = speaks_for
            .repositories
            .get(&told.full_name.to_lowercase())?;
        speaks_for.places.id(name).is_none().then_some(name)
    })
}

/// Where to look. What an event of an unknown kind speaks of is told by what it has.
fn at(event: &str, read: &Event) -> Result<Option<LookAt>, String> {
    if let Some(reference) = &read.reference {
        let is_tag = read.ref_type.as_deref() == Some("tag") || reference.starts_with("refs/tags/");
        let branch = reference.strip_prefix("refs/heads/").unwrap_or(reference);
        return Ok((!is_tag).then(|| LookAt::Branch(branch.to_owned())));
    }
    if let Some(pull_request) = &read.pull_request {
        return Ok(Some(LookAt::PullRequest(pull_request.number)));
    }
    if let Some(issue) = &read.issue {
        let number = issue.pull_request.as_ref().map(|_| issue.number);
        return Ok(number.map(LookAt::PullRequest));
    }
    if let Some(sha) = &read.sha {
        return commit(sha);
    }
    if let Some(run) = &read.workflow_run {
        return commit(&run.head_sha);
    }
    // A change of the repository as a whole: renamed, archived, made private.
    Ok((event == "repository").then_some(LookAt::Everything))
}

fn commit(sha: &str) -> Result<Option<LookAt>, String> {
    let commit = ObjectId::new(sha).map_err(|error| error.to_string())?;
    Ok(Some(LookAt::Commit(commit)))
}
