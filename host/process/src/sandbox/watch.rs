//! What does a caged program hold, with everything that it started? Counted from outside while it runs, for the kernel
//! holds single processes to a limit and a whole only where control groups are delegated.
//!
//! Processes are found by their parents: nothing inside can leave the tree of its first process. A count rests many
//! times as long as it took, so that it costs a few hundredths of one processor whatever runs.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use super::first::Ended;
use super::groups::Group;
use super::{Confinement, Limits, raw};
use crate::files::{ENTRIES_MAX, Used, used};

/// Shortest rest between two counts.
const REST_MIN: Duration = Duration::from_millis(100);
/// Longest rest: a runaway gets no further than it comes in this time.
const REST_MAX: Duration = Duration::from_secs(1);
/// How many times longer than a count the rest after it is.
const REST: u32 = 20;
/// Part of the machine's memory that stays for the host: below it whoever holds much is ended.
const FLOOR: u64 = 32;
/// Most of that, bytes: enough for a git and a store that go on.
const FLOOR_BYTES_MAX: u64 = 512 << 20;
/// Part of the machine's memory that a run may hold without being one of those that filled it.
const INNOCENT: u64 = 8;
/// Part of the limit by which files in memory must have grown before those without a name are looked for.
const UNMAPPED: u64 = 4;

/// The limit of the whole that was passed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Passed {
    /// It held more memory.
    Memory,
    /// It had more processes and threads.
    Processes,
    /// It used more CPU time.
    Cpu,
    /// Its folders held more of the disk.
    Disk,
}

impl Passed {
    /// Its name in data.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Memory => "memory",
            Self::Processes => "processes",
            Self::Cpu => "cpu",
            Self::Disk => "disk",
        }
    }

    /// For people, with what to do.
    pub(super) fn in_words(self, limits: &Limits) -> String {
        let mib = |bytes: u64| bytes >> 20;
        match self {
            Self::Memory if limits.memory_bytes == u64::MAX => {
                "the machine had no memory left, and it held much of it".to_owned()
            }
            Self::Memory => format!(
                "it held more than the {} MiB of memory that all of its processes may together (`memory_mib`), or the \
                 machine had none left",
                mib(limits.memory_bytes)
            ),
            Self::Processes => format!(
                "it had as many as {} processes and threads at once (`processes`)",
                limits.processes
            ),
            Self::Cpu => format!(
                "all of its processes together used more than {} s of CPU time (`cpu_s`)",
                limits.cpu_whole_s
            ),
            Self::Disk => format!(
                "its folders held more than {} MiB of the disk (`disk.run_mib`), or more than the {} files that go with it",
                mib(limits.disk_bytes),
                files_max(limits.disk_bytes)
            ),
        }
    }
}

/// Bytes of the disk for each file or folder that may be on it: what file systems have room for without running out of
/// places for files before they run out of bytes.
const BYTES_OF_FILE: u64 = 16 * 1024;
/// Files and folders that everybody may have.
const FILES_MIN: u64 = 100_000;

/// How many files and folders may be where so many bytes may be.
fn files_max(disk_bytes: u64) -> u64 {
    let most = (ENTRIES_MAX as u64).saturating_sub(1);
    (disk_bytes / BYTES_OF_FILE).clamp(FILES_MIN, most)
}

/// What was counted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Held {
    /// Processes and threads.
    processes: u64,
    /// Memory, bytes; what several processes share may be counted for each.
    memory: u64,
    /// CPU time of those that run and of those that were collected, clock ticks.
    ticks: u64,
}

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

/// One process, as `/proc/PID/stat` shows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Seen {
    parent: u32,
    threads: u64,
    pages: u64,
    ticks: u64,
}

fn seen_of(stat: &str) -> Option<Seen> {
    // The name may hold anything, so that only its last bracket counts.
    let (_, rest) = stat.rsplit_once(") ")?;
    let fields: Vec<&str> = rest.split_ascii_whitespace().collect();
    let number = |at: usize| fields.get(at)?.parse::<u64>().ok();
    let ticks = (11..=14).filter_map(number).sum();
    Some(Seen {
        parent: u32::try_from(number(1)?).ok()?,
        // One that waits to be collected has none and takes a place.
        threads: number(17)?.max(1),
        pages: number(21)?,
        ticks,
    })
}

