//! What is an engine made from on this machine? The only place that names the clients of the outside world.

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Context;
use orch_clients::{OsvClient, WebClient};
use orch_config::HostConfig;
use orch_engine::{Paths, Setup};
use orch_judge::Outside;

/// What the engine of this configuration is made from.
pub(crate) fn setup(config: HostConfig) -> anyhow::Result<Setup> {
    let cache = Paths::below(config.data_dir()).advisories();
    Ok(Setup {
        outside: outside(cache)?,
        orch: this_program()?,
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
