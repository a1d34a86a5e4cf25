//! What Orch is about, as pure data and pure rules: stages, verdicts, outcomes, the pipeline and the one
//! function that moves a task.
//!
//! Nothing here does IO, reads a clock, draws a random number or knows a wire format; time and chance
//! are parameters. Storing, running and showing are the business of the crates above. The one exception are messages
//! that wait to be delivered, and risks: they say themselves how they are stored (`stored.rs`).

pub mod artefact;
pub mod batch;
pub mod commit_test;
pub mod conduct;
pub mod confined;
pub mod delivery;
pub mod drill;
pub mod event;
pub mod id;
pub mod imports;
pub mod issue;
pub mod job;
pub mod left;
pub mod lookup;
pub mod memory;
pub mod message;
pub mod names;
pub mod notice;
pub mod outcome;
pub mod path;
pub mod person;
pub mod pipeline;
pub mod plain;
pub mod port;
pub mod prompt;
pub mod reach;
pub mod reconcile;
pub mod release;
pub mod remark;
pub mod remedy;
pub mod retry;
pub mod review;
pub mod risk;
pub mod run_event;
pub mod stage;
mod stored;
pub mod submodule;
pub mod task;
pub mod transition;
pub mod verdict;
pub mod waiting;
pub mod words;
