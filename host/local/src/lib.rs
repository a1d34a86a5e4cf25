//! Forge and tracker on this machine: a bare repository, and tables of the store.
//!
//! They implement the ports of the domain like any other forge and tracker, and a person with one git repository needs
//! no more. Who decides what is pushed, landed or written is the engine; only the program that wires the host names
//! these types.

mod forge;
mod hold;
mod tracker;
mod upstream;

pub use forge::{LocalForge, LocalForgeConfig};
pub use tracker::{LocalTracker, StoreIntents};

use std::sync::Arc;

use orch_domain::id::UnixMs;

/// The host's clock. The local forge and tracker date what they write by it, so that their times compare with the
/// host's own.
pub type Now = Arc<dyn Fn() -> UnixMs + Send + Sync>;
