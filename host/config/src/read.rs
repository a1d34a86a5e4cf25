//! How `orch.yaml` is read: strictly, whole, and held to what could never work.

use std::path::{Path, PathBuf};

use orch_domain::id::{EntryId, RepoName};
use orch_domain::stage::Role;

use crate::effective::combine::pipeline_of;
use crate::grants::GateGrants;
use crate::host::{ConfigSource, HostConfig};
use crate::network::NetworkMode;
use crate::repository::RepoFile;
use crate::sandbox::SandboxMode;
use crate::strict::{self, ConfigError, unknown};
use crate::{
    agents, bounds, disk, edges, escalation, gateways, merge, moving, network, notifiers, people,
    reconcile, repositories, sandbox, trackers,
};

impl HostConfig {
    /// Reads and checks `path`, then applies `ORCH_*` variables from `env`.
    ///
    /// # Errors
    /// [`ConfigError`] naming file, place and remedy.
    pub fn load(path: &Path, env: impl Fn(&str) -> Option<String>) -> Result<Self, ConfigError> {
        let text = strict::read_file(path)?;
        let folder = path
            .parent()
            .filter(|p| !p.as_os_str().is_empty())
            .unwrap_or(Path::new("."));
        // Programs are started from other folders.
        let folder = &std::path::absolute(folder).unwrap_or_else(|_| folder.to_owned());
        let mut config = Self::parse(&path.display().to_string(), &text)?.apply_env(env)?;
        config.check("environment")?;
        path.clone_into(&mut config.file);
        config.data = Some(folder.join(config.data.unwrap_or_else(|| PathBuf::from("orch-data"))));
        config.gates_lock = Some(
            folder.join(
                config
                    .gates_lock
                    .unwrap_or_else(|| PathBuf::from("gates.lock")),
            ),
        );
        config.gates_dir =
            Some(folder.join(config.gates_dir.unwrap_or_else(|| PathBuf::from("gates"))));
        for repository in config.repositories.values_mut() {
            repository.path = repository.path.as_ref().map(|path| folder.join(path));
        }
        for agent in config.agents.values_mut() {
            if agent.program.components().count() > 1 {
                agent.program = folder.join(&agent.program);
            }
        }
        config.place_grants(folder);
        notifiers::place(&mut config.notifiers, folder);
        config.place_secrets(folder);
        Ok(config)
    }

    /// Parses and checks a text.
    ///
    /// # Errors
    /// [`ConfigError`] naming place and remedy.
    pub fn parse(file: &str, text: &str) -> Result<Self, ConfigError> {
        let config: Self = strict::parse(file, text)?;
        config.check(file)?;
        Ok(config)
    }

