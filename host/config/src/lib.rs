//! What the operator and the repository said: `orch.yaml` and `.orch.yaml`, read strictly.
//!
//! Unknown keys are errors that name the nearest valid one. What the two files mean together is in
//! [`effective`]; nothing here touches git or the store.

mod agents;
mod bounds;
mod by_risk;
mod contexts;
mod disk;
mod edges;
mod effective;
mod escalation;
mod forges;
mod gates;
mod gateway;
mod gateways;
mod grants;
mod host;
mod live;
mod merge;
mod moving;
mod network;
mod notifiers;
mod origin;
mod people;
mod pipeline;
mod places;
mod problems;
mod read;
mod reconcile;
mod recovery;
mod repositories;
mod repository;
mod risk;
mod sandbox;
mod strict;
mod submodules;
mod trackers;
mod uses;
mod waivers;
mod webhooks;
mod who;

pub use agents::{
    AgentConfig, Driver, PromptChannel, ResultRule, RoleByRisk, RoleConfig, RunLimits,
};
pub use contexts::{LOCAL_CI_CONTEXT, RequiredContext};
pub use disk::DiskConfig;
pub use effective::Effective;
pub use effective::placed::{PlacedStep, placed_steps};
pub use effective::steps::Origin;
pub use escalation::EscalationConfig;
pub use forges::{ForgeConfig, ForgeKind, ForgePlace, LandBy, RemotePlace, SshConfig};
pub use gates::{AdvisoriesConfig, CheckoutKind, EntryConfig, ExtraGate, LimitsConfig, ToolConfig};
pub use gateway::{GatewayConfig, ModelApi, ModelPrice};
pub use grants::GateGrants;
pub use host::{Concurrency, ConfigSource, HostConfig, HttpConfig, RulesConfig};
pub use live::{LiveConfig, Replaced};
pub use merge::MergeConfig;
pub use moving::{
    Dotenv, Doubt, Moved, SETTINGS, SecretFile, Setting, VariableNotice, moved, notices,
};
pub use network::{NetworkConfig, NetworkMode, Registry};
pub use notifiers::{
    CommandConfig, EmailConfig, LOG_NOTIFIER, NotifierConfig, TelegramConfig, USUAL,
    WebhookNotifierConfig,
};
pub use origin::PublicOrigin;
pub use people::{Account, PersonConfig};
pub use pipeline::PipelineConfig;
pub use problems::{Problem, problems};
pub use reconcile::ReconcileConfig;
pub use recovery::{BudgetsConfig, PreflightConfig, ReaperConfig};
pub use repositories::{
    DeployConfig, ImageConfig, PostDeployConfig, Reaction, RepositoryConfig, StagingConfig,
    SuiteCheck,
};
pub use repository::{CiConfig, RepoFile, Waiver};
pub use risk::{RiskConfig, risk_glob};
pub use sandbox::{
    CageLimits, SandboxConfig, SandboxGrants, SandboxMode, SandboxProfile, TrustedMode,
};
pub use strict::ConfigError;
pub use submodules::SubmodulesConfig;
pub use trackers::{
    ENTRY_STATE, IssuesConfig, LOCAL_TRACKER, PlaneConfig, PlaneProjectConfig, TrackerConfig,
};
pub use webhooks::{SecretFrom, WebhookConfig, WebhookKind};

/// Name of the repository's own configuration file, read at the trusted base only.
pub const REPO_FILE: &str = ".orch.yaml";