/// Processes and threads below a process.
pub(super) fn processes_below(top: u32) -> u64 {
    tree(top, 1).1.processes
}

/// Everything below a process, and what it holds together.
fn tree(first: u32, page: u64) -> (Vec<u32>, Held) {
    let mut all: BTreeMap<u32, Seen> = BTreeMap::new();
    let mut children: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
    for pid in crate::identity::all_pids() {
        // One that has ended meanwhile holds nothing.
        let stat = std::fs::read(format!("/proc/{pid}/stat")).unwrap_or_default();
        if let Some(seen) = seen_of(&String::from_utf8_lossy(&stat)) {
            children.entry(seen.parent).or_default().push(pid);
            all.insert(pid, seen);
        }
    }
    let mut held = Held::default();
    let mut below: Vec<u32> = Vec::new();
    let mut met = BTreeSet::from([first]);
    let mut next = children.remove(&first).unwrap_or_default();
    while let Some(pid) = next.pop() {
        // A number that was used again between two reads may close a circle.
        if !met.insert(pid) {
            continue;
        }
        if let Some(seen) = all.get(&pid) {
            held.processes += seen.threads;
            held.memory = held.memory.saturating_add(seen.pages.saturating_mul(page));
            held.ticks += seen.ticks;
        }
        below.push(pid);
        next.extend(children.remove(&pid).unwrap_or_default());
    }
    // What was collected is in the count of whoever collected it.
    held.ticks += all.get(&first).map_or(0, |seen| seen.ticks);
    (below, held)
}

/// Memory of these processes that is no file's, bytes, what they share counted once; where the kernel does not say it,
/// what is theirs alone or shared.
fn exactly(pids: &[u32], page: u64) -> u64 {
    let one = |pid: &u32| {
        let rollup = std::fs::read_to_string(format!("/proc/{pid}/smaps_rollup"));
        let of_rollup = rollup.ok().and_then(|text| of_rollup(&text));
        of_rollup.unwrap_or_else(|| {
            let text = std::fs::read_to_string(format!("/proc/{pid}/statm")).unwrap_or_default();
            of_statm(&text).unwrap_or(0).saturating_mul(page)
        })
    };
    pids.iter().map(one).fold(0, u64::saturating_add)
}

fn of_rollup(text: &str) -> Option<u64> {
    let kib = |name: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(name))?;
        line.split_whitespace().next()?.parse::<u64>().ok()
    };
    Some((kib("Pss_Anon:")? + kib("Pss_Shmem:")?) * 1024)
}

/// Pages that are there and no file's.
fn of_statm(text: &str) -> Option<u64> {
    let mut fields = text.split_ascii_whitespace().skip(1);
    let (resident, shared): (u64, u64) =
        (fields.next()?.parse().ok()?, fields.next()?.parse().ok()?);
    Some(resident.saturating_sub(shared))
}

/// Files in memory that these processes have open and that have no name: no process needs to have them mapped.
fn unnamed_files(pids: &[u32]) -> u64 {
    use std::os::unix::ffi::OsStrExt;
    use std::os::unix::fs::MetadataExt;
    let mut files: BTreeMap<(u64, u64), u64> = BTreeMap::new();
    for pid in pids {
        let opened = std::fs::read_dir(format!("/proc/{pid}/fd"));
        for entry in opened.into_iter().flatten().filter_map(Result::ok) {
            let is_unnamed = std::fs::read_link(entry.path())
                .is_ok_and(|to| to.as_os_str().as_bytes().starts_with(b"/memfd:"));
            if is_unnamed && let Ok(meta) = std::fs::metadata(entry.path()) {
                files.insert((meta.dev(), meta.ino()), meta.blocks().saturating_mul(512));
            }
        }
    }
    files.values().fold(0, |sum, one| sum.saturating_add(*one))
}

/// Counts what folders hold, beside everything else.
struct Disk(Arc<Counted>);

struct Counted {
    is_over: AtomicBool,
    has_ended: AtomicBool,
}

/// How often it is looked whether the disk fills up faster than the folders were counted.
const GLANCE: Duration = Duration::from_millis(500);

/// What the disk below some folders has left.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Room {
    bytes: u64,
    files: u64,
}

