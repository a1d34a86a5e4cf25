//! Machine code of gates, kept by digest and engine so that a start need not compile. Each image lies beside
//! its own hash; one that does not match is compiled again.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};
use wasmtime::component::Component;

use crate::compile::Compiler;
use crate::gate::{LoadError, first_line};
use crate::runtime::GateRuntime;

/// The folder of images; only this user may enter it.
#[derive(Debug, Clone)]
pub(crate) struct Cache {
    folder: PathBuf,
}

impl Cache {
    pub(crate) fn at(folder: PathBuf) -> Self {
        Self { folder }
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
        digest: &str,
        blob: &Path,
    ) -> Result<Component, LoadError> {
        let image = self.image(runtime, digest);
        if let Some(component) = self.load(runtime, &image).await {
            return Ok(component);
        }
        let fresh = image.with_extension("new");
        compiler.compile(runtime, blob, &fresh).await?;
        let hash = hash_of(&fresh).await?;
        tokio::fs::write(hash_path(&image), hash).await?;
        orch_durable::point("rename image: before");
        tokio::fs::rename(&fresh, &image).await?;
        orch_durable::point("rename image: after");
        self.load(runtime, &image)
            .await
            .ok_or_else(|| LoadError::Compiler("its image could not be loaded".to_owned()))
    }

    async fn load(&self, runtime: &GateRuntime, image: &Path) -> Option<Component> {
        let noted = tokio::fs::read_to_string(hash_path(image)).await.ok()?;
        let bytes = tokio::fs::read(image).await.ok()?;
        if hex::encode(Sha256::digest(&bytes)) != noted {
            tracing::warn!(image = %image.display(), "an image is damaged and is compiled again");
            return None;
        }
        let engine = runtime.0.engine.clone();
        // SAFETY: the bytes are what our own compiler wrote, as their hash shows, in a folder that only this
        // user can write; wasmtime itself checks that they were made for this engine.
        #[expect(unsafe_code, reason = "loading compiled code has no safe form")]
        let load = move || unsafe { Component::deserialize(&engine, &bytes) };
        match tokio::task::spawn_blocking(load).await {
            Ok(Ok(component)) => Some(component),
            Ok(Err(error)) => {
                tracing::warn!(image = %image.display(), error = first_line(&error), "an image cannot be used");
                None
            }
            Err(_) => None,
        }
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

fn hash_path(image: &Path) -> PathBuf {
    image.with_extension("sha256")
}

async fn hash_of(path: &Path) -> Result<String, LoadError> {
    let bytes = tokio::fs::read(path).await?;
    Ok(hex::encode(Sha256::digest(&bytes)))
}
