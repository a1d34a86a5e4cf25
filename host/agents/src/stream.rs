//! What an agent's output tells while it comes: the lines of a command line that streams its events, read as they are
//! written, told again as the closed list of [`RunEvent`]s and as a log for people.
//!
//! Nothing is decided by what is read here: the result of a run is read from its raw output at its end. Whatever is
//! too long, torn or unknown is passed over.

mod claude;

use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use orch_domain::run_event::{RunEvent, Told};

use crate::folder::{EVENTS, LOG, RunFolder};
use claude::Claude;

/// Longest line that is read: a tool that answers with a whole file makes one of megabytes.
const LINE_BYTES_MAX: usize = 8 * 1024 * 1024;
/// Most bytes of events that a run leaves, and of its log: days of work, and little beside the raw output.
const TOLD_BYTES_MAX: u64 = 32 * 1024 * 1024;
/// Said at the end of a log that is longer.
const CUT: &str = "… more was done than is told here; the raw output has all of it\n";

/// How a driver's output tells of events.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// One event of the Claude command line in each line.
    Claude,
}

impl Format {
    /// Its name in a run folder.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Claude => "claude-stream-json",
        }
    }

    /// The one of this name; none if it is of a newer version.
    pub fn parse(name: &str) -> Option<Self> {
        (name == Self::Claude.as_str()).then_some(Self::Claude)
    }
}

/// Writes down what an output tells.
pub(crate) struct Teller {
    reader: Claude,
    line: Vec<u8>,
    is_too_long: bool,
    events: Bounded,
    log: Bounded,
}

impl Teller {
    /// Begins to tell into a run folder of what is done in the work tree `cwd`.
    pub(crate) fn begin(folder: &RunFolder, format: Format, cwd: &Path) -> std::io::Result<Self> {
        let reader = match format {
            Format::Claude => Claude::in_tree(cwd),
        };
        Ok(Self {
            reader,
            line: Vec::new(),
            is_too_long: false,
            events: Bounded::create(&folder.path().join(EVENTS))?,
            log: Bounded::create(&folder.path().join(LOG))?,
        })
    }

    /// Takes a part of the output in; says whether it told of anything: noise does not count as life.
    pub(crate) fn feed(&mut self, bytes: &[u8]) -> bool {
        let mut is_told = false;
        for part in bytes.split_inclusive(|byte| *byte == b'\n') {
            let (part, is_end) = match part.strip_suffix(b"\n") {
                Some(part) => (part, true),
                None => (part, false),
            };
            if self.line.len() + part.len() > LINE_BYTES_MAX {
                self.is_too_long = true;
            } else {
                self.line.extend_from_slice(part);
            }
            if is_end {
                is_told |= self.end_of_line();
            }
        }
        is_told
    }

    /// Tells what stands in a last line without an end.
    pub(crate) fn finish(&mut self) {
        self.end_of_line();
        self.events.sync();
        self.log.sync();
    }

    fn end_of_line(&mut self) -> bool {
        let line = std::mem::take(&mut self.line);
        if std::mem::take(&mut self.is_too_long) {
            // What it was cannot be told, but it was something.
            return true;
        }
        let text = String::from_utf8_lossy(&line);
        match self.reader.line(text.trim()) {
            Some(events) => {
                events.into_iter().for_each(|event| self.tell(event));
                true
            }
            None => {
                if !text.trim().is_empty() {
                    self.log.write(format!("{}\n", one_line(&text)).as_bytes());
                }
                false
            }
        }
    }

    fn tell(&mut self, event: RunEvent) {
        self.log.write(format!("{}\n", event.line()).as_bytes());
        let told = Told {
            at_ms: now_ms(),
            event,
        };
        // Plain data can always be written.
        if let Ok(mut line) = serde_json::to_vec(&told) {
            line.push(b'\n');
            self.events.write_whole(&line);
        }
    }
}

/// A line that is no event: the command line's own word.
fn one_line(text: &str) -> String {
    orch_domain::run_event::bounded(text.trim_end())
}

fn now_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |d| i64::try_from(d.as_millis()).unwrap_or(i64::MAX))
}

