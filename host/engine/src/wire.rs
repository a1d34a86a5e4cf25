//! Wiring: what the parts are made from and how they hold together.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::advisories::{OsvClient, OsvConfig};
use anyhow::Context;
use orch_gates::{Compiler, GateRuntime, Library, LibraryConfig, RuntimeConfig};
use orch_process::git::Git;
use orch_process::identity::ProcessIdentity;
use orch_store::{Owner, Store};
use sha2::{Digest, Sha256};

use crate::admission::Admission;
use crate::attended::Attended;
use crate::clock::Clock;
use crate::reaper::Tally;
use crate::reconciler::Reconciliation;
use orch_config::{
    AdvisoriesConfig, Effective, HostConfig, LiveConfig, REPO_FILE, RepoFile, RepositoryConfig,
};

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
    /// The access token.
    pub fn token(&self) -> PathBuf {
        self.data.join("token")
    }
    pub(crate) fn mirror(&self, repo: &str) -> PathBuf {
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
    /// Answers of the advisories' feed.
    pub(crate) fn advisories(&self) -> PathBuf {
        self.data.join("advisories")
    }
    pub(crate) fn checkouts(&self) -> PathBuf {
        self.data.join("checkouts")
    }
}

/// What an engine is made from.
#[derive(Debug, Clone)]
pub struct Setup {
    /// The host's configuration.
    pub config: HostConfig,
    /// The program that is started as a supervisor; normally this one.
    pub orch: PathBuf,
}

pub(crate) struct Inner {
    /// The configuration in force; replaced as a whole when the file changes.
    pub(crate) config: LiveConfig,
    pub(crate) paths: Paths,
    pub(crate) store: Store,
    pub(crate) gates: GateRuntime,
    pub(crate) library: Library,
    /// With the settings it was made for.
    pub(crate) advisories: Mutex<Option<(AdvisoriesConfig, Arc<OsvClient>)>>,
    pub(crate) clock: Clock,
    pub(crate) orch: PathBuf,
    pub(crate) repos: BTreeMap<String, Repo>,
    pub(crate) started_ms: i64,
    pub(crate) admission: Admission,
    pub(crate) attended: Attended,
    pub(crate) tally: Tally,
    pub(crate) reconciliation: Reconciliation,
    /// Held while leftovers are removed: two at once would take each other's for failures.
    pub(crate) collecting: tokio::sync::Mutex<()>,
}

/// The engine. Clones share everything.
#[derive(Clone)]
pub struct Engine(pub(crate) Arc<Inner>);

impl std::fmt::Debug for Engine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Engine")
            .field("paths", &self.0.paths)
            .finish_non_exhaustive()
    }
}

/// A registered repository: the forge's bare repository and the host's mirror of it.
#[derive(Debug, Clone)]
pub(crate) struct Repo {
    pub(crate) name: String,
    pub(crate) config: RepositoryConfig,
    pub(crate) mirror: Git,
    pub(crate) forge: Git,
    /// Held while the mirror's branches are brought up to date: git refuses two fetches of one branch.
    pub(crate) fetching: Arc<tokio::sync::Mutex<()>>,
}

impl Repo {
    /// Where the base branch is now, after bringing the mirror up to date.
    pub(crate) async fn base_tip(&self) -> anyhow::Result<orch_domain::id::ObjectId> {
        let held = self.fetching.lock().await;
        self.mirror
            .fetch(self.forge.git_dir())
            .await
            .with_context(|| format!("fetch `{}`", self.name))?;
        drop(held);
        let name = format!("refs/remotes/origin/{}", self.config.base);
        let tip = self.mirror.resolve(&name).await?;
        tip.with_context(|| {
            format!(
                "repository `{}` has no branch `{}`; push one, or set `repositories.{}.base`",
                self.name, self.config.base, self.name
            )
        })
    }

    /// The repository's own configuration at a trusted commit.
    pub(crate) async fn file_at(
        &self,
        base: &orch_domain::id::ObjectId,
    ) -> anyhow::Result<RepoFile> {
        let text = match self.mirror.read(base, REPO_FILE, 256 * 1024).await? {
            orch_process::git::Blob::Text(text) => text,
            orch_process::git::Blob::Missing => String::new(),
            orch_process::git::Blob::TooLarge(_) | orch_process::git::Blob::NotText => {
                anyhow::bail!(
                    "`{REPO_FILE}` of `{}` is no text of at most 256 KiB",
                    self.name
                )
            }
        };
        Ok(RepoFile::parse(&text)?)
    }
}

