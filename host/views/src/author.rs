//! What gate authors see of their projects: checks and measurements.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What a host would say of a gate file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CheckView {
    /// The file.
    pub file: String,
    /// Notes for which a host would not take it.
    pub errors: u64,
    /// Everything that was noted.
    pub notes: Vec<NoteView>,
}

/// Something that was noted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct NoteView {
    /// How bad it is.
    pub level: NoteLevel,
    /// What it is.
    pub text: String,
}

/// How bad something is that was noted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum NoteLevel {
    /// A host would not take the gate.
    Error,
    /// It would, and somebody should look.
    Warning,
    /// Good to know.
    Note,
}

impl NoteLevel {
    /// Its name on the wire and on pages.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
            Self::Note => "note",
        }
    }
}

/// A gate's measurements.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct BenchView {
    /// The gate.
    pub gate: AboutGate,
    /// By case.
    pub cases: Vec<MeasureView>,
}

/// Which gate it is about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[expect(missing_docs, reason = "each is what it says")]
pub struct AboutGate {
    pub gate: String,
    pub version: String,
    pub digest: String,
}

/// Measurements of one case.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[expect(missing_docs, reason = "the names are those of the columns")]
pub struct MeasureView {
    pub name: String,
    pub evaluations: u32,
    pub p50_us: u64,
    pub p99_us: u64,
    pub max_us: u64,
    pub per_second: u64,
    pub cpu_us: u64,
    pub memory_bytes: u64,
}

/// A project that was begun.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct BegunView {
    /// Its folder.
    pub folder: String,
}

/// A component that was built.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct BuiltView {
    /// Its file.
    pub file: String,
}
