//! Which version does a file in the folder bring into force, and which one serves in its place?

use std::path::Path;
use std::sync::Arc;

use sha2::{Digest, Sha256};

use super::pins::{PinRefusal, Pins};
use super::times::{StartEnds, within};
use super::{Library, Watched};
use crate::gate::{LoadError, LoadedGate};
use crate::load::{Origin, check_name, from_component, read_whole};
use crate::registry::Registry;

impl Library {
    /// Loads a file unless it is what serves already.
    pub(super) async fn load(
        &self,
        state: &mut Watched,
        next: &Registry,
        name: &str,
        file: &Path,
        pins: &Result<Pins, PinRefusal>,
    ) -> Result<Option<Arc<LoadedGate>>, LoadError> {
        let max = self.runtime.0.config.file_bytes_max;
        let content = read_whole(file, file.parent(), max).await?;
        let digest = hex::encode(Sha256::digest(&content));
        pins.as_ref()
            .map_err(Clone::clone)
            .and_then(|pins| pins.accept_file(name, &digest))
            .map_err(|refusal| LoadError::Locked(refusal.in_full()))?;
        let known = state.versions.gates.get_mut(name);
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
        if loaded.is_err() && !state.versions.needs(&digest) {
            // Nothing will ask for it again.
            std::fs::remove_file(&blob).ok();
        }
        loaded.map(Some)
    }

    pub(super) async fn load_version(
        &self,
        name: &str,
        file: Option<&Path>,
        digest: &str,
    ) -> Result<Arc<LoadedGate>, LoadError> {
        let blob = self.version_path(digest);
        let size = tokio::fs::metadata(&blob).await?.len();
        let component = self
            .cache
            .component(
                &self.runtime,
                &self.config.compiler,
                self.config.times.each,
                digest,
                &blob,
            )
            .await?;
        let origin = Origin {
            name: name.to_owned(),
            file: file.map(Path::to_owned),
            digest: digest.to_owned(),
            size,
        };
        let gate = from_component(&self.runtime, component, origin).await?;
        check_name(&gate.name, &gate.descriptor.name)?;
        Ok(gate)
    }

    /// Sees to it that the version which served last serves, after a restart too; answers whether one does.
    pub(super) async fn last_good(
        &self,
        state: &Watched,
        next: &mut Registry,
        name: &str,
        until: Option<StartEnds>,
    ) -> bool {
        if next.gates.contains_key(name) {
            return true;
        }
        let Some(known) = state.versions.gates.get(name) else {
            return false;
        };
        match within(until, self.load_version(name, None, &known.current)).await {
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
}
