//! `orch serve`: opens everything, listens, works until it is told to end.

use std::io::IsTerminal;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::Context;
use orch_config::HostConfig;
use orch_engine::{Host, Paths};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;

use crate::client::{self, load_config};
use crate::setup::setup;
use crate::starting::Starting;

/// Names the variables of the reference system that are not gone by. One that guarded something keeps the host from
/// starting: it would be ignored in silence.
fn name_variables() -> anyhow::Result<()> {
    let names = std::env::vars_os().filter_map(|(name, _)| name.into_string().ok());
    let mut guards = Vec::new();
    for notice in orch_config::notices(names) {
        tracing::warn!(variable = notice.variable, "{}", notice.text);
        if notice.is_guard {
            guards.push(format!("`{}`: {}", notice.variable, notice.text));
        }
    }
    anyhow::ensure!(
        guards.is_empty(),
        "variables that guarded something are set and not read: {}",
        guards.join("; ")
    );
    Ok(())
}

/// How long answers under way may take when the host opens anew.
const ANSWERS_MAX: Duration = Duration::from_secs(5);

/// How long a start waits for a command that has the database: while no host answers, commands open it themselves, and
/// one that tests a base has it for minutes. Those that come now wait for the host.
const LOCK_WAIT: Duration = Duration::from_secs(300);
/// How long it waits for another host: one that sleeps has its socket and says nothing.
const HOST_WAIT: Duration = Duration::from_secs(20);
/// Time between two looks at it.
const LOCK_LOOK: Duration = Duration::from_millis(250);

pub(crate) async fn serve(file: &Path) -> anyhow::Result<u8> {
    // Before anything is claimed: an end that is asked for during the start is an orderly one too.
    let mut asked = Asked {
        terminate: signal(SignalKind::terminate())?,
        interrupt: signal(SignalKind::interrupt())?,
    };
    name_variables()?;
    if std::io::stderr().is_terminal() {
        eprintln!(
            "orch serves; end it with Ctrl-C. Agents under way go on and are taken up at the next start."
        );
    }
    loop {
        match serve_once(file, &mut asked).await? {
            Ended::Asked => return Ok(0),
            Ended::OtherRepositories => {
                tracing::info!("the repositories have changed; the host opens anew");
            }
        }
    }
}

/// Ways in which a person asks for the end.
struct Asked {
    terminate: Signal,
    interrupt: Signal,
}

/// Why a host has ended in good order.
enum Ended {
    Asked,
    /// The configuration has others than the host was opened with.
    OtherRepositories,
}

/// Opens a host. A command that came while none answered may have the database for a moment; the word that comes with
/// the host keeps others from taking it next, until the host answers.
async fn open(config: &HostConfig) -> anyhow::Result<(Host, Option<Starting>)> {
    let paths = Paths::below(config.data_dir());
    let (begun, mut starting, mut is_told) = (Instant::now(), None, false);
    loop {
        if starting.is_none() {
            // Without it the host takes its turn among the commands.
            starting = Starting::say(&paths).unwrap_or_else(|error| {
                tracing::debug!(error = %error, "commands cannot be asked to wait");
                None
            });
        }
        let error = match Host::open(setup(config.clone())?).await {
            Ok(host) => return Ok((host, starting)),
            Err(error) => error,
        };
        // A socket that takes connections is a host's, whether it answers or not; commands have none.
        let most = match tokio::net::UnixStream::connect(paths.socket()).await {
            Ok(_) => HOST_WAIT,
            Err(_) => LOCK_WAIT,
        };
        let is_over = !orch_engine::is_locked(&error) || begun.elapsed() >= most;
        if is_over || client::Host::at(&paths.socket()).await.is_some() {
            return Err(error);
        }
        if !std::mem::replace(&mut is_told, true) {
            tracing::info!(error = %error, "the start waits for whoever has the database");
        }
        tokio::time::sleep(LOCK_LOOK).await;
    }
}

/// Opens the host of the configuration as it is now, and works until it is to end.
async fn serve_once(file: &Path, asked: &mut Asked) -> anyhow::Result<Ended> {
    let config = load_config(file)?;
    let listen = config.http.listen;
    let (host, starting) = open(&config).await?;
    host.check_repositories().await?;
    for advice in host.api.people.advice() {
        tracing::warn!("{advice}");
    }
    let bound = orch_http::bind(listen, &host.paths().socket()).await?;
    drop(starting);
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
    let mut running = host.start().await?;
    let (stop, stopped) = watch::channel(false);
    tracing::info!(socket = %host.paths().socket().display(), ?address, "the host serves");
    if let Some(address) = address {
        host.api.sessions.serve_at(address);
    }
    let pages = orch_window::router(host.api.clone(), stopped.clone());
    let mut serving = tokio::spawn(bound.serve(host.api.clone(), pages, stopped));
    let mut ended = Ok(Ended::Asked);
    tokio::select! {
        _ = asked.terminate.recv() => {}
        _ = asked.interrupt.recv() => {}
        () = host.repositories_changed() => ended = Ok(Ended::OtherRepositories),
        died = running.died() => {
            tracing::error!(error = %died, "the host ends: restart it, and report this");
            ended = Err(died.into());
        }
        done = &mut serving => {
            done.context("the listener panicked")?.context("the listener ended")?;
        }
    }
    tracing::info!("the host ends; supervised runs go on");
    running.shut_down().await;
    // The listener may have ended already.
    stop.send(true).ok();
    if matches!(ended, Ok(Ended::OtherRepositories)) && !serving.is_finished() {
        // Whoever is being answered is answered by this host; what takes longer is asked again.
        tokio::time::timeout(ANSWERS_MAX, serving).await.ok();
    }
    ended
}
