//! What is read of the server's answers. Everything that is not named is left alone, so that another version may have
//! more of it.

use serde::Deserialize;

/// An account. Its number stays what it is; its name is what people call it now.
#[derive(Debug, Deserialize)]
pub(super) struct User {
    pub(super) id: i64,
    #[serde(default)]
    pub(super) login: String,
}

impl User {
    /// Whether this account is the one of a number.
    pub(super) fn is(user: Option<&Self>, id: i64) -> bool {
        user.is_some_and(|user| user.id == id)
    }
}

#[derive(Debug, Deserialize)]
pub(super) struct Repository {
    #[serde(default)]
    pub(super) id: i64,
    #[serde(default)]
    pub(super) full_name: String,
    #[serde(default)]
    pub(super) archived: bool,
    pub(super) permissions: Option<Permissions>,
}

#[derive(Debug, Clone, Copy, Deserialize)]
pub(super) struct Permissions {
    pub(super) push: bool,
}

#[derive(Debug, Deserialize)]
pub(super) struct Branch {
    #[serde(default)]
    pub(super) user_can_push: bool,
}

#[derive(Debug, Deserialize)]
pub(super) struct PullRequest {
    pub(super) number: u64,
    pub(super) state: String,
    #[serde(default)]
    pub(super) title: String,
    #[serde(default)]
    pub(super) body: String,
    #[serde(default)]
    pub(super) merged: bool,
    pub(super) merge_commit_sha: Option<String>,
    pub(super) user: Option<User>,
    pub(super) head: PullRequestEnd,
    pub(super) base: PullRequestEnd,
}

#[derive(Debug, Deserialize)]
pub(super) struct PullRequestEnd {
    /// The branch, also after it was deleted.
    #[serde(default)]
    pub(super) label: String,
    #[serde(rename = "ref", default)]
    pub(super) name: String,
    #[serde(default)]
    pub(super) sha: String,
    #[serde(default)]
    pub(super) repo_id: i64,
}

#[derive(Debug, Deserialize)]
pub(super) struct Review {
    #[serde(default)]
    pub(super) id: i64,
    #[serde(default)]
    pub(super) body: String,
    pub(super) user: Option<User>,
    pub(super) state: String,
    #[serde(default)]
    pub(super) submitted_at: String,
    #[serde(default)]
    pub(super) commit_id: String,
    #[serde(default)]
    pub(super) official: bool,
    #[serde(default)]
    pub(super) dismissed: bool,
}

#[derive(Debug, Deserialize)]
pub(super) struct Combined {
    pub(super) statuses: Option<Vec<CommitStatus>>,
}

#[derive(Debug, Deserialize)]
pub(super) struct CommitStatus {
    /// Counts within a commit.
    pub(super) id: i64,
    pub(super) status: Option<String>,
    #[serde(default)]
    pub(super) context: String,
    #[serde(default)]
    pub(super) description: String,
    #[serde(default)]
    pub(super) target_url: String,
    pub(super) creator: Option<User>,
    pub(super) created_at: Option<String>,
    pub(super) updated_at: Option<String>,
}

/// Something that happened to a pull request.
#[derive(Debug, Deserialize)]
pub(super) struct Happened {
    #[serde(rename = "type", default)]
    pub(super) kind: String,
    #[serde(default)]
    pub(super) created_at: String,
}

#[derive(Debug, Deserialize)]
pub(super) struct Comment {
    pub(super) user: Option<User>,
    #[serde(default)]
    pub(super) body: String,
}
