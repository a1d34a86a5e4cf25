//! Which lines of a log hold a text?

use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom};

use super::{Index, Line, Source, begin_of_line, file_of, line};
use crate::folder::RunFolder;

/// Bytes that are looked through at once, so that a search comes to an end.
const SEARCH_BYTES_MAX: u64 = 64 << 20;

/// The lines of one search.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// The lines that hold the text, with their numbers.
    pub lines: Vec<(u64, Line)>,
    /// First line that was not looked at; none if there is no more.
    pub next_line: Option<u64>,
}

/// Looks through a log from a line on, letters of either case alike. Of a line that is longer than what is shown of it
/// only that is looked at. It ends after `lines_max` lines that hold the text, or 64 MiB.
///
/// # Errors
/// When the file is there and cannot be read. One that is not there holds nothing.
pub fn search(
    folder: &RunFolder,
    source: Source,
    text: &str,
    from_line: u64,
    lines_max: usize,
    ended: bool,
) -> io::Result<Found> {
    let path = file_of(folder, source);
    let mut found = Found {
        lines: Vec::new(),
        next_line: None,
    };
    let mut file = match File::open(&path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(found),
        Err(error) => return Err(error),
    };
    let size = file.metadata()?.len();
    let ended = ended || source == Source::Prompt;
    let index = ended.then(|| Index::of(folder, &path, size)).flatten();
    let (from, begin) = begin_of_line(&mut file, index.as_ref(), from_line, size)?;
    let (mut number, mut at) = (begin.map_or(from_line, |(number, _)| number), from);
    file.seek(SeekFrom::Start(from))?;
    let mut reader = BufReader::with_capacity(64 * 1024, file.take(size - from));
    let wanted = text.to_lowercase();
    while let Some((line, length, whole)) = line(&mut reader, at)? {
        if !whole && !ended {
            break;
        }
        at += length;
        if line.text.to_lowercase().contains(&wanted) {
            found.lines.push((number, line));
        }
        number += 1;
        let is_enough = found.lines.len() >= lines_max || at - from >= SEARCH_BYTES_MAX;
        if is_enough && at < size {
            found.next_line = Some(number);
            break;
        }
    }
    Ok(found)
}
