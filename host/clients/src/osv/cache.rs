//! Which answers of the feed are kept, and how old are they? Each is a file of its own.

use std::collections::BTreeSet;
use std::os::unix::fs::DirBuilderExt;
use std::path::PathBuf;
use std::sync::Once;
use std::time::{Duration, SystemTime};

use orch_domain::imports::Package;
use serde_json::Value;
use sha2::{Digest, Sha256};

/// Files that are kept; the oldest go first.
const FILES_MAX: usize = 20_000;

#[derive(Debug)]
pub(super) struct Cache {
    folder: PathBuf,
    is_ready: Once,
}

fn key_of(package: &Package) -> String {
    format!(
        "ids\0{}\0{}\0{}",
        package.ecosystem, package.name, package.version
    )
}

impl Cache {
    pub(super) fn at(folder: PathBuf) -> Self {
        Self {
            folder,
            is_ready: Once::new(),
        }
    }

    pub(super) fn ids(&self, package: &Package, age_max: Duration) -> Option<BTreeSet<String>> {
        serde_json::from_value(self.get(&key_of(package), age_max)?).ok()
    }

    pub(super) fn put_ids(&self, package: &Package, ids: &BTreeSet<String>) {
        self.put(&key_of(package), &serde_json::json!(ids));
    }

    pub(super) fn record(&self, id: &str, age_max: Duration) -> Option<Value> {
        self.get(&format!("record\0{id}"), age_max)
    }

    pub(super) fn put_record(&self, id: &str, record: &Value) {
        self.put(&format!("record\0{id}"), record);
    }

    fn path(&self, key: &str) -> PathBuf {
        let name = hex::encode(Sha256::digest(key.as_bytes()));
        self.folder.join(format!("{name}.json"))
    }

    /// A value not older than `age_max`; a damaged file is as good as none.
    fn get(&self, key: &str, age_max: Duration) -> Option<Value> {
        let path = self.path(key);
        let written = std::fs::metadata(&path)
            .and_then(|meta| meta.modified())
            .ok()?;
        let age = SystemTime::now()
            .duration_since(written)
            .unwrap_or_default();
        if age > age_max {
            return None;
        }
        serde_json::from_slice(&std::fs::read(path).ok()?).ok()
    }

    fn put(&self, key: &str, value: &Value) {
        self.is_ready.call_once(|| self.make_ready());
        let path = self.path(key);
        if let Err(error) = orch_durable::replace(&path, value.to_string().as_bytes()) {
            // Only slower: the answer is asked for again.
            tracing::warn!(error = %error, "an answer of the feed could not be kept");
        }
    }

    /// Makes the folder, for this user alone, and removes what was too much at the last end of a host.
    fn make_ready(&self) {
        let made = std::fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&self.folder);
        if let Err(error) = made {
            tracing::warn!(folder = %self.folder.display(), error = %error, "answers of the feed cannot be kept");
        }
        self.sweep();
    }

    fn sweep(&self) {
        let entries = std::fs::read_dir(&self.folder)
            .into_iter()
            .flatten()
            .filter_map(Result::ok);
        let mut files: Vec<(SystemTime, PathBuf)> = entries
            .filter_map(|e| Some((e.metadata().ok()?.modified().ok()?, e.path())))
            .collect();
        files.sort();
        let surplus = files.len().saturating_sub(FILES_MAX);
        for (_, path) in files.into_iter().take(surplus) {
            // What cannot be removed is tried again at the next start.
            std::fs::remove_file(path).ok();
        }
    }
}
