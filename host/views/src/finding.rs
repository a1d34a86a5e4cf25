//! A finding of a gate, as it is shown.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A finding.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[expect(missing_docs, reason = "the names are the contract's")]
pub struct FindingView {
    pub rule: String,
    pub severity: String,
    pub blocking: bool,
    pub message: String,
    pub path: Option<String>,
    pub line: Option<u32>,
    pub help: Option<String>,
}
