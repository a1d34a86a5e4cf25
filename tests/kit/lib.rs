//! What the integration tests share: a world with a real repository, a running host, and a stateful fake of
//! the Messages API.

mod ask;
pub mod browser;
pub mod forgejo;
mod images;
pub mod messages_api;
pub mod osv;
pub mod plane;
pub mod sql;
pub mod telegram;
pub mod torture;
pub mod world;

/// Chooses the implementation of TLS for the process; before the first HTTP client is made.
pub fn choose_tls() {
    // It fails only when one was chosen already.
    drop(rustls::crypto::ring::default_provider().install_default());
}

pub use messages_api::MessagesApi;
pub use osv::{Osv, OsvFault};
pub use plane::Plane;
pub use telegram::Telegram;
pub use world::{Orch, World, until};
