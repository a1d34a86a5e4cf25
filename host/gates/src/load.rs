//! From a file to a gate that can be asked: checks, compilation, description, publication.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use orch_domain::verdict::{Descriptor, Inconclusive, InconclusiveReason};
use sha2::{Digest, Sha256};
use wasmtime::component::Component;

use crate::contract::bindings::FullPre;
use crate::contract::{CONTRACT, Interface};
use crate::evaluate::{HOST_KEYS, is_plain_key};
use crate::runtime::GateRuntime;
use crate::state::State;

/// Packages of WASI that a gate may import because every compiled program links them; all of them are empty
/// here. Sockets and HTTP are not among them.
const WASI: [&str; 5] = [
    "wasi:cli/",
    "wasi:clocks/",
    "wasi:filesystem/",
    "wasi:io/",
    "wasi:random/",
];

/// A gate that can be asked.
pub struct LoadedGate {
    /// Name: the file's stem.
    pub name: String,
    /// The file, if it came from one.
    pub file: Option<PathBuf>,
    /// SHA-256 of the bytes, hexadecimal.
    pub digest: String,
    /// Size in bytes.
    pub size: u64,
    /// What it says of itself.
    pub descriptor: Descriptor,
    /// What it may ask: its imports from the contract, in order.
    pub imports: Vec<Interface>,
    pub(crate) pre: FullPre<State>,
    pub(crate) settings_validator: Option<jsonschema::Validator>,
}

impl LoadedGate {
    /// Its machine code, to be kept and loaded again by the same build of the host.
    ///
    /// # Errors
    /// When the code cannot be serialised.
    pub fn to_aot(&self) -> Result<Vec<u8>, LoadError> {
        let component = self.pre.instance_pre().component();
        component
            .serialize()
            .map_err(|e| LoadError::NotComponent(first_line(&e)))
    }
}

impl std::fmt::Debug for LoadedGate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LoadedGate")
            .field("name", &self.name)
            .field("digest", &self.digest)
            .finish_non_exhaustive()
    }
}

/// Why a file is not a gate that can be asked.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The file cannot be read.
    #[error("the file cannot be read: {0}")]
    Read(#[from] std::io::Error),
    /// The file is too large.
    #[error("the file has {bytes} bytes; at most {max} are loaded")]
    TooLarge {
        /// Its size.
        bytes: u64,
        /// The bound.
        max: u64,
    },
    /// The bytes are no component.
    #[error(
        "not a WebAssembly component that can run here: {0}; build with `--target wasm32-wasip2`"
    )]
    NotComponent(String),
    /// It imports something outside of the contract.
    #[error("it imports `{import}`, which is not in the contract {CONTRACT}")]
    UnknownImport {
        /// The import.
        import: String,
    },
    /// It speaks another version of the contract, or lacks an export.
    #[error("it does not fit the contract {CONTRACT}: {0}")]
    Incompatible(String),
    /// It did not describe itself.
    #[error("`describe` failed ({0})")]
    Describe(Inconclusive),
    /// What it says of itself cannot be used.
    #[error("its description cannot be used: {0}")]
    Description(String),
}

/// A file that could not be loaded.
#[derive(Debug)]
pub struct GateFailure {
    /// Name: the file's stem.
    pub name: String,
    /// The file.
    pub file: PathBuf,
    /// Why.
    pub error: LoadError,
}

/// What loading a folder came to.
#[derive(Debug)]
pub struct LoadReport {
    /// Gates that serve.
    pub loaded: Vec<Arc<LoadedGate>>,
    /// Why the folder could not be read, if it could not.
    pub folder_error: Option<std::io::Error>,
}

/// An immutable set of gates. An evaluation keeps the set it began with.
#[derive(Debug, Default)]
pub struct Registry {
    gates: BTreeMap<String, Arc<LoadedGate>>,
    failures: Vec<GateFailure>,
}

impl Registry {
    /// The gate of this name.
    pub fn get(&self, name: &str) -> Option<&Arc<LoadedGate>> {
        self.gates.get(name)
    }

    /// Every gate, by name.
    pub fn gates(&self) -> impl Iterator<Item = &Arc<LoadedGate>> {
        self.gates.values()
    }

    /// Files that could not be loaded, with their reasons.
    pub fn failures(&self) -> &[GateFailure] {
        &self.failures
    }

