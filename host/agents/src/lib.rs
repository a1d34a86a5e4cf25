//! Runs of agents and hooks: who owns the process, what it is launched with, how its end is read.
//!
//! A run is owned by a small supervisor process that outlives the host; a run folder is the protocol between
//! the two. Which run happens when, and what follows, is the engine's business.

pub mod breaker;
pub mod classify;
pub mod driver;
pub mod folder;
pub mod launcher;
pub mod log;
pub mod logins;
pub mod preflight;
pub mod stream;
pub mod supervise;
pub mod usage;
mod words;
pub mod workspace;
