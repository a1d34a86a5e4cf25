//! Machine code of gates, kept by digest and engine so that a start need not compile. Each image lies beside
//! its own hash; one that does not match is compiled again.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use sha2::{Digest, Sha256};
use wasmtime::Engine;
use wasmtime::component::Component;

use crate::compile::Compiler;
use crate::gate::{LoadError, first_line};
use crate::runtime::GateRuntime;

/// Images that tools keep; a Python gate's is 60 MiB.
const IMAGES_MAX: usize = 24;

/// The folder of images; only this user may enter it.
#[derive(Debug, Clone)]
pub(crate) struct Cache {
    folder: PathBuf,
}

impl Cache {
    pub(crate) fn at(folder: PathBuf) -> Self {
        Self { folder }
    }

    /// The folder of a tool that loads single files, made if it is not there; none if it cannot be made or somebody
    /// else could put machine code into it.
    pub(crate) fn own(folder: &Path) -> Option<Self> {
        let made = std::fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(folder);
        let meta = made.and_then(|()| std::fs::symlink_metadata(folder)).ok()?;
        let is_own = meta.is_dir()
            && meta.uid() == rustix::process::geteuid().as_raw()
            && meta.mode() & 0o077 == 0;
        is_own.then(|| Self::at(folder.to_owned()))
    }

    /// Path of the image of `digest` for this engine.
    fn image(&self, runtime: &GateRuntime, digest: &str) -> PathBuf {
        let mut hasher = DefaultHasher::new();
        runtime
            .0
            .engine
            .precompile_compatibility_hash()
            .hash(&mut hasher);
        let engine = hasher.finish();
        self.folder.join(format!("{digest}-{engine:016x}.cwasm"))
    }

    /// The component of `blob`, whose digest is `digest`: from the image if there is a whole one, else
    /// compiled and kept.
    pub(crate) async fn component(
        &self,
        runtime: &GateRuntime,
        compiler: &Compiler,
        wall: Duration,
        digest: &str,
        blob: &Path,
    ) -> Result<Component, LoadError> {
        let image = self.image(runtime, digest);
        if let Some(component) = self.load(runtime, &image).await {
            return Ok(component);
        }
        let fresh = image.with_extension("new");
        compiler.compile(runtime, wall, blob, &fresh).await?;
        let hash = hash_of(&fresh).await?;
        tokio::fs::write(hash_path(&image), hash).await?;
        orch_durable::point("rename image: before");
        tokio::fs::rename(&fresh, &image).await?;
        orch_durable::point("rename image: after");
        self.load(runtime, &image)
            .await
            .ok_or_else(|| LoadError::Compiler("its image could not be loaded".to_owned()))
    }

    /// The component of these bytes, compiled in this process unless there is a whole image of them. An image that
    /// cannot be kept costs the next one a compilation and nobody anything else.
    pub(crate) async fn component_of(
        &self,
        runtime: &GateRuntime,
        digest: &str,
        bytes: Vec<u8>,
    ) -> Result<Component, LoadError> {
        let image = self.image(runtime, digest);
        if let Some(component) = self.load(runtime, &image).await {
            // What is used stays longest.
            let touched = std::fs::File::open(&image);
            touched.and_then(|f| f.set_modified(SystemTime::now())).ok();
            return Ok(component);
        }
        let engine = runtime.0.engine.clone();
        let compile = move || engine.precompile_component(&bytes);
        let code = tokio::task::spawn_blocking(compile)
            .await
            .map_err(|e| LoadError::NotComponent(e.to_string()))?
            .map_err(|e| LoadError::NotComponent(first_line(&e)))?;
        if let Err(error) = keep(&image, &code).await {
            tracing::debug!(image = %image.display(), error = %error, "an image could not be kept");
        }
        self.shorten(IMAGES_MAX);
        deserialize(&runtime.0.engine, &code).map_err(|e| LoadError::Compiler(first_line(&e)))
    }

