//! What a gate may do on a repository: the operator's grants, read as rights.

use orch_gates::{Grants, Interface, LoadedGate};

use crate::host::HostConfig;
use crate::strict::ConfigError;

/// Grants of the host's own gates; a list of their name in the configuration stands instead.
const OWN: [(&str, &[&str]); 2] = [
    (
        "security",
        &[
            "tools/gitleaks-history",
            "tools/gitleaks-files",
            "tools/pip-audit",
        ],
    ),
    ("coverage", &["memory"]),
];

/// What one gate may do beyond reading.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct GateGrants {
    /// Tool profiles.
    pub tools: Vec<String>,
    /// Beginnings of addresses that it may GET.
    pub http: Vec<String>,
    /// Whether it may keep values across tasks.
    pub memory: bool,
}

impl GateGrants {
    /// What `gate` may do on `repo`: what the repository's entry says, else the top's, else its own default.
    ///
    /// # Errors
    /// [`ConfigError`] for a word that grants nothing.
    pub fn of(host: &HostConfig, repo: &str, gate: &str) -> Result<Self, ConfigError> {
        let own = || {
            OWN.iter()
                .find(|(name, _)| *name == gate)
                .map(|(_, list)| *list)
        };
        let on_repo = host.repositories.get(repo).and_then(|r| r.grants.get(gate));
        let file = host.file.display().to_string();
        match on_repo.or_else(|| host.grants.get(gate)) {
            Some(list) => Self::parse(&file, gate, list.iter().map(String::as_str)),
            None => Self::parse(&file, gate, own().unwrap_or_default().iter().copied()),
        }
    }

    pub(crate) fn parse<'a>(
        file: &str,
        gate: &str,
        words: impl Iterator<Item = &'a str>,
    ) -> Result<Self, ConfigError> {
        let mut grants = Self::default();
        for word in words {
            match word.split_once('/') {
                None if word == "memory" => grants.memory = true,
                Some(("tools", profile)) if !profile.is_empty() => {
                    grants.tools.push(profile.to_owned());
                }
                Some(("http", address))
                    if address.starts_with("http://") || address.starts_with("https://") =>
                {
                    grants.http.push(address.to_owned());
                }
                _ => {
                    return Err(ConfigError::invalid(
                        file,
                        format!("grants.{gate}"),
                        format!(
                            "`{word}` grants nothing; write `tools/PROFILE`, `http/https://HOST/…` or `memory`"
                        ),
                    ));
                }
            }
        }
        Ok(grants)
    }

    /// The interfaces that follow from it; those that only read are always granted.
    pub fn interfaces(&self) -> Grants {
        let mut list: Vec<Interface> = Interface::ALL
            .into_iter()
            .filter(|i| Grants::reading().allows(*i))
            .collect();
        for (granted, interface) in [
            (!self.tools.is_empty(), Interface::Tools),
            (!self.http.is_empty(), Interface::Http),
            (self.memory, Interface::Memory),
        ] {
            if granted {
                list.push(interface);
            }
        }
        Grants::of(list)
    }

    /// What the gate imports and was not granted, with the line to add to `orch.yaml`.
    pub fn missing(&self, gate: &LoadedGate) -> Option<String> {
        let granted = self.interfaces();
        let missing: Vec<Interface> = gate
            .imports
            .iter()
            .copied()
            .filter(|i| !granted.allows(*i))
            .collect();
        if missing.is_empty() {
            return None;
        }
        let words: Vec<String> = missing
            .iter()
            .map(|i| format!("`{}` ({})", i.as_str(), i.in_words()))
            .collect();
        let line: Vec<&str> = missing
            .iter()
            .map(|i| match i {
                Interface::Tools => "tools/PROFILE",
                Interface::Http => "http/https://HOST/",
                other => other.as_str(),
            })
            .collect();
        Some(format!(
            "it imports {}, which is not granted; to allow it, add to orch.yaml:  grants: {{{}: [{}]}}",
            words.join(", "),
            gate.name,
            line.join(", ")
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn host(text: &str) -> HostConfig {
        HostConfig::parse("orch.yaml", text).unwrap()
    }

    #[test]
    fn repository_stands_before_the_top_and_that_before_the_default() {
        let own = GateGrants::of(&host("{}"), "shop", "security").unwrap();
        assert_eq!(own.tools.len(), 3);
        let top = "grants: {security: [tools/gitleaks-history]}";
        assert_eq!(
            GateGrants::of(&host(top), "shop", "security")
                .unwrap()
                .tools,
            ["gitleaks-history"]
        );
        let repo =
            format!("{top}\nrepositories: {{shop: {{path: shop.git, grants: {{security: []}}}}}}");
        assert_eq!(
            GateGrants::of(&host(&repo), "shop", "security").unwrap(),
            GateGrants::default()
        );
        assert_eq!(
            GateGrants::of(&host(&repo), "other", "security")
                .unwrap()
                .tools
                .len(),
            1
        );
    }

    #[test]
    fn stranger_gets_nothing_beyond_reading() {
        let grants = GateGrants::of(&host("{}"), "shop", "mine")
            .unwrap()
            .interfaces();
        assert!(grants.allows(Interface::Repository) && !grants.allows(Interface::Tools));
    }

    #[test]
    fn word_that_grants_nothing_is_refused_with_those_that_do() {
        for word in ["tools", "tools/", "http/evil", "all", "memory/x"] {
            let text = format!("grants: {{mine: ['{word}']}}");
            let error = HostConfig::parse("orch.yaml", &text)
                .unwrap_err()
                .to_string();
            assert!(error.contains("tools/PROFILE"), "{word}: {error}");
        }
    }
}
