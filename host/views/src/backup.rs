//! What did backing up or restoring come to?

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A backup that was made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct BackupView {
    /// The folder that holds it.
    pub folder: PathBuf,
    /// How many files it has.
    pub files: u64,
    /// How many bytes.
    pub bytes: u64,
}

/// A backup that was restored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RestoreView {
    /// The data folder that it is now.
    pub folder: PathBuf,
    /// How many files it had.
    pub files: u64,
    /// Version of the program that made it.
    pub version: String,
}
