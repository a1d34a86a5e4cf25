//! Keeps the published set in step with the gates folder while the host runs.
//!
//! A file that is dropped is read once it is whole, checked, compiled elsewhere and published; evaluations
//! under way keep the set they began with. Whatever goes wrong leaves the last good version serving, also
//! after a restart. Where a gate judges is the pipeline's business.

mod disk;

use std::collections::BTreeMap;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use sha2::{Digest, Sha256};

use crate::cache::Cache;
use crate::compile::Compiler;
use crate::load::{LoadError, LoadedGate, Origin};
use crate::registry::{GateFailure, Registry};
use crate::runtime::GateRuntime;
use disk::Memory;

/// How often the folder is looked at. A drop is in force after two looks and its compilation.
const LOOK: Duration = Duration::from_millis(250);

/// Where a library keeps things.
#[derive(Debug, Clone)]
pub struct LibraryConfig {
    /// The gates folder.
    pub folder: PathBuf,
    /// Folder for images, kept versions and memory; made with mode 0700.
    pub state: PathBuf,
    /// The lock file: digests by gate name. Need not exist.
    pub lock: PathBuf,
    /// How components are compiled.
    pub compiler: Compiler,
}

/// Why an order about a gate cannot be carried out.
#[derive(Debug, thiserror::Error)]
pub enum LibraryError {
    /// The state folder, the memory or the lock file.
    #[error("`{path}` cannot be used: {source}")]
    Folder {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// There is no such version.
    #[error("gate `{name}` has no version `{digest}`; kept are: {kept}")]
    NoVersion {
        /// Gate.
        name: String,
        /// Digest or its beginning.
        digest: String,
        /// Digests that are kept.
        kept: String,
    },
    /// The lock file forbids it, or cannot be read.
    #[error("{0}")]
    Locked(String),
    /// The version does not load any more.
    #[error("version `{digest}` of gate `{name}` does not load: {source}")]
    Load {
        /// Gate.
        name: String,
        /// Digest.
        digest: String,
        /// Why.
        source: LoadError,
    },
}

/// What tells one state of a file from another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Signature(u64, u64, u64, i64, i64, i64, i64);

impl Signature {
    fn of(meta: &std::fs::Metadata) -> Self {
        Self(
            meta.dev(),
            meta.ino(),
            meta.size(),
            meta.mtime(),
            meta.mtime_nsec(),
            meta.ctime(),
            meta.ctime_nsec(),
        )
    }
}

/// A file as it was seen last.
#[derive(Debug, Clone, Copy)]
struct Seen {
    signature: Signature,
    done: bool,
}

#[derive(Debug, Default)]
struct State {
    memory: Memory,
    seen: BTreeMap<String, Seen>,
    /// Gates whose file was gone at the last look; removed at the next.
    gone: Vec<String>,
    lock: Option<Signature>,
}

/// Whether a file must look the same twice before it is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Settle {
    /// Read at once; a file that changes while it is read is left for the next look.
    Now,
    /// Read when it has stood still from one look to the next.
    Twice,
}

/// The library. One per gates folder and host.
#[derive(Debug)]
pub struct Library {
    runtime: GateRuntime,
    config: LibraryConfig,
    cache: Cache,
    state: tokio::sync::Mutex<State>,
}

impl Library {
    /// Opens the library and brings the published set up to date.
    ///
    /// # Errors
    /// [`LibraryError::Folder`] when the state folder cannot be used. Bad gate files are no error.
    pub async fn open(runtime: GateRuntime, config: LibraryConfig) -> Result<Self, LibraryError> {
        let failed = |path: &Path| {
            let path = path.to_owned();
            move |source| LibraryError::Folder { path, source }
        };
        for folder in [
            &config.state,
            &config.state.join("aot"),
            &config.state.join("versions"),
        ] {
            std::fs::DirBuilder::new()
                .recursive(true)
                .mode(0o700)
                .create(folder)
                .map_err(failed(folder))?;
        }
        let memory = Memory::read(&config.state).map_err(failed(&config.state))?;
        let cache = Cache::at(config.state.join("aot"));
        let state = State {
            memory,
            ..State::default()
        };
        let library = Self {
            runtime,
            config,
            cache,
            state: tokio::sync::Mutex::new(state),
        };
        library.sync(Settle::Now).await;
        Ok(library)
    }

