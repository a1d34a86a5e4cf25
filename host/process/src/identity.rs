//! Who a process is: never a bare pid, because pids are used again.

use std::fs;

/// A process of this boot of this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProcessIdentity {
    /// Id of the boot.
    pub boot_id: String,
    /// Process id.
    pub pid: u32,
    /// When it started, in clock ticks since boot.
    pub start_ticks: u64,
}

impl ProcessIdentity {
    /// This process.
    pub fn current() -> Self {
        let pid = std::process::id();
        Self {
            boot_id: boot_id(),
            pid,
            start_ticks: start_ticks(pid).unwrap_or(0),
        }
    }

    /// Kills this very process, if it still runs: a pid that another process has by now is left alone.
    pub fn kill(&self) {
        let pid = i32::try_from(self.pid).ok();
        if let Some(pid) = pid.and_then(rustix::process::Pid::from_raw)
            && self.is_alive()
        {
            // It may have ended in between, which is what is wanted.
            rustix::process::kill_process(pid, rustix::process::Signal::KILL).ok();
        }
    }

    /// Whether this very process still runs.
    pub fn is_alive(&self) -> bool {
        self.boot_id == boot_id() && start_ticks(self.pid) == Some(self.start_ticks)
    }
}

impl std::fmt::Display for ProcessIdentity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}:{}", self.boot_id, self.pid, self.start_ticks)
    }
}

/// Id of this boot of the machine; empty if the kernel does not say.
pub fn boot_id() -> String {
    fs::read_to_string("/proc/sys/kernel/random/boot_id")
        .map(|id| id.trim().to_owned())
        .unwrap_or_default()
}

/// Fields of `/proc/PID/stat` after the command name, which may itself hold spaces and parentheses.
fn stat_fields(pid: u32) -> Option<Vec<String>> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (_, rest) = stat.rsplit_once(") ")?;
    Some(rest.split_whitespace().map(str::to_owned).collect())
}

/// When a process started, in clock ticks since boot; none if there is no such process.
pub fn start_ticks(pid: u32) -> Option<u64> {
    stat_fields(pid)?.get(19)?.parse().ok()
}

/// Parent of a process.
pub fn parent(pid: u32) -> Option<u32> {
    stat_fields(pid)?.get(1)?.parse().ok()
}

/// Longest chain of parents that is followed: deeper process trees are not built by anything we run.
const ANCESTORS_MAX: usize = 256;

/// Parents of a process, nearest first.
pub fn ancestors(pid: u32) -> Vec<u32> {
    let mut chain = Vec::new();
    let mut at = pid;
    while let Some(up) = parent(at) {
        if up == 0 || chain.len() >= ANCESTORS_MAX {
            break;
        }
        chain.push(up);
        at = up;
    }
    chain
}

/// Name of a user of this machine; none if it has none.
pub fn user_name(uid: u32) -> Option<String> {
    let user = nix::unistd::User::from_uid(nix::unistd::Uid::from_raw(uid));
    user.ok().flatten().map(|user| user.name)
}

/// Every process id there is now.
pub fn all_pids() -> Vec<u32> {
    let Ok(entries) = fs::read_dir("/proc") else {
        return Vec::new();
    };
    entries
        .filter_map(|e| e.ok()?.file_name().to_str()?.parse().ok())
        .collect()
}

/// Whether a process's environment holds `NAME=value`; false if it cannot be read.
pub fn has_variable(pid: u32, assignment: &str) -> bool {
    fs::read(format!("/proc/{pid}/environ")).is_ok_and(|env| {
        env.split(|b| *b == 0)
            .any(|var| var == assignment.as_bytes())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn process_is_alive_under_its_own_identity() {
        assert!(ProcessIdentity::current().is_alive());
    }

    #[test]
    fn pid_that_was_reused_is_somebody_else() {
        let me = ProcessIdentity::current();
        let before = ProcessIdentity {
            start_ticks: me.start_ticks - 1,
            ..me
        };
        assert!(!before.is_alive(), "the same pid, another start");
    }

    #[test]
    fn nobody_of_another_boot_is_alive() {
        let me = ProcessIdentity::current();
        let before = ProcessIdentity {
            boot_id: "another".into(),
            ..me
        };
        assert!(!before.is_alive(), "the same pid and start, another boot");
    }

    #[test]
    fn chain_of_parents_begins_with_the_parent() {
        let me = std::process::id();
        assert_eq!(ancestors(me).first().copied(), parent(me));
    }
}
