//! Which paths of the configuration are the host's own, and from where are those named that it grants?

use std::path::{Path, PathBuf};

use crate::gateway::GatewayConfig;
use crate::host::HostConfig;
use crate::network::NetworkConfig;
use crate::sandbox::SandboxConfig;
use crate::webhooks::SecretFrom;

impl HostConfig {
    /// Files and folders that belong to the host and that no judged process may see, whatever was granted above them.
    pub fn own_places(&self) -> Vec<PathBuf> {
        let file = std::path::absolute(&self.file).unwrap_or_else(|_| self.file.clone());
        let own = [self.data_dir(), self.gates_dir(), self.gates_lock(), &file];
        let own = own.into_iter().map(Path::to_owned);
        let forges = self.repositories.values();
        let forges = forges.filter_map(|repo| repo.path.clone());
        let secrets = self.secrets().filter_map(|secret| secret.file.clone());
        let keys = self.forges.values().filter_map(|forge| forge.ssh.as_ref());
        own.chain(forges)
            .chain(secrets)
            .chain(keys.map(|ssh| ssh.key.clone()))
            .filter(|path| path.is_absolute())
            .collect()
    }

    /// Every credential that the configuration names, as it is now; one that cannot be read is left out.
    pub fn credentials(&self) -> Vec<String> {
        let of_agents = self.agents.values();
        let of_agents = of_agents.filter_map(|agent| agent.credential_env.as_deref());
        let of_agents = of_agents.filter_map(|name| std::env::var(name).ok());
        let named = self.secrets().filter_map(SecretFrom::read);
        named
            .chain(of_agents)
            .map(|text| text.trim_end_matches(['\r', '\n']).to_owned())
            .collect()
    }

    /// Every credential that the configuration names.
    fn secrets(&self) -> impl Iterator<Item = &SecretFrom> {
        let of_webhooks = self.webhooks.values().flat_map(|webhook| &webhook.secrets);
        self.forges
            .values()
            .map(|forge| &forge.token)
            .chain(of_webhooks)
            .chain(
                self.trackers
                    .values()
                    .filter_map(|tracker| tracker.plane.as_ref())
                    .map(|plane| &plane.key),
            )
            .chain(self.notifiers.values().flat_map(|n| n.secrets()))
            .chain(self.gateways().map(|gateway| &gateway.key))
    }

    /// The model gateways of agents.
    fn gateways(&self) -> impl Iterator<Item = &GatewayConfig> {
        let of_agents = self.agents.values();
        of_agents.filter_map(|agent| agent.gateway.as_ref())
    }

    /// The networks of judged processes, each with its place in the file.
    pub fn networks(&self) -> impl Iterator<Item = (String, &NetworkConfig)> {
        let of_agents = self.agents.iter();
        let of_agents =
            of_agents.map(|(name, agent)| (format!("agents.{name}.network"), &agent.network));
        let of_repositories = self.repositories.iter();
        of_agents.chain(of_repositories.map(|(name, repository)| {
            (format!("repositories.{name}.network"), &repository.network)
        }))
    }

    /// Files of credentials are named from the folder of the configuration.
    pub(crate) fn place_secrets(&mut self, folder: &Path) {
        for forge in self.forges.values_mut() {
            forge.token.place(folder);
            if let Some(ca) = &mut forge.ca {
                *ca = folder.join(&ca);
            }
            if let Some(ssh) = &mut forge.ssh {
                ssh.key = folder.join(&ssh.key);
                ssh.known_hosts = folder.join(&ssh.known_hosts);
            }
        }
        let webhooks = self.webhooks.values_mut();
        let of_notifiers = self.notifiers.values_mut().flat_map(|n| n.secrets_mut());
        let of_trackers = self
            .trackers
            .values_mut()
            .filter_map(|t| t.plane.as_mut())
            .map(|plane| &mut plane.key);
        let of_webhooks = webhooks.flat_map(|webhook| &mut webhook.secrets);
        let gateways = self.agents.values_mut().filter_map(|a| a.gateway.as_mut());
        let of_gateways = gateways.map(|gateway| &mut gateway.key);
        let secrets = of_webhooks.chain(of_trackers).chain(of_notifiers);
        for secret in secrets.chain(of_gateways) {
            secret.place(folder);
        }
    }

    /// What is granted is named from the folder of the configuration.
    pub(crate) fn place_grants(&mut self, folder: &Path) {
        let SandboxConfig {
            read,
            write,
            sockets,
            toolchains,
            // Named in full.
            external: _,
            mode: _,
            user: _,
            limits: _,
            profile: _,
            trusted: _,
        } = &mut self.sandbox;
        let of_all = read.iter_mut().chain(write).chain(sockets);
        let of_all = of_all.chain(toolchains.iter_mut().flatten());
        let of_agents = self
            .agents
            .values_mut()
            .flat_map(|agent| agent.sandbox.places());
        let of_repos = self
            .repositories
            .values_mut()
            .flat_map(|repo| repo.sandbox.places());
        for path in of_all.chain(of_agents).chain(of_repos) {
            *path = folder.join(&path);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_of_the_hosts_is_its_own_place() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("orch.yaml");
        let text = "repositories: {shop: {path: shop.git}}\nagents:\n  a: {driver: command, program: a, sandbox: {write: [seen]}}\n\
                    notifiers: {chat: {telegram: {token: {file: token}, chat: 1}}}\n";
        std::fs::write(&file, text).unwrap();
        let config = HostConfig::load(&file, |_| None).unwrap();
        let own = config.own_places();
        for name in [
            "orch-data",
            "gates",
            "gates.lock",
            "orch.yaml",
            "shop.git",
            "token",
        ] {
            assert!(own.contains(&folder.path().join(name)), "{name}: {own:?}");
        }
        assert_eq!(
            config.agents["a"].sandbox.write,
            [folder.path().join("seen")]
        );
    }
}
