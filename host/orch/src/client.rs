//! Asks the host: over its socket if it runs, else by opening the store oneself.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use orch_config::HostConfig;
use orch_domain::person::{Caller, Channel};
use orch_engine::{Api, Paths};
use orch_http::Call;
use orch_views::endpoint::{Endpoint, Method};
use orch_views::host;
use orch_views::message::Nothing;
use orch_views::problem::Refused;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::setup::setup;
use crate::show::problem::HostRefused;
use crate::starting;

/// How long a command waits for others that have the database: each of them is done within seconds, and dozens may wait.
const LOCK_WAIT: Duration = Duration::from_secs(300);
/// Time between two looks at it. A look sets a whole host up, and whoever has the database needs the processor: dozens
/// that look all the time keep it from coming to its end.
const LOCK_LOOK: Duration = Duration::from_secs(1);

/// How long a host may take to say that it is there; one that is stopped never says so.
const HEALTH_WAIT: Duration = Duration::from_secs(5);

/// The host, running or not.
pub(crate) enum Host {
    Running(reqwest::Client),
    /// Boxed: an engine is large beside a client. Whoever opens its store is the user of this process.
    Stopped(Box<Api>, Caller),
}

/// What to do where no host has run yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unborn {
    /// Nothing can be said of a host that never was: a wrong configuration must not look like an empty host.
    Refuse,
    /// The command begins something, so the data folder may be made.
    Make,
}

pub(crate) fn load_config(path: &Path) -> anyhow::Result<HostConfig> {
    Ok(HostConfig::load(path, |name| std::env::var(name).ok())?)
}

/// Opens the engine of a host that does not run, once nobody else has its store.
pub(crate) async fn engine(config: HostConfig) -> anyhow::Result<orch_engine::Host> {
    let paths = Paths::below(config.data_dir());
    let begun = Instant::now();
    loop {
        let is_over = begun.elapsed() >= LOCK_WAIT;
        if is_over || !starting::is_said(&paths) {
            match orch_engine::Host::open(setup(config.clone())?).await {
                Ok(host) => return Ok(host),
                Err(error) if is_over || !orch_engine::is_locked(&error) => return Err(error),
                Err(_) => {}
            }
        }
        tokio::time::sleep(LOCK_LOOK).await;
    }
}

impl Host {
    /// Finds the host of this configuration; it has run before.
    pub(crate) async fn find(config: &Path) -> anyhow::Result<Self> {
        Self::find_or(config, Unborn::Refuse).await
    }

    /// Finds the host of this configuration.
    pub(crate) async fn find_or(file: &Path, unborn: Unborn) -> anyhow::Result<Self> {
        let config = load_config(file)?;
        let paths = Paths::below(config.data_dir());
        if let Some(host) = Self::at(&paths.socket()).await {
            return Ok(host);
        }
        let (begun, mut is_told) = (Instant::now(), false);
        loop {
            let is_over = begun.elapsed() >= LOCK_WAIT;
            // A host that starts goes first, and answers for all of them then.
            if starting::is_said(&paths) {
                if !std::mem::replace(&mut is_told, true) {
                    eprintln!("a host starts here; waiting until it answers");
                }
                anyhow::ensure!(
                    !is_over,
                    "a host of `{}` has been starting for {} s and does not answer yet; look at its log, or end it",
                    file.display(),
                    LOCK_WAIT.as_secs()
                );
            } else {
                match Self::open(&config, &paths, file, unborn).await {
                    Ok(host) => return Ok(host),
                    Err(error) if is_over || !orch_engine::is_locked(&error) => return Err(error),
                    Err(_) => {}
                }
            }
            tokio::time::sleep(LOCK_LOOK).await;
            // Whoever has the database may be a host that was just starting.
            if paths.socket().exists()
                && let Some(host) = Self::at(&paths.socket()).await
            {
                return Ok(host);
            }
        }
    }

    /// Opens the store oneself: no host answers.
    async fn open(
        config: &HostConfig,
        paths: &Paths,
        file: &Path,
        unborn: Unborn,
    ) -> anyhow::Result<Self> {
        if unborn == Unborn::Refuse && !paths.database().exists() {
            bail!(
                "no host of `{}` has run yet: there is no `{}`; start it with `orch serve`, or name another \
                 configuration with --config",
                file.display(),
                paths.database().display()
            );
        }
        if orch_http::was_started_by_host(std::process::id()) {
            bail!(
                "a process that the host started may not give it orders; ask from a shell of your own"
            );
        }
        Self::opened_at_once(config.clone()).await
    }

    /// The host of a configuration that does not run.
    pub(crate) async fn opened(config: HostConfig) -> anyhow::Result<Self> {
        Self::of(engine(config).await?)
    }

    async fn opened_at_once(config: HostConfig) -> anyhow::Result<Self> {
        Self::of(orch_engine::Host::open(setup(config)?).await?)
    }

    fn of(host: orch_engine::Host) -> anyhow::Result<Self> {
        let api = host.api;
        let uid = rustix::process::geteuid().as_raw();
        let caller = api.people.by_user(uid, Channel::Offline);
        let caller =
            caller.context("the user of this process has no name that a person may have")?;
        Ok(Self::Stopped(Box::new(api), caller))
    }

    /// The host behind a socket, if it answers.
    pub(crate) async fn at(socket: &Path) -> Option<Self> {
        // Nobody speaks TLS over a socket: reading the machine's certificates would take longer than the question.
        let client = reqwest::Client::builder()
            .unix_socket(socket)
            .tls_certs_only([])
            .build()
            .ok()?;
        let host = Self::Running(client);
        let health = host.ask(&host::HEALTH, [], &Nothing {});
        let healthy = tokio::time::timeout(HEALTH_WAIT, health).await;
        matches!(healthy, Ok(Ok(_))).then_some(host)
    }

    /// Asks an endpoint about what `names` say.
    pub(crate) async fn ask<const N: usize, Q: Serialize, A: DeserializeOwned>(
        &self,
        endpoint: &Endpoint<N, Q, A>,
        names: [&str; N],
        request: &Q,
    ) -> anyhow::Result<A> {
        let (status, body) = self.send(Call::of(endpoint, names, request)?).await?;
        if (200..300).contains(&status) {
            return serde_json::from_slice(&body)
                .context("the host answers in another form; it may be of another version");
        }
        match serde_json::from_slice::<Refused>(&body) {
            Ok(refused) => Err(HostRefused(refused.error).into()),
            Err(_) => bail!(
                "the host answered {status}: {}",
                String::from_utf8_lossy(&body)
            ),
        }
    }

    async fn send(&self, call: Call) -> anyhow::Result<(u16, Vec<u8>)> {
        match self {
            Self::Running(client) => {
                let url = format!("http://orch{}", call.address);
                let request = match call.method {
                    Method::Get => client.get(url),
                    Method::Post => client.post(url),
                };
                let request = request
                    .header("content-type", "application/json")
                    .body(call.body);
                let response = request.send().await.context("the host does not answer")?;
                let status = response.status().as_u16();
                let body = response.bytes().await;
                let body = body.context("the host's answer breaks off")?;
                Ok((status, body.to_vec()))
            }
            Self::Stopped(api, caller) => {
                Ok(orch_http::answer(Api::clone(api), caller.clone(), call).await?)
            }
        }
    }
}
