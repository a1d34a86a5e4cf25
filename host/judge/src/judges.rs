//! The gates as they are loaded now, and what they are handed when they judge.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use orch_config::{AdvisoriesConfig, LiveConfig};
use orch_gates::{Compiler, GateRuntime, Library, LibraryConfig, RuntimeConfig};

use crate::advisories::{OsvClient, OsvConfig};
use crate::ledger::paths::Paths;

/// The feed with the settings it was made for.
struct Feed {
    made_for: AdvisoriesConfig,
    client: Arc<OsvClient>,
}

/// The gates. Clones share them.
#[derive(Clone)]
pub(crate) struct Judges {
    pub(crate) runtime: GateRuntime,
    pub(crate) library: Arc<Library>,
    feed: Arc<Mutex<Option<Feed>>>,
    config: LiveConfig,
    paths: Paths,
}

impl std::fmt::Debug for Judges {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Judges").finish_non_exhaustive()
    }
}

impl Judges {
    /// Sets up the runtime and loads the gates of the gates folder.
    pub(crate) async fn open(
        config: LiveConfig,
        paths: Paths,
        orch: PathBuf,
    ) -> anyhow::Result<Self> {
        let runtime = GateRuntime::new(RuntimeConfig::default())?;
        let now = config.now();
        if !now.gates_dir().is_dir() {
            tracing::warn!(folder = %now.gates_dir().display(), "there is no gates folder; build gates with `cargo xtask gates`");
        }
        let library = Library::open(
            runtime.clone(),
            LibraryConfig {
                folder: now.gates_dir().to_owned(),
                state: paths.gates(),
                lock: now.gates_lock().to_owned(),
                compiler: Compiler::Child(orch),
            },
        )
        .await?;
        Ok(Self {
            runtime,
            library: Arc::new(library),
            feed: Arc::default(),
            config,
            paths,
        })
    }

    /// The feed of advisories as it is configured now; its cache outlives a change.
    pub(crate) fn feed(&self) -> anyhow::Result<Arc<OsvClient>> {
        let config = self.config.now();
        let mut held = self.feed.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(feed) = &*held
            && feed.made_for == config.advisories
        {
            return Ok(feed.client.clone());
        }
        let client = Arc::new(OsvClient::new(OsvConfig {
            base_url: config.advisories.url.clone(),
            cache_dir: self.paths.advisories(),
            timeout: Duration::from_secs(u64::from(config.advisories.timeout_s)),
            cache_ttl: Duration::from_secs(u64::from(config.advisories.cache_s)),
        })?);
        *held = Some(Feed {
            made_for: config.advisories.clone(),
            client: client.clone(),
        });
        Ok(client)
    }
}
