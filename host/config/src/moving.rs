//! What becomes of the settings and features of the reference system here? One table, from which the reference page,
//! the start and `orch migrate-env` all read.

mod dotenv;
#[cfg(test)]
mod features;
#[cfg(test)]
mod page;
mod settings;
mod variables;
mod written;

pub use dotenv::{Dotenv, Doubt};
pub use settings::{SETTINGS, Setting};
pub use variables::{Notice as VariableNotice, notices};
pub use written::{Moved, SecretFile, moved};

pub(crate) use variables::apply;
