//! The published set of gates: immutable, swapped as a whole.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use crate::gate::{LoadError, LoadedGate};

/// A file that is not in force, and why.
#[derive(Debug, Clone)]
pub struct GateFailure {
    /// Name: the file's stem.
    pub name: String,
    /// The file.
    pub file: PathBuf,
    /// Why.
    pub error: Arc<LoadError>,
}

/// An immutable set of gates. An evaluation keeps the set it began with.
#[derive(Debug, Default, Clone)]
pub struct Registry {
    pub(crate) gates: BTreeMap<String, Arc<LoadedGate>>,
    pub(crate) failures: BTreeMap<String, GateFailure>,
    /// Reasons by digest.
    pub(crate) quarantined: BTreeMap<String, String>,
    /// Digests that an operator went back to, by name.
    pub(crate) rolled_back: BTreeMap<String, String>,
}

impl Registry {
    /// The gate of this name, in quarantine or not.
    pub fn get(&self, name: &str) -> Option<&Arc<LoadedGate>> {
        self.gates.get(name)
    }

    /// The gate of this name if it may judge.
    ///
    /// # Errors
    /// Why it may not, with the remedy.
    pub fn judge(&self, name: &str) -> Result<&Arc<LoadedGate>, String> {
        let gate = self.gates.get(name).ok_or_else(|| self.why_missing(name))?;
        match self.quarantined.get(&gate.digest) {
            None => Ok(gate),
            Some(reason) => Err(format!(
                "gate `{name}` {} is in quarantine: {reason}; drop a mended file, go back with `orch gate rollback {name} DIGEST`, or lift it with `orch gate release {name}`",
                gate.short_digest()
            )),
        }
    }

    /// Every gate, by name.
    pub fn gates(&self) -> impl Iterator<Item = &Arc<LoadedGate>> {
        self.gates.values()
    }

    /// Files that are not in force, with their reasons. A gate of the same name may serve still: the last
    /// good version of it.
    pub fn failures(&self) -> impl Iterator<Item = &GateFailure> {
        self.failures.values()
    }

    /// Why the file of this name is not in force, if it is not.
    pub fn failure(&self, name: &str) -> Option<&GateFailure> {
        self.failures.get(name)
    }

    /// Why this digest is in quarantine, if it is.
    pub fn quarantine(&self, digest: &str) -> Option<&str> {
        self.quarantined.get(digest).map(String::as_str)
    }

    /// Whether an operator went back to the version that serves under this name.
    pub fn is_rolled_back(&self, name: &str) -> bool {
        self.rolled_back.contains_key(name)
    }

    /// Why there is no gate of this name.
    pub fn why_missing(&self, name: &str) -> String {
        match self.failures.get(name) {
            Some(failure) => format!("gate `{name}` is not loaded: {}", failure.error),
            None => {
                let known: Vec<&str> = self.gates.keys().map(String::as_str).collect();
                format!(
                    "there is no gate `{name}`; loaded are: {}",
                    known.join(", ")
                )
            }
        }
    }
}
