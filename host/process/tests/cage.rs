//! Nothing gets out of the cage, and real work gets done in it. Every test runs for a host that is root, if this one
//! is, and for one that is nobody.

#![expect(
    clippy::unwrap_used,
    reason = "in a test a failed unwrap is the report"
)]

#[path = "cage/kit.rs"]
mod kit;

#[path = "cage/beyond.rs"]
mod beyond;
#[path = "cage/builds.rs"]
mod builds;
#[path = "cage/calls.rs"]
mod calls;
#[path = "cage/external.rs"]
mod external;
#[path = "cage/files.rs"]
mod files;
#[path = "cage/limits.rs"]
mod limits;
#[path = "cage/narrow.rs"]
mod narrow;
#[path = "cage/processes.rs"]
mod processes;
#[path = "cage/same_user.rs"]
mod same_user;
#[path = "cage/trusted.rs"]
mod trusted;
