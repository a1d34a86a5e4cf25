//! Whose webhooks the host takes, and how they prove that they come from there.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::strict::ConfigError;

/// Where a credential is: exactly one of the two.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct SecretFrom {
    /// A file with nothing else in it. Relative to the configuration file.
    pub file: Option<PathBuf>,
    /// A variable of the host's environment.
    pub env: Option<String>,
}

impl SecretFrom {
    /// A file is named from the folder of the configuration.
    pub(crate) fn place(&mut self, folder: &Path) {
        if let Some(file) = &mut self.file {
            *file = folder.join(&file);
        }
    }

    /// What is there now; none if it cannot be read.
    pub fn read(&self) -> Option<String> {
        match (&self.file, &self.env) {
            (Some(file), _) => {
                let text = std::fs::read_to_string(file).ok()?;
                Some(text.trim_start_matches('\u{feff}').to_owned())
            }
            (None, Some(name)) => std::env::var(name).ok(),
            (None, None) => None,
        }
    }

    pub(crate) fn check(&self, file: &str, place: &str) -> Result<(), ConfigError> {
        match (&self.file, &self.env) {
            (Some(_), None) | (None, Some(_)) => Ok(()),
            (Some(_), Some(_)) | (None, None) => Err(ConfigError::invalid(
                file,
                place,
                "say where it is by one of `file: PATH` and `env: VARIABLE`",
            )),
        }
    }
}

/// Whose events they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum WebhookKind {
    /// Gitea or Forgejo.
    Gitea,
    /// Plane.
    Plane,
    /// Anything else that signs a few words of JSON.
    Generic,
}

/// A source of webhooks; its name is the last part of the address, `/webhook/NAME`.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct WebhookConfig {
    /// Whose events they are.
    pub kind: WebhookKind,
    /// Secrets that its deliveries may be signed with: several while one is replaced.
    #[serde(default)]
    pub secrets: Vec<SecretFrom>,
    /// Where the source reaches this host's `/webhook/NAME`: what is registered there, and looked for there.
    #[serde(default)]
    pub url: Option<String>,
    /// Takes unsigned deliveries, which is refused unless the host listens to this machine alone.
    #[serde(default)]
    pub unsigned: bool,
    /// Repositories that it speaks for, by their names under `repositories`.
    #[serde(default)]
    pub repositories: Vec<String>,
    /// Tracker that it speaks for, by its name.
    #[serde(default)]
    pub tracker: Option<String>,
    /// Projects of the tracker that it speaks for.
    #[serde(default)]
    pub projects: Vec<String>,
}

#[cfg(test)]
mod tests {
    use crate::HostConfig;

    fn parse(webhook: &str, listen: &str) -> Result<HostConfig, String> {
        let text = format!(
            "http: {{listen: {listen}}}\nrepositories: {{shop: {{path: shop.git}}}}\nwebhooks: {{gitea: {webhook}}}\n"
        );
        HostConfig::parse("orch.yaml", &text).map_err(|e| e.to_string())
    }

    #[test]
    fn source_without_a_secret_is_refused_unless_it_is_of_this_machine_and_said_so() {
        let (alone, open) = ("\"127.0.0.1:1\"", "\"0.0.0.0:1\"");
        let error = parse("{kind: gitea, repositories: [shop]}", alone).unwrap_err();
        assert!(
            error.contains("webhooks.gitea") && error.contains("secrets"),
            "{error}"
        );
        let told = "{kind: gitea, repositories: [shop], unsigned: true}";
        parse(told, alone).unwrap();
        let error = parse(told, open).unwrap_err();
        assert!(error.contains("name a secret"), "{error}");
        parse(
            "{kind: gitea, repositories: [shop], secrets: [{env: A}, {file: b}]}",
            open,
        )
        .unwrap();
    }

    #[test]
    fn source_that_speaks_for_nothing_or_for_what_is_not_there_is_refused() {
        for webhook in [
            "{kind: gitea, secrets: [{env: A}]}",
            "{kind: gitea, secrets: [{env: A}], repositories: [toys]}",
            "{kind: plane, secrets: [{env: A}], tracker: plane}",
            "{kind: generic, secrets: [{env: A}]}",
            "{kind: gitea, secrets: [{}], repositories: [shop]}",
            "{kind: gitea, secrets: [{env: A, file: b}], repositories: [shop]}",
        ] {
            assert!(parse(webhook, "\"127.0.0.1:1\"").is_err(), "{webhook}");
        }
    }
}
