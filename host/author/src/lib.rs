//! What gate authors need on their own machine: new projects, builds, checks, cases in YAML, measurements and
//! reports. Nothing here needs a host.
//!
//! Cases run on the built component under the production limits, so that what passes here is what the host
//! will run.

pub mod bench;
pub mod cases;
pub mod check;
mod imagined;
mod kinds;
pub mod project;
pub mod report;
pub mod run;

pub use kinds::Language;
