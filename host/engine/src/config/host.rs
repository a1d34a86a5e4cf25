//! What an operator may say in `orch.yaml`.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use orch_agents::driver::DeclaredOutcome;
use orch_domain::id::{EntryId, RepoName};
use orch_domain::stage::{Role, Stage};
use serde::{Deserialize, Serialize};

use super::agents;
use super::disk::{self, DiskConfig};
use super::gates::{AdvisoriesConfig, EntryConfig, ExtraGate, SandboxConfig, ToolConfig};
use super::reconcile::{self, ReconcileConfig};
use super::recovery::{self, BudgetsConfig, PreflightConfig, ReaperConfig};
use super::repositories::RepositoryConfig;
use super::strict::{self, ConfigError};

/// The host's configuration.
#[derive(Debug, Clone, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct HostConfig {
    /// Folder of the database, mirrors, workspaces and run folders. Relative to the configuration file.
    pub data: Option<PathBuf>,
    /// Folder of the gate files.
    pub gates_dir: Option<PathBuf>,
    /// File that pins gates to digests; `gates.lock` beside the configuration if not given.
    pub gates_lock: Option<PathBuf>,
    /// HTTP.
    pub http: HttpConfig,
    /// How much runs at once.
    pub concurrency: Concurrency,
    /// Bounds of the pipeline.
    pub rules: RulesConfig,
    /// Agent command lines by name.
    pub agents: BTreeMap<String, AgentConfig>,
    /// Which agent works as which role; `default` stands for the rest.
    pub roles: BTreeMap<String, RoleConfig>,
    /// Repositories by name.
    pub repositories: BTreeMap<String, RepositoryConfig>,
    /// Steps of stages that differ from the default pipeline.
    pub pipeline: BTreeMap<String, Vec<String>>,
    /// Gate entries that differ from the defaults or are new.
    pub gates: BTreeMap<String, EntryConfig>,
    /// Gates that judge beside those of the pipeline.
    pub extra_gates: Vec<ExtraGate>,
    /// What gates may do beyond reading: by gate, a list of interfaces.
    pub grants: BTreeMap<String, Vec<String>>,
    /// Programs that gates may have run, by profile; the host's own profiles are changed by their names.
    pub tools: BTreeMap<String, ToolConfig>,
    /// Confinement of tools and tests.
    pub sandbox: SandboxConfig,
    /// Where known vulnerabilities are looked up.
    pub advisories: AdvisoriesConfig,
    /// Rules of findings that repositories may waive; `*` stands for any text.
    pub waivable: Vec<String>,
    /// Logins whose approvals count; empty means whoever may use the host's socket or token.
    pub approvers: Vec<String>,
    /// What agents may cost.
    pub budgets: BudgetsConfig,
    /// Whether agents are looked at before they start.
    pub preflight: PreflightConfig,
    /// Who takes up what others let fall.
    pub reaper: ReaperConfig,
    /// How forge and tracker are asked for what no notice told.
    pub reconcile: ReconcileConfig,
    /// How much of the disk stays free and how long leftovers are kept.
    pub disk: DiskConfig,
    /// How long the merge lease holds without renewal, seconds; 300 if not given.
    pub merge_lock_timeout_s: Option<u32>,
    /// Where overrides came from; filled while loading.
    #[serde(skip)]
    pub sources: Vec<ConfigSource>,
    /// The file it was read from; filled while loading.
    #[serde(skip)]
    pub file: PathBuf,
}

/// A value that did not come from the file.
#[derive(Debug, Clone, Serialize, PartialEq, Eq)]
pub struct ConfigSource {
    /// Path of keys.
    pub key: String,
    /// Name of the environment variable.
    pub variable: String,
}

/// HTTP settings.
#[derive(Debug, Clone, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct HttpConfig {
    /// Address to listen on; none means only the unix socket.
    pub listen: Option<SocketAddr>,
}

/// How many jobs of each lane run at once.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Concurrency {
    /// Agent runs.
    pub agents: u32,
    /// Gate evaluations.
    pub gates: u32,
    /// CI, staging, merge, deploy.
    pub effects: u32,
}

impl Default for Concurrency {
    fn default() -> Self {
        Self {
            agents: 1,
            gates: 2,
            effects: 2,
        }
    }
}

/// Bounds of the pipeline; unset keys keep the default.
#[derive(Debug, Clone, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct RulesConfig {
    /// Rework rounds of a task.
    pub rework_rounds_max: Option<u32>,
    /// Failed gates before development until a person is asked.
    pub early_rounds_max: Option<u32>,
    /// Infrastructure failures of a step in a row until the task is blocked.
    pub infra_failures_max: Option<u32>,
    /// First delay of a back-off, milliseconds.
    pub backoff_base_ms: Option<u32>,
    /// How long host work may wait, seconds.
    pub work_wait_deadline_s: Option<u32>,
}

/// Which driver speaks to an agent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Driver {
    /// Any program.
    Command,
    /// The Claude command line.
    Claude,
}

/// How a `command` agent gets its prompt.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum PromptChannel {
    /// On standard input, then end of file.
    #[default]
    Stdin,
    /// As a file whose path stands for `{prompt}` in the arguments.
    File,
}

/// How a `command` agent says that it succeeded.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum ResultRule {
    /// Exit code 0 and some output.
    ExitCode,
    /// The last line of standard output is a JSON object with `is_error`.
    #[default]
    JsonLastLine,
}