    /// Looks at the folder for as long as the future is polled.
    pub async fn watch(&self) {
        let mut looks = tokio::time::interval(LOOK);
        looks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            looks.tick().await;
            self.sync(Settle::Twice).await;
        }
    }

    /// Brings the published set in step with the folder once.
    pub async fn sync(&self, settle: Settle) {
        let mut state = self.state.lock().await;
        let files = match list(&self.config.folder) {
            Ok(files) => files,
            Err(error) => {
                // The folder may be on its way back; what serves goes on serving.
                tracing::warn!(folder = %self.config.folder.display(), error = %error, "the gates folder cannot be read");
                return;
            }
        };
        let present = std::fs::metadata(&self.config.lock);
        let present = present.ok().map(|meta| Signature::of(&meta));
        if state.lock != present {
            // Other pins may refuse what served, or accept what was refused.
            state.lock = present;
            state.seen.clear();
        }
        let lock = self.read_lock();
        let mut next = Registry::clone(&self.runtime.snapshot());
        let mut changed = false;
        for (name, file) in &files {
            changed |= self
                .look(&mut state, &mut next, name, file, settle, &lock)
                .await;
        }
        changed |= self.forget_missing(&mut state, &mut next, &files, settle);
        next.quarantined.clone_from(&state.memory.quarantined);
        next.rolled_back = state
            .memory
            .gates
            .iter()
            .filter(|(_, known)| known.left.is_some())
            .map(|(name, known)| (name.clone(), known.current.clone()))
            .collect();
        if changed {
            self.runtime.0.registry.store(Arc::new(next));
            self.keep(&state.memory);
        }
    }

    /// Looks at one file; answers whether the set changed.
    async fn look(
        &self,
        state: &mut State,
        next: &mut Registry,
        name: &str,
        file: &Path,
        settle: Settle,
        lock: &Result<BTreeMap<String, String>, String>,
    ) -> bool {
        let Ok(meta) = std::fs::symlink_metadata(file) else {
            return false;
        };
        let signature = Signature::of(&meta);
        let seen = state.seen.get(name).copied();
        let stands = seen.is_some_and(|seen| seen.signature == signature);
        if stands && seen.is_some_and(|seen| seen.done) {
            return false;
        }
        if settle == Settle::Twice && !stands {
            let done = false;
            state.seen.insert(name.to_owned(), Seen { signature, done });
            return false;
        }
        let loaded = self.load(state, next, name, file, lock).await;
        // A file that changed under the reading is looked at again.
        let after = std::fs::symlink_metadata(file).map(|meta| Signature::of(&meta));
        let done = after.is_ok_and(|after| after == signature);
        state.seen.insert(name.to_owned(), Seen { signature, done });
        if !done {
            return false;
        }
        match loaded {
            Ok(None) => next.failures.remove(name).is_some(),
            Ok(Some(gate)) => {
                tracing::info!(
                    gate.name = name,
                    gate.version = gate.descriptor.version,
                    digest = gate.short_digest(),
                    "gate loaded"
                );
                state.memory.serves(name, &gate.digest);
                next.gates.insert(name.to_owned(), gate);
                next.failures.remove(name);
                true
            }
            Err(error) => {
                let last_good = self.last_good(state, next, name).await;
                tracing::error!(gate.name = name, file = %file.display(), error = %error, last_good, "gate file not loaded");
                let failure = GateFailure {
                    name: name.to_owned(),
                    file: file.to_owned(),
                    error: Arc::new(error),
                };
                next.failures.insert(name.to_owned(), failure);
                true
            }
        }
    }

    /// Loads a file unless it is what serves already.
    async fn load(
        &self,
        state: &mut State,
        next: &Registry,
        name: &str,
        file: &Path,
        lock: &Result<BTreeMap<String, String>, String>,
    ) -> Result<Option<Arc<LoadedGate>>, LoadError> {
        let max = self.runtime.0.config.file_bytes_max;
        let content = crate::load::read_whole(file, Some(&self.config.folder), max).await?;
        let digest = hex::encode(Sha256::digest(&content));
        match lock {
            Err(why) => return Err(LoadError::Locked(why.clone())),
            Ok(lock) => {
                if let Some(pinned) = lock.get(name).filter(|pinned| **pinned != digest) {
                    let why = format!(
                        "`{}` pins {pinned}, the file is {digest}; run `orch gate lock` to accept it",
                        self.config.lock.display()
                    );
                    return Err(LoadError::Locked(why));
                }
            }
        }
        let known = state.memory.gates.get_mut(name);
        if known
            .as_ref()
            .is_some_and(|k| k.left.as_ref() == Some(&digest))
        {
            // A person went back from this very file; the version gone back to serves.
            if !next.gates.contains_key(name) {
                let current = known.map(|k| k.current.clone()).unwrap_or_default();
                return self
                    .load_version(name, Some(file), &current)
                    .await
                    .map(Some);
            }
            return Ok(None);
        }
        if let Some(known) = known {
            known.left = None;
        }
        if next
            .gates
            .get(name)
            .is_some_and(|gate| gate.digest == digest)
        {
            return Ok(None);
        }
        let blob = self.version_path(&digest);
        if !blob.exists() {
            orch_durable::replace(&blob, &content)?;
        }
        let loaded = self.load_version(name, Some(file), &digest).await;
        if loaded.is_err() && !state.memory.needs(&digest) {
            // Nothing will ask for it again.
            std::fs::remove_file(&blob).ok();
        }
        loaded.map(Some)
    }

    async fn load_version(
        &self,
        name: &str,
        file: Option<&Path>,
        digest: &str,
    ) -> Result<Arc<LoadedGate>, LoadError> {
        let blob = self.version_path(digest);
        let size = tokio::fs::metadata(&blob).await?.len();
        let component = self
            .cache
            .component(&self.runtime, &self.config.compiler, digest, &blob)
            .await?;
        let origin = Origin {
            name: name.to_owned(),
            file: file.map(Path::to_owned),
            digest: digest.to_owned(),
            size,
        };
        let gate = crate::load::from_component(&self.runtime, component, origin).await?;
        crate::load::check_name(&gate.name, &gate.descriptor.name)?;
        Ok(gate)
    }

    /// Sees to it that the version which served last serves, after a restart too; answers whether one does.
    async fn last_good(&self, state: &State, next: &mut Registry, name: &str) -> bool {
        if next.gates.contains_key(name) {
            return true;
        }
        let Some(known) = state.memory.gates.get(name) else {
            return false;
        };
        match self.load_version(name, None, &known.current).await {
            Ok(gate) => {
                next.gates.insert(name.to_owned(), gate);
                true
            }
            Err(error) => {
                tracing::error!(gate.name = name, error = %error, "the last good version does not load either");
                false
            }
        }
    }

    /// Takes gates out whose file a person removed.
    fn forget_missing(
        &self,
        state: &mut State,
        next: &mut Registry,
        files: &BTreeMap<String, PathBuf>,
        settle: Settle,
    ) -> bool {
        let missing: Vec<String> = next
            .gates
            .keys()
            .chain(next.failures.keys())
            .filter(|name| !files.contains_key(*name))
            .cloned()
            .collect();
        let before = std::mem::replace(&mut state.gone, missing.clone());
        let mut changed = false;
        for name in missing {
            if settle == Settle::Now || before.contains(&name) {
                tracing::warn!(gate.name = name, "the gate's file was removed");
                changed |= next.gates.remove(&name).is_some();
                changed |= next.failures.remove(&name).is_some();
                state.seen.remove(&name);
            }
        }
        changed
    }

    /// Goes back to a version that served before, until another file is dropped.
    ///
    /// # Errors
    /// [`LibraryError`] when there is no such version or it does not load.
    pub async fn rollback(&self, name: &str, digest: &str) -> Result<String, LibraryError> {
        let mut state = self.state.lock().await;
        let known = state.memory.gates.get(name).cloned().unwrap_or_default();
        let mut fitting = known.history.iter().filter(|d| d.starts_with(digest));
        let (Some(to), None) = (fitting.next().cloned(), fitting.next()) else {
            return Err(LibraryError::NoVersion {
                name: name.to_owned(),
                digest: digest.to_owned(),
                kept: known.history.join(", "),
            });
        };
        let pinned = self.read_lock().map_err(LibraryError::Locked)?;
        if let Some(pinned) = pinned.get(name).filter(|pinned| **pinned != to) {
            return Err(LibraryError::Locked(format!(
                "`{}` pins gate `{name}` to {pinned}; change its line there to {to} first",
                self.config.lock.display()
            )));
        }
        let file = self.config.folder.join(format!("{name}.wasm"));
        let max = self.runtime.0.config.file_bytes_max;
        let present = crate::load::read_whole(&file, None, max).await;
        let gate = self
            .load_version(name, Some(&file), &to)
            .await
            .map_err(|source| LibraryError::Load {
                name: name.to_owned(),
                digest: to.clone(),
                source,
            })?;
        state.memory.serves(name, &to);
        if let Some(known) = state.memory.gates.get_mut(name) {
            known.left = present
                .ok()
                .map(|content| hex::encode(Sha256::digest(&content)))
                .filter(|present| *present != to);
        }
        let mut next = Registry::clone(&self.runtime.snapshot());
        next.gates.insert(name.to_owned(), gate);
        next.rolled_back.insert(name.to_owned(), to.clone());
        self.runtime.0.registry.store(Arc::new(next));
        self.keep(&state.memory);
        Ok(to)
    }

    /// Versions of a gate that can be gone back to, the latest last.
    pub async fn versions(&self, name: &str) -> Vec<String> {
        let state = self.state.lock().await;
        let known = state.memory.gates.get(name);
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
        let reason = state.memory.trapped(digest, repo);
        if reason.is_some() {
            self.publish_quarantine(&state.memory);
        }
        self.keep(&state.memory);
        reason
    }

    /// Lifts the quarantine of the version that serves; answers whether there was one.
    pub async fn release(&self, name: &str) -> bool {
        let mut state = self.state.lock().await;
        let registry = self.runtime.snapshot();
        let Some(gate) = registry.get(name) else {
            return false;
        };
        let was = state.memory.quarantined.remove(&gate.digest).is_some();
        state.memory.trapped.remove(&gate.digest);
        self.publish_quarantine(&state.memory);
        self.keep(&state.memory);
        was
    }

    fn publish_quarantine(&self, memory: &Memory) {
        let mut next = Registry::clone(&self.runtime.snapshot());
        next.quarantined.clone_from(&memory.quarantined);
        self.runtime.0.registry.store(Arc::new(next));
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
        for (name, file) in list(&self.config.folder).unwrap_or_default() {
            let max = self.runtime.0.config.file_bytes_max;
            let content = crate::load::read_whole(&file, Some(&self.config.folder), max).await;
            let failed = registry.failure(&name).map(|f| f.error.clone());
            let acceptable = failed.is_none_or(|e| matches!(*e, LoadError::Locked(_)));
            if let Ok(content) = content
                .map_err(|_| ())
                .and_then(|c| if acceptable { Ok(c) } else { Err(()) })
            {
                pins.insert(name, hex::encode(Sha256::digest(&content)));
            } else if let Some(gate) = registry.get(&name) {
                pins.insert(name, gate.digest.clone());
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

    /// Pins by name; a lock file that cannot be read pins everything shut.
    fn read_lock(&self) -> Result<BTreeMap<String, String>, String> {
        match std::fs::read_to_string(&self.config.lock) {
            Ok(text) => serde_json::from_str(&text).map_err(|e| {
                let path = self.config.lock.display();
                format!("`{path}` is damaged ({e}); mend it, or remove it and run `orch gate lock`")
            }),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(BTreeMap::new()),
            Err(error) => Err(format!("`{}`: {error}", self.config.lock.display())),
        }
    }

    fn version_path(&self, digest: &str) -> PathBuf {
        self.config
            .state
            .join("versions")
            .join(format!("{digest}.wasm"))
    }

    /// Writes the memory down and removes what it no longer needs.
    fn keep(&self, memory: &Memory) {
        if let Err(error) = memory.write(&self.config.state) {
            // The set serves all the same; only a restart would know less.
            tracing::error!(folder = %self.config.state.display(), error = %error, "the gates' state was not written");
        }
        self.cache
            .sweep(&self.runtime, &|digest| memory.needs(digest));
        let versions = std::fs::read_dir(self.config.state.join("versions"));
        for entry in versions.into_iter().flatten().filter_map(Result::ok) {
            let path = entry.path();
            let digest = path.file_stem().map(|s| s.to_string_lossy().into_owned());
            if !digest.is_some_and(|d| memory.needs(&d)) {
                // What cannot be removed is tried again at the next change.
                std::fs::remove_file(path).ok();
            }
        }
    }
}

/// The gate files of a folder, by name.
fn list(folder: &Path) -> std::io::Result<BTreeMap<String, PathBuf>> {
    let mut files = BTreeMap::new();
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.extension().is_some_and(|e| e == "wasm") {
            files.insert(crate::load::stem(&path), path);
        }
    }
    Ok(files)
}
