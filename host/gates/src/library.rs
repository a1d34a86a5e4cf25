//! How does the published set stay in step with the gates folder while the host runs?
//!
//! A file that is dropped is read once it is whole, checked, compiled elsewhere and published; evaluations
//! under way keep the set they began with. Whatever goes wrong leaves the last good version serving, also
//! after a restart. Where a gate judges is the pipeline's business.

mod folder;
mod load;
mod orders;
mod pins;
mod times;
mod versions;

use std::collections::BTreeMap;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use crate::cache::Cache;
use crate::compile::Compiler;
use crate::folder_events::FolderEvents;
use crate::gate::LoadError;
use crate::registry::{GateFailure, Registry};
use crate::runtime::GateRuntime;
use folder::{Signature, list};
pub use pins::PinRefusal;
use pins::Pins;
pub use times::CompileTimes;
use times::{Again, StartEnds};
use versions::Versions;

/// How often the folder is looked at where the kernel does not tell of changes.
const LOOK: Duration = Duration::from_millis(250);
/// How long a file has to stand still before it is read: from one look to the next.
const SETTLE: Duration = Duration::from_millis(100);

/// Where a library keeps things.
#[derive(Debug, Clone)]
pub struct LibraryConfig {
    /// The gates folder. Need not exist if there are gates that came with the program.
    pub folder: PathBuf,
    /// Folder of the gates that came with the program; a file of the same name in the gates folder wins.
    pub builtin: Option<PathBuf>,
    /// Folder for images, kept versions and what is remembered of them; made with mode 0700.
    pub state: PathBuf,
    /// The lock file: digests by gate name. Need not exist.
    pub lock: PathBuf,
    /// How components are compiled.
    pub compiler: Compiler,
    /// How long that may take.
    pub times: CompileTimes,
}

