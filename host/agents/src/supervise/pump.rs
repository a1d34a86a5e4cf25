//! Copies one output stream of the agent to its file, within a cap, and notes when something came.
//!
//! Above the cap the start and the end are kept: the end is held in memory meanwhile and written when the stream ends.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{Read, Write};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::folder::RESULT_BYTES_MAX;
use crate::stream::Teller;

/// How long the stream is read after the tree is gone.
const DRAIN: Duration = Duration::from_secs(2);
/// Longest start of a line that is compared with the terminal line.
const LINE_START_MAX: usize = 256;

/// What of a stream is a sign of life.
pub(super) enum Life {
    /// Every byte.
    Bytes,
    /// The events that it tells of.
    Events(Box<Teller>),
    /// Nothing.
    None,
}

#[derive(Debug, Default)]
struct Seen {
    bytes: u64,
    last: Option<Instant>,
    terminal: Option<Instant>,
    truncated: bool,
}

/// A thread that copies one stream.
pub(super) struct Pump {
    seen: Arc<Mutex<Seen>>,
    thread: JoinHandle<()>,
}

impl Pump {
    pub(super) fn start(
        stream: Option<impl Read + Send + 'static>,
        path: &Path,
        bytes_max: u64,
        terminal_line: Option<String>,
        life: Life,
    ) -> std::io::Result<Self> {
        let file = File::create(path)?;
        let stream = stream.ok_or_else(|| std::io::Error::other("the stream is not there"))?;
        let seen = Arc::new(Mutex::new(Seen::default()));
        let copied = seen.clone();
        let thread = std::thread::Builder::new()
            .name("pump".to_owned())
            .spawn(move || copy(stream, file, bytes_max, terminal_line, life, &copied))?;
        Ok(Self { seen, thread })
    }

    /// When it last gave a sign of life.
    pub(super) fn last_at(&self) -> Option<Instant> {
        lock(&self.seen).last
    }

    /// When the terminal line came.
    pub(super) fn terminal_at(&self) -> Option<Instant> {
        lock(&self.seen).terminal
    }

    /// How many bytes came, kept or not.
    pub(super) fn bytes(&self) -> u64 {
        lock(&self.seen).bytes
    }

    /// Waits for the end of the stream, within a bound; says whether something was dropped.
    pub(super) fn finish(self) -> bool {
        let started = Instant::now();
        while !self.thread.is_finished() && started.elapsed() < DRAIN {
            std::thread::sleep(Duration::from_millis(5));
        }
        let seen = lock(&self.seen);
        seen.truncated || !self.thread.is_finished()
    }
}

fn lock(seen: &Mutex<Seen>) -> std::sync::MutexGuard<'_, Seen> {
    seen.lock().unwrap_or_else(PoisonError::into_inner)
}

fn copy(
    mut stream: impl Read,
    mut file: File,
    bytes_max: u64,
    terminal: Option<String>,
    mut life: Life,
    seen: &Mutex<Seen>,
) {
    let mut buffer = [0; 16 * 1024];
    let mut kept = Kept::new(bytes_max);
    let mut line: Vec<u8> = Vec::new();
    loop {
        let read = match stream.read(&mut buffer) {
            Ok(0) | Err(_) => break,
            Ok(read) => read,
        };
        // A full disk drops output but must not stop the run: reading on keeps the agent from blocking.
        let stored = file.write_all(kept.head(&buffer[..read])).is_ok();
        let mut found = false;
        if let Some(terminal) = &terminal {
            for byte in &buffer[..read] {
                if *byte == b'\n' {
                    line.clear();
                } else if line.len() < LINE_START_MAX {
                    line.push(*byte);
                    found |= line == terminal.as_bytes();
                }
            }
        }
        let lives = match &mut life {
            Life::Bytes => true,
            Life::Events(teller) => teller.feed(&buffer[..read]),
            Life::None => false,
        };
        let mut seen = lock(seen);
        if lives {
            seen.last = Some(Instant::now());
        }
        seen.bytes += read as u64;
        seen.truncated |= kept.dropped || !stored;
        if found && seen.terminal.is_none() {
            seen.terminal = Some(Instant::now());
        }
    }
    if let Life::Events(teller) = &mut life {
        teller.finish();
    }
    let (first, second) = kept.tail.as_slices();
    if file
        .write_all(first)
        .and_then(|()| file.write_all(second))
        .is_err()
    {
        lock(seen).truncated = true;
    }
    // Durability of the log is not what the run depends on; the result file is synced by itself.
    file.sync_data().ok();
}

/// What is kept of a stream.
struct Kept {
    head_left: usize,
    tail_max: usize,
    tail: VecDeque<u8>,
    dropped: bool,
}

impl Kept {
    fn new(bytes_max: u64) -> Self {
        let most = usize::try_from(bytes_max).unwrap_or(usize::MAX);
        let tail_max = (most / 2).min(RESULT_BYTES_MAX);
        Self {
            head_left: most - tail_max,
            tail_max,
            tail: VecDeque::new(),
            dropped: false,
        }
    }

    /// Answers the part of `bytes` that is written at once; the rest is held as far as it reaches.
    fn head<'a>(&mut self, bytes: &'a [u8]) -> &'a [u8] {
        let (head, rest) = bytes.split_at(self.head_left.min(bytes.len()));
        self.head_left -= head.len();
        self.tail.extend(rest);
        let more = self.tail.len().saturating_sub(self.tail_max);
        if more > 0 {
            self.tail.drain(..more);
            self.dropped = true;
        }
        head
    }
}
