//! What the operator and the repository said: `orch.yaml` and `.orch.yaml`, read strictly.
//!
//! Unknown keys are errors that name the nearest valid one. What the two files mean together is in
//! [`effective`]; nothing here touches git or the store.

mod effective;
mod host;
mod repository;
mod strict;

pub use effective::{Effective, LOCAL_CI_CONTEXT};
pub use host::{
    AgentConfig, Concurrency, ConfigSource, DeployConfig, Driver, EntryConfig, ForgeKind,
    HostConfig, HttpConfig, PromptChannel, RepositoryConfig, ResultRule, RoleConfig, RulesConfig,
    RunLimits, StagingConfig, SuiteCheck,
};
pub use repository::{CiConfig, RepoFile};
pub use strict::ConfigError;

/// Name of the repository's own configuration file, read at the trusted base only.
pub const REPO_FILE: &str = ".orch.yaml";
