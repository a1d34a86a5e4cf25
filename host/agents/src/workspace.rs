//! A task's workspace: a disposable clone for the agent, read back by the host's own git.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use orch_domain::artefact::{self, AGENT_CONFIGURATION};
use orch_domain::id::{ObjectId, WorkItem};
use orch_domain::left::Refusal;
use orch_domain::stage::Role;
use orch_process::files;
use orch_process::git::{Delta, Git, GitError, Identity, Modules, Placed, Snapshot, Wanted};

/// Name and address the host commits under.
pub const BOT_NAME: &str = "Orch";
/// Address the host commits under; `.invalid` can belong to nobody.
pub const BOT_EMAIL: &str = "orch@orch.invalid";

/// The workspace of one task.
#[derive(Debug, Clone)]
pub struct Workspace {
    root: PathBuf,
    /// Where submodules are had from; none if nobody said.
    modules: Option<(Modules, Wanted)>,
}

/// Which submodules lie in the work tree, written beside it: what whoever works there cannot reach.
const SUBMODULES: &str = "submodules.json";
/// Largest such file, bytes.
const SUBMODULES_BYTES_MAX: u64 = 1024 * 1024;

/// What a run left in the workspace.
#[derive(Debug, Clone)]
pub struct Left {
    /// Tree of everything as it is.
    pub tree: ObjectId,
    /// What differs from the tree the run began with.
    pub delta: Vec<Delta>,
    /// What is there and no commit can hold.
    pub refused: Vec<Refusal>,
}

impl Workspace {
    /// The workspace below `root`, which need not exist yet.
    pub fn at(root: impl Into<PathBuf>) -> Self {
        Self {
            root: root.into(),
            modules: None,
        }
    }

    /// The same, with the submodules of its commits.
    #[must_use]
    pub fn with_submodules(self, modules: Modules, wanted: Wanted) -> Self {
        Self {
            modules: Some((modules, wanted)),
            ..self
        }
    }

    /// The whole of it.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The agent's work tree.
    pub fn tree(&self) -> PathBuf {
        self.root.join("tree")
    }

    /// Folder of the home folders.
    pub fn homes(&self) -> PathBuf {
        self.root.join("home")
    }

    /// The home folder of one agent in one role, unless it has one configured: kept for the task, and shared with no other
    /// agent or role. Who writes a change could leave instructions in it for who judges the change.
    pub fn home(&self, agent: &str, role: Role) -> PathBuf {
        // A name may be anything that a key of YAML can be.
        let is_plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        let name = agent.chars().map(|c| match is_plain(c) {
            true => c.to_string(),
            false => format!(".{:x}.", u32::from(c)),
        });
        // No name holds a dot that stands by itself.
        self.homes()
            .join(format!("{}.{role}", name.collect::<String>()))
    }

    /// Makes the home folder of an agent, or makes it usable: whoever worked there may have taken the rights away.
    ///
    /// # Errors
    /// [`GitError::Io`].
    pub fn make_home(&self, agent: &str, role: Role) -> Result<PathBuf, GitError> {
        for folder in [self.homes(), self.home(agent, role)] {
            make_folder(&folder)?;
        }
        Ok(self.home(agent, role))
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
        self.clear([tree.clone(), self.tmp()]).await?;
        for folder in [self.tmp(), self.homes()] {
            make_folder(&folder)?;
        }
        git.clone_to(&tree, branch, commit).await?;
        self.lay_out_submodules(git, commit, base).await?;
        self.restore_configuration(git, base).await?;
        let folder = self.artefacts(work_item)?;
        for name in artefact::removed_before(role) {
            remove(&folder.join(name))?;
        }
        Ok(self.snapshot(git, commit).await?.tree)
    }

    /// Removes what earlier runs left, whatever it is. What stays all the same, because it belongs to another user, is
    /// put aside: it is no reason not to begin.
    async fn clear<const N: usize>(&self, paths: [PathBuf; N]) -> Result<(), GitError> {
        let root = self.root.clone();
        off_thread(move || {
            make_folder(&root)?;
            // Whoever worked here may have taken the rights away.
            files::make_usable(&root).map_err(io(&root))?;
            for path in paths {
                if let Err(stays) = files::remove(&path) {
                    let aside = free_name(&root);
                    orch_durable::point("rename aside: before");
                    std::fs::rename(&path, &aside).map_err(io(&path))?;
                    orch_durable::point("rename aside: after");
                    tracing::warn!(path = %aside.display(), "put aside: {stays}: {}", stays.source);
                }
            }
            Ok(())
        })
        .await
    }

    /// The task's folder in the work tree, made of plain folders only: a link on the way, which a branch may bring,
    /// would lead what the host writes to somewhere else.
    ///
    /// # Errors
    /// [`GitError::Io`].
    pub fn artefacts(&self, work_item: &WorkItem) -> Result<PathBuf, GitError> {
        let mut folder = self.tree();
        for part in artefact::folder(work_item).split('/') {
            folder.push(part);
            let is_folder = std::fs::symlink_metadata(&folder).is_ok_and(|meta| meta.is_dir());
            if !is_folder {
                remove(&folder)?;
                make_folder(&folder)?;
            }
        }
        Ok(folder)
    }

