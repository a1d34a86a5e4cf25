//! What the integration tests share: a world with a real repository, a running host, and a stateful fake of
//! the Messages API.

pub mod messages_api;
pub mod world;

pub use messages_api::MessagesApi;
pub use world::{Orch, World, until};
