//! The seal of a log: where its lines begin, so that any of them is found without reading those before it.

use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::log_file;
use crate::folder::{INDEX, RunFolder};

/// Lines between two places that the index names.
const EVERY: u64 = 1_000;
/// Longest index that is read, bytes: a log of nothing but line breaks has one of some hundred kilobytes.
const INDEX_BYTES_MAX: u64 = 4 * 1024 * 1024;

/// Where the lines of a sealed log begin.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Index {
    /// Name of the file.
    pub file: String,
    /// Bytes of it when it was sealed.
    pub size: u64,
    /// Its lines, a last one without an end counted.
    pub lines: u64,
    /// Lines between two places.
    pub every: u64,
    /// Where the lines 1, 1 + `every`, 1 + 2 × `every` and so on begin.
    pub places: Vec<u64>,
}

impl Index {
    /// The index of a file of `size` bytes, if it was sealed so.
    pub(super) fn of(folder: &RunFolder, file: &Path, size: u64) -> Option<Self> {
        let index = File::open(folder.path().join(INDEX)).ok()?;
        let mut bytes = Vec::new();
        index.take(INDEX_BYTES_MAX).read_to_end(&mut bytes).ok()?;
        let index: Self = serde_json::from_slice(&bytes).ok()?;
        let is_of_it = file.file_name()?.to_str()? == index.file && size == index.size;
        (is_of_it && index.every > 0 && index.places.first() == Some(&0)).then_some(index)
    }

    /// The last named line that is not after `number`: its number and its begin.
    pub(super) fn line(&self, number: u64) -> (u64, u64) {
        let wanted = number.saturating_sub(1) / self.every;
        let last = self.places.len().saturating_sub(1);
        let at = usize::try_from(wanted).unwrap_or(usize::MAX).min(last);
        self.place(at)
    }

    /// The last named line that does not begin after `byte`: its number and its begin.
    pub(super) fn before(&self, byte: u64) -> (u64, u64) {
        self.place(
            self.places
                .partition_point(|at| *at <= byte)
                .saturating_sub(1),
        )
    }

    fn place(&self, at: usize) -> (u64, u64) {
        let begin = self.places.get(at).copied().unwrap_or(0);
        (1 + at as u64 * self.every, begin)
    }
}

/// Seals the log of a run that has ended: writes where its lines begin.
///
/// # Errors
/// When the log cannot be read or the index not be written; the log can be read without one.
pub fn seal(folder: &RunFolder) -> io::Result<Index> {
    let path = log_file(folder);
    let mut index = Index {
        file: path
            .file_name()
            .map_or_else(String::new, |name| name.to_string_lossy().into_owned()),
        size: 0,
        lines: 0,
        every: EVERY,
        places: vec![0],
    };
    let mut reader = BufReader::with_capacity(64 * 1024, File::open(&path)?);
    let (mut buffer, mut ended) = (vec![0; 64 * 1024], true);
    loop {
        let read = reader.read(&mut buffer)?;
        if read == 0 {
            break;
        }
        for (at, _) in buffer[..read]
            .iter()
            .enumerate()
            .filter(|(_, byte)| **byte == b'\n')
        {
            index.lines += 1;
            if index.lines.is_multiple_of(EVERY) {
                index.places.push(index.size + at as u64 + 1);
            }
        }
        ended = buffer[read - 1] == b'\n';
        index.size += read as u64;
    }
    index.lines += u64::from(!ended);
    let bytes = serde_json::to_vec(&index).map_err(io::Error::other)?;
    orch_durable::replace(&folder.path().join(INDEX), &bytes)?;
    Ok(index)
}
