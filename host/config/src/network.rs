//! What an operator may say of the network of an agent.

use orch_domain::reach::Rule;
use serde::{Deserialize, Serialize};

use crate::strict::ConfigError;

/// What an agent reaches.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum NetworkMode {
    /// What the host reaches.
    #[default]
    Host,
    /// What is listed, by a proxy of the host.
    Proxied,
    /// Nothing.
    None,
}

/// The network of an agent.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct NetworkConfig {
    /// How much of it there is.
    pub mode: NetworkMode,
    /// What is reached by the proxy: a host, or `*.` with what stands above it; port 443 unless said.
    pub reach: Vec<String>,
    /// The same, for names whose addresses are those of a private network or of this machine.
    pub reach_private: Vec<String>,
}

impl NetworkConfig {
    /// The rules of both lists. What is no rule has been refused with the file.
    pub fn rules(&self) -> (Vec<Rule>, Vec<Rule>) {
        let rules = |list: &[String]| list.iter().filter_map(|text| text.parse().ok()).collect();
        (rules(&self.reach), rules(&self.reach_private))
    }
}

/// Refuses rules that are none, and lists that nothing goes by.
pub(crate) fn check(network: &NetworkConfig, place: &str, file: &str) -> Result<(), ConfigError> {
    let lists = [
        ("reach", &network.reach),
        ("reach_private", &network.reach_private),
    ];
    for (key, list) in lists {
        let place = format!("{place}.{key}");
        if !list.is_empty() && network.mode != NetworkMode::Proxied {
            let why = "it is read with `mode: proxied` only; add that, or take the list out";
            return Err(ConfigError::invalid(file, place, why));
        }
        for text in list {
            text.parse::<Rule>()
                .map_err(|e| ConfigError::invalid(file, &place, e.to_string()))?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::host::HostConfig;

    #[test]
    fn list_that_nothing_goes_by_and_rule_that_is_none_are_refused() {
        let text = |network: &str| {
            format!("agents: {{a: {{driver: command, program: a, network: {{{network}}}}}}}")
        };
        let parsed = |network: &str| HostConfig::parse("orch.yaml", &text(network));
        assert!(parsed("mode: proxied, reach: ['*.pypi.org', 'a.test:8443']").is_ok());
        for (network, says) in [
            ("reach: [a.test]", "mode: proxied"),
            ("mode: proxied, reach: ['10.0.0.1']", "no address"),
            (
                "mode: proxied, reach: ['https://a.test']",
                "is no name of a host",
            ),
        ] {
            let error = parsed(network).unwrap_err().to_string();
            assert!(
                error.contains(says) && error.contains("agents.a.network"),
                "{error}"
            );
        }
        let off = format!("sandbox: {{mode: off}}\n{}", text("mode: proxied"));
        let error = HostConfig::parse("orch.yaml", &off)
            .unwrap_err()
            .to_string();
        assert!(error.contains("sandbox.mode"), "{error}");
    }
}
