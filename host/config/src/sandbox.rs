//! What an operator may say of the cage that judged processes run in.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::strict::ConfigError;

/// Whether judged processes are confined: agents, tools, tests, and hooks that run files of the branch.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum SandboxMode {
    /// They are, or do not run.
    #[default]
    Enforce,
    /// They are not: for kernels that cannot.
    Off,
}

/// The cage of all judged processes.
#[derive(Debug, Clone, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct SandboxConfig {
    /// Whether they are confined.
    pub mode: SandboxMode,
    /// Folders beside the system's and the toolchains' that all of them may read.
    pub read: Vec<PathBuf>,
    /// Files and folders of the host that all of them may write to.
    pub write: Vec<PathBuf>,
    /// Sockets of the host that all of them may connect to.
    pub sockets: Vec<PathBuf>,
    /// Toolchains, instead of those that are found on PATH and by the usual variables.
    pub toolchains: Option<Vec<PathBuf>>,
    /// The user that they are outside when the host runs as root; one for each workspace if not given.
    pub user: Option<u32>,
}

/// What one agent, or the hooks of one repository, may do beside that.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct SandboxGrants {
    /// Files and folders of the host that it may read.
    pub read: Vec<PathBuf>,
    /// Files and folders of the host that it may write to.
    pub write: Vec<PathBuf>,
    /// Sockets of the host that it may connect to.
    pub sockets: Vec<PathBuf>,
}

impl SandboxGrants {
    /// Every path in it.
    pub(crate) fn places(&mut self) -> impl Iterator<Item = &mut PathBuf> {
        let Self {
            read,
            write,
            sockets,
        } = self;
        read.iter_mut().chain(write).chain(sockets)
    }
}

/// Refuses a user that would be no confinement.
pub(crate) fn check(sandbox: &SandboxConfig, file: &str) -> Result<(), ConfigError> {
    match sandbox.user {
        Some(0) => {
            let why = "judged processes are never root; name another user, or take the key out";
            Err(ConfigError::invalid(file, "sandbox.user", why))
        }
        Some(_) | None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use crate::host::HostConfig;

    #[test]
    fn root_is_no_user_for_judged_processes() {
        let error = HostConfig::parse("orch.yaml", "sandbox: {user: 0}").unwrap_err();
        assert!(error.to_string().contains("never root"), "{error}");
    }
}
