//! Why a command was not carried out.

use orch_store::StoreError;

use crate::ledger::unwritten::Unwritten;

/// Why a command was not carried out. Nothing has changed then.
#[derive(Debug, thiserror::Error)]
pub enum CommandError {
    /// The command makes no sense as it was given.
    #[error("{0}")]
    Invalid(String),
    /// There is no such task.
    #[error("{0}")]
    NotFound(String),
    /// The task is in no state for it.
    #[error("{0}")]
    Conflict(String),
    /// The host itself failed.
    #[error("the host failed: {0}")]
    Host(String),
}

impl From<StoreError> for CommandError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::NotFound { .. } => Self::NotFound(error.to_string()),
            StoreError::ItemIsLive { .. }
            | StoreError::ItemHasTwin { .. }
            | StoreError::AmbiguousItem { .. } => Self::Conflict(error.to_string()),
            StoreError::LockedByAnotherHost { .. }
            | StoreError::Io { .. }
            | StoreError::Database { .. }
            | StoreError::Migrate(_)
            | StoreError::Decode { .. }
            | StoreError::Closed
            | StoreError::Panicked
            | StoreError::NotWritten(_) => Self::Host(error.in_full()),
        }
    }
}

impl From<Unwritten> for CommandError {
    fn from(error: Unwritten) -> Self {
        match error {
            Unwritten::Store(error) => error.into(),
            Unwritten::Configuration { .. }
            | Unwritten::TaskMoved(_)
            | Unwritten::JobLive { .. }
            | Unwritten::ClaimLost(_)
            | Unwritten::TakenIn(_)
            | Unwritten::Merged { .. } => Self::Host(error.to_string()),
        }
    }
}

/// The host's own failure, with its causes.
pub(crate) fn host(error: anyhow::Error) -> CommandError {
    CommandError::Host(format!("{error:#}"))
}
