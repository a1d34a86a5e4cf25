//! Everything WebAssembly: the engine, its limits, loading gates, one fresh store per evaluation, and the
//! artefact a verdict is written as.
//!
//! A gate sees only what [`orch_domain::imports::GateImports`] answers, and can use only what it was granted.
//! What to ask a gate and what to do with its verdict is the engine's business.

pub mod artefact;
mod builtin;
mod cache;
mod compile;
mod contract;
mod convert;
mod description;
mod evaluate;
mod folder_events;
mod gate;
mod hosts;
mod judgement;
mod last_words;
mod library;
mod limits;
mod load;
mod meter;
mod record;
mod registry;
mod runtime;
mod state;
mod ticker;
mod verdict;

pub use builtin::Builtin;
pub use compile::{Compiler, compile_child};
pub use contract::{CONTRACT, Grants, Interface};
pub use evaluate::{Evaluation, EvaluationStats, RecordedEvaluation};
pub use folder_events::FolderEvents;
pub use gate::{LoadError, LoadedGate};
pub use judgement::{Judged, judge};
pub use library::{CompileTimes, Library, LibraryConfig, LibraryError, PinRefusal, Settle};
pub use limits::{Limits, Seed};
pub use meter::LogLine;
pub use record::{RECORDING_BYTES_MAX, Recording};
pub use registry::{GateFailure, Registry};
pub use runtime::{GateRuntime, RuntimeConfig, RuntimeError};