    /// Everything as it is now, on top of the commit or tree `parent`.
    ///
    /// Artefacts are taken whatever a rule ignores: what a role owes is not the branch's to hide.
    ///
    /// # Errors
    /// [`GitError`]; whatever is wrong with the work tree is no error.
    pub async fn snapshot(&self, git: &Git, parent: &ObjectId) -> Result<Snapshot, GitError> {
        let placed = self.placed();
        let modules = self.modules.as_ref().map(|(modules, _)| modules);
        let laid_out = modules.zip(placed.as_deref());
        git.snapshot_beside(&self.tree(), parent, artefact::FOLDERS, laid_out)
            .await
    }

    /// Lays the submodules of the commit out, and writes down which.
    async fn lay_out_submodules(
        &self,
        git: &Git,
        commit: &ObjectId,
        base: &ObjectId,
    ) -> Result<(), GitError> {
        let list = self.root.join(SUBMODULES);
        remove(&list)?;
        let Some((modules, wanted)) = &self.modules else {
            return Ok(());
        };
        let laid = modules
            .lay_out(git, commit, base, &self.tree(), wanted)
            .await?;
        for (path, why) in &laid.left_out {
            tracing::warn!(%path, "a submodule is not there: {why}");
        }
        if laid.placed.is_empty() {
            return Ok(());
        }
        let text = serde_json::to_vec(&laid.placed).map_err(|error| GitError::Io {
            path: list.clone(),
            source: error.into(),
        })?;
        std::fs::write(&list, text).map_err(io(&list))
    }

    /// The submodules that were laid out; none if there are none.
    fn placed(&self) -> Option<Vec<Placed>> {
        let list = self.root.join(SUBMODULES);
        let meta = std::fs::symlink_metadata(&list).ok()?;
        let is_list = meta.is_file() && meta.len() <= SUBMODULES_BYTES_MAX;
        let text = is_list.then(|| std::fs::read(&list).ok()).flatten()?;
        serde_json::from_slice(&text).ok()
    }

    /// Replaces agent configuration in the work tree by the trusted base's.
    async fn restore_configuration(&self, git: &Git, base: &ObjectId) -> Result<(), GitError> {
        let tree = self.tree();
        for name in AGENT_CONFIGURATION {
            remove(&tree.join(name))?;
        }
        for entry in git.listed(base, &AGENT_CONFIGURATION).await? {
            // Symbolic links in agent configuration would lead out of the trusted tree.
            if !entry.mode.starts_with("100") {
                continue;
            }
            if let orch_process::git::Blob::Text(text) = git.read_blob(&entry, 1024 * 1024).await? {
                let path = tree.join(OsStr::from_bytes(entry.path.as_bytes()));
                let parent = path.parent().unwrap_or(&tree).to_owned();
                std::fs::create_dir_all(&parent).map_err(|source| GitError::Io {
                    path: parent,
                    source,
                })?;
                std::fs::write(&path, text).map_err(|source| GitError::Io { path, source })?;
            }
        }
        Ok(())
    }

    /// What the run left, compared with the tree it began with. Whatever it left is an answer: no tree is so bad that
    /// it has to be read again.
    ///
    /// # Errors
    /// [`GitError`] when the host's own side fails.
    pub async fn read_back(&self, git: &Git, began: &ObjectId) -> Result<Left, GitError> {
        let Snapshot { tree, refused } = self.snapshot(git, began).await?;
        let delta = git.delta(began, &tree).await?;
        Ok(Left {
            tree,
            delta,
            refused,
        })
    }

    /// Removes the whole workspace, whatever is in it.
    ///
    /// # Errors
    /// [`GitError::Io`] only for what belongs to another user.
    pub async fn remove(&self) -> Result<(), GitError> {
        let root = self.root.clone();
        off_thread(move || remove(&root)).await
    }
}

/// Removes a file, link or folder; one that is not there is removed.
fn remove(path: &Path) -> Result<(), GitError> {
    files::remove(path).map_err(|stays| GitError::Io {
        path: stays.path.clone(),
        source: std::io::Error::other(stays),
    })
}

fn make_folder(path: &Path) -> Result<(), GitError> {
    if std::fs::symlink_metadata(path).is_ok_and(|meta| !meta.is_dir()) {
        remove(path)?;
    }
    std::fs::create_dir_all(path).map_err(io(path))?;
    files::make_usable(path).map_err(io(path))
}

fn io(path: &Path) -> impl FnOnce(std::io::Error) -> GitError {
    let path = path.to_owned();
    move |source| GitError::Io { path, source }
}

/// A name in `root` that nothing has.
fn free_name(root: &Path) -> PathBuf {
    let names = (0_u64..).map(|number| root.join(format!("left-over-{number}")));
    let mut free = names.filter(|path| std::fs::symlink_metadata(path).is_err());
    free.next().unwrap_or_else(|| root.join("left-over"))
}

/// Does what goes through many files without holding up anything else.
async fn off_thread<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, GitError> + Send + 'static,
) -> Result<T, GitError> {
    let done = tokio::task::spawn_blocking(work).await;
    done.unwrap_or_else(|error| {
        Err(GitError::Io {
            path: PathBuf::new(),
            source: std::io::Error::other(error),
        })
    })
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
