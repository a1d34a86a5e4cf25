//! The network of a run that has a proxy: served for as long as the run is awaited, by whichever host awaits it.

use std::path::PathBuf;
use std::pin::pin;
use std::time::Duration;

use anyhow::Context;
use orch_agents::folder::{RunFolder, RunState};
use orch_agents::launcher;
use orch_config::{AgentConfig, NetworkMode};
use orch_domain::id::RunId;
use orch_process::sandbox::Network;
use orch_proxy::{Limits, Policy, Proxy, Record};
use orch_store::ConnectionRow;
use tokio::sync::mpsc::Receiver;

use super::{AgentRun, Started};
use crate::ledger::Ledger;

/// Folder of the proxy's socket in a run folder.
const FOLDER: &str = "net";
/// How often what was asked for is written down.
const EVERY: Duration = Duration::from_secs(1);
/// Connections that are written down at once.
const ROWS_MAX: usize = 500;

/// What an agent reaches, and the folder of its proxy if it has one.
pub(super) fn of(agent: &AgentConfig, folder: Option<&RunFolder>) -> (Network, Option<PathBuf>) {
    match (agent.network.mode, folder) {
        (NetworkMode::Host, _) => (Network::Host, None),
        // A look at the program, before there is a run, reaches nothing.
        (NetworkMode::None, _) | (NetworkMode::Proxied, None) => (Network::None, None),
        (NetworkMode::Proxied, Some(folder)) => {
            (Network::Proxied, Some(folder.path().join(FOLDER)))
        }
    }
}

/// Makes the folder that is shown to the run.
pub(super) fn prepare(agent: &AgentConfig, folder: &RunFolder) -> anyhow::Result<()> {
    if let (_, Some(folder)) = of(agent, Some(folder)) {
        std::fs::create_dir(&folder).with_context(|| format!("`{}`", folder.display()))?;
    }
    Ok(())
}

impl AgentRun<'_> {
    /// Waits until the run has ended or is lost, and serves its network meanwhile, by what is listed now.
    pub(super) async fn wait(&self, started: &Started) -> anyhow::Result<RunState> {
        let config = self.step.config.now();
        let agent = config.agents.get(&self.agent_name());
        let proxied = agent.filter(|agent| agent.network.mode == NetworkMode::Proxied);
        let folder = started.folder.path().join(FOLDER);
        let Some(agent) = proxied.filter(|_| folder.exists()) else {
            // What was launched with a proxy, and has none any more, reaches nothing.
            return Ok(launcher::wait(&started.folder).await?);
        };
        let (reach, reach_private) = agent.network.rules();
        let policy = Policy {
            reach,
            reach_private,
            limits: Limits::default(),
        };
        let (mut proxy, mut records) = Proxy::bind(&folder, policy).with_context(|| {
            format!(
                "the proxy of the run cannot listen in `{}`",
                folder.display()
            )
        })?;
        let ledger = &self.step.ledger;
        let mut looks = tokio::time::interval(EVERY);
        let mut ended = pin!(launcher::wait(&started.folder));
        let state = loop {
            tokio::select! {
                state = &mut ended => break state?,
                never = proxy.serve() => match never {},
                _ = looks.tick() => keep(ledger, started.id, &mut records).await?,
            }
        };
        // With it end the connections that the run has left, and their records come.
        drop(proxy);
        keep(ledger, started.id, &mut records).await?;
        Ok(state)
    }
}

/// Writes down what has been asked for.
async fn keep(ledger: &Ledger, run: RunId, records: &mut Receiver<Record>) -> anyhow::Result<()> {
    let mut rows = Vec::new();
    while rows.len() < ROWS_MAX
        && let Ok(record) = records.try_recv()
    {
        if record.reached.is_denied() {
            let (what, why) = (
                format!("{}:{}", record.host, record.port),
                record.reached.as_str(),
            );
            tracing::warn!(
                run.id = run.0,
                what,
                why,
                "a run was refused what it asked of the network"
            );
        }
        rows.push(ConnectionRow {
            host: record.host,
            port: record.port,
            reached: record.reached,
            sent: record.sent,
            received: record.received,
        });
    }
    if rows.is_empty() {
        return Ok(());
    }
    let now = ledger.now();
    let kept = ledger
        .write(move |tx| Box::pin(async move { tx.insert_connections(run, &rows, now).await }));
    Ok(kept.await?)
}