/// Why an order about a gate cannot be carried out.
#[derive(Debug, thiserror::Error)]
pub enum LibraryError {
    /// The state folder, the file of versions or the lock file.
    #[error("`{path}` cannot be used: {source}")]
    Folder {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// There is no such version.
    #[error("gate `{name}` has no version `{digest}`")]
    NoVersion {
        /// Gate.
        name: String,
        /// Digest or its beginning.
        digest: String,
        /// Digests that are kept.
        kept: String,
    },
    /// The lock file forbids it, or cannot be read.
    #[error(transparent)]
    Locked(PinRefusal),
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

/// A file as it was seen last.
#[derive(Debug, Clone, Copy)]
struct SeenFile {
    signature: Signature,
    done: bool,
    /// When it is tried again, if what kept it from being loaded may be over by then.
    again: Option<Again>,
}

#[derive(Debug, Default)]
struct Watched {
    versions: Versions,
    /// The versions as this process wrote them last; none before it did.
    written: Option<Versions>,
    seen: BTreeMap<String, SeenFile>,
    /// Gates whose file was gone at the last look; removed at the next.
    gone: Vec<String>,
    /// Whether the gates folder was there at any look.
    had_folder: bool,
    lock: Option<Signature>,
}

impl Watched {
    /// Whether nothing waits for a second look.
    fn is_settled(&self) -> bool {
        let now = Instant::now();
        let is_due = |seen: &SeenFile| seen.again.is_some_and(|again| again.is_due(now));
        let is_read = |seen: &SeenFile| seen.done && !is_due(seen);
        self.gone.is_empty() && self.seen.values().all(is_read)
    }
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
    state: tokio::sync::Mutex<Watched>,
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
        let versions = Versions::read(&config.state).map_err(failed(&config.state))?;
        let cache = Cache::at(config.state.join("aot"));
        let state = Watched {
            versions,
            ..Watched::default()
        };
        let library = Self {
            runtime,
            config,
            cache,
            state: tokio::sync::Mutex::new(state),
        };
        library.first_look().await;
        Ok(library)
    }

    /// Looks at the folder for as long as the future is polled.
    pub async fn watch(&self) {
        let lock = self.config.lock.parent().map(Path::to_owned);
        let folders = [
            Some(self.config.folder.clone()),
            self.config.builtin.clone(),
            lock,
        ];
        let mut events = FolderEvents::of(folders.into_iter().flatten());
        loop {
            self.sync(Settle::Twice).await;
            if self.state.lock().await.is_settled() {
                events.next(LOOK).await;
            } else {
                tokio::time::sleep(SETTLE).await;
            }
        }
    }

    /// Brings the published set in step with the folder once.
    pub async fn sync(&self, settle: Settle) {
        self.look_at_all(settle, None).await;
    }

    /// The look of a start, which ends in time whatever a compiler does: what is not compiled by then is tried again
    /// while the host runs.
    async fn first_look(&self) {
        let until = StartEnds::after(&self.config.times);
        self.look_at_all(Settle::Now, Some(until)).await;
    }

    async fn look_at_all(&self, settle: Settle, until: Option<StartEnds>) {
        let mut state = self.state.lock().await;
        let files = match self.files(state.had_folder) {
            Ok(files) => {
                state.had_folder |= self.config.folder.exists();
                files
            }
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
        let pins = Pins::read(&self.config.lock);
        let mut next = Registry::clone(&self.runtime.snapshot());
        let mut changed = false;
        for (name, file) in &files {
            changed |= self
                .look(&mut state, &mut next, name, file, settle, &pins, until)
                .await;
        }
        changed |= self.forget_missing(&mut state, &mut next, &files, settle);
        next.quarantined.clone_from(&state.versions.quarantined);
        next.rolled_back = state
            .versions
            .gates
            .iter()
            .filter(|(_, known)| known.left.is_some())
            .map(|(name, known)| (name.clone(), known.current.clone()))
            .collect();
        if changed {
            self.runtime.publish(next);
            self.keep(&mut state);
        }
    }

    /// The files of both folders by name. A gates folder that never was is an empty one if gates came with the
    /// program; one that `was` there may be on its way back, and an older gate must not take the place of its own.
    fn files(&self, was: bool) -> std::io::Result<BTreeMap<String, PathBuf>> {
        let Some(builtin) = &self.config.builtin else {
            return list(&self.config.folder);
        };
        let mut files = list(builtin)?;
        match list(&self.config.folder) {
            Ok(own) => files.extend(own),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound && !was => {}
            Err(error) => return Err(error),
        }
        Ok(files)
    }

    /// The present file of a gate.
    fn present_file(&self, name: &str) -> PathBuf {
        let file = format!("{name}.wasm");
        let own = self.config.folder.join(&file);
        let builtin = self.config.builtin.as_ref().map(|folder| folder.join(file));
        match builtin {
            Some(builtin) if !own.exists() => builtin,
            Some(_) | None => own,
        }
    }

    /// Looks at one file; answers whether the set changed.
    #[expect(
        clippy::too_many_arguments,
        reason = "what one look has in common for all files"
    )]
    async fn look(
        &self,
        state: &mut Watched,
        next: &mut Registry,
        name: &str,
        file: &Path,
        settle: Settle,
        pins: &Result<Pins, PinRefusal>,
        until: Option<StartEnds>,
    ) -> bool {
        let Ok(meta) = std::fs::symlink_metadata(file) else {
            return false;
        };
        let signature = Signature::of(&meta);
        let seen = state.seen.get(name).copied();
        let stands = seen.is_some_and(|seen| seen.signature == signature);
        let now = Instant::now();
        let is_due = |seen: SeenFile| seen.again.is_some_and(|again| again.is_due(now));
        if stands && seen.is_some_and(|seen| seen.done && !is_due(seen)) {
            return false;
        }
        if settle == Settle::Twice && !stands {
            let unread = SeenFile {
                signature,
                done: false,
                again: None,
            };
            state.seen.insert(name.to_owned(), unread);
            return false;
        }
        let loaded = times::within(until, self.load(state, next, name, file, pins)).await;
        // A file that changed under the reading is looked at again.
        let after = std::fs::symlink_metadata(file).map(|meta| Signature::of(&meta));
        let done = after.is_ok_and(|after| after == signature);
        let again = match &loaded {
            Err(error) if error.may_pass() => {
                let before = seen.filter(|_| stands).and_then(|seen| seen.again);
                Some(Again::after(before, until.is_some(), Instant::now()))
            }
            Ok(_) | Err(_) => None,
        };
        let read = SeenFile {
            signature,
            done,
            again,
        };
        state.seen.insert(name.to_owned(), read);
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
                state.versions.serves(name, &gate.digest);
                next.gates.insert(name.to_owned(), gate);
                next.failures.remove(name);
                true
            }
            Err(error) => {
                let last_good = self.last_good(state, next, name, until).await;
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

    /// Takes gates out whose file a person removed.
    fn forget_missing(
        &self,
        state: &mut Watched,
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

    fn version_path(&self, digest: &str) -> PathBuf {
        self.config
            .state
            .join("versions")
            .join(format!("{digest}.wasm"))
    }

    /// Writes the versions down and removes what they no longer need, unless that was done for these very versions.
    fn keep(&self, state: &mut Watched) {
        if state.written.as_ref() == Some(&state.versions) {
            return;
        }
        let versions = &state.versions;
        state.written = match versions.write(&self.config.state) {
            Ok(()) => Some(versions.clone()),
            Err(error) => {
                // The set serves all the same; only a restart would know less.
                tracing::error!(folder = %self.config.state.display(), error = %error, "the gates' state was not written");
                None
            }
        };
        self.cache
            .sweep(&self.runtime, &|digest| versions.needs(digest));
        let files = std::fs::read_dir(self.config.state.join("versions"));
        for entry in files.into_iter().flatten().filter_map(Result::ok) {
            let path = entry.path();
            let digest = path.file_stem().map(|s| s.to_string_lossy().into_owned());
            if !digest.is_some_and(|d| versions.needs(&d)) {
                // What cannot be removed is tried again at the next change.
                std::fs::remove_file(path).ok();
            }
        }
    }
}
