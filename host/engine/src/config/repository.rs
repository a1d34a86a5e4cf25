//! What a repository may say in `.orch.yaml`, read at its trusted base.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::gates::EntryConfig;
use super::strict::{self, ConfigError};

/// The repository's own configuration.
#[derive(Debug, Clone, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct RepoFile {
    /// How to test a commit.
    pub ci: Option<CiConfig>,
    /// Commit status contexts that must be green; an empty list says that nothing is required.
    pub required_contexts: Option<Vec<String>>,
    /// Gate entries to tighten.
    pub gates: BTreeMap<String, EntryConfig>,
    /// Findings that a person has accepted for a while.
    pub waivers: Vec<Waiver>,
}

/// How to test a commit in a clean checkout.
#[derive(Debug, Clone, Deserialize, Serialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub struct CiConfig {
    /// Shell command that prepares the checkout.
    #[serde(default)]
    pub setup: Option<String>,
    /// Shell command that tests it; exit code 0 is a success.
    pub test: String,
    /// Limit of each command, seconds.
    #[serde(default = "default_timeout")]
    pub timeout_s: u32,
}

fn default_timeout() -> u32 {
    900
}

/// A finding that a person has accepted for a while.
#[derive(Debug, Clone, Deserialize, Serialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub struct Waiver {
    /// Rule of the finding; must fit a pattern of the host's `waivable`.
    pub rule: String,
    /// Path of the finding; any if not given.
    #[serde(default)]
    pub path: Option<String>,
    /// Why.
    pub reason: String,
    /// Who accepted it; one of the host's `approvers`.
    pub approver: String,
    /// Last day it holds, `YYYY-MM-DD`, UTC.
    pub until: String,
}

impl RepoFile {
    /// Parses the file's text.
    ///
    /// # Errors
    /// [`ConfigError`] naming place and remedy.
    pub fn parse(text: &str) -> Result<Self, ConfigError> {
        strict::parse(super::REPO_FILE, text)
    }
}
