//! How does a file become a gate that can be asked? Checks, compilation, description; publishing is the
//! library's business.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use orch_domain::verdict::InconclusiveReason;
use sha2::{Digest, Sha256};
use wasmtime::component::Component;

use crate::cache::Cache;
use crate::contract::bindings::FullPre;
use crate::contract::{CONTRACT, Interface};
use crate::description::check_description;
use crate::gate::{LoadError, LoadedGate, first_line};
use crate::runtime::GateRuntime;

/// Packages of WASI that a gate may import because every compiled program links them; all of them are empty
/// here. Sockets and HTTP are not among them.
const WASI: [&str; 5] = [
    "wasi:cli/",
    "wasi:clocks/",
    "wasi:filesystem/",
    "wasi:io/",
    "wasi:random/",
];

pub(crate) fn stem(path: &Path) -> String {
    path.file_stem()
        .map(|s| s.to_string_lossy().into_owned())
        .unwrap_or_default()
}

/// Reads a gate file, whole and once. With `within`, a link that leads out of that folder is refused.
pub(crate) async fn read_whole(
    path: &Path,
    within: Option<&Path>,
    max: u64,
) -> Result<Vec<u8>, LoadError> {
    let refused = |why: &str| LoadError::Read(std::io::Error::other(why.to_owned()));
    if let Some(folder) = within {
        let (real, folder) = (
            tokio::fs::canonicalize(path).await?,
            tokio::fs::canonicalize(folder).await?,
        );
        if !real.starts_with(&folder) {
            return Err(refused("it is a link that leads out of the gates folder"));
        }
    }
    let meta = tokio::fs::metadata(path).await?;
    // Anything but a file, a pipe for one, could keep the host waiting for ever.
    if !meta.is_file() {
        return Err(refused("it is no regular file"));
    }
    let mut content = Vec::new();
    let file = tokio::fs::File::open(path).await?;
    tokio::io::AsyncReadExt::read_to_end(
        &mut tokio::io::AsyncReadExt::take(file, max + 1),
        &mut content,
    )
    .await?;
    if content.len() as u64 > max {
        return Err(LoadError::TooLarge {
            bytes: meta.len(),
            max,
        });
    }
    Ok(content)
}

impl GateRuntime {
    /// Loads one file without publishing it.
    ///
    /// # Errors
    /// [`LoadError`] with the reason.
    pub async fn load_file(&self, path: &Path) -> Result<Arc<LoadedGate>, LoadError> {
        let gate = self.load_file_as(path, &stem(path)).await?;
        check_name(&gate.name, &gate.descriptor.name)?;
        Ok(gate)
    }

    /// Loads one file under another name than its own, as it served once or would serve. Reserved names are
    /// allowed here, because nothing is published.
    ///
    /// # Errors
    /// [`LoadError`] with the reason.
    pub async fn load_file_as(
        &self,
        path: &Path,
        name: &str,
    ) -> Result<Arc<LoadedGate>, LoadError> {
        let content = read_whole(path, None, self.0.config.file_bytes_max).await?;
        load(self, name.to_owned(), Some(path.to_owned()), content).await
    }

    /// Loads a component from memory without publishing it.
    ///
    /// # Errors
    /// [`LoadError`] with the reason.
    pub async fn load_bytes(
        &self,
        name: &str,
        bytes: Vec<u8>,
    ) -> Result<Arc<LoadedGate>, LoadError> {
        load(self, name.to_owned(), None, bytes).await
    }
}

/// Where a component came from.
pub(crate) struct Origin {
    pub(crate) name: String,
    pub(crate) file: Option<PathBuf>,
    pub(crate) digest: String,
    pub(crate) size: u64,
}

