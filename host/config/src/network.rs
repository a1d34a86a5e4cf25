//! What an operator may say of the network of an agent, or of what sets a repository up and its hooks.

use orch_domain::reach::Rule;
use serde::{Deserialize, Serialize};

use crate::strict::ConfigError;

/// What is reached.
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

/// Where packages of a language are fetched from: a preset of names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Registry {
    /// All of them.
    All,
    /// Rust.
    Cargo,
    /// PHP.
    Composer,
    /// Go.
    Go,
    /// Elixir and Erlang.
    Hex,
    /// Java and Kotlin, with the plugins of Gradle.
    Maven,
    /// JavaScript.
    Npm,
    /// .NET.
    Nuget,
    /// Python.
    Pypi,
    /// Ruby.
    Rubygems,
}

/// The names of each, by the settings that its tools come with.
const REGISTRIES: [(Registry, &[&str]); 9] = [
    (
        Registry::Cargo,
        &["index.crates.io", "static.crates.io", "crates.io"],
    ),
    (Registry::Composer, &["repo.packagist.org", "packagist.org"]),
    (Registry::Go, &["proxy.golang.org", "sum.golang.org"]),
    (Registry::Hex, &["hex.pm", "repo.hex.pm", "builds.hex.pm"]),
    (
        Registry::Maven,
        &[
            "repo.maven.apache.org",
            "repo1.maven.org",
            "plugins.gradle.org",
            "plugins-artifacts.gradle.org",
            "services.gradle.org",
        ],
    ),
    (
        Registry::Npm,
        &["registry.npmjs.org", "registry.yarnpkg.com"],
    ),
    (Registry::Nuget, &["api.nuget.org"]),
    (Registry::Pypi, &["pypi.org", "files.pythonhosted.org"]),
    (Registry::Rubygems, &["rubygems.org", "index.rubygems.org"]),
];

impl Registry {
    /// The names that it stands for.
    pub fn hosts(self) -> impl Iterator<Item = &'static str> {
        let meant = REGISTRIES
            .iter()
            .filter(move |(registry, _)| self == Self::All || self == *registry);
        meant.flat_map(|(_, hosts)| hosts.iter().copied())
    }
}

/// What a judged process reaches of the network.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct NetworkConfig {
    /// How much of it there is.
    pub mode: NetworkMode,
    /// Registries that are reached by the proxy, beside what is listed.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub registries: Vec<Registry>,
    /// What is reached by the proxy: a host, or `*.` with what stands above it; port 443 unless said.
    pub reach: Vec<String>,
    /// The same, for names whose addresses are those of a private network or of this machine.
    pub reach_private: Vec<String>,
    /// Which names of both lists packages are only fetched from, as from those of `registries`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub fetch_only: Vec<String>,
    /// What a run sends at most.
    #[serde(skip_serializing_if = "SentLimits::is_empty")]
    pub sent: SentLimits,
}

/// What a run sends at most, MiB.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct SentLimits {
    /// In all; 1024 if nobody says.
    pub run_mib: Option<u64>,
    /// By one connection; 256 if nobody says.
    pub connection_mib: Option<u64>,
    /// In all to where packages are only fetched from; 16 if nobody says.
    pub fetch_mib: Option<u64>,
}

impl SentLimits {
    fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Each with its name.
    fn all(self) -> [(&'static str, Option<u64>); 3] {
        [
            ("run_mib", self.run_mib),
            ("connection_mib", self.connection_mib),
            ("fetch_mib", self.fetch_mib),
        ]
    }
}

/// A pebibyte: more is a number of bytes.
const MIB_MAX: u64 = 1 << 30;

impl NetworkConfig {
    /// The rules of both lists. What is no rule has been refused with the file.
    pub fn rules(&self) -> (Vec<Rule>, Vec<Rule>) {
        let rules = |list: &[String]| -> Vec<Rule> {
            list.iter().filter_map(|text| text.parse().ok()).collect()
        };
        let of_registries = self.registries.iter().flat_map(|registry| registry.hosts());
        let mut reach = rules(&self.reach);
        reach.extend(of_registries.filter_map(|host| host.parse().ok()));
        (reach, rules(&self.reach_private))
    }

    /// Rules of what packages are only fetched from.
    pub fn fetch_only_rules(&self) -> Vec<Rule> {
        let of_registries = self.registries.iter().flat_map(|registry| registry.hosts());
        let of_registries = of_registries.map(str::to_owned);
        let names = self.fetch_only.iter().cloned().chain(of_registries);
        names.filter_map(|text| text.parse().ok()).collect()
    }
}

/// Refuses rules that are none, and lists that nothing goes by.
pub(crate) fn check(network: &NetworkConfig, place: &str, file: &str) -> Result<(), ConfigError> {
    let lists = [
        ("reach", &network.reach),
        ("reach_private", &network.reach_private),
        ("fetch_only", &network.fetch_only),
    ];
    for (key, mib) in network.sent.all() {
        let place = format!("{place}.sent.{key}");
        if mib.is_some() && network.mode != NetworkMode::Proxied {
            let why = "it is held with `mode: proxied` only; add that, or take it out";
            return Err(ConfigError::invalid(file, place, why));
        }
        if mib.is_some_and(|mib| !(1..=MIB_MAX).contains(&mib)) {
            let why = "use 1 at least; it is in MiB, not in bytes";
            return Err(ConfigError::invalid(file, place, why));
        }
    }
    for (key, list) in lists {
        let place = format!("{place}.{key}");
        let is_empty = list.is_empty() && (key != "reach" || network.registries.is_empty());
        if !is_empty && network.mode != NetworkMode::Proxied {
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
            ("fetch_only: [a.test]", "mode: proxied"),
            ("sent: {run_mib: 5}", "mode: proxied"),
            ("mode: proxied, sent: {fetch_mib: 0}", "use 1 at least"),
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
        let rules = |network: &str| {
            let text = format!("repositories: {{shop: {{path: /a, network: {{{network}}}}}}}");
            let config = HostConfig::parse("orch.yaml", &text).unwrap();
            let (reach, _) = config.repositories["shop"].network.rules();
            reach.iter().map(ToString::to_string).collect::<Vec<_>>()
        };
        let pypi = ["own.test:443", "pypi.org:443", "files.pythonhosted.org:443"];
        let own = rules("mode: proxied, registries: [pypi], reach: [own.test]");
        assert_eq!(own, pypi);
        let all = rules("mode: proxied, registries: [all]").len();
        // None of them is mistyped.
        let listed: usize = super::REGISTRIES.iter().map(|(_, hosts)| hosts.len()).sum();
        assert_eq!(all, listed);
        let off = format!("sandbox: {{mode: off}}\n{}", text("mode: proxied"));
        let error = HostConfig::parse("orch.yaml", &off)
            .unwrap_err()
            .to_string();
        assert!(error.contains("sandbox.mode"), "{error}");
    }
}
