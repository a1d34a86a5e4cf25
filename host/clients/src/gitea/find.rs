//! What is there, for whoever writes the configuration: whose the token is, and what may be done with a repository.

use std::time::Duration;

use orch_domain::port::{PortError, PortFailure};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::GiteaServer;

/// Looks at a repository that is said to be empty.
const EMPTY_LOOKS_MAX: u32 = 8;
/// Pause between two of them.
const EMPTY_PAUSE: Duration = Duration::from_millis(500);

/// The user of a token.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct UserFound {
    /// Number of the account, which a new name leaves as it is.
    pub id: i64,
    /// The login.
    pub login: String,
}

/// A repository as the user of the token sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RepositoryFound {
    /// Number of the repository.
    pub id: i64,
    /// Owner and name.
    pub full_name: String,
    /// Its default branch.
    pub default_branch: String,
    /// What keeps the host from working on it, with the remedy; none if nothing does.
    pub obstacles: Vec<String>,
    /// Whether the user administers it.
    pub is_administered: bool,
}

#[derive(Deserialize)]
struct Row {
    #[serde(default)]
    id: i64,
    #[serde(default)]
    full_name: String,
    #[serde(default)]
    default_branch: String,
    #[serde(default)]
    archived: bool,
    #[serde(default)]
    empty: bool,
    permissions: Option<Permissions>,
}

#[derive(Deserialize)]
struct Permissions {
    push: bool,
    #[serde(default)]
    admin: bool,
}

impl GiteaServer {
    async fn found<T: DeserializeOwned>(&self, path: &str) -> Result<T, PortError> {
        let source = self.shown();
        let answer = self.get(&source, path).await?;
        serde_json::from_value(answer.json).map_err(|error| {
            let reason = format!("its answer has another form than known: {error}");
            PortError::new(source, PortFailure::Unavailable, reason)
        })
    }

    /// Whose the token is.
    ///
    /// # Errors
    /// [`PortError`] if the server does not answer or does not take the token.
    pub async fn whose(&self) -> Result<UserFound, PortError> {
        self.found("/user").await
    }

    /// What may be done with a repository.
    ///
    /// # Errors
    /// [`PortError`] if the server does not answer or does not show the repository.
    pub async fn look_at(&self, repo: &str) -> Result<RepositoryFound, PortError> {
        let mut row: Row = self.found(&format!("/repos/{repo}")).await?;
        // Servers say so for a moment after the first push.
        for _ in 0..EMPTY_LOOKS_MAX {
            if !row.empty {
                break;
            }
            tokio::time::sleep(EMPTY_PAUSE).await;
            row = self.found(&format!("/repos/{repo}")).await?;
        }
        let mut obstacles = Vec::new();
        if row.archived {
            obstacles.push("it is archived; take it out of the archive".to_owned());
        }
        if row.empty {
            obstacles.push("it has no commit; push a first one to its base".to_owned());
        }
        if !row.permissions.as_ref().is_some_and(|may| may.push) {
            obstacles.push(
                "the user of the token may not write to it; make it a collaborator with the right to write"
                    .to_owned(),
            );
        }
        // A branch of this name leaves no room for the host's own below it.
        let own = format!("/repos/{repo}/branches/orch");
        match self.found::<serde_json::Value>(&own).await {
            Ok(_) => obstacles.push(
                "it has a branch `orch`, so there can be none like `orch/ITEM`; rename that branch"
                    .to_owned(),
            ),
            Err(error) if error.failure == PortFailure::NotFound => {}
            Err(error) => return Err(error),
        }
        Ok(RepositoryFound {
            id: row.id,
            full_name: row.full_name,
            default_branch: row.default_branch,
            obstacles,
            is_administered: row.permissions.is_some_and(|may| may.admin),
        })
    }
}
