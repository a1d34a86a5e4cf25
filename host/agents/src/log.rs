//! The log of a run by ranges: read from the run folder while it is written and after its end.
//!
//! Offsets are those of the file, which only grows. At the end of a run the supervisor seals the log with an index of
//! its lines; without one, lines are counted from the start.

mod index;
mod search;

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use orch_domain::run_event::Told;

pub use index::{Index, seal};
pub use search::{Found, search};

use crate::folder::{EVENTS, LOG, PROMPT, RunFolder, STDERR, STDOUT};

/// Most bytes of one range.
const RANGE_BYTES_MAX: u64 = 2 * 1024 * 1024;
/// Most bytes of one line that are shown.
const LINE_BYTES_MAX: usize = 8 * 1024;
/// Bytes at the end of the events that are looked through for what is done now.
const ACTIVITY_BYTES: u64 = 64 * 1024;

/// Which file is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// What people read.
    Log,
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
    /// What the agent was told, as it was sent; there as a whole from the begin.
    Prompt,
}

/// Where a range begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Begin {
    /// At this byte.
    Byte(u64),
    /// At this line, from 1 on.
    Line(u64),
    /// So that it ends with the last line.
    Tail,
}

/// A range of a log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Range {
    /// First byte.
    pub from: u64,
    /// First byte after it.
    pub to: u64,
    /// Bytes of the whole log.
    pub size: u64,
    /// Number of its first line, where it is known.
    pub first_line: Option<u64>,
    /// Lines of the whole log, once it is sealed.
    pub total_lines: Option<u64>,
    /// Its lines.
    pub lines: Vec<Line>,
}

/// A line of a log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// Its first byte.
    pub at: u64,
    /// Its text; what is no UTF-8 is replaced.
    pub text: String,
    /// Bytes of it that are left out.
    pub cut: u64,
}

/// The file that people read as the log of a run: the events in words if the driver tells of them, else its output.
pub fn log_file(folder: &RunFolder) -> PathBuf {
    let told = folder.path().join(LOG);
    match told.exists() {
        true => told,
        false => folder.path().join(STDOUT),
    }
}

fn file_of(folder: &RunFolder, source: Source) -> PathBuf {
    match source {
        Source::Log => log_file(folder),
        Source::Stdout => folder.path().join(STDOUT),
        Source::Stderr => folder.path().join(STDERR),
        Source::Prompt => folder.path().join(PROMPT),
    }
}

