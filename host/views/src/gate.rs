//! Gates: what is loaded, what a file says of itself, and what is ordered of them.

use orch_domain::person::PersonRole;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::endpoint::Endpoint;
use crate::message::Nothing;
use crate::page::{Page, PageRequest};

/// Gates that serve and files that do not load.
pub const LIST: Endpoint<0, PageRequest, Page<GateView>> = Endpoint::get("/gates");
/// Pins every gate to its present file.
pub const LOCK: Endpoint<0, Nothing, GateDone> = Endpoint::post(PersonRole::Admin, "/gates/lock");
/// Has a gate judge at a stage.
pub const ENABLE: Endpoint<0, EnableRequest, GateDone> =
    Endpoint::post(PersonRole::Admin, "/gates/enable");
/// Goes back to an earlier version.
pub const ROLLBACK: Endpoint<1, RollbackRequest, GateDone> =
    Endpoint::post(PersonRole::Admin, "/gates/{name}/rollback");
/// Lifts a quarantine.
pub const RELEASE: Endpoint<1, Nothing, GateDone> =
    Endpoint::post(PersonRole::Admin, "/gates/{name}/release");

/// How a gate stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum GateState {
    /// It judges where a pipeline names it.
    Serves,
    /// It trapped on tasks of two repositories and judges nothing.
    Quarantined,
    /// It imports more than it was granted and judges nothing.
    Ungranted,
    /// An earlier version judges.
    RolledBack,
    /// Its file does not load and no version serves.
    Missing,
}

impl GateState {
    /// Its name on the wire and on pages.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Serves => "serves",
            Self::Quarantined => "quarantined",
            Self::Ungranted => "ungranted",
            Self::RolledBack => "rolled-back",
            Self::Missing => "missing",
        }
    }
}

/// A gate of the host.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[expect(missing_docs, reason = "the names are those of the columns")]
pub struct GateView {
    pub name: String,
    pub version: String,
    pub digest: String,
    pub size: u64,
    pub summary: String,
    pub imports: Vec<String>,
    pub state: GateState,
    /// Why the file is not in force, or the gate does not judge.
    pub error: Option<String>,
}

/// What an order about gates came to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct GateDone {
    /// Gate, or empty for all.
    pub gate: String,
    /// What was done, for people.
    pub message: String,
}

/// Where a gate is to judge.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EnableRequest {
    /// The gate.
    pub gate: String,
    /// The stage.
    pub stage: String,
    /// Repository; every one if not given.
    #[serde(default)]
    pub repo: Option<String>,
    /// `enforce`, `advise`, `observe` or `off`.
    #[serde(default = "enforce")]
    pub mode: String,
    /// Settings of the gate.
    #[serde(default)]
    pub settings: serde_json::Map<String, serde_json::Value>,
}

fn enforce() -> String {
    "enforce".to_owned()
}

/// Which version to go back to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RollbackRequest {
    /// Its digest, or the beginning of it.
    pub digest: String,
}

/// What a gate file says of itself and what it may do.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[expect(missing_docs, reason = "the names are those of the description")]
pub struct InspectionView {
    pub file: String,
    pub name: String,
    pub version: String,
    pub summary: String,
    pub contract: String,
    pub digest: String,
    pub size: u64,
    pub status_key: String,
    pub artefact: Option<String>,
    pub imports: Vec<ImportView>,
    pub limits: LimitsView,
    /// Schema of its settings, as it says it itself.
    pub settings_schema: serde_json::Value,
}

/// An import of a gate.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ImportView {
    /// The interface.
    pub name: String,
    /// What it allows, in words.
    pub allows: String,
}

/// What an evaluation may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[expect(missing_docs, reason = "the names are those of the limits")]
pub struct LimitsView {
    pub memory_bytes: u64,
    pub cpu_ms: u64,
    pub wall_ms: u64,
    pub host_calls: u64,
    pub read_bytes: u64,
    pub findings: u64,
}
