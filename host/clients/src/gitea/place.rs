//! Which repository is it? Its id on the server says so; its name is only where it is now.
//!
//! The id is kept beside the mirror when the repository is seen for the first time. A repository that answers under
//! another name has moved and is followed; another one behind the old name is none of the host's.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use orch_domain::id::RepoName;
use orch_domain::port::{PortError, PortFailure};
use serde::{Deserialize, Serialize};

use super::GiteaForge;
use super::shapes::Repository;

/// What is known of a repository.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Known {
    /// Its id on the server.
    id: i64,
    /// Owner and name there now.
    now: String,
    /// Owner and name in `orch.yaml` when it was seen first: whoever changes that means another one.
    configured: String,
}

/// Where the repositories of a host are. Clones share them: a webhook tells a renamed repository by its id.
#[derive(Debug, Clone, Default)]
pub struct Places(Arc<Mutex<BTreeMap<RepoName, Known>>>);

impl Places {
    fn held(&self) -> MutexGuard<'_, BTreeMap<RepoName, Known>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The id of a repository, if it was ever seen.
    pub(crate) fn id(&self, name: &RepoName) -> Option<i64> {
        self.held().get(name).map(|known| known.id)
    }

    /// Owner and name of a repository now, if it was ever seen.
    pub(crate) fn now(&self, name: &RepoName) -> Option<String> {
        self.held().get(name).map(|known| known.now.clone())
    }

    pub(super) fn known(&self, name: &RepoName) -> Option<Known> {
        self.held().get(name).cloned()
    }

    /// Reads what was kept beside the mirror; what cannot be read is seen anew.
    pub(super) fn read(&self, name: &RepoName, mirror: &Path, configured: &str) {
        let text = std::fs::read(file(mirror)).unwrap_or_default();
        let known: Option<Known> = serde_json::from_slice(&text).ok();
        if let Some(known) = known.filter(|known| known.configured == configured) {
            self.held().insert(name.clone(), known);
        }
    }

    fn keep(&self, name: &RepoName, mirror: &Path, known: Known) -> std::io::Result<()> {
        let text = serde_json::to_vec(&known).map_err(std::io::Error::other)?;
        if mirror.is_dir() {
            orch_durable::replace(&file(mirror), &text)?;
        }
        self.held().insert(name.clone(), known);
        Ok(())
    }
}

fn file(mirror: &Path) -> PathBuf {
    mirror.join("orch-repository.json")
}

impl GiteaForge {
    /// Compares what answered with what is known of the repository, and keeps where it is.
    pub(super) fn recognised(&self, found: Repository) -> Result<Repository, PortError> {
        let known = self.places.known(&self.name);
        if let Some(known) = &known
            && known.id != found.id
        {
            let reason = format!(
                "`{}` is another repository now (number {} on the server, {} before): somebody made a new one behind \
                 the old name. Set `repositories.{}.forge.repo` to where the old one is; to work on the new one, \
                 remove `{}` and restart the host",
                self.place(),
                found.id,
                known.id,
                self.name,
                file(self.mirror.git_dir()).display()
            );
            return Err(self.failure(PortFailure::Unauthorised, reason));
        }
        let now = Known {
            id: found.id,
            now: found.full_name.clone(),
            configured: self.repo.clone(),
        };
        if found.full_name.is_empty() || known.as_ref() == Some(&now) {
            return Ok(found);
        }
        if let Some(known) = known {
            tracing::warn!(
                repo = %self.name,
                "a repository is called `{}` on its forge now, and `{}` before; it is followed",
                now.now,
                known.now
            );
        }
        let kept = self.places.keep(&self.name, self.mirror.git_dir(), now);
        kept.map_err(|error| {
            let reason = format!("where it is cannot be noted beside its mirror: {error}");
            self.failure(PortFailure::Unavailable, reason)
        })?;
        Ok(found)
    }

    /// Owner and name of the repository, as far as is known.
    pub(super) fn place(&self) -> String {
        let now = self.places.now(&self.name);
        now.unwrap_or_else(|| self.repo.clone())
    }

    /// Looks for the repository by its id; none if it was never seen, or nothing of this id is shown.
    pub(super) async fn by_id(&self) -> Result<Option<Repository>, PortError> {
        let Some(known) = self.places.known(&self.name) else {
            return Ok(None);
        };
        let path = format!("/repositories/{}", known.id);
        match self.server.get(&self.source(), &path).await {
            Ok(answer) => {
                let found: Repository = self.shape(answer.json)?;
                self.recognised(found).map(Some)
            }
            Err(error) if error.failure == PortFailure::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }
}
