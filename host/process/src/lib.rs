//! The one careful way to run a child, who a process is, and git on top of both.
//!
//! Nothing else in the host spawns. Children get a cleared environment, a process group of their own, a
//! deadline and bounded output, and they die with the host. Agents and hooks, which outlive the host, are
//! supervised by `orch-agents` instead.

pub mod family;
pub mod files;
pub mod git;
pub mod identity;
pub mod mark;
mod run;
pub mod sandbox;

pub use run::{Captured, Exit, Finished, RunError, Spec, resolve_program, run};
