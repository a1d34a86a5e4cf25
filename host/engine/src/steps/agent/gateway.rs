//! The model gateway of a run: with which key and for what it is served, and what follows from what it tells.

use std::collections::BTreeMap;
use std::future::Future;
use std::io::Read;
use std::pin::pin;
use std::time::Duration;

use anyhow::Context;
use orch_agents::breaker::Signal;
use orch_agents::folder::{RunFolder, StopReason};
use orch_config::{AgentConfig, GatewayConfig, ModelApi, ModelPrice, SecretFrom};
use orch_gateway::{Account, Api, Asked, Gateway, Key, Policy, Price, Spent, Told};
use orch_process::sandbox::{GATEWAY_SOCKET, gateway_address};
use orch_store::{Asker, ConnectionRow};
use tokio::sync::mpsc::Receiver;

use super::{AgentRun, Started};
use crate::steps::network::{sockets_of, write_down};

/// File of a run folder in which it stands what the run has spent; no run sees it.
const SPENT: &str = "spent.json";
/// What stands in the place of a key inside: programs want one, and the run is known by its socket.
const NO_KEY: &str = "the-host-adds-the-key";
/// Longest file of a key, bytes.
const KEY_BYTES_MAX: u64 = 16 * 1024;
/// How often what was told is looked at.
const EVERY: Duration = Duration::from_millis(250);

/// What a run has spent by its gateway; none if it asked nothing, or has none.
pub(super) fn spent(folder: &RunFolder) -> Option<Spent> {
    Spent::read(&folder.path().join(SPENT))
}

/// Variables by which the agent finds its gateway.
pub(super) fn variables(agent: &AgentConfig) -> Vec<(String, String)> {
    let Some(api) = agent.model_api() else {
        return Vec::new();
    };
    let address = match api {
        ModelApi::Anthropic => gateway_address(),
        ModelApi::Openai => format!("{}/v1", gateway_address()),
    };
    let [base, key] = api.variables();
    vec![
        (base.to_owned(), address),
        (key.to_owned(), NO_KEY.to_owned()),
    ]
}

/// The key, read anew for each run, so that one that was replaced is in force at once.
pub(super) fn key(from: &SecretFrom) -> anyhow::Result<Key> {
    let (place, text) = match (&from.file, &from.env) {
        (Some(path), _) => {
            let place = format!("`{}`", path.display());
            let file = std::fs::File::open(path)
                .with_context(|| format!("the key of its model, {place}, cannot be read"))?;
            let mut text = String::new();
            file.take(KEY_BYTES_MAX).read_to_string(&mut text)?;
            (place, text)
        }
        (None, Some(name)) => {
            let text = std::env::var(name).with_context(|| {
                format!("`{name}` is not set; the key of its model is expected there")
            })?;
            (format!("variable `{name}`"), text)
        }
        (None, None) => anyhow::bail!("the key of its model is named nowhere; set `gateway.key`"),
    };
    Key::new(&text).with_context(|| format!("{place} holds no key"))
}

fn price(of: &ModelPrice) -> Price {
    let (input, output) = of.known().unwrap_or_default();
    Price {
        input,
        output,
        cache_read: of.cache_read.unwrap_or(input),
        cache_write: of.cache_write.unwrap_or(input * 2.0),
    }
}

fn policy(agent: &AgentConfig, gateway: &GatewayConfig) -> anyhow::Result<Policy> {
    let api = agent
        .model_api()
        .context("the form of its requests is known")?;
    let models = gateway.models.iter();
    let models: BTreeMap<String, Price> =
        models.map(|(name, of)| (name.clone(), price(of))).collect();
    Ok(Policy {
        api: match api {
            ModelApi::Anthropic => Api::Anthropic,
            ModelApi::Openai => Api::OpenAi,
        },
        upstream: upstream(gateway, api).to_owned(),
        key: key(&gateway.key)?,
        models,
    })
}

