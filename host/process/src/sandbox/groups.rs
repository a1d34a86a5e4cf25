//! The control group of one run, where the host may divide its own: the kernel then holds the whole to its memory and
//! number of processes, which the watch can only notice.
//!
//! Nothing depends on it: what cannot be had is watched, as everywhere else. A unit with `Delegate=yes` and
//! `DelegateSubgroup=host` gives the host a group of its own below one that it may divide.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::passed::Passed;
use super::{Limits, belt};

/// Where groups of the second version are.
const TOP: &str = "/sys/fs/cgroup";
/// What the group needs to know to hold a run.
const CONTROLLERS: [&str; 2] = ["memory", "pids"];
/// How often it is tried to take the group away: what was killed takes a moment to be gone.
const REMOVALS_MAX: u32 = 50;
/// Pause between two tries.
const PAUSE: Duration = Duration::from_millis(10);

/// Marks by which whoever manages groups says that one is left to its processes.
const DELEGATED: [&str; 2] = ["user.delegate", "trusted.delegate"];

/// Whether a group may be divided: a root could divide any, and would take those apart that are somebody else's to manage.
fn is_delegated(group: &Path) -> bool {
    if !rustix::process::geteuid().is_root() {
        // Nobody else may write where nothing was left to them.
        return true;
    }
    DELEGATED.iter().any(|name| {
        let mut value = [0; 8];
        let length = rustix::fs::getxattr(group, *name, &mut value);
        length.is_ok_and(|length| value[..length].starts_with(b"1"))
    })
}

/// The group of one run; it ends with this value, and with it what is in it.
#[derive(Debug)]
pub(super) struct Group(PathBuf);

impl Group {
    /// A group for what is started now; none where it cannot be had.
    pub(super) fn make(limits: &Limits) -> Option<Self> {
        let ticks = crate::identity::start_ticks(std::process::id()).unwrap_or(0);
        let name = format!("run-{}-{ticks}", std::process::id());
        let own = fs::read_to_string("/proc/self/cgroup").ok()?;
        Self::beside(Path::new(TOP), &own, &name, limits, is_delegated)
    }

    /// A group beside that of this process, which `own` names as the kernel does.
    fn beside(
        top: &Path,
        own: &str,
        name: &str,
        limits: &Limits,
        is_delegated: fn(&Path) -> bool,
    ) -> Option<Self> {
        let own = own.lines().find_map(|line| line.strip_prefix("0::/"))?;
        // A group with processes of its own cannot be divided; that of the whole machine is nobody's to divide.
        let above = Path::new(own).parent()?;
        if own.is_empty() || above.as_os_str().is_empty() {
            return None;
        }
        let above = top.join(above);
        if !is_delegated(&above) {
            return None;
        }
        let offered = fs::read_to_string(above.join("cgroup.controllers")).ok()?;
        let offered: Vec<&str> = offered.split_whitespace().collect();
        if !CONTROLLERS.iter().all(|wanted| offered.contains(wanted)) {
            return None;
        }
        let wanted = CONTROLLERS.map(|name| format!("+{name}")).join(" ");
        fs::write(above.join("cgroup.subtree_control"), wanted).ok()?;
        let path = above.join(name);
        fs::create_dir(&path).ok()?;
        let group = Self(path);
        group.limit(limits).ok()?;
        Some(group)
    }

    fn limit(&self, limits: &Limits) -> io::Result<()> {
        if limits.memory_bytes != u64::MAX {
            self.set("memory.max", &limits.memory_bytes.to_string())?;
            // Else it would go on in the machine's swap. Not every machine has some.
            self.set("memory.swap.max", "0").ok();
            self.set("memory.oom.group", "1")?;
        }
        let most = limits.processes.saturating_add(belt::BEYOND);
        self.set("pids.max", &most.to_string())
    }

    fn set(&self, file: &str, to: &str) -> io::Result<()> {
        fs::write(self.0.join(file), to)
    }

    /// Takes a process in, and whatever it starts from now on.
    pub(super) fn take(&self, pid: i32) -> io::Result<()> {
        self.set("cgroup.procs", &pid.to_string())
    }

