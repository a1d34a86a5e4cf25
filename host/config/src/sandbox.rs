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

/// By what judged processes are held.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum SandboxProfile {
    /// By namespaces, or without them where they are not to be had and it holds without; found out by trying.
    #[default]
    Auto,
    /// By namespaces, or not started.
    Namespaces,
    /// By another user, Landlock and a narrower filter of calls, or not started.
    Landlock,
    /// As the host's own user, by Landlock and a filter narrower still, or not started: with what that does not hold, which
    /// an operator accepts by naming it.
    LandlockSameUser,
    /// By a program of the operator's, which is tried before each start and believed as far as it holds, or not started.
    External,
}

/// Whether the operator's own commands see what is the host's: its data, gates, configuration, secrets and bare
/// repositories.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum TrustedMode {
    /// They do not where this user may mount, found out by trying; they do elsewhere.
    #[default]
    Auto,
    /// They do not, or do not run.
    Hidden,
    /// They do.
    Open,
}

/// The cage of all judged processes.
#[derive(Debug, Clone, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct SandboxConfig {
    /// Whether they are confined.
    pub mode: SandboxMode,
    /// By what they are held.
    pub profile: SandboxProfile,
    /// What commands see that are the operator's own and not judged.
    pub trusted: TrustedMode,
    /// The operator's own cage: a program with arguments that runs what is appended to it confined. With the profile
    /// `external` alone.
    pub external: Vec<String>,
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
    /// What each run of them may use, all of its processes together.
    pub limits: CageLimits,
}

/// What one run may use: an agent, a set-up, a test, a hook or a tool, with everything that it starts. What is not said
/// is as for all, or the default.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct CageLimits {
    /// Memory, MiB; 0 for no limit. Three quarters of the machine's if nobody says.
    pub memory_mib: Option<u64>,
    /// Processes and threads at once; 4096 if nobody says, and 1024 of the host's own user.
    pub processes: Option<u64>,
    /// CPU time, seconds; 0 or nothing for no limit.
    pub cpu_s: Option<u64>,
    /// The largest file, MiB; 0 for no limit. 16384 for agents and deploy hooks and 2048 for others if nobody says.
    pub file_mib: Option<u64>,
}

impl CageLimits {
    /// These, and those of `all` where these say nothing.
    #[must_use]
    pub fn or(self, all: Self) -> Self {
        Self {
            memory_mib: self.memory_mib.or(all.memory_mib),
            processes: self.processes.or(all.processes),
            cpu_s: self.cpu_s.or(all.cpu_s),
            file_mib: self.file_mib.or(all.file_mib),
        }
    }

    /// Refuses what nobody can mean.
    pub(crate) fn check(self, file: &str, place: &str) -> Result<(), ConfigError> {
        let refuse = |key: &str, why: String| {
            let place = format!("{place}.limits.{key}");
            Err(ConfigError::invalid(file, place, why))
        };
        for (key, mib) in [("memory_mib", self.memory_mib), ("file_mib", self.file_mib)] {
            match mib {
                Some(mib) if mib > MIB_MAX => {
                    return refuse(key, "it is in MiB, not in bytes".to_owned());
                }
                Some(mib) if (1..MIB_MIN).contains(&mib) => {
                    let why = format!(
                        "runs that do nothing wrong would be ended at {mib} MiB; use {MIB_MIN} at least, or 0 for no limit"
                    );
                    return refuse(key, why);
                }
                Some(_) | None => {}
            }
        }
        match self.processes {
            Some(count) if !(PROCESSES_MIN..=PROCESSES_MAX).contains(&count) => refuse(
                "processes",
                format!(
                    "use {PROCESSES_MIN} to {PROCESSES_MAX}: a run without a bound takes the machine with it"
                ),
            ),
            Some(_) | None => Ok(()),
        }
    }
}

/// A pebibyte: more is a number of bytes.
const MIB_MAX: u64 = 1 << 30;
/// What a run uses without any fault.
const MIB_MIN: u64 = 64;
/// A shell with a build in it; less would end runs that do nothing wrong.
const PROCESSES_MIN: u64 = 32;
/// As many as any machine has.
const PROCESSES_MAX: u64 = 1 << 22;

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
    /// What a run of it may use, where that differs from what all may.
    pub limits: CageLimits,
}