/// A file that does not grow beyond its bound. A full disk drops what is told, and must not stop the run.
struct Bounded {
    file: File,
    left: u64,
}

impl Bounded {
    fn create(path: &Path) -> std::io::Result<Self> {
        Ok(Self {
            file: File::create(path)?,
            left: TOLD_BYTES_MAX,
        })
    }

    /// Writes lines of a log; the last that fits says that more was done.
    fn write(&mut self, bytes: &[u8]) {
        if self.left == 0 {
            return;
        }
        let bytes = match self.left.checked_sub(bytes.len() as u64) {
            Some(left) if left > 0 => {
                self.left = left;
                bytes
            }
            _ => {
                self.left = 0;
                CUT.as_bytes()
            }
        };
        self.file.write_all(bytes).ok();
    }

    /// Writes a line that is data: whole or not at all.
    fn write_whole(&mut self, bytes: &[u8]) {
        if let Some(left) = self.left.checked_sub(bytes.len() as u64) {
            self.left = left;
            self.file.write_all(bytes).ok();
        }
    }

    fn sync(&self) {
        // The run does not depend on what is told of it.
        self.file.sync_data().ok();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(folder: &RunFolder) -> Vec<RunEvent> {
        let text = std::fs::read_to_string(folder.path().join(EVENTS)).unwrap();
        let events = text
            .lines()
            .map(|l| serde_json::from_str::<Told>(l).unwrap());
        events.map(|told| told.event).collect()
    }

    fn teller() -> (tempfile::TempDir, RunFolder, Teller) {
        let kept = tempfile::tempdir().unwrap();
        let folder = RunFolder::at(kept.path());
        let teller = Teller::begin(&folder, Format::Claude, Path::new("/tree")).unwrap();
        (kept, folder, teller)
    }

    const SAYS: &str =
        r#"{"type":"assistant","message":{"id":"m","content":[{"type":"text","text":"hello"}]}}"#;

    #[test]
    fn event_is_told_when_its_line_ends_however_it_was_cut() {
        let (_kept, folder, mut teller) = teller();
        let line = format!("{SAYS}\n");
        for byte in line.as_bytes() {
            teller.feed(std::slice::from_ref(byte));
        }
        assert_eq!(
            told(&folder),
            [RunEvent::Says {
                text: "hello".into()
            }]
        );
        let log = std::fs::read_to_string(folder.path().join(LOG)).unwrap();
        assert_eq!(log, "hello\n");
    }

    #[test]
    fn noise_is_logged_and_is_no_sign_of_life() {
        let (_kept, folder, mut teller) = teller();
        assert!(!teller.feed(b"warning: nothing works\n\n"));
        assert!(!teller.feed(b"{\"no\":\"event\"}\n"));
        assert!(teller.feed(b"{\"type\":\"system\",\"subtype\":\"init\"}\n"));
        assert!(told(&folder).is_empty());
        let log = std::fs::read_to_string(folder.path().join(LOG)).unwrap();
        assert!(log.starts_with("warning: nothing works\n"), "{log}");
    }

    #[test]
    fn line_that_is_too_long_is_passed_over_and_the_next_one_told() {
        let (_kept, folder, mut teller) = teller();
        let part = vec![b'x'; 1024 * 1024];
        for _ in 0..=LINE_BYTES_MAX / part.len() {
            assert!(!teller.feed(&part));
        }
        assert!(teller.feed(b"\n"), "it was something");
        teller.feed(SAYS.as_bytes());
        teller.finish();
        assert_eq!(
            told(&folder).len(),
            1,
            "a last line without an end is told too"
        );
    }

    #[test]
    fn what_is_told_is_bounded_and_says_so() {
        let (_kept, folder, mut teller) = teller();
        teller.log.left = 100;
        teller.events.left = 100;
        for _ in 0..50 {
            teller.feed(format!("{SAYS}\n").as_bytes());
        }
        let log = std::fs::read_to_string(folder.path().join(LOG)).unwrap();
        assert!(log.ends_with(CUT) && log.len() < 100 + CUT.len(), "{log}");
        assert!(told(&folder).len() < 3, "events are whole or not there");
    }
}
