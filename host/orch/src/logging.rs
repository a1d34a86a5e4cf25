//! Where log lines go: standard error, as text or JSON; only the host logs more than warnings by itself.

use tracing_subscriber::EnvFilter;

use crate::cli::{Cli, Command};

pub(crate) fn start(cli: &Cli) {
    let default = if matches!(cli.command, Command::Serve) {
        "info,sqlx=warn"
    } else {
        "warn"
    };
    let filter = EnvFilter::try_from_env("ORCH_LOG").unwrap_or_else(|_| EnvFilter::new(default));
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr);
    if cli.json {
        builder.json().init()
    } else {
        builder.with_ansi(false).init()
    }
}
