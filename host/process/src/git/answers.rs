//! What did git answer before, asked about objects by their ids alone? An id says what its object holds, so the answer
//! stays the same for ever, and a process less is started.

use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, PoisonError};

use lru::LruCache;

use crate::run::{Captured, Exit, Finished};

/// Most answers that are kept of one repository; the one that nobody asked for longest goes first.
const ANSWERS_MAX: NonZeroUsize = NonZeroUsize::new(1024).unwrap();
/// Longest question and longest answer that are kept, bytes.
const BYTES_MAX: usize = 16 * 1024;

/// Answers about one repository, shared by all who ask it.
#[derive(Debug, Clone)]
pub(super) struct Answers(Arc<Mutex<Known>>);

/// By question: how git ended and what it said.
type Known = LruCache<String, (Exit, Vec<u8>)>;

impl Default for Answers {
    fn default() -> Self {
        Self(Arc::new(Mutex::new(LruCache::new(ANSWERS_MAX))))
    }
}

impl Answers {
    /// What was answered before; as if git had said it at once.
    pub(super) fn known(&self, question: &[&str]) -> Option<Finished> {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (exit, bytes) = known.get(&key(question))?;
        Some(Finished {
            exit: *exit,
            stdout: Captured {
                bytes: bytes.clone(),
                truncated: false,
            },
            stderr: Captured::default(),
            duration: std::time::Duration::ZERO,
            timed_out: false,
        })
    }

    /// Keeps an answer, if it is one: what could not be read may be there the next time.
    pub(super) fn keep(&self, question: &[&str], done: &Finished) {
        let is_answer = matches!(done.exit, Exit::Code(0 | 1)) && !done.timed_out;
        let is_whole = !done.stdout.truncated && done.stdout.bytes.len() <= BYTES_MAX;
        let key = key(question);
        if is_answer && is_whole && key.len() <= BYTES_MAX {
            let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            known.put(key, (done.exit, done.stdout.bytes.clone()));
        }
    }
}

/// No argument holds a zero byte.
fn key(question: &[&str]) -> String {
    question.join("\0")
}