/// One agent command line.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct AgentConfig {
    /// The driver.
    pub driver: Driver,
    /// Program: a path or a name on the host's PATH.
    pub program: PathBuf,
    /// Arguments; for `claude` they are added to the driver's own.
    #[serde(default)]
    pub args: Vec<String>,
    /// How the prompt is handed over (`command`).
    #[serde(default)]
    pub prompt: PromptChannel,
    /// How success is told (`command`).
    #[serde(default)]
    pub result: ResultRule,
    /// What exit codes other than 0 mean (`command`).
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub exit_codes: BTreeMap<i32, DeclaredOutcome>,
    /// Model to ask for (`claude`).
    #[serde(default)]
    pub model: Option<String>,
    /// Variables set for the agent.
    #[serde(default)]
    pub env: BTreeMap<String, String>,
    /// The one variable of the host's environment that carries the agent's credential.
    #[serde(default)]
    pub credential_env: Option<String>,
    /// Home folder of the agent; none means a fresh one per task.
    #[serde(default)]
    pub home: Option<PathBuf>,
}

/// Time limits of a run, in seconds; unset keys keep the default.
#[derive(Debug, Clone, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct RunLimits {
    /// Whole run.
    pub timeout_s: Option<u32>,
    /// First output.
    pub start_up_s: Option<u32>,
    /// Silence.
    pub idle_s: Option<u32>,
}

/// Which agent works as a role, and how long.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct RoleConfig {
    /// Name under `agents`.
    pub agent: String,
    /// Model for this role, over the agent's.
    #[serde(default)]
    pub model: Option<String>,
    /// Time limits.
    #[serde(default)]
    pub limits: RunLimits,
}

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
        let mut config = Self::parse(&path.display().to_string(), &text)?;
        config.apply_env(env)?;
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
            repository.path = folder.join(&repository.path);
        }
        for agent in config.agents.values_mut() {
            if agent.program.components().count() > 1 {
                agent.program = folder.join(&agent.program);
            }
        }
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
        agents::check(self, file)?;
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
        }
        let stages: Vec<&str> = Stage::ALL
            .iter()
            .filter(|s| s.is_working())
            .map(|s| s.as_str())
            .collect();
        for name in self.pipeline.keys() {
            if !stages.contains(&name.as_str()) {
                return Err(unknown(file, "pipeline", name, &stages));
            }
        }
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
        recovery::check(self, file)?;
        reconcile::check(&self.reconcile, file)?;
        disk::check(&self.disk, file)?;
        for (gate, words) in &self.grants {
            super::GateGrants::parse(file, gate, words.iter().map(String::as_str))?;
        }
        for (name, repository) in &self.repositories {
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
                super::GateGrants::parse(file, &place, words.iter().map(String::as_str))?;
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
        super::effective::pipeline_of(self, None, file)?;
        Ok(())
    }

    fn apply_env(&mut self, env: impl Fn(&str) -> Option<String>) -> Result<(), ConfigError> {
        let number = |variable: &str| -> Result<Option<u32>, ConfigError> {
            env(variable)
                .map(|text| {
                    text.parse().map_err(|_| {
                        ConfigError::invalid(
                            "environment",
                            variable,
                            format!("`{text}` is not a whole number"),
                        )
                    })
                })
                .transpose()
        };
        let mut note = |key: &str, variable: &str| {
            self.sources.push(ConfigSource {
                key: key.to_owned(),
                variable: variable.to_owned(),
            });
        };
        if let Some(value) = number("ORCH_MAX_CONCURRENCY")? {
            self.concurrency.agents = value.clamp(1, 64);
            note("concurrency.agents", "ORCH_MAX_CONCURRENCY");
        }
        if let Some(value) = number("ORCH_MAX_DEVELOPER_RETRIES")? {
            self.rules.rework_rounds_max = Some(value);
            note("rules.rework_rounds_max", "ORCH_MAX_DEVELOPER_RETRIES");
        }
        if let Some(value) = env("ORCH_DATA_DIR") {
            self.data = Some(PathBuf::from(value));
            note("data", "ORCH_DATA_DIR");
        }
        Ok(())
    }

    /// The data folder. Set by [`HostConfig::load`].
    pub fn data_dir(&self) -> &Path {
        self.data.as_deref().unwrap_or(Path::new("orch-data"))
    }

    /// The lock file. Set by [`HostConfig::load`].
    pub fn gates_lock(&self) -> &Path {
        self.gates_lock
            .as_deref()
            .unwrap_or(Path::new("gates.lock"))
    }

    /// The gates folder. Set by [`HostConfig::load`].
    pub fn gates_dir(&self) -> &Path {
        self.gates_dir.as_deref().unwrap_or(Path::new("gates"))
    }

    /// The role's configuration, or the default one.
    pub fn role(&self, role: Role) -> Option<&RoleConfig> {
        self.roles
            .get(role.as_str())
            .or_else(|| self.roles.get("default"))
    }
}

fn unknown(file: &str, place: &str, name: &str, known: &[&str]) -> ConfigError {
    let problem = match strict::nearest(name, known) {
        Some(near) => format!("unknown name `{name}`; did you mean `{near}`?"),
        None => format!("unknown name `{name}`; valid are: {}", known.join(", ")),
    };
    ConfigError::invalid(file, place, problem)
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
        let error = HostConfig::load(Path::new("/nonexistent/orch.yaml"), |_| None)
            .unwrap_err()
            .to_string();
        assert!(
            error.contains("/nonexistent/orch.yaml") && error.contains("--config"),
            "{error}"
        );
    }
}
