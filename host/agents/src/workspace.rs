//! A task's workspace: a disposable clone for the agent, read back by the host's own git.

use std::path::{Path, PathBuf};

use orch_domain::artefact::{self, AGENT_CONFIGURATION};
use orch_domain::id::{ObjectId, WorkItem};
use orch_domain::stage::Role;
use orch_process::git::{Delta, Git, GitError, Identity};

/// Name and address the host commits under.
pub const BOT_NAME: &str = "Orch";
/// Address the host commits under; `.invalid` can belong to nobody.
pub const BOT_EMAIL: &str = "orch@orch.invalid";

/// The workspace of one task.
#[derive(Debug, Clone)]
pub struct Workspace {
    root: PathBuf,
}

/// What a run left in the workspace.
#[derive(Debug, Clone)]
pub struct Left {
    /// Tree of everything as it is.
    pub tree: ObjectId,
    /// What differs from the tree the run began with.
    pub delta: Vec<Delta>,
}

impl Workspace {
    /// The workspace below `root`, which need not exist yet.
    pub fn at(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    /// The agent's work tree.
    pub fn tree(&self) -> PathBuf {
        self.root.join("tree")
    }

    /// The agent's home folder, unless it has one configured.
    pub fn home(&self) -> PathBuf {
        self.root.join("home")
    }

    /// The agent's folder for temporary files.
    pub fn tmp(&self) -> PathBuf {
        self.root.join("tmp")
    }

    /// Brings the workspace to `commit`, anew, and prepares it for a run of `role`: agent configuration comes
    /// from `base`, and verdicts that only this run may leave are removed. Answers the tree that the run
    /// begins with.
    ///
    /// The clone is made afresh for every run: nothing that an earlier run hid in ignored files or in `.git`
    /// reaches the next role.
    ///
    /// # Errors
    /// [`GitError`].
    pub async fn prepare(
        &self,
        git: &Git,
        branch: &str,
        commit: &ObjectId,
        base: &ObjectId,
        work_item: &WorkItem,
        role: Role,
    ) -> Result<ObjectId, GitError> {
        let tree = self.tree();
        remove(&tree)?;
        remove(&self.tmp())?;
        for folder in [self.tmp(), self.home()] {
            std::fs::create_dir_all(&folder).map_err(|source| GitError::Io {
                path: folder,
                source,
            })?;
        }
        git.clone_to(&tree, branch, commit).await?;
        self.restore_configuration(git, base).await?;
        for name in artefact::removed_before(role) {
            remove(&tree.join(artefact::folder(work_item)).join(name))?;
        }
        let folder = tree.join(artefact::folder(work_item));
        std::fs::create_dir_all(&folder).map_err(|source| GitError::Io {
            path: folder,
            source,
        })?;
        git.snapshot(&tree, commit).await
    }

    /// Replaces agent configuration in the work tree by the trusted base's.
    async fn restore_configuration(&self, git: &Git, base: &ObjectId) -> Result<(), GitError> {
        let tree = self.tree();
        for name in AGENT_CONFIGURATION {
            remove(&tree.join(name))?;
            for entry in git.list(base, name).await? {
                // Symbolic links in agent configuration would lead out of the trusted tree.
                if !entry.mode.starts_with("100") {
                    continue;
                }
                if let orch_process::git::Blob::Text(text) =
                    git.read_blob(&entry, 1024 * 1024).await?
                {
                    let path = tree.join(&entry.path);
                    let parent = path.parent().unwrap_or(&tree).to_owned();
                    std::fs::create_dir_all(&parent).map_err(|source| GitError::Io {
                        path: parent,
                        source,
                    })?;
                    std::fs::write(&path, text).map_err(|source| GitError::Io { path, source })?;
                }
            }
        }
        Ok(())
    }

    /// What the run left, compared with the tree it began with.
    ///
    /// # Errors
    /// [`GitError`].
    pub async fn read_back(
        &self,
        git: &Git,
        commit: &ObjectId,
        began: &ObjectId,
    ) -> Result<Left, GitError> {
        let tree = git.snapshot(&self.tree(), commit).await?;
        let delta = git.delta(began, &tree).await?;
        Ok(Left { tree, delta })
    }

    /// Removes the whole workspace.
    ///
    /// # Errors
    /// [`GitError::Io`].
    pub fn remove(&self) -> Result<(), GitError> {
        remove(&self.root)
    }
}

/// Removes a file, link or folder; one that is not there is removed.
fn remove(path: &Path) -> Result<(), GitError> {
    let io = |source| GitError::Io {
        path: path.to_owned(),
        source,
    };
    match std::fs::symlink_metadata(path) {
        Ok(meta) if meta.is_dir() => std::fs::remove_dir_all(path).map_err(io),
        Ok(_) => std::fs::remove_file(path).map_err(io),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(io(error)),
    }
}

/// What a commit of the host says of the run it came from.
#[derive(Debug, Clone)]
pub struct Trailers<'a> {
    /// Work item.
    pub task: &'a str,
    /// Stage.
    pub stage: &'a str,
    /// Attempt of the stage.
    pub attempt: u32,
    /// Role, or `host`.
    pub role: &'a str,
    /// Name of the agent, or `host`.
    pub agent: &'a str,
}

/// Message of a commit by the host.
pub fn commit_message(subject: &str, trailers: &Trailers<'_>) -> String {
    format!(
        "{subject}\n\nOrch-Task: {}\nOrch-Stage: {}\nOrch-Attempt: {}\nOrch-Role: {}\nOrch-Agent: {}\n",
        trailers.task, trailers.stage, trailers.attempt, trailers.role, trailers.agent
    )
}

/// The host's bot at this time.
pub fn bot(now_ms: i64) -> Identity {
    Identity {
        name: BOT_NAME.to_owned(),
        email: BOT_EMAIL.to_owned(),
        at_s: now_ms / 1000,
    }
}
