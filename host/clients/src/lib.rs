//! What the host speaks to outside of its own machine and files: each client implements a port of the domain.
//!
//! No other part of the host makes an HTTP client for the outside. What a client may be asked, and by whom, is not
//! decided here. Nothing here knows the store, the queue or a task's life.

pub mod gitea;
mod http;
pub mod notify;
mod osv;
pub mod plane;
mod secret;
mod web;
pub mod webhook;

pub use http::{ClientError, choose_tls};
pub use osv::OsvClient;
pub use secret::{SecretError, SecretPlace};
pub use web::WebClient;
