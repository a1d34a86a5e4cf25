//! What does the library remember across restarts? Which version of each gate served last, which ones it can
//! go back to, and what is in quarantine.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

/// Versions of one gate that are kept.
const VERSIONS_MAX: usize = 10;
/// Digests whose traps are counted, the oldest forgotten first by name.
const TRAPPED_MAX: usize = 200;

/// The versions of one gate.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct GateVersions {
    /// Digest that served last.
    pub(crate) current: String,
    /// Digests that served, the latest last.
    pub(crate) history: Vec<String>,
    /// Digest of the file that a person went back from; as long as the file has it, it is not loaded.
    #[serde(default)]
    pub(crate) left: Option<String>,
}

/// The versions of every gate.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Versions {
    #[serde(default)]
    pub(crate) gates: BTreeMap<String, GateVersions>,
    /// Reasons by digest.
    #[serde(default)]
    pub(crate) quarantined: BTreeMap<String, String>,
    /// Repositories on whose tasks a digest trapped.
    #[serde(default)]
    pub(crate) trapped: BTreeMap<String, BTreeSet<String>>,
}

impl Versions {
    fn path(folder: &Path) -> PathBuf {
        folder.join("state.json")
    }

    /// Reads what was written; there is nothing at the first start.
    pub(crate) fn read(folder: &Path) -> std::io::Result<Self> {
        match std::fs::read_to_string(Self::path(folder)) {
            Ok(text) => serde_json::from_str(&text).map_err(std::io::Error::other),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Self::default()),
            Err(error) => Err(error),
        }
    }

    /// Writes everything, whole or not at all.
    pub(crate) fn write(&self, folder: &Path) -> std::io::Result<()> {
        let text = serde_json::to_string_pretty(self).map_err(std::io::Error::other)?;
        orch_durable::replace(&Self::path(folder), text.as_bytes())
    }

    /// Notes that a version serves.
    pub(crate) fn serves(&mut self, name: &str, digest: &str) {
        let known = self.gates.entry(name.to_owned()).or_default();
        digest.clone_into(&mut known.current);
        known.history.retain(|d| d != digest);
        known.history.push(digest.to_owned());
        if known.history.len() > VERSIONS_MAX {
            known.history.remove(0);
        }
    }

    /// Notes a trap; answers why the digest goes into quarantine now, if it does.
    pub(crate) fn trapped(&mut self, digest: &str, repo: &str) -> Option<String> {
        while self.trapped.len() >= TRAPPED_MAX && !self.trapped.contains_key(digest) {
            self.trapped.pop_first();
        }
        let repos = self.trapped.entry(digest.to_owned()).or_default();
        repos.insert(repo.to_owned());
        if repos.len() < 2 || self.quarantined.contains_key(digest) {
            return None;
        }
        let list: Vec<&str> = repos.iter().map(String::as_str).collect();
        let reason = format!("it trapped on tasks of {}", list.join(" and "));
        self.quarantined.insert(digest.to_owned(), reason.clone());
        Some(reason)
    }

    /// Whether a version may be needed again.
    pub(crate) fn needs(&self, digest: &str) -> bool {
        self.gates
            .values()
            .any(|known| known.history.iter().any(|d| d == digest))
    }
}
