//! Do folders hold more than they may? Counted beside everything else, for as long as something runs in them.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use super::passed::files_max;
use crate::files::{Used, used};

/// Longest rest: a runaway gets no further than it comes in this time.
pub(super) const REST_MAX: Duration = Duration::from_secs(1);
/// How many times longer than a count the rest after it is.
pub(super) const REST: u32 = 20;

/// Counts what folders hold, beside everything else.
pub(super) struct Disk(Arc<Counted>);

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
    pub(super) fn watch(folders: Vec<PathBuf>, bytes_max: u64) -> Self {
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

    pub(super) fn is_over(&self) -> bool {
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
    use super::super::passed::FILES_MIN;
    use super::*;
    use crate::files::ENTRIES_MAX;

    const MIB: u64 = 1 << 20;

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
}
