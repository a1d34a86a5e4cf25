//! What do processes hold that were started below one? As `/proc` shows them, from outside.

use std::collections::{BTreeMap, BTreeSet};

/// What was counted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Held {
    /// Processes and threads.
    pub(super) processes: u64,
    /// Memory, bytes; what several processes share may be counted for each.
    pub(super) memory: u64,
    /// CPU time of those that run and of those that were collected, clock ticks.
    pub(super) ticks: u64,
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
pub(super) fn tree(first: u32, page: u64) -> (Vec<u32>, Held) {
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
pub(super) fn exactly(pids: &[u32], page: u64) -> u64 {
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
pub(super) fn unnamed_files(pids: &[u32]) -> u64 {
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

#[cfg(test)]
mod tests {
    use super::*;

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
    fn memory_of_files_is_not_counted() {
        assert_eq!(of_statm("9000 500 200 1 0 300 0"), Some(300));
        assert_eq!(
            of_rollup("Rss: 9 kB\nPss_Anon:  4 kB\nPss_File: 9 kB\nPss_Shmem: 2 kB\n"),
            Some(6 << 10)
        );
        assert_eq!(of_rollup("Rss: 9 kB\n"), None, "of an older kernel");
    }
}