impl Engine {
    /// Opens the store, sets up the gate runtime and loads the gates. Nothing runs yet.
    ///
    /// # Errors
    /// With the part that failed and its remedy.
    pub async fn open(setup: Setup) -> anyhow::Result<Self> {
        let Setup { config, orch } = setup;
        let paths = Paths::below(config.data_dir());
        std::fs::create_dir_all(&paths.data).with_context(|| {
            format!(
                "data folder `{}` cannot be made; set `data`",
                paths.data.display()
            )
        })?;
        set_private(&paths.data);
        let owner = Owner(ProcessIdentity::current().to_string());
        let store = Store::open(&paths.database(), owner).await?;
        let gates = GateRuntime::new(RuntimeConfig::default())?;
        if !config.gates_dir().is_dir() {
            tracing::warn!(folder = %config.gates_dir().display(), "no gates folder; build gates with `cargo xtask gates`");
        }
        let library = Library::open(
            gates.clone(),
            LibraryConfig {
                folder: config.gates_dir().to_owned(),
                state: paths.gates(),
                lock: config.gates_lock().to_owned(),
                compiler: Compiler::Child(orch.clone()),
            },
        )
        .await?;
        let mut repos = BTreeMap::new();
        for (name, repository) in &config.repositories {
            let repo = Repo {
                name: name.clone(),
                config: repository.clone(),
                mirror: Git::at(paths.mirror(name))?,
                forge: Git::at(&repository.path)?,
                fetching: Arc::default(),
            };
            repos.insert(name.clone(), repo);
        }
        let clock = Clock::default();
        let started_ms = clock.now_ms();
        let admission = Admission::new(config.preflight.settings());
        let inner = Inner {
            config: LiveConfig::new(config),
            paths,
            store,
            gates,
            library,
            advisories: Mutex::default(),
            clock,
            orch,
            repos,
            started_ms,
            admission,
            attended: Attended::default(),
            tally: Tally::default(),
            reconciliation: Reconciliation::default(),
            collecting: tokio::sync::Mutex::default(),
        };
        Ok(Self(Arc::new(inner)))
    }

    /// Checks that every repository can be used and makes its mirror.
    ///
    /// # Errors
    /// With the repository and the remedy.
    pub async fn check_repositories(&self) -> anyhow::Result<()> {
        for repo in self.0.repos.values() {
            self.prepare(repo).await?;
        }
        Ok(())
    }

    pub(crate) async fn prepare(&self, repo: &Repo) -> anyhow::Result<()> {
        repo.forge
            .require_bare()
            .await
            .with_context(|| format!("repository `{}`", repo.name))?;
        repo.mirror.init().await?;
        Ok(())
    }

    pub(crate) fn repo(&self, name: &str) -> anyhow::Result<&Repo> {
        self.0.repos.get(name).with_context(|| {
            let known: Vec<&str> = self.0.repos.keys().map(String::as_str).collect();
            format!(
                "no repository `{name}`; registered are: {}",
                known.join(", ")
            )
        })
    }

    /// What applies to a task that begins now on `base`.
    pub(crate) async fn effective(
        &self,
        repo: &Repo,
        base: &orch_domain::id::ObjectId,
    ) -> anyhow::Result<(Effective, String, String)> {
        let file = repo.file_at(base).await?;
        let effective = Effective::combine(&self.config(), &repo.name, &file)?;
        let text = serde_json::to_string(&effective)?;
        let digest = hex::encode(Sha256::digest(text.as_bytes()));
        Ok((effective, text, digest))
    }

    pub(crate) async fn stored_config(&self, digest: &str) -> anyhow::Result<Effective> {
        let digest = digest.to_owned();
        let text = self
            .0
            .store
            .read(|tx| Box::pin(async move { tx.config(&digest).await }))
            .await?;
        Ok(serde_json::from_str(&text)?)
    }

    pub(crate) fn now(&self) -> i64 {
        self.0.clock.now_ms()
    }

    /// Where the host keeps its files.
    pub fn paths(&self) -> &Paths {
        &self.0.paths
    }

    /// The host's configuration as it is in force now.
    pub fn config(&self) -> Arc<HostConfig> {
        self.0.config.now()
    }

    /// The feed of advisories as it is configured now; its cache outlives a change.
    pub(crate) fn advisories(&self) -> anyhow::Result<Arc<OsvClient>> {
        let config = self.config();
        let mut held = self
            .0
            .advisories
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if let Some((made_for, client)) = &*held
            && *made_for == config.advisories
        {
            return Ok(client.clone());
        }
        let client = Arc::new(OsvClient::new(OsvConfig {
            base_url: config.advisories.url.clone(),
            cache_dir: self.0.paths.advisories(),
            timeout: Duration::from_secs(u64::from(config.advisories.timeout_s)),
            cache_ttl: Duration::from_secs(u64::from(config.advisories.cache_s)),
        })?);
        *held = Some((config.advisories.clone(), client.clone()));
        Ok(client)
    }

    /// The gates.
    pub fn gates(&self) -> &GateRuntime {
        &self.0.gates
    }
}

/// Keeps other users out of the data folder: it holds the token and the agents' logs.
fn set_private(folder: &Path) {
    use std::os::unix::fs::PermissionsExt;
    if let Err(error) = std::fs::set_permissions(folder, std::fs::Permissions::from_mode(0o700)) {
        tracing::warn!(folder = %folder.display(), error = %error, "the data folder is not private");
    }
}
