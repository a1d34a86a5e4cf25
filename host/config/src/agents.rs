//! How an agent is started, which one works as which role, and which of these settings do not go together.

use std::collections::BTreeMap;
use std::path::PathBuf;

use orch_agents::driver::DeclaredOutcome;
use orch_domain::risk::Tier;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};

use crate::gateway::{GatewayConfig, ModelApi};
use crate::network::NetworkConfig;
use crate::sandbox::SandboxGrants;
use crate::strict::ConfigError;

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
    #[serde(
        default,
        skip_serializing_if = "BTreeMap::is_empty",
        deserialize_with = "by_number"
    )]
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
    /// What it may see and do beside what every judged process may.
    #[serde(default)]
    pub sandbox: SandboxGrants,
    /// What it reaches of the network.
    #[serde(default)]
    pub network: NetworkConfig,
    /// The way to its model that needs no key inside.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gateway: Option<GatewayConfig>,
}

impl AgentConfig {
    /// Which form of requests it speaks with its gateway; none if it has none, or nothing says so, which is refused with
    /// the file.
    pub fn model_api(&self) -> Option<ModelApi> {
        let gateway = self.gateway.as_ref()?;
        gateway.api.or(match self.driver {
            Driver::Claude => Some(ModelApi::Anthropic),
            Driver::Command => None,
        })
    }
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

/// Who works as a role from a tier on.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct RoleByRisk {
    /// Name under `agents`; the role's own if not given.
    pub agent: Option<String>,
    /// Model, over the agent's.
    pub model: Option<String>,
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
    /// Who works as the role instead, from a tier of the change on.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub by_risk: BTreeMap<Tier, RoleByRisk>,
}

/// Keys that are numbers, also as text: in JSON every key is text.
fn by_number<'de, D: Deserializer<'de>, V: Deserialize<'de>>(
    from: D,
) -> Result<BTreeMap<i32, V>, D::Error> {
    #[derive(Deserialize, PartialEq, Eq, PartialOrd, Ord)]
    #[serde(untagged, expecting = "an exit code is a number")]
    enum Key {
        Number(i32),
        Text(String),
    }
    let map = BTreeMap::<Key, V>::deserialize(from)?;
    map.into_iter()
        .map(|(key, value)| {
            let number = match key {
                Key::Number(number) => number,
                Key::Text(text) => text.parse().map_err(|_| {
                    D::Error::custom(format!(
                        "`{text}` is no exit code; an exit code is a number"
                    ))
                })?,
            };
            Ok((number, value))
        })
        .collect()
}

/// Refuses declarations of exit codes that could never hold.
pub(crate) fn check(agents: &BTreeMap<String, AgentConfig>, file: &str) -> Result<(), ConfigError> {
    for (name, agent) in agents {
        check_exit_codes(agent, name, file)?;
    }
    Ok(())
}

fn check_exit_codes(agent: &AgentConfig, name: &str, file: &str) -> Result<(), ConfigError> {
    let place = format!("agents.{name}.exit_codes");
    if agent.driver == Driver::Claude && !agent.exit_codes.is_empty() {
        let why = "the output of `claude` says how it ended, its exit code does not; remove the key, or use driver \
                   `command`";
        return Err(ConfigError::invalid(file, place, why));
    }
    for code in agent.exit_codes.keys() {
        let why = match code {
            1..=255 => continue,
            0 => {
                "exit code 0 says that it ended well, and then its result and what it left decide; remove the code, \
                 or have the program end with another one"
            }
            _ => "no program ends with this code; use one from 1 to 255",
        };
        return Err(ConfigError::invalid(file, format!("{place}.{code}"), why));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::HostConfig;

    fn parse(agent: &str) -> Result<HostConfig, String> {
        let text = format!("agents:\n  gemini: {{program: gemini, {agent}}}\n");
        HostConfig::parse("orch.yaml", &text).map_err(|error| error.to_string())
    }

    #[test]
    fn exit_codes_are_declared_by_number_and_outcome() {
        let codes = "driver: command, exit_codes: {41: auth_required, 53: turn_limit, 75: rate_limited, \
                     76: quota_exhausted, 77: permission_blocked, 69: provider_error, 1: crashed}";
        let declared = parse(codes).unwrap().agents["gemini"].exit_codes.clone();
        let expected = [
            (1, DeclaredOutcome::Crashed),
            (41, DeclaredOutcome::AuthRequired),
            (53, DeclaredOutcome::TurnLimit),
            (69, DeclaredOutcome::ProviderError),
            (75, DeclaredOutcome::RateLimited),
            (76, DeclaredOutcome::QuotaExhausted),
            (77, DeclaredOutcome::PermissionBlocked),
        ];
        assert_eq!(Vec::from_iter(declared), expected);
    }

    #[test]
    fn exit_code_that_can_mean_nothing_is_refused_with_the_reason() {
        for (agent, place, reason) in [
            (
                "driver: command, exit_codes: {0: crashed}",
                "agents.gemini.exit_codes.0",
                "have the program end with another one",
            ),
            (
                "driver: command, exit_codes: {41: crashed, 256: crashed}",
                "agents.gemini.exit_codes.256",
                "from 1 to 255",
            ),
            (
                "driver: command, exit_codes: {-1: crashed}",
                "agents.gemini.exit_codes.-1",
                "from 1 to 255",
            ),
            (
                "driver: claude, exit_codes: {41: auth_required}",
                "agents.gemini.exit_codes",
                "use driver `command`",
            ),
            (
                "driver: command, exit_codes: {41: auth_requird}",
                "agents.gemini.exit_codes",
                "did you mean `auth_required`?",
            ),
        ] {
            let error = parse(agent).unwrap_err();
            assert!(
                error.contains(place) && error.contains(reason),
                "{agent}: {error}"
            );
        }
    }
}
