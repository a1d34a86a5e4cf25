//! What the operator and the repository said: `orch.yaml` and `.orch.yaml`, read strictly.
//!
//! Unknown keys are errors that name the nearest valid one. What the two files mean together is in
//! [`effective`]; nothing here touches git or the store.

mod effective;
mod grants;
mod host;
mod live;
mod repository;
mod strict;
pub(crate) mod waivers;

pub use effective::{Effective, LOCAL_CI_CONTEXT};
pub use grants::GateGrants;
pub use host::{
    AdvisoriesConfig, AgentConfig, CheckoutKind, Concurrency, ConfigSource, DeployConfig, Driver,
    EntryConfig, ExtraGate, ForgeKind, HostConfig, HttpConfig, LimitsConfig, PromptChannel,
    RepositoryConfig, ResultRule, RoleConfig, RulesConfig, RunLimits, SandboxConfig, SandboxMode,
    StagingConfig, SuiteCheck, ToolConfig,
};
pub use repository::{CiConfig, RepoFile, Waiver};
pub use strict::ConfigError;

/// Name of the repository's own configuration file, read at the trusted base only.
pub const REPO_FILE: &str = ".orch.yaml";