impl Room {
    fn below(folders: &[PathBuf]) -> Self {
        let of = |folder: &PathBuf| rustix::fs::statvfs(folder).ok();
        let sum = |sum: Self, stat: rustix::fs::StatVfs| Self {
            bytes: sum
                .bytes
                .saturating_add(stat.f_bfree.saturating_mul(stat.f_frsize)),
            files: sum.files.saturating_add(stat.f_ffree),
        };
        folders.iter().filter_map(of).fold(Self::default(), sum)
    }

    /// Whether so much of it is gone since `before` that folders which held `held` then may be over a limit by now.
    fn may_be_over(self, before: Self, held: Used, bytes_max: u64) -> bool {
        let gone = |before: u64, now: u64| before.saturating_sub(now);
        gone(before.bytes, self.bytes) > bytes_max.saturating_sub(held.bytes)
            || gone(before.files, self.files) > files_max(bytes_max).saturating_sub(held.files)
    }
}

impl Disk {
    fn watch(folders: Vec<PathBuf>, bytes_max: u64) -> Self {
        let counted = Arc::new(Counted {
            is_over: AtomicBool::new(false),
            has_ended: AtomicBool::new(false),
        });
        let shared = counted.clone();
        let counting = move || {
            while !shared.has_ended.load(Ordering::Relaxed) {
                let begun = Instant::now();
                let before = Room::below(&folders);
                let held = used(folders.iter().map(PathBuf::as_path));
                if held.bytes > bytes_max || held.files > files_max(bytes_max) {
                    shared.is_over.store(true, Ordering::Relaxed);
                }
                let took = begun.elapsed();
                let rest = (took * REST).max(GLANCE);
                // As long again as it took at least, however much others write to the same disk.
                while !shared.has_ended.load(Ordering::Relaxed) && begun.elapsed() < rest {
                    std::thread::sleep(took.clamp(GLANCE, REST_MAX));
                    if Room::below(&folders).may_be_over(before, held, bytes_max) {
                        break;
                    }
                }
            }
        };
        // Without the thread every file is still held to its own limit.
        std::thread::Builder::new()
            .name("disk".to_owned())
            .spawn(counting)
            .ok();
        Self(counted)
    }

    fn is_over(&self) -> bool {
        self.0.is_over.load(Ordering::Relaxed)
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        self.0.has_ended.store(true, Ordering::Relaxed);
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
    fn disk_that_fills_up_is_counted_at_once_and_one_that_does_not_is_left_alone() {
        let room = |bytes: u64, files: u64| Room {
            bytes: bytes * MIB,
            files,
        };
        let held = Used {
            bytes: 900 * MIB,
            files: 10,
        };
        let (before, limit) = (room(5000, 2_000_000), 1000 * MIB);
        assert!(!room(4900, 2_000_000).may_be_over(before, held, limit));
        assert!(room(4899, 2_000_000).may_be_over(before, held, limit));
        assert!(room(5000, 1_800_000).may_be_over(before, held, limit));
        assert!(!room(6000, 3_000_000).may_be_over(before, held, limit));
        assert_eq!(files_max(limit), FILES_MIN);
        assert!(files_max(u64::MAX - 1) < ENTRIES_MAX as u64);
    }

    #[test]
    fn process_is_read_whatever_it_calls_itself() {
        let stat = "7 (a) R 9 9 (x) S 3 7 7 0 -1 4194560 1 2 3 4 10 20 30 40 20 0 5 0 100 9999 250 18446744073709551615";
        let seen = seen_of(stat).unwrap();
        let wanted = Seen {
            parent: 3,
            threads: 5,
            pages: 250,
            ticks: 100,
        };
        assert_eq!(seen, wanted);
        assert_eq!(seen_of("7 (gone"), None);
    }

    #[test]
    fn machine_says_what_it_has_and_pages_of_files_are_not_counted() {
        let text =
            "MemTotal:       24000 kB\nMemFree: 1 kB\nMemAvailable:   12000 kB\nShmem:  300 kB\n";
        let machine = machine_of(text);
        assert_eq!(
            (machine.total, machine.available, machine.shared),
            (24_000 << 10, 12_000 << 10, 300 << 10)
        );
        assert_eq!(of_statm("9000 500 200 1 0 300 0"), Some(300));
        assert_eq!(
            of_rollup("Rss: 9 kB\nPss_Anon:  4 kB\nPss_File: 9 kB\nPss_Shmem: 2 kB\n"),
            Some(6 << 10)
        );
        assert_eq!(of_rollup("Rss: 9 kB\n"), None, "of an older kernel");
    }
}
