//! What was a run allowed when it began, in one number? A host that takes it up again compares: a run under another policy
//! than today's is ended, for its cage was built by the old one.

use orch_config::{AgentConfig, HostConfig};
use serde::Serialize;
use sha2::{Digest, Sha256};

/// What of the configuration decides what an agent may see, do and reach.
#[derive(Serialize)]
struct Policy<'a> {
    of_all: &'a orch_config::SandboxConfig,
    own: &'a orch_config::SandboxGrants,
    network: &'a orch_config::NetworkConfig,
    gateway: &'a Option<orch_config::GatewayConfig>,
    hidden: Vec<std::path::PathBuf>,
}

/// The number of an agent's policy. Toolchains that were found are no part of it: they grow with every update.
pub(super) fn digest(config: &HostConfig, agent: &AgentConfig) -> String {
    let policy = Policy {
        of_all: &config.sandbox,
        own: &agent.sandbox,
        network: &agent.network,
        gateway: &agent.gateway,
        hidden: config.own_places(),
    };
    let text = serde_json::to_vec(&policy).unwrap_or_default();
    hex::encode(Sha256::digest(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digest_is_of_what_the_agent_may_and_of_nothing_else() {
        let of = |agent: &str, rest: &str| {
            let text = format!("agents: {{a: {{driver: command, program: a, {agent}}}}}\n{rest}");
            let config = HostConfig::parse("orch.yaml", &text).unwrap();
            digest(&config, &config.agents["a"])
        };
        let narrow = of("network: {mode: proxied, reach: [a.test]}", "");
        assert_eq!(
            narrow,
            of("network: {mode: proxied, reach: [a.test]}, model: x", "")
        );
        for (agent, rest) in [
            ("network: {mode: proxied, reach: [a.test, b.test]}", ""),
            (
                "network: {mode: proxied, reach: [a.test]}, sandbox: {read: [/srv]}",
                "",
            ),
            (
                "network: {mode: proxied, reach: [a.test]}",
                "sandbox: {sockets: [/run/x]}",
            ),
        ] {
            assert_ne!(narrow, of(agent, rest), "{agent} {rest}");
        }
    }
}