/// Asks the provider of an agent's gateway for its models, as a run would with the host's key.
///
/// # Errors
/// When the key cannot be had.
pub async fn ask_provider(agent: &AgentConfig) -> anyhow::Result<Option<Asked>> {
    match &agent.gateway {
        Some(gateway) => Ok(Some(orch_gateway::ask(&policy(agent, gateway)?).await)),
        None => Ok(None),
    }
}

fn upstream(gateway: &GatewayConfig, api: ModelApi) -> &str {
    gateway.upstream.as_deref().unwrap_or(api.maker())
}

/// Host and port of an address, as they stand in it.
fn host_of(address: &str) -> (String, u16) {
    let (scheme, rest) = address.split_once("://").unwrap_or(("https", address));
    let authority = rest.split('/').next().unwrap_or_default();
    let usual = if scheme == "http" { 80 } else { 443 };
    match authority.rsplit_once(':') {
        Some((host, port)) => (host.to_owned(), port.parse().unwrap_or(usual)),
        None => (authority.to_owned(), usual),
    }
}

impl AgentRun<'_> {
    /// Does `work` and serves the gateway of the run meanwhile.
    pub(super) async fn with_gateway<T, E>(
        &self,
        started: &Started,
        agent: &AgentConfig,
        gateway: &GatewayConfig,
        work: impl Future<Output = Result<T, E>>,
    ) -> anyhow::Result<T>
    where
        anyhow::Error: From<E>,
    {
        let folder = &started.folder;
        let sockets = sockets_of(folder.path());
        let policy = policy(agent, gateway)?;
        let at = host_of(&policy.upstream);
        let budget = self.step.config.now().budgets.run_usd;
        let account = Account::open(&folder.path().join(SPENT), budget)
            .context("the account of the run cannot be opened")?;
        let listener = orch_proxy::listen(&sockets, GATEWAY_SOCKET)
            .with_context(|| format!("the gateway cannot listen in `{}`", sockets.display()))?;
        let (mut gateway, mut told) = Gateway::new(listener, policy, account)?;
        let mut looks = tokio::time::interval(EVERY);
        let mut work = pin!(work);
        let done = loop {
            tokio::select! {
                done = &mut work => break done?,
                never = gateway.serve() => match never {},
                _ = looks.tick() => self.hear(started, agent, &at, &mut told).await?,
            }
        };
        // With it end the requests that are left, and are settled.
        drop(gateway);
        self.hear(started, agent, &at, &mut told).await?;
        Ok(done)
    }

    /// Does what follows from what the gateway told.
    async fn hear(
        &self,
        started: &Started,
        agent: &AgentConfig,
        (host, port): &(String, u16),
        told: &mut Receiver<Told>,
    ) -> anyhow::Result<()> {
        let mut rows = Vec::new();
        while let Ok(told) = told.try_recv() {
            let signal = match told {
                Told::Call(call) => {
                    let is_denied = call.reached.is_denied();
                    let place = if is_denied {
                        (call.what, 0)
                    } else {
                        (host.clone(), *port)
                    };
                    rows.push(ConnectionRow {
                        host: place.0,
                        port: place.1,
                        reached: call.reached,
                        sent: call.sent,
                        received: call.received,
                    });
                    continue;
                }
                Told::Overdrawn => {
                    tracing::warn!(
                        run.id = started.id.0,
                        "the money of a run is spent; it is ended"
                    );
                    started.folder.request_stop(StopReason::Budget)?;
                    continue;
                }
                Told::RateLimited { after_s } => {
                    let after_ms = after_s.and_then(|s| i64::try_from(s.saturating_mul(1000)).ok());
                    let until_ms = after_ms.map(|ms| self.step.ledger.now().saturating_add(ms));
                    Signal::RateLimited { until_ms }
                }
                Told::Failed => Signal::Transient,
            };
            self.step.launchpad.provider_said(agent, signal);
        }
        write_down(&self.step.ledger, &Asker::Run(started.id), rows).await
    }
}
