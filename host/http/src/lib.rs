//! The host's HTTP face: what it shows and what may be asked of it, over TCP with a token and over a unix socket
//! with a check of who is at the other end.
//!
//! Agents and tests run on this host under the same user. They must not be able to approve themselves, so a
//! peer that descends from the host or from a supervised run is refused on the socket.

mod access;
mod api;
mod call;
mod refusal;
mod request;
mod routes;
mod serve;

pub use access::Token;
pub use api::evaluations::EVALUATION;
pub use call::{BadName, Call, answer};
pub use serve::{Bound, ServeError, bind};
