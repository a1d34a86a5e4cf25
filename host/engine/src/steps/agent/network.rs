//! The network of a run: served for as long as the run is awaited, by whichever host awaits it.

use orch_agents::folder::{RunFolder, RunState};
use orch_agents::launcher;
use orch_config::AgentConfig;
use orch_store::Asker;

use super::{AgentRun, Started};
use crate::steps::network::{Way, served, sockets_of};

/// How an agent gets to the network. A look at the program, before there is a run, reaches nothing.
pub(super) fn way(agent: &AgentConfig, folder: Option<&RunFolder>) -> Way {
    let folder = folder.map(RunFolder::path);
    Way::of(&agent.network, agent.gateway.is_some(), folder)
}

impl AgentRun<'_> {
    /// Waits until the run has ended or is lost, and serves its network meanwhile, by what is listed now.
    pub(super) async fn wait(&self, started: &Started) -> anyhow::Result<RunState> {
        let config = self.step.config.now();
        let agent = config.agents.get(&self.agent_name());
        let with_proxy = agent.filter(|agent| way(agent, Some(&started.folder)).proxy.is_some());
        let sockets = sockets_of(started.folder.path());
        let ended = launcher::wait(&started.folder);
        let Some(agent) = with_proxy.filter(|_| sockets.exists()) else {
            // What was launched with a proxy, and has none any more, reaches nothing.
            return Ok(ended.await?);
        };
        let (ledger, asker) = (&self.step.ledger, Asker::Run(started.id));
        let work = async {
            match &agent.gateway {
                Some(gateway) => self.with_gateway(started, agent, gateway, ended).await,
                None => Ok(ended.await?),
            }
        };
        let (state, _) = served(ledger, &asker, &agent.network, &sockets, work).await?;
        state
    }
}