    /// The limit that the kernel has held it to by now.
    pub(super) fn passed(&self) -> Option<Passed> {
        let has = |file: &str, event: &str| {
            let text = fs::read_to_string(self.0.join(file)).unwrap_or_default();
            let mut lines = text.lines().filter_map(|line| line.split_once(' '));
            lines.any(|(name, count)| name == event && count.trim() != "0")
        };
        if has("memory.events", "oom_kill") {
            Some(Passed::Memory)
        } else if has("pids.events", "max") {
            Some(Passed::Processes)
        } else {
            None
        }
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        // Whoever left everything else is still in here.
        self.set("cgroup.kill", "1").ok();
        for _ in 0..REMOVALS_MAX {
            match fs::remove_dir(&self.0) {
                Err(error) if error.kind() == io::ErrorKind::ResourceBusy => {
                    std::thread::sleep(PAUSE);
                }
                Ok(()) | Err(_) => return,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: Limits = Limits {
        data_bytes: 0,
        cpu_s: 0,
        file_bytes: 0,
        processes: 100,
        open_files: 0,
        memory_bytes: 1 << 30,
        cpu_whole_s: u64::MAX,
        disk_bytes: u64::MAX,
    };
    /// As the kernel names the group of a host below its unit.
    const OWN: &str = "1:cpu:/\n0::/system.slice/orch.service/host\n";

    /// Groups made up of files, as far as they are written and read.
    fn tree(controllers: &str) -> tempfile::TempDir {
        let top = tempfile::tempdir().unwrap();
        let unit = top.path().join("system.slice/orch.service");
        fs::create_dir_all(unit.join("host")).unwrap();
        fs::write(unit.join("cgroup.controllers"), controllers).unwrap();
        top
    }

    #[test]
    fn run_is_held_by_the_kernel_where_the_unit_may_be_divided() {
        let top = tree("cpu io memory pids\n");
        let unit = top.path().join("system.slice/orch.service");
        let group = Group::beside(top.path(), OWN, "run-7-9", &LIMITS, |_| true).unwrap();
        let of = |file: &str| fs::read_to_string(unit.join("run-7-9").join(file)).unwrap();
        let divided = fs::read_to_string(unit.join("cgroup.subtree_control")).unwrap();
        assert_eq!(divided, "+memory +pids");
        assert_eq!(of("memory.max"), (1_u64 << 30).to_string());
        assert_eq!(
            (of("memory.swap.max"), of("memory.oom.group")),
            ("0".into(), "1".into())
        );
        assert_eq!(of("pids.max"), "108");
        group.take(4711).unwrap();
        assert_eq!(of("cgroup.procs"), "4711");
        assert_eq!(group.passed(), None);
        let says =
            |file: &str, text: &str| fs::write(unit.join("run-7-9").join(file), text).unwrap();
        says("pids.events", "max 0\n");
        says("memory.events", "low 0\nmax 12\noom 1\noom_kill 0\n");
        assert_eq!(group.passed(), None, "it came to the limit and went on");
        says("pids.events", "max 3\n");
        assert_eq!(group.passed(), Some(Passed::Processes));
        says("memory.events", "oom_kill 2\n");
        assert_eq!(group.passed(), Some(Passed::Memory));
        drop(group);
        // The kernel takes the files of a group away with its folder; here they are what keeps it.
        assert_eq!(of("cgroup.kill"), "1");
    }

    #[test]
    fn without_a_limit_of_memory_none_is_set() {
        let top = tree("memory pids");
        let limits = Limits {
            memory_bytes: u64::MAX,
            ..LIMITS
        };
        let group = Group::beside(top.path(), OWN, "x", &limits, |_| true).unwrap();
        assert!(!group.0.join("memory.max").exists() && group.0.join("pids.max").exists());
    }

    #[test]
    fn group_that_was_left_to_nobody_is_not_divided() {
        let top = tree("memory pids");
        assert!(Group::beside(top.path(), OWN, "x", &LIMITS, |_| false).is_none());
        let unit = top.path().join("system.slice/orch.service");
        assert!(!unit.join("cgroup.subtree_control").exists());
        if rustix::process::geteuid().is_root() {
            assert!(!is_delegated(&unit));
        }
    }

    #[test]
    fn where_nothing_may_be_divided_there_is_no_group_and_nothing_is_changed() {
        for (controllers, own) in [
            ("cpu pids", OWN),
            ("memory pids", "0::/\n"),
            ("memory pids", "0::/init.scope\n"),
            ("memory pids", "4:memory:/system.slice/orch.service/host\n"),
            ("memory pids", "0::/elsewhere/orch.service/host\n"),
        ] {
            let top = tree(controllers);
            assert!(
                Group::beside(top.path(), own, "x", &LIMITS, |_| true).is_none(),
                "{own}"
            );
            let unit = top.path().join("system.slice/orch.service");
            assert!(!unit.join("cgroup.subtree_control").exists());
            assert!(!unit.join("x").exists());
        }
    }
}
