//! The network of a judged process that has a proxy: served for as long as the process runs, and written down.

use std::future::Future;
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::time::Duration;

use anyhow::Context;
use orch_config::{NetworkConfig, NetworkMode};
use orch_domain::reach::Reached;
use orch_process::sandbox::Network;
use orch_proxy::{Limits, Policy, Proxy, Record};
use orch_store::{Asker, ConnectionRow};
use tokio::sync::mpsc::Receiver;

use crate::ledger::Ledger;

/// Folder of the sockets in a run folder or checkout.
const FOLDER: &str = "net";
/// How often what was asked for is written down.
const EVERY: Duration = Duration::from_secs(1);
/// Connections that are written down at once.
const ROWS_MAX: usize = 500;
/// Refusals that are told in one place.
const TOLD_MAX: usize = 20;

/// How a judged process gets to the network.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Way {
    pub(super) network: Network,
    /// Folder of the sockets, if it has any.
    pub(super) proxy: Option<PathBuf>,
    /// Whether one of them is that of a model gateway.
    pub(super) gateway: bool,
}

impl Way {
    /// The way by what the operator says; `folder` is the process's own on the host. Without one it reaches nothing.
    pub(super) fn of(network: &NetworkConfig, gateway: bool, folder: Option<&Path>) -> Self {
        let without = |network| Self {
            network,
            proxy: None,
            gateway: false,
        };
        match (network.mode, folder) {
            (NetworkMode::Host, _) => without(Network::Host),
            (NetworkMode::None, Some(_)) if !gateway => without(Network::None),
            (NetworkMode::None | NetworkMode::Proxied, None) => without(Network::None),
            (NetworkMode::None | NetworkMode::Proxied, Some(folder)) => Self {
                network: Network::Proxied,
                proxy: Some(sockets_of(folder)),
                gateway,
            },
        }
    }

    /// Makes the folder that is shown to the process.
    pub(super) fn prepare(&self) -> anyhow::Result<()> {
        match &self.proxy {
            Some(folder) => std::fs::create_dir(folder)
                .with_context(|| format!("`{}` cannot be made", folder.display())),
            None => Ok(()),
        }
    }
}

/// The folder of the sockets below the folder of a run or checkout.
pub(super) fn sockets_of(folder: &Path) -> PathBuf {
    folder.join(FOLDER)
}

/// What was refused while something ran, each once, and how often in all.
#[derive(Debug, Default)]
pub(super) struct Refusals {
    told: Vec<String>,
    count: u64,
}

impl Refusals {
    fn add(&mut self, host: &str, port: u16, why: Reached) {
        self.count += 1;
        let text = format!("{host}:{port} was refused ({why}): {}", why.in_words());
        if self.told.len() < TOLD_MAX && !self.told.contains(&text) {
            self.told.push(text);
        }
    }

    /// For the end of an output; empty if nothing was refused.
    pub(super) fn in_words(&self) -> String {
        let lines = self.told.iter().map(|told| format!("(network: {told})\n"));
        lines.collect()
    }
}

/// Does `work`, which never ends before the process does, and serves the network meanwhile, by what is listed now.
pub(super) async fn served<T>(
    ledger: &Ledger,
    asker: &Asker,
    network: &NetworkConfig,
    sockets: &Path,
    work: impl Future<Output = T>,
) -> anyhow::Result<(T, Refusals)> {
    let (reach, reach_private) = network.rules();
    let policy = Policy {
        reach,
        reach_private,
        fetch_only: network.fetch_only_rules(),
        limits: limits(network),
    };
    let (mut proxy, mut records) = Proxy::bind(sockets, policy)
        .with_context(|| format!("the proxy cannot listen in `{}`", sockets.display()))?;
    let mut refusals = Refusals::default();
    let mut looks = tokio::time::interval(EVERY);
    let mut work = pin!(work);
    let done = loop {
        tokio::select! {
            done = &mut work => break done,
            never = proxy.serve() => match never {},
            _ = looks.tick() => keep(ledger, asker, &mut records, &mut refusals).await?,
        }
    };
    // With it end the connections that are left, and their records come.
    drop(proxy);
    keep(ledger, asker, &mut records, &mut refusals).await?;
    Ok((done, refusals))
}

/// How much may be moved, by what the operator says.
fn limits(network: &NetworkConfig) -> Limits {
    let usual = Limits::default();
    let or = |said: Option<u64>, usual: u64| said.map_or(usual, |mib| mib.saturating_mul(1 << 20));
    Limits {
        sent_bytes: or(network.sent.run_mib, usual.sent_bytes),
        connection_sent_bytes: or(network.sent.connection_mib, usual.connection_sent_bytes),
        fetch_sent_bytes: or(network.sent.fetch_mib, usual.fetch_sent_bytes),
        ..usual
    }
}

/// Writes down what has been asked for.
async fn keep(
    ledger: &Ledger,
    asker: &Asker,
    records: &mut Receiver<Record>,
    refusals: &mut Refusals,
) -> anyhow::Result<()> {
    let mut rows = Vec::new();
    while rows.len() < ROWS_MAX
        && let Ok(record) = records.try_recv()
    {
        if record.reached.is_denied() {
            refusals.add(&record.host, record.port, record.reached);
        }
        rows.push(ConnectionRow {
            host: record.host,
            port: record.port,
            reached: record.reached,
            sent: record.sent,
            received: record.received,
        });
    }
    write_down(ledger, asker, rows).await
}

/// Writes connections down, and logs those that were refused.
pub(super) async fn write_down(
    ledger: &Ledger,
    asker: &Asker,
    rows: Vec<ConnectionRow>,
) -> anyhow::Result<()> {
    for row in rows.iter().filter(|row| row.reached.is_denied()) {
        let (what, why) = (format!("{}:{}", row.host, row.port), row.reached.as_str());
        match asker {
            Asker::Run(run) => {
                tracing::warn!(
                    run.id = run.0,
                    what,
                    why,
                    "a run was refused what it asked of the network"
                );
            }
            Asker::Repository { repo, .. } => {
                let repo = repo.as_str();
                tracing::warn!(
                    repo,
                    what,
                    why,
                    "a hook was refused what it asked of the network"
                );
            }
        }
    }
    if rows.is_empty() {
        return Ok(());
    }
    let (now, asker) = (ledger.now(), asker.clone());
    let kept = ledger
        .write(move |tx| Box::pin(async move { tx.insert_connections(&asker, &rows, now).await }));
    Ok(kept.await?)
}
