//! Everything WebAssembly: the engine, its limits, loading gates, one fresh store per evaluation, and the
//! artefact a verdict is written as.
//!
//! A gate sees only what [`orch_domain::imports::GateImports`] answers, and can use only what it was granted.
//! What to ask a gate and what to do with its verdict is the engine's business.

pub mod artefact;
mod contract;
mod convert;
mod evaluate;
mod hosts;
mod limits;
mod load;
mod meter;
mod runtime;
mod state;

pub use contract::{CONTRACT, Grants, Interface};
pub use evaluate::{Evaluation, EvaluationStats, Seed};
pub use limits::Limits;
pub use load::{GateFailure, LoadError, LoadReport, LoadedGate, Registry};
pub use runtime::{GateRuntime, RuntimeConfig, RuntimeError};