    /// Removes all but the images that were used last.
    fn shorten(&self, most: usize) {
        let Ok(entries) = std::fs::read_dir(&self.folder) else {
            return;
        };
        let mut images: Vec<(SystemTime, PathBuf)> = entries
            .filter_map(Result::ok)
            .filter(|entry| entry.path().extension().is_some_and(|e| e == "cwasm"))
            .filter_map(|entry| Some((entry.metadata().ok()?.modified().ok()?, entry.path())))
            .collect();
        images.sort_by(|a, b| b.cmp(a));
        for (_, image) in images.into_iter().skip(most) {
            // What cannot be removed is tried again the next time.
            std::fs::remove_file(hash_path(&image)).ok();
            std::fs::remove_file(image).ok();
        }
    }

    async fn load(&self, runtime: &GateRuntime, image: &Path) -> Option<Component> {
        let (engine, path) = (runtime.0.engine.clone(), image.to_owned());
        // One errand for all of it: each way to the threads for blocking work and back costs as much as the hash.
        let work = move || read_image(&engine, &path);
        tokio::task::spawn_blocking(work).await.ok().flatten()
    }

    /// Removes images of digests that nobody needs and of other engines.
    pub(crate) fn sweep(&self, runtime: &GateRuntime, needed: &dyn Fn(&str) -> bool) {
        let Ok(entries) = std::fs::read_dir(&self.folder) else {
            return;
        };
        for entry in entries.filter_map(Result::ok) {
            let name = entry.file_name().to_string_lossy().into_owned();
            let digest = name.split(['-', '.']).next().unwrap_or_default();
            let current = self.image(runtime, digest);
            let path = entry.path();
            let is_current = path == current || path == hash_path(&current);
            if !(is_current && needed(digest)) {
                // What cannot be removed is tried again at the next sweep.
                std::fs::remove_file(path).ok();
            }
        }
    }
}

/// The component of a whole image; none, and a line in the log, if it is damaged or of another engine.
fn read_image(engine: &Engine, image: &Path) -> Option<Component> {
    let noted = std::fs::read_to_string(hash_path(image)).ok()?;
    let bytes = std::fs::read(image).ok()?;
    if hex::encode(Sha256::digest(&bytes)) != noted {
        tracing::warn!(image = %image.display(), "an image is damaged and is compiled again");
        return None;
    }
    match deserialize(engine, &bytes) {
        Ok(component) => Some(component),
        Err(error) => {
            tracing::warn!(image = %image.display(), error = first_line(&error), "an image cannot be used");
            None
        }
    }
}

/// Machine code as a component.
fn deserialize(engine: &Engine, code: &[u8]) -> wasmtime::Result<Component> {
    // SAFETY: the bytes are what our own compiler wrote, as their hash shows, in a folder that only this
    // user can write; wasmtime itself checks that they were made for this engine.
    #[expect(unsafe_code, reason = "loading compiled code has no safe form")]
    unsafe {
        Component::deserialize(engine, code)
    }
}

/// Writes an image and its hash. Tools may run beside each other: each has a file of its own until it is whole.
async fn keep(image: &Path, code: &[u8]) -> std::io::Result<()> {
    let fresh = image.with_extension(format!("{}.new", std::process::id()));
    tokio::fs::write(&fresh, code).await?;
    tokio::fs::write(hash_path(image), hex::encode(Sha256::digest(code))).await?;
    orch_durable::point("rename kept image: before");
    tokio::fs::rename(&fresh, image).await?;
    orch_durable::point("rename kept image: after");
    Ok(())
}

fn hash_path(image: &Path) -> PathBuf {
    image.with_extension("sha256")
}

async fn hash_of(path: &Path) -> Result<String, LoadError> {
    let bytes = tokio::fs::read(path).await?;
    Ok(hex::encode(Sha256::digest(&bytes)))
}
