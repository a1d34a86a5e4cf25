//! How many bytes of the disk do folders hold, and how many files?

use std::collections::BTreeSet;
use std::path::Path;

use super::walk::{ENTRIES_MAX, Mending, Next, Walked, walk};

/// Size of the blocks that the system counts in, bytes.
const BLOCK_BYTES: u64 = 512;

/// What folders hold.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Used {
    /// Bytes of the disk.
    pub(crate) bytes: u64,
    /// Files, folders and links; what has several names counts for each.
    pub(crate) files: u64,
}

/// Bytes that the files below `folders` take on the disk, each file once however many names it has. Counts no
/// further than past `enough`. What cannot be looked at counts nothing; nothing is changed.
pub fn used_bytes<'a>(folders: impl IntoIterator<Item = &'a Path>, enough: u64) -> u64 {
    count(folders, enough).bytes
}

/// All that folders hold; of more than [`super::ENTRIES_MAX`] names as many are counted.
pub(crate) fn used<'a>(folders: impl IntoIterator<Item = &'a Path>) -> Used {
    count(folders, u64::MAX)
}

fn count<'a>(folders: impl IntoIterator<Item = &'a Path>, enough: u64) -> Used {
    let mut sum = Used::default();
    let mut linked: BTreeSet<(u64, u64)> = BTreeSet::new();
    for folder in folders {
        // A folder that is not there counts with what was seen.
        let walked = walk(folder, Mending::Nothing, |found| {
            sum.files += 1;
            if let Some(stat) = found.stat
                && (stat.st_nlink <= 1
                    || found.kind == super::Kind::Folder
                    || linked.insert((stat.st_dev, stat.st_ino)))
            {
                let blocks = u64::try_from(stat.st_blocks).unwrap_or(0);
                sum.bytes = sum.bytes.saturating_add(blocks.saturating_mul(BLOCK_BYTES));
            }
            match sum.bytes > enough {
                true => Next::Stop,
                false => Next::Into,
            }
        });
        if matches!(walked, Ok(Walked::TooMany)) {
            // One that is so full is not looked through: it has that many at least.
            sum.files = sum.files.max(ENTRIES_MAX as u64);
        }
    }
    sum
}