    /// Why there is no gate of this name.
    pub fn why_missing(&self, name: &str) -> String {
        match self.failures.iter().find(|f| f.name == name) {
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

pub(crate) async fn load_dir(runtime: &GateRuntime, dir: &Path) -> LoadReport {
    let mut registry = Registry::default();
    let mut folder_error = None;
    let mut files: Vec<PathBuf> = match std::fs::read_dir(dir) {
        Ok(entries) => entries.filter_map(|e| Some(e.ok()?.path())).collect(),
        Err(error) => {
            folder_error = Some(error);
            Vec::new()
        }
    };
    files.retain(|path| path.extension().is_some_and(|e| e == "wasm"));
    files.sort();
    for file in files {
        match load_file(runtime, &file).await {
            Ok(gate) => {
                registry.gates.insert(gate.name.clone(), gate);
            }
            Err(error) => {
                tracing::warn!(gate.file = %file.display(), error = %error, "a gate file is not loaded");
                registry.failures.push(GateFailure {
                    name: stem(&file),
                    file,
                    error,
                });
            }
        }
    }
    let loaded = registry.gates.values().cloned().collect();
    runtime.0.registry.store(Arc::new(registry));
    LoadReport {
        loaded,
        folder_error,
    }
}

fn stem(path: &Path) -> String {
    path.file_stem()
        .map(|s| s.to_string_lossy().into_owned())
        .unwrap_or_default()
}

pub(crate) async fn load_file(
    runtime: &GateRuntime,
    path: &Path,
) -> Result<Arc<LoadedGate>, LoadError> {
    let meta = tokio::fs::metadata(path).await?;
    // Anything but a file, a pipe for one, could keep the host waiting for ever.
    if !meta.is_file() {
        return Err(LoadError::Read(std::io::Error::other(
            "it is no regular file",
        )));
    }
    let max = runtime.0.config.file_bytes_max;
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
    load(runtime, stem(path), Some(path.to_owned()), content).await
}

pub(crate) async fn load_bytes(
    runtime: &GateRuntime,
    name: &str,
    content: Vec<u8>,
) -> Result<Arc<LoadedGate>, LoadError> {
    load(runtime, name.to_owned(), None, content).await
}

async fn load(
    runtime: &GateRuntime,
    name: String,
    file: Option<PathBuf>,
    content: Vec<u8>,
) -> Result<Arc<LoadedGate>, LoadError> {
    let digest = hex::encode(Sha256::digest(&content));
    let size = content.len() as u64;
    let engine = runtime.0.engine.clone();
    // Compiling takes tens of milliseconds of CPU: not on a thread that serves others.
    let component = tokio::task::spawn_blocking(move || Component::from_binary(&engine, &content))
        .await
        .map_err(|e| LoadError::NotComponent(e.to_string()))?
        .map_err(|e| LoadError::NotComponent(first_line(&e)))?;
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
        name,
        file,
        digest,
        size,
        descriptor,
        imports,
        pre,
        settings_validator,
    }))
}

fn first_line(error: &wasmtime::Error) -> String {
    format!("{error:#}")
        .lines()
        .next()
        .unwrap_or_default()
        .chars()
        .take(500)
        .collect()
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

/// Holds a description to its rules; answers the validator of the settings.
fn check_description(about: &Descriptor) -> Result<Option<jsonschema::Validator>, LoadError> {
    let bad = |what: String| Err(LoadError::Description(what));
    let plain = |text: &str, max: usize| {
        !text.is_empty() && text.len() <= max && !text.chars().any(char::is_control)
    };
    if !plain(&about.name, 64) || !plain(&about.version, 64) || !plain(&about.summary, 500) {
        return bad("name, version and summary must be one line each".to_owned());
    }
    if !is_plain_key(&about.status_key) {
        return bad(format!(
            "status key `{}` must be of a-z, 0-9 and _",
            about.status_key
        ));
    }
    // Keys of the roles' and the host's own artefacts: a gate that wrote one could be taken for them.
    let reserved = ["verdict", "result", "deploy_status", "staging_status"];
    if reserved.contains(&about.status_key.as_str())
        || HOST_KEYS.contains(&about.status_key.as_str())
    {
        return bad(format!(
            "status key `{}` belongs to a role or to the host",
            about.status_key
        ));
    }
    let token = |text: &str| {
        plain(text, 64)
            && text
                .bytes()
                .all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_')
    };
    if !token(&about.status_pass)
        || !token(&about.status_fail)
        || about.status_pass == about.status_fail
    {
        return bad("the status values must be two different words of A-Z, 0-9 and _".to_owned());
    }
    if about.status_pass == crate::artefact::NOT_APPLICABLE
        || about.status_fail == crate::artefact::NOT_APPLICABLE
    {
        return bad(format!(
            "`{}` is the host's own status value",
            crate::artefact::NOT_APPLICABLE
        ));
    }
    if let Some(name) = &about.artefact {
        let safe = name.len() <= 100
            && name.ends_with(".md")
            && !name.starts_with('.')
            && name
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'));
        let owned_by_role = matches!(orch_domain::artefact::owner(name), orch_domain::artefact::Owner::Role(role)
                if role != orch_domain::stage::Role::Developer);
        if !safe || owned_by_role {
            return bad(format!(
                "artefact `{name}` must be a plain .md name that no role owns"
            ));
        }
    }
    if about.settings_schema.trim().is_empty() {
        return Ok(None);
    }
    if about.settings_schema.len() > 64 * 1024 {
        return bad("the settings schema is larger than 64 KiB".to_owned());
    }
    let schema: serde_json::Value = serde_json::from_str(&about.settings_schema)
        .map_err(|e| LoadError::Description(format!("schema: {e}")))?;
    // Expressions that cannot backtrack: a pattern of the gate's must not be able to keep the host busy.
    let validator = jsonschema::options()
        .with_pattern_options(jsonschema::PatternOptions::regex())
        .build(&schema)
        .map_err(|e| LoadError::Description(format!("schema: {e}")))?;
    Ok(Some(validator))
}
