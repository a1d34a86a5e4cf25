//! What an operator may say in `orch.yaml`.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use orch_domain::stage::Role;
use serde::{Deserialize, Serialize};

use crate::agents::{AgentConfig, RoleConfig};
use crate::disk::DiskConfig;
use crate::escalation::EscalationConfig;
use crate::forges::ForgeConfig;
use crate::gates::{AdvisoriesConfig, EntryConfig, ExtraGate, ToolConfig};
use crate::merge::MergeConfig;
use crate::notifiers::NotifierConfig;
use crate::origin::PublicOrigin;
use crate::people::PersonConfig;
use crate::pipeline::PipelineConfig;
use crate::reconcile::ReconcileConfig;
use crate::recovery::{BudgetsConfig, PreflightConfig, ReaperConfig};
use crate::repositories::RepositoryConfig;
use crate::risk::{DeployApprovalConfig, RiskConfig};
use crate::sandbox::SandboxConfig;
use crate::trackers::TrackerConfig;
use crate::webhooks::WebhookConfig;

/// The host's configuration.
#[derive(Debug, Clone, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct HostConfig {
    /// Folder of the database, mirrors, workspaces and run folders. Relative to the configuration file.
    pub data: Option<PathBuf>,
    /// Folder of the gate files.
    pub gates_dir: Option<PathBuf>,
    /// File that pins gates to digests; `gates.lock` beside the configuration if not given.
    pub gates_lock: Option<PathBuf>,
    /// HTTP.
    pub http: HttpConfig,
    /// How much runs at once.
    pub concurrency: Concurrency,
    /// Bounds of the pipeline.
    pub rules: RulesConfig,
    /// Agent command lines by name.
    pub agents: BTreeMap<String, AgentConfig>,
    /// Which agent works as which role; `default` stands for the rest.
    pub roles: BTreeMap<String, RoleConfig>,
    /// Servers with repositories, by name.
    pub forges: BTreeMap<String, ForgeConfig>,
    /// Sources of webhooks by name.
    pub webhooks: BTreeMap<String, WebhookConfig>,
    /// Repositories by name.
    pub repositories: BTreeMap<String, RepositoryConfig>,
    /// The pipeline of every repository that does not say otherwise.
    pub pipeline: PipelineConfig,
    /// Gate entries that differ from the defaults or are new.
    pub gates: BTreeMap<String, EntryConfig>,
    /// Gates that judge beside those of the pipeline.
    pub extra_gates: Vec<ExtraGate>,
    /// What gates may do beyond reading: by gate, a list of interfaces.
    pub grants: BTreeMap<String, Vec<String>>,
    /// Programs that gates may have run, by profile; the host's own profiles are changed by their names.
    pub tools: BTreeMap<String, ToolConfig>,
    /// The cage of judged processes.
    pub sandbox: SandboxConfig,
    /// Where known vulnerabilities are looked up.
    pub advisories: AdvisoriesConfig,
    /// Rules of findings that repositories may waive; `*` stands for any text.
    pub waivable: Vec<String>,
    /// Persons by name: what they may do, and by which accounts they are known.
    pub people: BTreeMap<String, PersonConfig>,
    /// Logins that may approve and nobody else, from before there were `people`.
    pub approvers: Vec<String>,
    /// Trackers beyond this machine, by name.
    pub trackers: BTreeMap<String, TrackerConfig>,
    /// Where people are told things beside the log, by name.
    pub notifiers: BTreeMap<String, NotifierConfig>,
    /// What agents may cost.
    pub budgets: BudgetsConfig,
    /// Whether agents are looked at before they start.
    pub preflight: PreflightConfig,
    /// Who takes up what others let fall.
    pub reaper: ReaperConfig,
    /// How forge and tracker are asked for what no notice told.
    pub reconcile: ReconcileConfig,
    /// What follows when nobody acts on an alert.
    pub escalation: EscalationConfig,
    /// Paths that are risky to change, and those that are not, of every repository.
    pub risk: RiskConfig,
    /// When a person approves a deploy.
    pub deploy_approval: DeployApprovalConfig,
    /// How much of the disk stays free and how long leftovers are kept.
    pub disk: DiskConfig,
    /// How tasks that wait for one base land together.
    pub merge: MergeConfig,
    /// How long the merge lease holds without renewal, seconds; 300 if not given.
    pub merge_lock_timeout_s: Option<u32>,
    /// Where overrides came from; filled while loading.
    #[serde(skip)]
    pub sources: Vec<ConfigSource>,
    /// The file it was read from; filled while loading.
    #[serde(skip)]
    pub file: PathBuf,
}

/// A value that did not come from the file.
#[derive(Debug, Clone, Serialize, PartialEq, Eq)]
pub struct ConfigSource {
    /// Path of keys.
    pub key: String,
    /// Name of the environment variable.
    pub variable: String,
}

/// HTTP settings.
#[derive(Debug, Clone, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct HttpConfig {
    /// Address to listen on; none means only the unix socket.
    pub listen: Option<SocketAddr>,
    /// Where browsers find the host, if a proxy with TLS is in front of it, such as `https://orch.example.org`. Without it
    /// the pages are for browsers on this machine.
    pub origin: Option<PublicOrigin>,
}

/// How many jobs of each lane run at once.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Concurrency {
    /// Agent runs.
    pub agents: u32,
    /// Gate evaluations.
    pub gates: u32,
    /// CI, staging, merge, deploy.
    pub effects: u32,
}

impl Default for Concurrency {
    fn default() -> Self {
        Self {
            agents: 1,
            gates: 2,
            effects: 2,
        }
    }
}

/// Bounds of the pipeline; unset keys keep the default.
#[derive(Debug, Clone, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct RulesConfig {
    /// Rework rounds of a task.
    pub rework_rounds_max: Option<u32>,
    /// Failed gates before development until a person is asked.
    pub early_rounds_max: Option<u32>,
    /// Infrastructure failures of a step in a row until the task is blocked.
    pub infra_failures_max: Option<u32>,
    /// How often a landing is prepared again at once after its base moved.
    pub overtaken_max: Option<u32>,
    /// First delay of a back-off, milliseconds.
    pub backoff_base_ms: Option<u32>,
    /// How long host work may wait, seconds.
    pub work_wait_deadline_s: Option<u32>,
}

impl HostConfig {
    /// The data folder. Set by [`HostConfig::load`].
    pub fn data_dir(&self) -> &Path {
        self.data.as_deref().unwrap_or(Path::new("orch-data"))
    }

    /// The lock file. Set by [`HostConfig::load`].
    pub fn gates_lock(&self) -> &Path {
        self.gates_lock
            .as_deref()
            .unwrap_or(Path::new("gates.lock"))
    }

    /// The gates folder. Set by [`HostConfig::load`].
    pub fn gates_dir(&self) -> &Path {
        self.gates_dir.as_deref().unwrap_or(Path::new("gates"))
    }

    /// The role's configuration, or the default one.
    pub fn role(&self, role: Role) -> Option<&RoleConfig> {
        self.roles
            .get(role.as_str())
            .or_else(|| self.roles.get("default"))
    }
}
