//! Which limit of the whole did a caged program pass, and what is told of it?

use serde::{Deserialize, Serialize};

use super::Limits;
use crate::files::ENTRIES_MAX;

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
pub(super) const FILES_MIN: u64 = 100_000;

/// How many files and folders may be where so many bytes may be.
pub(super) fn files_max(disk_bytes: u64) -> u64 {
    let most = (ENTRIES_MAX as u64).saturating_sub(1);
    (disk_bytes / BYTES_OF_FILE).clamp(FILES_MIN, most)
}
