//! What is an engine made from on this machine? The only place that names the clients of the outside world.

mod forges;
mod webhooks;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use crate::embedded;
use anyhow::Context;
use orch_clients::notify::LogNotifier;
use orch_clients::{OsvClient, WebClient};
use orch_config::{ForgePlace, HostConfig};
use orch_domain::id::{DoorName, RepoName};
use orch_domain::port::forge::Forge;
use orch_domain::port::notifier::Notifier;
use orch_domain::port::tracker::Tracker;
use orch_engine::{DoorSite, Doors, Paths, Setup};
use orch_gates::{GateRuntime, RuntimeConfig};
use orch_judge::Outside;
use orch_local::{LocalForge, LocalForgeConfig, LocalTracker};

use forges::Servers;

/// What the engine of this configuration is made from.
pub(crate) fn setup(config: HostConfig) -> anyhow::Result<Setup> {
    let cache = Paths::below(config.data_dir()).advisories();
    Ok(Setup {
        outside: outside(cache)?,
        doors,
        orch: this_program()?,
        gates: embedded::gates(),
        config,
    })
}

/// The forges, trackers and notifiers of this configuration.
fn doors(site: &DoorSite<'_>) -> anyhow::Result<Doors> {
    let mut doors = Doors {
        forges: BTreeMap::new(),
        trackers: BTreeMap::new(),
        notifiers: BTreeMap::new(),
        webhooks: webhooks::sources(site.config)?,
    };
    let servers = Servers::of(site.config)?;
    for (repository_name, repository) in &site.config.repositories {
        let name = repository_name;
        let forge: Arc<dyn Forge> = match &repository.forge {
            ForgePlace::On(place) => {
                let name = RepoName::new(name.clone())?;
                servers.forge(name, place, site.paths.mirror(repository_name))?
            }
            ForgePlace::Local => Arc::new(LocalForge::new(LocalForgeConfig {
                name: RepoName::new(name.clone())?,
                path: repository.path.clone().unwrap_or_default(),
                mirror: site.paths.mirror(name),
                store: site.store.clone(),
                now: site.now.clone(),
                upstream: repository.upstream.clone(),
                base: repository.base.clone(),
            })?),
        };
        doors.forges.insert(RepoName::new(name.clone())?, forge);
    }
    let tracker: Arc<dyn Tracker> =
        Arc::new(LocalTracker::new(site.store.clone(), site.now.clone()));
    doors.trackers.insert(DoorName::new("local")?, tracker);
    let notifier: Arc<dyn Notifier> = Arc::new(LogNotifier);
    doors.notifiers.insert(DoorName::new("log")?, notifier);
    Ok(doors)
}

/// What answers gates from the outside world; the feed's answers are kept in `cache`.
pub(crate) fn outside(cache: PathBuf) -> anyhow::Result<Outside> {
    Ok(Outside {
        advisories: Arc::new(OsvClient::new(cache)?),
        web: Arc::new(WebClient::new()?),
    })
}

/// The program that confines, compiles and supervises: this one.
pub(crate) fn this_program() -> anyhow::Result<PathBuf> {
    std::env::current_exe().context("this program's own path")
}

/// What loads gates for tools: compiled ones are kept in the user's cache, since a tool is often called again for the
/// same file.
pub(crate) fn gate_runtime() -> anyhow::Result<GateRuntime> {
    Ok(GateRuntime::new(RuntimeConfig {
        images: user_cache().map(|folder| folder.join("orch/gate-images")),
        ..RuntimeConfig::default()
    })?)
}

/// The user's cache folder as the XDG base directory specification has it: an absolute path, or none.
fn user_cache() -> Option<PathBuf> {
    let named = |name: &str| std::env::var_os(name).map(PathBuf::from);
    named("XDG_CACHE_HOME")
        .filter(|folder| folder.is_absolute())
        .or_else(|| named("HOME").map(|home| home.join(".cache")))
        .filter(|folder| folder.is_absolute())
}

/// Writes a file that is not there yet.
pub(crate) fn write_new(path: &std::path::Path, text: &str) -> anyhow::Result<()> {
    use std::io::Write as _;
    let write = || -> std::io::Result<()> {
        let mut file = std::fs::File::create_new(path)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()
    };
    write().with_context(|| format!("`{}`", path.display()))
}
