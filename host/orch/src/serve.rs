//! `orch serve`: opens everything, listens, works until it is told to end.

use std::io::IsTerminal;
use std::path::Path;

use anyhow::Context;
use orch_engine::Host;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

use crate::client::load_config;
use crate::setup::setup;

pub(crate) async fn serve(config: &Path) -> anyhow::Result<u8> {
    let config = load_config(config)?;
    let listen = config.http.listen;
    let host = Host::open(setup(config)?).await?;
    host.check_repositories().await?;
    for advice in host.api.people.advice() {
        tracing::warn!("{advice}");
    }
    let bound = orch_http::bind(listen, &host.paths().socket()).await?;
    let address = bound.address();
    for gate in host.api.views.gates.list() {
        if let Some(error) = &gate.error {
            tracing::warn!(
                gate.name = gate.name,
                state = gate.state.as_str(),
                error,
                "gate needs attention"
            );
        }
    }
    // Before anything is claimed: an end that is asked for during the start is an orderly one too.
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut running = host.start().await?;
    let (stop, stopped) = watch::channel(false);
    tracing::info!(socket = %host.paths().socket().display(), ?address, "the host serves");
    if std::io::stderr().is_terminal() {
        eprintln!(
            "orch serves; end it with Ctrl-C. Agents under way go on and are taken up at the next start."
        );
    }
    let mut serving = tokio::spawn(bound.serve(host.api.clone(), stopped));
    let mut failed = None;
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
        died = running.died() => {
            tracing::error!(error = %died, "the host ends: restart it, and report this");
            failed = Some(died);
        }
        ended = &mut serving => {
            ended.context("the listener panicked")?.context("the listener ended")?;
        }
    }
    tracing::info!("the host ends; supervised runs go on");
    running.shut_down().await;
    // The listener may have ended already.
    stop.send(true).ok();
    match failed {
        Some(died) => Err(died.into()),
        None => Ok(0),
    }
}
