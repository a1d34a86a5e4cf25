//! What is this project, and how is it tested? Read from its files alone, by tables of data: one file for each language.
//!
//! Nothing is run and nothing is fetched. What comes of it is a proposal that a person accepts.

mod folders;
mod project;
mod reads;
mod rules;
mod survey;
mod tables;

pub use folders::survey;
pub use project::Project;
pub use reads::{Reads, setup_reads};
pub use survey::{CiFile, Found, Surveyed};
