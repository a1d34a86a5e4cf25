//! Where the other repositories of a repository come from.

use serde::{Deserialize, Serialize};

use crate::strict::ConfigError;

/// What is said of submodules.
#[derive(Debug, Clone, Default, Deserialize, Serialize, PartialEq, Eq)]
#[serde(deny_unknown_fields, default)]
pub struct SubmodulesConfig {
    /// Addresses of https and folders of this machine that they may come from, with everything below them, beside what
    /// the repository's own host serves.
    pub from: Vec<String>,
    /// Paths of those that nobody needs: their folders stay empty.
    pub without: Vec<String>,
    /// What relative addresses are relative to: the forge's address of the repository, its `upstream`, or its `path` if
    /// not given.
    pub address: Option<String>,
}

pub(crate) fn check(
    submodules: &SubmodulesConfig,
    place: &str,
    file: &str,
) -> Result<(), ConfigError> {
    for entry in &submodules.from {
        orch_domain::submodule::check_source(entry).map_err(|what| {
            let place = format!("{place}submodules.from");
            ConfigError::invalid(file, place, format!("`{entry}` has to be {what}"))
        })?;
    }
    Ok(())
}
