//! Which servers with repositories are there, made from what `orch.yaml` says of them?

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Context;
use orch_clients::gitea::{
    GiteaForge, GiteaForgeConfig, GiteaLanding, GiteaServer, GiteaServerConfig, Places,
};
use orch_config::{ForgeKind, HostConfig, LandBy, RemotePlace};
use orch_domain::id::RepoName;
use orch_domain::port::forge::Forge;

use super::webhooks::secret;

/// Servers by name. Repositories of one server share its limits.
pub(super) struct Servers(BTreeMap<String, GiteaServer>);

impl Servers {
    /// The servers of this configuration. Nothing is asked of them yet, and one that is down keeps no host from
    /// starting.
    pub(super) fn of(config: &HostConfig) -> anyhow::Result<Self> {
        let mut servers = BTreeMap::new();
        for (name, forge) in &config.forges {
            let token = secret(&forge.token);
            let read = token.check();
            read.with_context(|| {
                format!("the token of `forges.{name}` in orch.yaml is not there")
            })?;
            let server = match forge.kind {
                ForgeKind::Gitea => GiteaServer::new(GiteaServerConfig {
                    name: name.clone(),
                    url: forge.url.clone(),
                    token,
                    ca: forge.ca.clone(),
                })?,
            };
            servers.insert(name.clone(), server);
        }
        Ok(Self(servers))
    }

    /// The forge of a repository.
    pub(super) fn forge(
        &self,
        name: RepoName,
        place: &RemotePlace,
        mirror: PathBuf,
        places: &Places,
    ) -> anyhow::Result<Arc<dyn Forge>> {
        let server = self.0.get(&place.name);
        let server = server.with_context(|| format!("there is no forge `{}`", place.name))?;
        let forge = GiteaForge::new(GiteaForgeConfig {
            name,
            server: server.clone(),
            repo: place.repo.clone(),
            land: match place.land {
                LandBy::Auto => GiteaLanding::Auto,
                LandBy::Push => GiteaLanding::Push,
                LandBy::Api => GiteaLanding::Api,
            },
            mirror,
            places: places.clone(),
        })?;
        Ok(Arc::new(forge))
    }
}
