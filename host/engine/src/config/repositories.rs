//! What an operator may say of a repository.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// Where a repository is hosted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum ForgeKind {
    /// A bare repository on this machine; pull requests and statuses in our store.
    #[default]
    Local,
}

/// One repository.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct RepositoryConfig {
    /// Where it is hosted.
    #[serde(default)]
    pub forge: ForgeKind,
    /// The bare repository.
    pub path: PathBuf,
    /// Base branch.
    #[serde(default = "default_base")]
    pub base: String,
    /// Prefix of work item ids that `orch task new` makes up, such as `SHOP`.
    #[serde(default)]
    pub prefix: Option<String>,
    /// Staging.
    #[serde(default)]
    pub staging: Option<StagingConfig>,
    /// Production.
    #[serde(default)]
    pub deploy: Option<DeployConfig>,
    /// What gates may do on this repository, instead of what `grants` says of them at the top.
    #[serde(default)]
    pub grants: BTreeMap<String, Vec<String>>,
}

fn default_base() -> String {
    "main".to_owned()
}

/// How to deploy to staging and check it.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct StagingConfig {
    /// Command that deploys the checkout it runs in; gets `EXPECTED_REVISION`.
    pub hook: String,
    /// Base address of the staging system, for the log.
    #[serde(default)]
    pub base_url: String,
    /// Checks to run afterwards, in order.
    #[serde(default)]
    pub suite: Vec<SuiteCheck>,
    /// Command that cleans up; always runs.
    #[serde(default)]
    pub cleanup: Option<String>,
    /// Limit of each command, seconds.
    #[serde(default = "default_hook_timeout")]
    pub timeout_s: u32,
}

/// One check of the staging suite.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct SuiteCheck {
    /// Name in the log.
    pub name: String,
    /// Command; exit code 0 is a success.
    pub run: String,
    /// Whether the check tests the staging infrastructure rather than the change; it is waived when every
    /// real check is green.
    #[serde(default)]
    pub sandbox_infra: bool,
}

/// How to deploy to production.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct DeployConfig {
    /// Command that deploys the checkout it runs in; gets `EXPECTED_REVISION`.
    pub hook: String,
    /// Limit, seconds.
    #[serde(default = "default_hook_timeout")]
    pub timeout_s: u32,
}

fn default_hook_timeout() -> u32 {
    900
}
