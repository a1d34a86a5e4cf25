//! What does a caged program hold, with everything that it started? Counted from outside while it runs, for the kernel
//! holds single processes to a limit and a whole only where control groups are delegated.
//!
//! Processes are found by their parents: nothing inside can leave the tree of its first process. A count rests many
//! times as long as it took, so that it costs a few hundredths of one processor whatever runs.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use super::disk::{Disk, REST, REST_MAX};
use super::first::Ended;
use super::groups::Group;
use super::held::{exactly, tree, unnamed_files};
use super::passed::Passed;
use super::{Confinement, Limits, raw};

/// Shortest rest between two counts.
const REST_MIN: Duration = Duration::from_millis(100);
/// Part of the machine's memory that stays for the host: below it whoever holds much is ended.
const FLOOR: u64 = 32;
/// Most of that, bytes: enough for a git and a store that go on.
const FLOOR_BYTES_MAX: u64 = 512 << 20;
/// Part of the machine's memory that a run may hold without being one of those that filled it.
const INNOCENT: u64 = 8;
/// Part of the limit by which files in memory must have grown before those without a name are looked for.
const UNMAPPED: u64 = 4;

/// What the machine has, bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Machine {
    total: u64,
    available: u64,
    /// Files in memory, whoever made them.
    shared: u64,
}

/// Looks at one caged program for as long as it runs.
pub(super) struct Watch {
    first: u32,
    /// The group that the kernel holds it by, where there is one.
    group: Option<Group>,
    limits: Limits,
    rest: Duration,
    page: u64,
    ticks_per_s: u64,
    at_begin: Machine,
    disk: Option<Disk>,
}

impl Watch {
    /// Over everything below the process `first`, which is outside of what it watches. Starts a thread if the disk is
    /// to be watched; so only after every fork.
    pub(super) fn over(first: u32, confinement: &Confinement, group: Option<Group>) -> Self {
        let limits = confinement.limits;
        let folders = confinement.write.iter().chain(&confinement.temporary);
        let folders: Vec<PathBuf> = folders.cloned().collect();
        Self {
            first,
            group,
            limits,
            rest: REST_MIN,
            page: raw::page_bytes(),
            ticks_per_s: raw::ticks_per_s(),
            at_begin: machine(),
            disk: (limits.disk_bytes != u64::MAX).then(|| Disk::watch(folders, limits.disk_bytes)),
        }
    }

    /// How long to wait before the next look.
    pub(super) fn rest(&self) -> Duration {
        self.rest
    }

    /// The limit that has been passed by now.
    pub(super) fn look(&mut self) -> Option<Passed> {
        let begun = Instant::now();
        let passed = self.passed();
        self.rest = (begun.elapsed() * REST).clamp(REST_MIN, REST_MAX);
        passed
    }

    /// How it ended, once more: what the kernel ended for a limit says so by its group alone.
    pub(super) fn told(&self, ended: Result<Ended, String>) -> Result<Ended, String> {
        match (ended, self.group.as_ref().and_then(Group::passed)) {
            (Ok(Ended::Code(1..) | Ended::Signal(_)), Some(passed)) => Ok(Ended::Passed(passed)),
            (ended, _) => ended,
        }
    }

    fn passed(&self) -> Option<Passed> {
        if let Some(passed) = self.group.as_ref().and_then(Group::passed) {
            return Some(passed);
        }
        if self.disk.as_ref().is_some_and(Disk::is_over) {
            return Some(Passed::Disk);
        }
        let (pids, held) = tree(self.first, self.page);
        if held.processes >= self.limits.processes {
            return Some(Passed::Processes);
        }
        if held.ticks / self.ticks_per_s > self.limits.cpu_whole_s {
            return Some(Passed::Cpu);
        }
        let now = machine();
        let grown = now.shared.saturating_sub(self.at_begin.shared);
        let unmapped = if grown > self.limits.memory_bytes.min(now.total) / UNMAPPED {
            unnamed_files(&pids)
        } else {
            0
        };
        let most = held.memory.saturating_add(unmapped);
        if !is_over(self.limits.memory_bytes, most, now) {
            return None;
        }
        // Counted once each before anybody is ended for it: children share what their parent had.
        let exact = exactly(&pids, self.page).saturating_add(unmapped);
        is_over(self.limits.memory_bytes, exact, now).then_some(Passed::Memory)
    }
}

/// The rule: whoever holds more than it may, or much while the machine has nothing left for its host.
fn is_over(limit: u64, held: u64, machine: Machine) -> bool {
    let floor = (machine.total / FLOOR).min(FLOOR_BYTES_MAX);
    held > limit || (machine.available < floor && held > machine.total / INNOCENT)
}

/// Memory that this machine has, bytes; without a word of it there is no limit by it.
pub fn machine_bytes() -> u64 {
    match machine().total {
        0 => u64::MAX,
        total => total,
    }
}

fn machine() -> Machine {
    let text = std::fs::read_to_string("/proc/meminfo").unwrap_or_default();
    machine_of(&text)
}

fn machine_of(text: &str) -> Machine {
    let of = |name: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(name))?;
        let kib: u64 = line.split_whitespace().next()?.parse().ok()?;
        Some(kib.saturating_mul(1024))
    };
    Machine {
        total: of("MemTotal:").unwrap_or(0),
        // Nothing is known to be short where nobody says.
        available: of("MemAvailable:").unwrap_or(u64::MAX),
        shared: of("Shmem:").unwrap_or(0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: u64 = 1 << 20;

    #[test]
    fn whoever_holds_more_than_it_may_or_fills_the_machine_is_over() {
        let machine = |available| Machine {
            total: 16_000 * MIB,
            available: available * MIB,
            shared: 0,
        };
        assert!(is_over(1000 * MIB, 1001 * MIB, machine(8000)));
        assert!(!is_over(1000 * MIB, 1000 * MIB, machine(8000)));
        assert!(is_over(u64::MAX, 9000 * MIB, machine(400)));
        assert!(
            !is_over(u64::MAX, 100 * MIB, machine(400)),
            "others filled it"
        );
        assert!(!is_over(u64::MAX, 9000 * MIB, machine(600)));
        let unknown = machine_of("");
        assert!(!is_over(u64::MAX, u64::MAX - 1, unknown), "nobody says");
    }

    #[test]
    fn machine_says_what_it_has() {
        let text =
            "MemTotal:       24000 kB\nMemFree: 1 kB\nMemAvailable:   12000 kB\nShmem:  300 kB\n";
        let machine = machine_of(text);
        assert_eq!(
            (machine.total, machine.available, machine.shared),
            (24_000 << 10, 12_000 << 10, 300 << 10)
        );
    }
}
