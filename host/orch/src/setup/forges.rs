//! Which servers with repositories are there, made from what `orch.yaml` says of them?

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context;
use orch_clients::gitea::{
    GiteaForge, GiteaForgeConfig, GiteaIssuesSetup, GiteaLanding, GiteaServer, GiteaServerConfig,
    GiteaSsh, IssuesOf, Places,
};
use orch_config::{
    ForgeConfig, ForgeKind, ForgePlace, HostConfig, IssuesConfig, LandBy, RemotePlace, SshConfig,
};
use orch_domain::id::{ItemPrefix, RepoName};
use orch_domain::port::forge::Forge;
use orch_process::resolve_program;

use super::webhooks::secret;

/// Servers by name. Repositories of one server share its limits.
pub(crate) struct Servers(BTreeMap<String, GiteaServer>);

impl Servers {
    /// The servers of this configuration. Nothing is asked of them yet, and one that is down keeps no host from
    /// starting.
    pub(crate) fn of(config: &HostConfig) -> anyhow::Result<Self> {
        let mut servers = BTreeMap::new();
        for (name, forge) in &config.forges {
            let server = server(name, forge)?;
            servers.insert(name.clone(), server);
        }
        Ok(Self(servers))
    }

    /// A server by its name.
    pub(crate) fn get(&self, name: &str) -> anyhow::Result<&GiteaServer> {
        let server = self.0.get(name);
        server.with_context(|| format!("there is no forge `{name}`; `orch forge add` adds one"))
    }

    /// What a tracker of issues on a server is made from.
    pub(super) fn issues(
        &self,
        config: &HostConfig,
        issues: &IssuesConfig,
        places: &Places,
    ) -> anyhow::Result<GiteaIssuesSetup> {
        let server = self.0.get(&issues.forge);
        let server = server.with_context(|| format!("there is no forge `{}`", issues.forge))?;
        let mut repositories = BTreeMap::new();
        for (name, prefix) in &issues.repositories {
            let place = config.repositories.get(name).map(|repo| &repo.forge);
            let Some(ForgePlace::On(place)) = place else {
                anyhow::bail!("repository `{name}` lies on no forge");
            };
            let of = IssuesOf {
                repo: place.repo.clone(),
                prefix: ItemPrefix::new(prefix.clone())?,
            };
            repositories.insert(RepoName::new(name.clone())?, of);
        }
        Ok(GiteaIssuesSetup {
            server: server.clone(),
            repositories,
            places: places.clone(),
        })
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

/// The server of a forge.
pub(crate) fn server(name: &str, forge: &ForgeConfig) -> anyhow::Result<GiteaServer> {
    let token = secret(&forge.token);
    let read = token.check();
    read.with_context(|| format!("the token of `forges.{name}` in orch.yaml is not there"))?;
    Ok(match forge.kind {
        ForgeKind::Gitea => GiteaServer::new(GiteaServerConfig {
            name: name.to_owned(),
            url: forge.url.clone(),
            token,
            ca: forge.ca.clone(),
            ssh: forge.ssh.as_ref().map(|own| ssh(name, own)).transpose()?,
        })?,
    })
}

/// How git reaches a forge by ssh. What is missing is said now, and not by the first fetch.
fn ssh(name: &str, ssh: &SshConfig) -> anyhow::Result<GiteaSsh> {
    let path = std::env::var("PATH").unwrap_or_else(|_| "/usr/local/bin:/usr/bin:/bin".to_owned());
    let program = resolve_program(Path::new("ssh"), &path);
    let program = program
        .with_context(|| format!("`forges.{name}.ssh` in orch.yaml needs `ssh`; install it"))?;
    for (key, file) in [("key", &ssh.key), ("known_hosts", &ssh.known_hosts)] {
        std::fs::File::open(file).with_context(|| {
            format!(
                "`{}` of `forges.{name}.ssh.{key}` in orch.yaml cannot be read",
                file.display()
            )
        })?;
    }
    Ok(GiteaSsh {
        program,
        url: ssh.url.clone(),
        key: ssh.key.clone(),
        known_hosts: ssh.known_hosts.clone(),
    })
}
