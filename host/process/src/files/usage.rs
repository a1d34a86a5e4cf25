//! How many bytes of the disk do folders hold?

use std::collections::BTreeSet;
use std::path::Path;

use super::walk::{Mending, Next, walk};

/// Size of the blocks that the system counts in, bytes.
const BLOCK_BYTES: u64 = 512;

/// Bytes that the files below `folders` take on the disk, each file once however many names it has. Counts no
/// further than past `enough`. What cannot be looked at counts nothing; nothing is changed.
pub fn used_bytes<'a>(folders: impl IntoIterator<Item = &'a Path>, enough: u64) -> u64 {
    let mut sum: u64 = 0;
    let mut linked: BTreeSet<(u64, u64)> = BTreeSet::new();
    for folder in folders {
        // A folder that is not there, or is cut short by its number of names, counts with what was seen.
        drop(walk(folder, Mending::Nothing, |found| {
            if let Some(stat) = found.stat
                && (stat.st_nlink <= 1
                    || found.kind == super::Kind::Folder
                    || linked.insert((stat.st_dev, stat.st_ino)))
            {
                let blocks = u64::try_from(stat.st_blocks).unwrap_or(0);
                sum = sum.saturating_add(blocks.saturating_mul(BLOCK_BYTES));
            }
            match sum > enough {
                true => Next::Stop,
                false => Next::Into,
            }
        }));
    }
    sum
}
