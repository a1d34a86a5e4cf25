//! What does a gate keep of a repository, and what did this evaluation read or set of it?
//!
//! A value that is set is staged with a pass and comes into force when the task's change lands.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use orch_domain::memory::Remembered;

/// Keys that one evaluation may set, and bytes of a key and of a value.
const KEYS_MAX: usize = 64;
const KEY_BYTES_MAX: usize = 200;
const VALUE_BYTES_MAX: usize = 16 * 1024;

/// A value that a gate set or only read, with the version of the one it found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Staged {
    /// Name within the gate.
    pub key: String,
    /// None if it only read it.
    pub value: Option<String>,
    /// Version of the value in force; 0 if there was none.
    pub read_version: i64,
}

/// The memory of one gate of one repository, during one evaluation.
#[derive(Debug, Default)]
pub(crate) struct Memory {
    in_force: Vec<Remembered>,
    staged: Mutex<BTreeMap<String, Option<String>>>,
}

impl Memory {
    pub(crate) fn of(in_force: Vec<Remembered>) -> Self {
        Self {
            in_force,
            staged: Mutex::default(),
        }
    }

    /// A value: what this evaluation set, else what is kept.
    pub(crate) fn recall(&self, key: &str) -> Option<String> {
        let mut staged = self.staged.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(Some(value)) = staged.get(key) {
            return Some(value.clone());
        }
        let kept = self.in_force.iter().find(|k| k.key == key);
        if key.len() <= KEY_BYTES_MAX && staged.len() < KEYS_MAX {
            // What it judged by counts as well as what it sets: another landing may change it.
            staged.entry(key.to_owned()).or_default();
        }
        kept.map(|k| k.value.clone())
    }

    /// Stages a value within the bounds; what goes beyond them is dropped and said in the log.
    pub(crate) fn remember(&self, key: &str, value: &str) {
        let mut staged = self.staged.lock().unwrap_or_else(PoisonError::into_inner);
        let fits = key.len() <= KEY_BYTES_MAX
            && value.len() <= VALUE_BYTES_MAX
            && (staged.len() < KEYS_MAX || staged.contains_key(key));
        if fits {
            staged.insert(key.to_owned(), Some(value.to_owned()));
        } else {
            tracing::warn!(
                key.bytes = key.len(),
                value.bytes = value.len(),
                "a gate's value is over its bounds and is dropped"
            );
        }
    }

    /// Everything that was read or set.
    pub(crate) fn staged(&self) -> Vec<Staged> {
        let staged = self.staged.lock().unwrap_or_else(PoisonError::into_inner);
        let version = |key: &str| {
            self.in_force
                .iter()
                .find(|k| k.key == key)
                .map_or(0, |k| k.version)
        };
        staged
            .iter()
            .map(|(key, value)| Staged {
                key: key.clone(),
                value: value.clone(),
                read_version: version(key),
            })
            .collect()
    }
}
