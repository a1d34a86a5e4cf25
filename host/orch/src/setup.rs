//! What is an engine made from on this machine? The only place that names the clients of the outside world.

mod doors;
mod forges;
mod webhooks;

use std::path::PathBuf;
use std::sync::Arc;

use crate::embedded;
use anyhow::Context;
use orch_clients::{OsvClient, WebClient};
use orch_config::HostConfig;
use orch_engine::{Paths, Setup};
use orch_gates::{GateRuntime, RuntimeConfig};
use orch_judge::Outside;

pub(crate) use self::forges::{Servers, server};
pub(crate) use self::webhooks::secret;

/// What the engine of this configuration is made from.
pub(crate) fn setup(config: HostConfig) -> anyhow::Result<Setup> {
    let cache = Paths::below(config.data_dir()).advisories();
    Ok(Setup {
        outside: outside(cache)?,
        doors: doors::doors,
        orch: this_program()?,
        gates: embedded::gates(),
        config,
    })
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