impl SandboxGrants {
    /// Every path in it.
    pub(crate) fn places(&mut self) -> impl Iterator<Item = &mut PathBuf> {
        let Self {
            read,
            write,
            sockets,
            limits: _,
        } = self;
        read.iter_mut().chain(write).chain(sockets)
    }
}

/// Refuses a user that would be no confinement.
pub(crate) fn check(sandbox: &SandboxConfig, file: &str) -> Result<(), ConfigError> {
    sandbox.limits.check(file, "sandbox")?;
    let is_external = sandbox.profile == SandboxProfile::External;
    let place = "sandbox.external";
    match sandbox
        .external
        .first()
        .map(|program| PathBuf::from(program).is_absolute())
    {
        None if is_external => {
            let why = "the profile `external` needs the program that confines, with its arguments; name it here";
            return Err(ConfigError::invalid(file, place, why));
        }
        Some(_) if !is_external => {
            let why = "nothing is started by it unless `sandbox.profile` is `external`; say so, or take the key out";
            return Err(ConfigError::invalid(file, place, why));
        }
        Some(false) => {
            let why = "the program that confines is named by its full path: no PATH and no branch has a say";
            return Err(ConfigError::invalid(file, place, why));
        }
        None | Some(true) => {}
    }
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
    use super::CageLimits;
    use crate::host::HostConfig;

    #[test]
    fn root_is_no_user_for_judged_processes() {
        let error = HostConfig::parse("orch.yaml", "sandbox: {user: 0}").unwrap_err();
        assert!(error.to_string().contains("never root"), "{error}");
    }

    #[test]
    fn cage_of_the_operators_own_is_named_in_full_and_with_its_profile() {
        for (text, why) in [
            ("sandbox: {profile: external}", "needs the program"),
            ("sandbox: {external: [/srv/cage]}", "is `external`"),
            (
                "sandbox: {profile: external, external: [cage]}",
                "full path",
            ),
        ] {
            let error = HostConfig::parse("orch.yaml", text)
                .unwrap_err()
                .to_string();
            assert!(
                error.contains("sandbox.external") && error.contains(why),
                "{error}"
            );
        }
        let own = "sandbox: {profile: external, external: [/srv/cage, --strict]}";
        assert!(HostConfig::parse("orch.yaml", own).is_ok());
    }

    #[test]
    fn limits_that_nobody_can_mean_are_refused_with_the_key() {
        for (text, key) in [
            (
                "sandbox: {limits: {memory_mib: 1}}",
                "sandbox.limits.memory_mib",
            ),
            (
                "sandbox: {limits: {memory_mib: 8589934592}}",
                "sandbox.limits.memory_mib",
            ),
            (
                "sandbox: {limits: {processes: 0}}",
                "sandbox.limits.processes",
            ),
            (
                "sandbox: {limits: {file_mib: 3}}",
                "sandbox.limits.file_mib",
            ),
            ("sandbox: {limits: {memory_mb: 300}}", "memory_mb"),
            (
                "agents: {a: {driver: command, program: a, sandbox: {limits: {processes: 3}}}}",
                "agents.a.sandbox.limits.processes",
            ),
            (
                "repositories: {shop: {path: a.git, sandbox: {limits: {memory_mib: 3}}}}",
                "repositories.shop.sandbox.limits.memory_mib",
            ),
        ] {
            let error = HostConfig::parse("orch.yaml", text)
                .unwrap_err()
                .to_string();
            assert!(error.contains(key), "{error}");
        }
    }

    #[test]
    fn limit_of_an_agent_stands_and_what_it_does_not_say_is_as_for_all() {
        let all = CageLimits {
            memory_mib: Some(1000),
            processes: Some(500),
            ..CageLimits::default()
        };
        let own = CageLimits {
            memory_mib: Some(2000),
            ..CageLimits::default()
        };
        let both = own.or(all);
        assert_eq!(
            (both.memory_mib, both.processes, both.cpu_s),
            (Some(2000), Some(500), None)
        );
    }
}
