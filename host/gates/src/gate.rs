//! What is a gate that can be asked, and why is a file none?

use std::path::PathBuf;

use orch_domain::verdict::{Descriptor, Inconclusive};

use crate::contract::bindings::FullPre;
use crate::contract::{CONTRACT, Interface};
use crate::state::State;

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
    /// The beginning of its digest, for people.
    pub fn short_digest(&self) -> &str {
        self.digest.get(..12).unwrap_or(&self.digest)
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
        "not a WebAssembly component that can run here: {0}; `orch gate build` makes one (for Rust: `--target wasm32-wasip2`)"
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
    /// The compiler did not come to an end.
    #[error("the compiler gave up on it: {0}")]
    Compiler(String),
    /// The lock file pins another version.
    #[error("it is not the version that is locked: {0}")]
    Locked(String),
}

impl LoadError {
    /// Whether the machine is at fault, so that the same file may load later: it was too busy, too full, or refused.
    pub fn may_pass(&self) -> bool {
        match self {
            Self::Compiler(_) => true,
            Self::Read(error) => error.raw_os_error().is_some(),
            Self::TooLarge { .. }
            | Self::NotComponent(_)
            | Self::UnknownImport { .. }
            | Self::Incompatible(_)
            | Self::Describe(_)
            | Self::Description(_)
            | Self::Locked(_) => false,
        }
    }
}

/// The first line of what wasmtime says, short enough to show.
pub(crate) fn first_line(error: &wasmtime::Error) -> String {
    format!("{error:#}")
        .lines()
        .next()
        .unwrap_or_default()
        .chars()
        .take(500)
        .collect()
}
