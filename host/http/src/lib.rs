//! The host's HTTP face: what it shows and what may be asked of it, over TCP with a person's token and over a unix socket
//! with a check of who is at the other end. Whoever asks is a person with a role, and each endpoint says what it takes.
//!
//! Agents and tests run on this host. They must not be able to approve themselves, so a peer that the host has started
//! is refused on the socket.

mod access;
mod again;
mod api;
mod call;
mod download;
mod metrics;
mod openapi;
mod refusal;
mod request;
mod routes;
mod serve;
mod webhook;

pub use access::was_started_by_host;
pub use api::evaluations::EVALUATION;
pub use call::{BadName, Call, answer};
pub use serve::{Bound, ServeError, bind};
