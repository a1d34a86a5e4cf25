//! What Orch is about, as pure data and pure rules: stages, verdicts, outcomes, the pipeline and the one
//! function that moves a task.
//!
//! Nothing here does IO, reads a clock, draws a random number or knows a wire format; time and chance
//! are parameters. Storing, running and showing are the business of the crates above.

pub mod artefact;
pub mod event;
pub mod id;
pub mod imports;
pub mod job;
pub mod left;
pub mod names;
pub mod outcome;
pub mod path;
pub mod pipeline;
pub mod reconcile;
pub mod retry;
pub mod source;
pub mod stage;
pub mod task;
pub mod transition;
pub mod verdict;
pub mod words;
