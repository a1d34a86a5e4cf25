//! What an operator may say of gates and of the programs they have run.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// Changes to a gate entry, or a new one.
#[derive(Debug, Clone, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct EntryConfig {
    /// Gate component; required for a new entry.
    pub gate: Option<String>,
    /// `enforce`, `advise`, `observe` or `off`.
    pub mode: Option<String>,
    /// Settings of the gate.
    pub settings: Option<serde_json::Map<String, serde_json::Value>>,
    /// Stage to fall back to.
    pub on_fail: Option<String>,
    /// How long the entry may wait, seconds.
    pub wait_deadline_s: Option<u32>,
    /// Limits below the host's.
    pub limits: Option<LimitsConfig>,
    /// Tier of a change from which on the gate is asked: `low` (every change), `medium` or `high`.
    pub from_risk: Option<String>,
}

/// Limits of an entry's evaluations; unset ones are the production limits, which none may exceed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct LimitsConfig {
    /// CPU time of the guest, milliseconds.
    pub cpu_ms: Option<u64>,
    /// Wall clock outside of tool runs, milliseconds.
    pub wall_ms: Option<u64>,
    /// Memory, MiB.
    pub memory_mib: Option<u64>,
    /// Host calls.
    pub host_calls: Option<u64>,
}

/// What a tool sees of the repository.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum CheckoutKind {
    /// Nothing.
    #[default]
    None,
    /// The branch head, which it cannot change.
    ReadOnly,
    /// The branch head, thrown away afterwards.
    DisposableCopy,
    /// The files that the branch changed, as they are stored.
    ChangedFiles,
}

/// A program that gates may have run.
///
/// In `args`, `{scratch}` stands for the run's own folder, `{checkout}` for what it sees of the repository,
/// `{repository}` for the git directory, `{base}` and `{head}` for the commits, `{osv}` for the address of the
/// advisories.
#[derive(Debug, Clone, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct ToolConfig {
    /// Program: a path or a name on the host's PATH.
    pub program: Option<PathBuf>,
    /// Arguments.
    pub args: Option<Vec<String>>,
    /// Patterns of arguments that a gate may add; `*` stands for any text.
    pub allow_args: Option<Vec<String>>,
    /// What it sees of the repository.
    pub checkout: Option<CheckoutKind>,
    /// Whether it may reach the network.
    pub network: Option<bool>,
    /// Wall clock, seconds.
    pub timeout_s: Option<u32>,
    /// Output kept of each stream, KiB.
    pub output_kib: Option<u32>,
    /// Its environment beside PATH, HOME and TMPDIR.
    pub env: Option<BTreeMap<String, String>>,
    /// Folders beside the system's that it may read.
    pub read: Option<Vec<PathBuf>>,
}

/// Where known vulnerabilities are looked up.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct AdvisoriesConfig {
    /// Address of an OSV server.
    pub url: String,
    /// Limit of one lookup, seconds.
    pub timeout_s: u32,
    /// How long an answer is used again, seconds.
    pub cache_s: u32,
}

impl Default for AdvisoriesConfig {
    fn default() -> Self {
        Self {
            url: "https://api.osv.dev".to_owned(),
            timeout_s: 20,
            cache_s: 3600,
        }
    }
}

/// A gate that judges at the end of a stage's gates, as `orch gate enable` writes it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct ExtraGate {
    /// Gate component: the file's stem.
    pub gate: String,
    /// Stage.
    pub stage: String,
    /// Repository; every one if not given.
    #[serde(default)]
    pub repo: Option<String>,
    /// `enforce`, `advise`, `observe` or `off`.
    #[serde(default = "default_mode")]
    pub mode: String,
    /// Settings of the gate.
    #[serde(default)]
    pub settings: serde_json::Map<String, serde_json::Value>,
}

fn default_mode() -> String {
    "enforce".to_owned()
}