    fn check(&self, file: &str) -> Result<(), ConfigError> {
        for name in self.repositories.keys() {
            RepoName::new(name.clone()).map_err(|e| {
                ConfigError::invalid(file, format!("repositories.{name}"), e.to_string())
            })?;
        }
        repositories::check(&self.repositories, file)?;
        agents::check(&self.agents, file)?;
        let roles: Vec<&str> = Role::ALL
            .iter()
            .map(|r| r.as_str())
            .chain(["default"])
            .collect();
        for (name, role) in &self.roles {
            if !roles.contains(&name.as_str()) {
                return Err(unknown(file, "roles", name, &roles));
            }
            if !self.agents.contains_key(&role.agent) {
                let known: Vec<&str> = self.agents.keys().map(String::as_str).collect();
                return Err(unknown(
                    file,
                    &format!("roles.{name}.agent"),
                    &role.agent,
                    &known,
                ));
            }
            role.check_by_risk(name, &self.agents, file)?;
        }
        self.risk.check(file, "")?;
        self.pipeline.check(file, "pipeline")?;
        for name in self.gates.keys() {
            EntryId::new(name.clone())
                .map_err(|e| ConfigError::invalid(file, format!("gates.{name}"), e.to_string()))?;
        }
        for (name, lane) in [
            ("agents", self.concurrency.agents),
            ("gates", self.concurrency.gates),
            ("effects", self.concurrency.effects),
        ] {
            if !(1..=64).contains(&lane) {
                return Err(ConfigError::invalid(
                    file,
                    format!("concurrency.{name}"),
                    "use a number from 1 to 64",
                ));
            }
        }
        bounds::check(self, file)?;
        escalation::check(&self.escalation, file)?;
        reconcile::check(&self.reconcile, file)?;
        disk::check(&self.disk, file)?;
        merge::check(&self.merge, file)?;
        sandbox::check(&self.sandbox, file)?;
        for (name, agent) in &self.agents {
            let place = format!("agents.{name}.sandbox");
            agent.sandbox.limits.check(file, &place)?;
        }
        for (name, repository) in &self.repositories {
            let place = format!("repositories.{name}.sandbox");
            repository.sandbox.limits.check(file, &place)?;
        }
        for (place, network) in self.networks() {
            network::check(network, &place, file)?;
            if self.sandbox.mode == SandboxMode::Off && network.mode != NetworkMode::Host {
                let why = "without `sandbox.mode: enforce` nothing keeps it from the host's network; take the key out";
                return Err(ConfigError::invalid(file, place, why));
            }
        }
        gateways::check(self, file)?;
        notifiers::check(&self.notifiers, file)?;
        trackers::check(&self.trackers, &self.repositories, file)?;
        let doors = [
            self.trackers.keys().map(String::as_str).collect::<Vec<_>>(),
            self.notifiers.keys().map(String::as_str).collect(),
        ];
        people::check(&self.people, &doors.concat(), file)?;
        edges::check(self, file)?;
        for (gate, words) in &self.grants {
            GateGrants::parse(file, gate, words.iter().map(String::as_str))?;
        }
        for (name, repository) in &self.repositories {
            let place = format!("repositories.{name}.pipeline");
            repository.pipeline.check(file, &place)?;
            if let Some(watch) = &repository.post_deploy
                && !((1..=86_400).contains(&watch.window_s) && (1..=1000).contains(&watch.probes))
            {
                return Err(ConfigError::invalid(
                    file,
                    format!("repositories.{name}.post_deploy"),
                    "use a `window_s` from 1 to 86400 and `probes` from 1 to 1000",
                ));
            }
            for (gate, words) in &repository.grants {
                let place = format!("{gate} of repository {name}");
                GateGrants::parse(file, &place, words.iter().map(String::as_str))?;
            }
        }
        for extra in &self.extra_gates {
            let known: Vec<&str> = self.repositories.keys().map(String::as_str).collect();
            if let Some(repo) = extra.repo.as_deref().filter(|r| !known.contains(r)) {
                return Err(unknown(file, "extra_gates.repo", repo, &known));
            }
        }
        for pattern in &self.waivable {
            globset::Glob::new(pattern)
                .map_err(|e| ConfigError::invalid(file, "waivable", e.to_string()))?;
        }
        pipeline_of(self, None, file)?;
        for name in self.repositories.keys() {
            pipeline_of(self, Some((name, &RepoFile::default())), file)?;
        }
        Ok(())
    }

    /// Overrides what variables of the host's own, and those of the reference system, say.
    fn apply_env(self, env: impl Fn(&str) -> Option<String>) -> Result<Self, ConfigError> {
        let mut config = moving::apply(self, &env)?;
        if let Some(value) = env("ORCH_DATA_DIR") {
            config.data = Some(PathBuf::from(value));
            config.sources.push(ConfigSource {
                key: "data".to_owned(),
                variable: "ORCH_DATA_DIR".to_owned(),
            });
        }
        Ok(config)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn role_that_names_a_missing_agent_is_refused() {
        let text = "agents:\n  claude: {driver: claude, program: claude}\nroles:\n  analyst: {agent: cluade}\n";
        let error = HostConfig::parse("orch.yaml", text)
            .unwrap_err()
            .to_string();
        assert!(
            error.contains("roles.analyst.agent") && error.contains("did you mean `claude`?"),
            "{error}"
        );
    }

    #[test]
    fn unknown_stage_in_the_pipeline_is_refused_with_the_nearest() {
        let error = HostConfig::parse("orch.yaml", "pipeline:\n  reveiw: []\n")
            .unwrap_err()
            .to_string();
        assert!(error.contains("did you mean `review`?"), "{error}");
    }

    #[test]
    fn environment_overrides_the_file_and_is_named_as_source() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("orch.yaml");
        std::fs::write(&path, "concurrency: {agents: 3}\n").unwrap();
        let config = HostConfig::load(&path, |name| {
            (name == "ORCH_MAX_CONCURRENCY").then(|| "5".to_owned())
        })
        .unwrap();
        assert_eq!(config.concurrency.agents, 5);
        assert_eq!(config.sources[0].variable, "ORCH_MAX_CONCURRENCY");
    }

    #[test]
    fn missing_file_names_the_path_and_the_remedy() {
        let error = HostConfig::load(Path::new("/nonexistent/orch.yaml"), |_| None).unwrap_err();
        assert!(
            error
                .remedy()
                .is_some_and(|remedy| remedy.contains("--config"))
        );
        let error = error.to_string();
        assert!(error.contains("/nonexistent/orch.yaml"), "{error}");
    }
}