async fn load(
    runtime: &GateRuntime,
    name: String,
    file: Option<PathBuf>,
    content: Vec<u8>,
) -> Result<Arc<LoadedGate>, LoadError> {
    let origin = Origin {
        name,
        file,
        digest: hex::encode(Sha256::digest(&content)),
        size: content.len() as u64,
    };
    let kept = runtime.0.config.images.as_deref().and_then(Cache::own);
    let component = match kept {
        Some(kept) => kept.component_of(runtime, &origin.digest, content).await?,
        None => compiled(runtime, content).await?,
    };
    from_component(runtime, component, origin).await
}

/// Compiles without keeping.
async fn compiled(runtime: &GateRuntime, content: Vec<u8>) -> Result<Component, LoadError> {
    let engine = runtime.0.engine.clone();
    // Compiling takes tens of milliseconds of CPU: not on a thread that serves others.
    tokio::task::spawn_blocking(move || Component::from_binary(&engine, &content))
        .await
        .map_err(|e| LoadError::NotComponent(e.to_string()))?
        .map_err(|e| LoadError::NotComponent(first_line(&e)))
}

/// Checks a compiled component and has it describe itself.
pub(crate) async fn from_component(
    runtime: &GateRuntime,
    component: Component,
    origin: Origin,
) -> Result<Arc<LoadedGate>, LoadError> {
    let imports = imports_of(runtime, &component)?;
    let pre = runtime
        .0
        .linker
        .instantiate_pre(&component)
        .map_err(|e| LoadError::Incompatible(first_line(&e)))?;
    let pre = FullPre::new(pre).map_err(|e| LoadError::Incompatible(first_line(&e)))?;
    let descriptor = runtime.describe(&pre).await.map_err(|cause| {
        // An export of another type shows when the component is instantiated for the first time.
        if cause.reason == InconclusiveReason::Init {
            LoadError::Incompatible(cause.detail)
        } else {
            LoadError::Describe(cause)
        }
    })?;
    let settings_validator = check_description(&descriptor)?;
    Ok(Arc::new(LoadedGate {
        name: origin.name,
        file: origin.file,
        digest: origin.digest,
        size: origin.size,
        descriptor,
        imports,
        pre,
        settings_validator,
    }))
}

/// Names of the gates that come with the host: a file of such a name is that gate, and no other file says
/// that it is.
const FIRST_PARTY: [&str; 14] = [
    "analysis",
    "architecture",
    "ci",
    "coverage",
    "deploy",
    "image-freshness",
    "merge",
    "post-deploy",
    "protected-paths",
    "review",
    "security",
    "staging",
    "tests",
    "orch",
];

pub(crate) fn check_name(file: &str, own: &str) -> Result<(), LoadError> {
    let reserved = |name: &str| FIRST_PARTY.contains(&name);
    if file != own && (reserved(file) || reserved(own)) {
        return Err(LoadError::Description(format!(
            "file `{file}.wasm` describes itself as `{own}`; the names of the host's own gates are reserved"
        )));
    }
    Ok(())
}

/// Reads the permissions off the component: an import is what it may do.
fn imports_of(runtime: &GateRuntime, component: &Component) -> Result<Vec<Interface>, LoadError> {
    let (package, version) = CONTRACT.split_once('@').unwrap_or((CONTRACT, ""));
    let mut imports = Vec::new();
    for (import, _) in component.component_type().imports(&runtime.0.engine) {
        if WASI.iter().any(|prefix| import.starts_with(prefix)) {
            continue;
        }
        let unknown = || LoadError::UnknownImport {
            import: import.to_owned(),
        };
        let rest = import
            .strip_prefix(package)
            .and_then(|r| r.strip_prefix('/'))
            .ok_or_else(unknown)?;
        let (name, its_version) = rest.split_once('@').ok_or_else(unknown)?;
        if its_version != version {
            return Err(LoadError::Incompatible(format!(
                "it needs contract {package}@{its_version}"
            )));
        }
        match (name, Interface::parse(name)) {
            // Interfaces of types alone allow nothing.
            ("types" | "description", _) => {}
            (_, Some(interface)) => imports.push(interface),
            (_, None) => return Err(unknown()),
        }
    }
    imports.sort_unstable();
    Ok(imports)
}