/// One of the files as it is, from its first byte: it and its bytes by now. None if there is no such file.
///
/// # Errors
/// When the file is there and cannot be opened.
pub fn whole(folder: &RunFolder, source: Source) -> io::Result<Option<(File, u64)>> {
    match File::open(file_of(folder, source)) {
        Ok(file) => {
            let size = file.metadata()?.len();
            Ok(Some((file, size)))
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Bytes of the log that people read.
pub fn size(folder: &RunFolder) -> u64 {
    std::fs::metadata(log_file(folder)).map_or(0, |file| file.len())
}

/// Reads a range of at most `lines_max` lines. A last line without its end is left for later unless the run has
/// `ended`.
///
/// # Errors
/// When the file is there and cannot be read. One that is not there is empty.
pub fn read(
    folder: &RunFolder,
    source: Source,
    begin: Begin,
    lines_max: usize,
    ended: bool,
) -> io::Result<Range> {
    let path = file_of(folder, source);
    let mut file = match File::open(&path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Range::empty()),
        Err(error) => return Err(error),
    };
    let size = file.metadata()?.len();
    let ended = ended || source == Source::Prompt;
    let index = ended.then(|| Index::of(folder, &path, size)).flatten();
    let (from, first_line) = match begin {
        Begin::Byte(at) => (at.min(size), index.as_ref().map(|i| i.before(at.min(size)))),
        Begin::Line(number) => begin_of_line(&mut file, index.as_ref(), number, size)?,
        Begin::Tail => (tail(&mut file, lines_max, size)?, None),
    };
    let first_line = match (first_line, begin) {
        (Some(place), Begin::Byte(_)) => Some(count_to(&mut file, place, from)?),
        (None, Begin::Byte(0)) => Some(1),
        (None, Begin::Byte(_)) => None,
        (None, Begin::Tail) => {
            let place = index.as_ref().map_or((1, 0), |index| index.before(from));
            Some(count_to(&mut file, place, from)?)
        }
        (Some((number, _)), Begin::Line(_) | Begin::Tail) => Some(number),
        (None, Begin::Line(_)) => None,
    };
    file.seek(SeekFrom::Start(from))?;
    let mut range = Range {
        from,
        to: from,
        size,
        first_line,
        total_lines: index.map(|index| index.lines),
        lines: Vec::new(),
    };
    let mut reader = BufReader::new(file.take(size - from));
    while range.lines.len() < lines_max && range.to - from < RANGE_BYTES_MAX {
        let Some((line, length, whole)) = line(&mut reader, range.to)? else {
            break;
        };
        if !whole && !ended {
            break;
        }
        range.to += length;
        range.lines.push(line);
    }
    Ok(range)
}

impl Range {
    fn empty() -> Self {
        Self {
            from: 0,
            to: 0,
            size: 0,
            first_line: Some(1),
            total_lines: None,
            lines: Vec::new(),
        }
    }
}

/// The next line, its length with its end, and whether its end is there.
fn line(reader: &mut impl BufRead, at: u64) -> io::Result<Option<(Line, u64, bool)>> {
    let (mut kept, mut length, mut whole) = (Vec::new(), 0_u64, false);
    loop {
        let buffer = reader.fill_buf()?;
        if buffer.is_empty() {
            break;
        }
        let end = buffer.iter().position(|byte| *byte == b'\n');
        let part = &buffer[..end.unwrap_or(buffer.len())];
        let room = LINE_BYTES_MAX - kept.len();
        kept.extend_from_slice(&part[..part.len().min(room)]);
        let used = end.map_or(buffer.len(), |end| end + 1);
        length += used as u64;
        reader.consume(used);
        if end.is_some() {
            whole = true;
            break;
        }
    }
    if length == 0 {
        return Ok(None);
    }
    let text_length = length - u64::from(whole);
    let cut = text_length - kept.len() as u64;
    if kept.last() == Some(&b'\r') && cut == 0 {
        kept.pop();
    }
    let text = String::from_utf8_lossy(&kept).into_owned();
    Ok(Some((Line { at, text, cut }, length, whole)))
}

/// Where a line begins, with its number; the end of the log if it has fewer lines.
fn begin_of_line(
    file: &mut File,
    index: Option<&Index>,
    number: u64,
    size: u64,
) -> io::Result<(u64, Option<(u64, u64)>)> {
    let (mut at_line, mut at) = index.map_or((1, 0), |index| index.line(number));
    file.seek(SeekFrom::Start(at))?;
    let mut reader = BufReader::with_capacity(64 * 1024, file.take(size - at));
    while at_line < number {
        let (length, whole) = skip_line(&mut reader)?;
        at += length;
        if !whole {
            // There is no such line: nothing follows the last one.
            at = size;
            at_line += u64::from(length > 0);
            break;
        }
        at_line += 1;
    }
    Ok((at, Some((at_line, at))))
}

/// Passes a line over: its length, and whether its end was there.
fn skip_line(reader: &mut impl BufRead) -> io::Result<(u64, bool)> {
    let mut length = 0_u64;
    loop {
        let buffer = reader.fill_buf()?;
        if buffer.is_empty() {
            return Ok((length, false));
        }
        let end = buffer.iter().position(|byte| *byte == b'\n');
        let used = end.map_or(buffer.len(), |end| end + 1);
        length += used as u64;
        reader.consume(used);
        if end.is_some() {
            return Ok((length, true));
        }
    }
}

/// Number of the line that begins at `to`, counted from a line whose number and begin are known.
fn count_to(file: &mut File, (number, at): (u64, u64), to: u64) -> io::Result<u64> {
    file.seek(SeekFrom::Start(at))?;
    let mut rest = file.take(to.saturating_sub(at));
    let (mut buffer, mut lines) = (vec![0; 64 * 1024], number);
    loop {
        let read = rest.read(&mut buffer)?;
        if read == 0 {
            return Ok(lines);
        }
        lines += buffer[..read].iter().filter(|byte| **byte == b'\n').count() as u64;
    }
}

/// Where the last `lines_max` lines begin, as far as they fit into one range.
fn tail(file: &mut File, lines_max: usize, size: u64) -> io::Result<u64> {
    let start = size.saturating_sub(RANGE_BYTES_MAX / 2);
    file.seek(SeekFrom::Start(start))?;
    let mut bytes = Vec::new();
    file.take(size - start).read_to_end(&mut bytes)?;
    let body = bytes.strip_suffix(b"\n").unwrap_or(&bytes);
    let ends = body
        .iter()
        .enumerate()
        .rev()
        .filter(|(_, byte)| **byte == b'\n');
    let begins: Vec<usize> = ends.map(|(at, _)| at + 1).take(lines_max).collect();
    let begin = match begins.get(lines_max.wrapping_sub(1)) {
        Some(begin) => *begin,
        // All of it fits, or as much as one range may hold.
        None if start == 0 => 0,
        None => begins.last().copied().unwrap_or(0),
    };
    Ok(start + begin as u64)
}

/// A range of the events of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Events {
    /// First byte.
    pub from: u64,
    /// First byte after it.
    pub to: u64,
    /// Bytes of all events.
    pub size: u64,
    /// The events; lines that this version does not know are left out.
    pub events: Vec<Told>,
}

/// Reads a range of the events of a run.
///
/// # Errors
/// When the file is there and cannot be read.
pub fn events(folder: &RunFolder, begin: Begin, most: usize) -> io::Result<Events> {
    let path = folder.path().join(EVENTS);
    let mut file = match File::open(&path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Ok(Events {
                from: 0,
                to: 0,
                size: 0,
                events: Vec::new(),
            });
        }
        Err(error) => return Err(error),
    };
    let size = file.metadata()?.len();
    let from = match begin {
        Begin::Byte(at) => at.min(size),
        Begin::Line(number) => begin_of_line(&mut file, None, number, size)?.0,
        Begin::Tail => tail(&mut file, most, size)?,
    };
    file.seek(SeekFrom::Start(from))?;
    let mut reader = BufReader::new(file.take((size - from).min(RANGE_BYTES_MAX)));
    let (mut to, mut events, mut lines) = (from, Vec::new(), 0);
    let mut bytes = Vec::new();
    while lines < most {
        bytes.clear();
        let length = reader.read_until(b'\n', &mut bytes)?;
        if bytes.last() != Some(&b'\n') {
            break;
        }
        to += length as u64;
        lines += 1;
        events.extend(serde_json::from_slice::<Told>(&bytes).ok());
    }
    Ok(Events {
        from,
        to,
        size,
        events,
    })
}

