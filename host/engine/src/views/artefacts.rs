//! What the roles and the host wrote down of a task: from the head of its branch, and what the host keeps itself.

use std::collections::BTreeMap;

use orch_domain::artefact::{Owner, folder, owner};
use orch_domain::id::ObjectId;
use orch_domain::path::RepoPath;
use orch_domain::stage::Role;
use orch_process::git::{Blob, GitError};
use orch_store::{HostArtefact, TaskRecord};
use orch_views::artefact::{ArtefactLine, ArtefactRequest, ArtefactView, ArtefactsView};

use crate::commands::{CommandError, named};
use crate::ledger::Ledger;
use crate::ledger::repos::Repos;

/// Artefacts that are listed.
const LISTED_MAX: usize = 500;
/// Bytes of an artefact that is shown.
const TEXT_BYTES_MAX: u64 = 512 * 1024;

/// Shows artefacts. Clones are the same.
#[derive(Debug, Clone)]
pub struct ArtefactViews {
    pub(crate) ledger: Ledger,
    pub(crate) repos: Repos,
}

impl ArtefactViews {
    /// The artefacts of a task. What the host keeps itself stands in the place of a file of the same name: the branch
    /// may hold anything there.
    ///
    /// # Errors
    /// [`CommandError::NotFound`]; [`CommandError::Conflict`] if the branch cannot be read.
    pub async fn list(&self, item: &str) -> Result<ArtefactsView, CommandError> {
        let (record, own) = self.of(item).await?;
        let mut all: BTreeMap<String, u64> = BTreeMap::new();
        if let Some(head) = &record.task.head {
            let folder = folder(&record.task.work_item);
            let git = &self.repo(&record)?.mirror;
            for entry in git.list(head, &folder).await.map_err(unreadable)? {
                if let Some(name) = entry.path.below(&folder) {
                    all.insert(name.to_string(), entry.size);
                }
            }
        }
        for artefact in own {
            let bytes = artefact.content.len() as u64;
            all.insert(artefact.path, bytes);
        }
        Ok(ArtefactsView {
            work_item: record.task.work_item.to_string(),
            head: record.task.head.as_ref().map(ObjectId::to_string),
            total: all.len() as u64,
            items: all
                .into_iter()
                .take(LISTED_MAX)
                .map(|(name, bytes)| ArtefactLine {
                    owner: role(&name),
                    name,
                    bytes,
                })
                .collect(),
        })
    }

    /// One artefact.
    ///
    /// # Errors
    /// [`CommandError::NotFound`] if there is none of this name; [`CommandError::Conflict`] for one that is no text
    /// that could be shown.
    pub async fn show(
        &self,
        item: &str,
        request: ArtefactRequest,
    ) -> Result<ArtefactView, CommandError> {
        let name = request.name;
        let (record, own) = self.of(item).await?;
        let view = |text: String, commit: Option<String>| ArtefactView {
            work_item: record.task.work_item.to_string(),
            owner: role(&name),
            name: name.clone(),
            commit,
            text,
        };
        if let Some(kept) = own.into_iter().find(|artefact| artefact.path == name) {
            return Ok(view(kept.content, None));
        }
        let missing = || {
            CommandError::not_found(format!("`{item}` has no artefact `{name}`"))
                .with_remedy(format!("`orch task artefacts {item}` lists them"))
        };
        let head = record.task.head.as_ref().ok_or_else(missing)?;
        let folder = folder(&record.task.work_item);
        let git = &self.repo(&record)?.mirror;
        // Looked for by what is listed: a name that leads elsewhere is none of these.
        let entries = git.list(head, &folder).await.map_err(unreadable)?;
        let is_it = |path: &RepoPath| {
            let inside = path.below(&folder);
            inside.is_some_and(|inside| inside.to_string() == name)
        };
        let entry = entries.into_iter().find(|entry| is_it(&entry.path));
        let entry = entry.ok_or_else(missing)?;
        let blob = git.read_blob(&entry, TEXT_BYTES_MAX);
        match blob.await.map_err(unreadable)? {
            Blob::Text(text) => Ok(view(text, Some(head.to_string()))),
            Blob::Missing => Err(missing()),
            Blob::TooLarge(bytes) => Err(CommandError::conflict(format!(
                "`{name}` has {bytes} bytes, more than are shown"
            ))
            .with_remedy("look at the branch on its forge")),
            Blob::NotText => Err(CommandError::conflict(format!("`{name}` is not text"))
                .with_remedy("look at the branch on its forge")),
        }
    }

    fn repo(&self, record: &TaskRecord) -> Result<&crate::ledger::repos::Repo, CommandError> {
        let repo = self.repos.get(record.task.repo.as_str());
        repo.map_err(|error| CommandError::not_found(format!("{error:#}")))
    }

    async fn of(&self, item: &str) -> Result<(TaskRecord, Vec<HostArtefact>), CommandError> {
        let item = named(item)?;
        let read = self.ledger.read(move |tx| {
            Box::pin(async move {
                let record = tx.task_of_item(&item).await?;
                let own = tx.host_artefacts(record.task.id).await?;
                Ok((record, own))
            })
        });
        Ok(read.await?)
    }
}

fn role(name: &str) -> Option<Role> {
    match owner(name) {
        Owner::Host => None,
        Owner::Role(role) => Some(role),
    }
}

fn unreadable(error: GitError) -> CommandError {
    CommandError::conflict(format!(
        "the branch cannot be read: {:#}",
        anyhow::Error::from(error)
    ))
    .with_remedy("old commits may be gone from the mirror; look at the branch on its forge")
}
