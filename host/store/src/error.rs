//! Why the store could not do what it was asked.

use std::path::PathBuf;
use std::sync::Arc;

/// Why the store could not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Another host has the database open.
    #[error(
        "database `{path}` is in use by another host ({holder}); stop that host, or give this one a data folder of its own"
    )]
    LockedByAnotherHost {
        /// The database.
        path: PathBuf,
        /// What the other host wrote of itself.
        holder: String,
    },
    /// A file or folder cannot be used.
    #[error("`{path}` cannot be used")]
    Io {
        /// The file or folder, as the host names it.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The database refused.
    #[error("the database refused: {context}")]
    Database {
        /// What was being done.
        context: &'static str,
        /// What SQLite said.
        source: sqlx::Error,
    },
    /// A migration failed.
    #[error("the database could not be brought to this version's schema")]
    Migrate(#[from] sqlx::migrate::MigrateError),
    /// A column holds what this version does not know.
    #[error(
        "table `{table}`, row {id}: `{value}` is not a known {what}; was the database written by a newer version?"
    )]
    Decode {
        /// Table of the row.
        table: &'static str,
        /// Which row of it: its id, or what it is found by.
        id: String,
        /// The text.
        value: String,
        /// What it should have been.
        what: &'static str,
    },
    /// A row that must be there is not.
    #[error("no {what} `{id}`")]
    NotFound {
        /// What was asked for.
        what: &'static str,
        /// Its id.
        id: String,
    },
    /// A live task of this name exists.
    #[error("work item `{work_item}` is already being worked on in `{repo}`")]
    ItemIsLive {
        /// The item.
        work_item: String,
        /// The repository.
        repo: String,
    },
    /// The work item of a task would be told from another one by the case of its letters only.
    #[error(
        "work item `{work_item}` differs from `{twin}` of `{repo}` in the case of its letters only"
    )]
    ItemHasTwin {
        /// The item.
        work_item: String,
        /// The one that is there.
        twin: String,
        /// The repository.
        repo: String,
    },
    /// Several repositories have a work item of this name, and nobody said which is meant.
    #[error("work item `{work_item}` is in several repositories")]
    AmbiguousItem {
        /// The item.
        work_item: String,
        /// The repositories.
        repos: Vec<String>,
    },
    /// The writer has ended.
    #[error("the store is closed")]
    Closed,
    /// A command panicked; its changes are rolled back.
    #[error("a write panicked and was rolled back")]
    Panicked,
    /// The transaction that the write was part of could not be begun or committed.
    #[error(
        "nothing was written; end whatever else has the database open and look at the room on its disk, then try again"
    )]
    NotWritten(#[source] Arc<StoreError>),
}

impl StoreError {
    /// What would help, apart from what is wrong; none where the text says all there is to do.
    pub fn remedy(&self) -> Option<String> {
        match self {
            Self::ItemIsLive { work_item, .. } => Some(format!(
                "stop it first with `orch task stop {work_item}`, or choose another id"
            )),
            Self::ItemHasTwin { .. } => Some("choose another id".to_owned()),
            Self::AmbiguousItem { work_item, repos } => {
                Some(format!("say which is meant: {}", named(work_item, repos)))
            }
            Self::LockedByAnotherHost { .. }
            | Self::Io { .. }
            | Self::Database { .. }
            | Self::Migrate(_)
            | Self::Decode { .. }
            | Self::NotFound { .. }
            | Self::Closed
            | Self::Panicked
            | Self::NotWritten(_) => None,
        }
    }
}

/// A work item with each of its repositories, as people name it.
fn named(item: &str, repos: &[String]) -> String {
    let named: Vec<String> = repos
        .iter()
        .map(|repo| format!("`{repo}:{item}`"))
        .collect();
    named.join(" or ")
}

/// Adds what was being done to a database error.
pub(crate) trait Context<T> {
    fn doing(self, context: &'static str) -> Result<T, StoreError>;
}

impl<T> Context<T> for Result<T, sqlx::Error> {
    fn doing(self, context: &'static str) -> Result<T, StoreError> {
        self.map_err(|source| StoreError::Database { context, source })
    }
}

impl StoreError {
    /// The error with its causes, in one line: what a person needs who cannot look at the chain.
    pub fn in_full(&self) -> String {
        let mut text = self.to_string();
        let mut cause = std::error::Error::source(self);
        while let Some(error) = cause {
            text.push_str(": ");
            text.push_str(&error.to_string());
            cause = error.source();
        }
        text
    }
}