/// What the agent of a run did last: its last event, or the last line of an output that tells of none with the time
/// at which it was written.
pub fn activity(folder: &RunFolder) -> Option<Activity> {
    let told = folder.tail(
        EVENTS,
        usize::try_from(ACTIVITY_BYTES).unwrap_or(usize::MAX),
    );
    let last = told
        .split(|byte| *byte == b'\n')
        .rev()
        .filter_map(|line| serde_json::from_slice::<Told>(line).ok())
        .find(|told| told.event.is_activity());
    if let Some(told) = last {
        return Some(Activity {
            at_ms: told.at_ms,
            kind: told.event.kind(),
            text: crate::words::short(&told.event.line()),
        });
    }
    if folder.path().join(LOG).exists() {
        return None;
    }
    let path = folder.path().join(STDOUT);
    let tail = folder.tail(STDOUT, LINE_BYTES_MAX);
    let text = String::from_utf8_lossy(&tail);
    let line = text.lines().rev().find(|line| !line.trim().is_empty())?;
    Some(Activity {
        at_ms: written_ms(&path)?,
        kind: "output",
        text: crate::words::short(line),
    })
}

/// What an agent does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Activity {
    /// Since when, Unix milliseconds.
    pub at_ms: i64,
    /// Kind of the event, or `output`.
    pub kind: &'static str,
    /// It in one line.
    pub text: String,
}

fn written_ms(path: &Path) -> Option<i64> {
    let at = std::fs::metadata(path).ok()?.modified().ok()?;
    let since = at.duration_since(std::time::UNIX_EPOCH).ok()?;
    i64::try_from(since.as_millis()).ok()
}

#[cfg(test)]
mod tests;
