//! What can be ordered about a gate's versions: going back, pinning, quarantine and its end.

use std::collections::BTreeMap;
use std::path::PathBuf;

use sha2::{Digest, Sha256};

use super::pins::Pins;
use super::versions::Versions;
use super::{Library, LibraryError, Settle};
use crate::gate::LoadError;
use crate::load::read_whole;
use crate::registry::Registry;

impl Library {
    /// Goes back to a version that served before, until another file is dropped.
    ///
    /// # Errors
    /// [`LibraryError`] when there is no such version or it does not load.
    pub async fn rollback(&self, name: &str, digest: &str) -> Result<String, LibraryError> {
        let mut state = self.state.lock().await;
        let known = state.versions.gates.get(name).cloned().unwrap_or_default();
        let mut fitting = known.history.iter().filter(|d| d.starts_with(digest));
        let (Some(to), None) = (fitting.next().cloned(), fitting.next()) else {
            return Err(LibraryError::NoVersion {
                name: name.to_owned(),
                digest: digest.to_owned(),
                kept: known.history.join(", "),
            });
        };
        Pins::read(&self.config.lock)
            .and_then(|pins| pins.accept_rollback(name, &to))
            .map_err(LibraryError::Locked)?;
        let file = self.present_file(name);
        let max = self.runtime.0.config.file_bytes_max;
        let present = read_whole(&file, None, max).await;
        let gate = self
            .load_version(name, Some(&file), &to)
            .await
            .map_err(|source| LibraryError::Load {
                name: name.to_owned(),
                digest: to.clone(),
                source,
            })?;
        state.versions.serves(name, &to);
        if let Some(known) = state.versions.gates.get_mut(name) {
            known.left = present
                .ok()
                .map(|content| hex::encode(Sha256::digest(&content)))
                .filter(|present| *present != to);
        }
        let mut next = Registry::clone(&self.runtime.snapshot());
        next.gates.insert(name.to_owned(), gate);
        next.rolled_back.insert(name.to_owned(), to.clone());
        self.runtime.publish(next);
        self.keep(&mut state);
        Ok(to)
    }

    /// Versions of a gate that can be gone back to, the latest last.
    pub async fn versions(&self, name: &str) -> Vec<String> {
        let state = self.state.lock().await;
        let known = state.versions.gates.get(name);
        known.map(|k| k.history.clone()).unwrap_or_default()
    }

    /// File with the bytes of a version, if it is still kept.
    pub fn file_of(&self, digest: &str) -> Option<PathBuf> {
        Some(self.version_path(digest)).filter(|path| path.is_file())
    }

    /// Notes that a gate trapped on a task of `repo`; two repositories put the version into quarantine.
    /// Answers the reason if this is the trap that does.
    pub async fn trapped(&self, digest: &str, repo: &str) -> Option<String> {
        let mut state = self.state.lock().await;
        let reason = state.versions.trapped(digest, repo);
        if reason.is_some() {
            self.publish_quarantine(&state.versions);
        }
        self.keep(&mut state);
        reason
    }

    /// Lifts the quarantine of the version that serves; answers whether there was one.
    pub async fn release(&self, name: &str) -> bool {
        let mut state = self.state.lock().await;
        let registry = self.runtime.snapshot();
        let Some(gate) = registry.get(name) else {
            return false;
        };
        let was = state.versions.quarantined.remove(&gate.digest).is_some();
        state.versions.trapped.remove(&gate.digest);
        self.publish_quarantine(&state.versions);
        self.keep(&mut state);
        was
    }

    fn publish_quarantine(&self, versions: &Versions) {
        let mut next = Registry::clone(&self.runtime.snapshot());
        next.quarantined.clone_from(&versions.quarantined);
        self.runtime.publish(next);
    }

    /// Pins every gate that serves to its digest; answers how many.
    ///
    /// # Errors
    /// [`LibraryError::Folder`] when the lock file cannot be written.
    pub async fn lock(&self) -> Result<usize, LibraryError> {
        let mut state = self.state.lock().await;
        // What a person accepts is what lies in the folder now, a version refused so far included.
        let mut pins = BTreeMap::new();
        let registry = self.runtime.snapshot();
        for (name, file) in self.files(state.had_folder).unwrap_or_default() {
            let max = self.runtime.0.config.file_bytes_max;
            let content = read_whole(&file, file.parent(), max).await;
            let is_acceptable = registry
                .failure(&name)
                .is_none_or(|failure| matches!(*failure.error, LoadError::Locked(_)));
            match content {
                Ok(content) if is_acceptable => {
                    pins.insert(name, hex::encode(Sha256::digest(&content)));
                }
                Ok(_) | Err(_) => {
                    if let Some(gate) = registry.get(&name) {
                        pins.insert(name, gate.digest.clone());
                    }
                }
            }
        }
        let text = serde_json::to_string_pretty(&pins).unwrap_or_default() + "\n";
        let written = orch_durable::replace(&self.config.lock, text.as_bytes());
        written.map_err(|source| LibraryError::Folder {
            path: self.config.lock.clone(),
            source,
        })?;
        state.seen.clear();
        drop(state);
        self.sync(Settle::Now).await;
        Ok(pins.len())
    }
}
