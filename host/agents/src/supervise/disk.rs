//! Does a run fill the disk? Looked at beside the run, at a bounded cost.
//!
//! The free space is asked of the system, which costs nothing. What the run itself holds is counted name by name by a
//! thread that rests twenty times as long as it counted, so that it never takes more than a twentieth of one
//! processor. A run is ended when it holds more than it may, or when the disk is nearly full and it is one of those
//! that filled it.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use orch_process::files::used_bytes;

use crate::folder::Limits;

/// How often the free space is asked, and the shortest rest between two counts.
const LOOK: Duration = Duration::from_millis(500);
/// How many times longer than a count the rest after it is.
const REST: u32 = 20;
/// What a run may have come to hold without being one of those that filled the disk, bytes.
const INNOCENT_BYTES_MAX: u64 = 64 * 1024 * 1024;
/// Part of the free space that is kept below which every run ends, whoever took it: a file that has no name any more
/// is counted for nobody.
const LAST_RESORT: u64 = 4;
/// Nothing was counted yet.
const UNKNOWN: u64 = u64::MAX;

/// Looks at what a run holds for as long as it is there.
pub(super) struct Disk {
    folders: Arc<Vec<PathBuf>>,
    limits: Limits,
    shared: Arc<Shared>,
    asked: Option<Instant>,
    free: Option<u64>,
}

struct Shared {
    first: AtomicU64,
    held: AtomicU64,
    ended: AtomicBool,
}

impl Disk {
    /// Begins to look at `folders`, and at the file systems that they lie on.
    pub(super) fn watch(folders: Vec<PathBuf>, limits: Limits) -> Self {
        let shared = Arc::new(Shared {
            first: AtomicU64::new(UNKNOWN),
            held: AtomicU64::new(UNKNOWN),
            ended: AtomicBool::new(false),
        });
        let folders = Arc::new(folders);
        if !folders.is_empty() {
            let (counted, stop) = (folders.clone(), shared.clone());
            let counting = move || count(&counted, &stop);
            // Without the thread the free space is still looked at.
            std::thread::Builder::new()
                .name("disk".to_owned())
                .spawn(counting)
                .ok();
        }
        Self {
            folders,
            limits,
            shared,
            asked: None,
            free: None,
        }
    }

    /// Whether the run has to end for what it holds.
    pub(super) fn is_over(&mut self) -> bool {
        if self.asked.is_none_or(|at| at.elapsed() >= LOOK) {
            self.asked = Some(Instant::now());
            self.free = self.folders.iter().filter_map(|path| free(path)).min();
        }
        let known = |value: &AtomicU64| {
            let value = value.load(Ordering::Relaxed);
            (value != UNKNOWN).then_some(value)
        };
        let held = known(&self.shared.held);
        let grown = held.zip(known(&self.shared.first));
        let grown = grown.map(|(held, first)| held.saturating_sub(first));
        is_over(&self.limits, held, grown, self.free)
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        self.shared.ended.store(true, Ordering::Relaxed);
    }
}

/// The rule: `held` and `grown` are what the run holds now and more than at its begin, `free` is what the fullest disk
/// has left.
fn is_over(limits: &Limits, held: Option<u64>, grown: Option<u64>, free: Option<u64>) -> bool {
    let most = limits.disk_bytes_max;
    let least = limits.disk_free_bytes_min;
    let holds_too_much = most > 0 && held.is_some_and(|held| held > most);
    let filled = free.is_some_and(|free| free < least)
        && grown.is_some_and(|grown| grown > INNOCENT_BYTES_MAX);
    let is_last_resort = free.is_some_and(|free| free < least / LAST_RESORT);
    holds_too_much || filled || is_last_resort
}

fn free(path: &Path) -> Option<u64> {
    let found = rustix::fs::statvfs(path).ok()?;
    Some(found.f_bavail.saturating_mul(found.f_frsize))
}

fn count(folders: &[PathBuf], shared: &Shared) {
    while !shared.ended.load(Ordering::Relaxed) {
        let begun = Instant::now();
        let held = used_bytes(folders.iter().map(PathBuf::as_path), UNKNOWN - 1);
        shared.held.store(held, Ordering::Relaxed);
        let first = &shared.first;
        // Only the first count says what was there at the begin.
        first
            .compare_exchange(UNKNOWN, held, Ordering::Relaxed, Ordering::Relaxed)
            .ok();
        std::thread::sleep(LOOK.max(begun.elapsed() * REST));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: u64 = 1024 * 1024;

    fn limits() -> Limits {
        Limits {
            disk_bytes_max: 1000 * MIB,
            disk_free_bytes_min: 400 * MIB,
            ..Limits::default()
        }
    }

    #[test]
    fn full_disk_ends_who_filled_it_and_in_the_end_everybody() {
        let over = |grown, free| {
            is_over(
                &limits(),
                Some(grown * MIB),
                Some(grown * MIB),
                Some(free * MIB),
            )
        };
        assert!(over(1001, 5000));
        assert!(!over(900, 5000));
        assert!(over(100, 399));
        assert!(!over(10, 399), "others filled it");
        assert!(over(10, 99));
        assert!(!is_over(&limits(), None, None, Some(399 * MIB)));
        assert!(is_over(&limits(), None, None, Some(0)));
    }

    #[test]
    fn no_limit_is_never_passed() {
        let none = Limits {
            disk_bytes_max: 0,
            disk_free_bytes_min: 0,
            ..Limits::default()
        };
        assert!(!is_over(
            &none,
            Some(UNKNOWN - 1),
            Some(UNKNOWN - 1),
            Some(0)
        ));
    }
}
