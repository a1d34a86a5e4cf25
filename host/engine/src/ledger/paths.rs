//! Where does the host keep its files?

use std::path::{Path, PathBuf};

/// Where the host keeps its files.
#[derive(Debug, Clone)]
pub struct Paths {
    data: PathBuf,
}

impl Paths {
    /// Below `data`.
    pub fn below(data: &Path) -> Self {
        Self {
            data: data.to_owned(),
        }
    }
    /// The database.
    pub fn database(&self) -> PathBuf {
        self.data.join("orch.db")
    }
    /// The unix socket.
    pub fn socket(&self) -> PathBuf {
        self.data.join("orch.sock")
    }
    /// What a host holds while it starts.
    pub fn starting(&self) -> PathBuf {
        self.data.join("starting.lock")
    }
    /// The access token.
    pub fn token(&self) -> PathBuf {
        self.data.join("token")
    }
    /// The host's mirror of a repository.
    pub fn mirror(&self, repo: &str) -> PathBuf {
        self.mirrors().join(format!("{repo}.git"))
    }
    pub(crate) fn data(&self) -> &Path {
        &self.data
    }
    pub(crate) fn mirrors(&self) -> PathBuf {
        self.data.join("mirrors")
    }
    pub(crate) fn workspaces(&self) -> PathBuf {
        self.data.join("workspaces")
    }
    /// What was removed and can still be brought back.
    pub(crate) fn trash(&self) -> PathBuf {
        self.data.join("trash")
    }
    /// Run folders.
    pub fn runs(&self) -> PathBuf {
        self.data.join("runs")
    }
    pub(crate) fn workspace(&self, repo: &str, task: i64, work_item: &str) -> PathBuf {
        self.workspaces()
            .join(repo)
            .join(format!("{task}-{work_item}"))
    }
    /// Images and kept versions of gates.
    pub(crate) fn gates(&self) -> PathBuf {
        self.data.join("gates")
    }
    /// Gates that came with the program, as files.
    pub(crate) fn builtin_gates(&self) -> PathBuf {
        self.data.join("builtin-gates")
    }
    /// Answers of the advisories' feed.
    pub fn advisories(&self) -> PathBuf {
        self.data.join("advisories")
    }
    /// Copies of the repositories that are submodules.
    pub(crate) fn submodules(&self) -> PathBuf {
        self.data.join("submodules")
    }
    /// Results of `ci.setup` that are kept.
    pub(crate) fn setups(&self) -> PathBuf {
        self.data.join("setups")
    }
    pub(crate) fn checkouts(&self) -> PathBuf {
        self.data.join("checkouts")
    }
}
