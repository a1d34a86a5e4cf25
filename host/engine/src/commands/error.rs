//! Why a command was not carried out, and what would help.

use orch_store::StoreError;

use crate::ledger::unwritten::Unwritten;

/// Why a command was not carried out. Nothing has changed then.
#[derive(Debug, thiserror::Error)]
pub enum CommandError {
    /// The command makes no sense as it was given.
    #[error("{0}")]
    Invalid(Refusal),
    /// What it names is not there.
    #[error("{0}")]
    NotFound(Refusal),
    /// What it names is in no state for it.
    #[error("{0}")]
    Conflict(Refusal),
    /// Whoever asks may not do it.
    #[error("{0}")]
    Forbidden(Refusal),
    /// The host itself failed.
    #[error("the host failed: {0}")]
    Host(Refusal),
}

/// What is wrong, and apart from it what would help: whoever shows it decides how both look.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// What is wrong.
    pub what: String,
    /// What would help; none if `what` leaves only one thing to do, or nothing.
    pub remedy: Option<String>,
}

impl std::fmt::Display for Refusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.what)
    }
}

impl Refusal {
    fn new(what: impl Into<String>) -> Self {
        Self {
            what: what.into(),
            remedy: None,
        }
    }
}

impl CommandError {
    /// The command makes no sense as it was given.
    pub fn invalid(what: impl Into<String>) -> Self {
        Self::Invalid(Refusal::new(what))
    }

    /// What the command names is not there.
    pub fn not_found(what: impl Into<String>) -> Self {
        Self::NotFound(Refusal::new(what))
    }

    /// What the command names is in no state for it.
    pub fn conflict(what: impl Into<String>) -> Self {
        Self::Conflict(Refusal::new(what))
    }

    /// Whoever asks may not do it.
    pub fn forbidden(what: impl Into<String>) -> Self {
        Self::Forbidden(Refusal::new(what))
    }

    /// The host itself failed; without better advice, its log and its disk say more.
    pub fn host(what: impl Into<String>) -> Self {
        Self::Host(Refusal::new(what))
            .with_remedy("look at the host's log, and at the disk of its data folder")
    }

    /// Says what would help.
    #[must_use]
    pub fn with_remedy(mut self, remedy: impl Into<String>) -> Self {
        let (Self::Invalid(refusal)
        | Self::NotFound(refusal)
        | Self::Conflict(refusal)
        | Self::Forbidden(refusal)
        | Self::Host(refusal)) = &mut self;
        refusal.remedy = Some(remedy.into());
        self
    }

    /// What would help.
    pub fn remedy(&self) -> Option<&str> {
        let (Self::Invalid(refusal)
        | Self::NotFound(refusal)
        | Self::Conflict(refusal)
        | Self::Forbidden(refusal)
        | Self::Host(refusal)) = self;
        refusal.remedy.as_deref()
    }
}

impl From<StoreError> for CommandError {
    fn from(error: StoreError) -> Self {
        let remedy = error.remedy();
        let refused = match error {
            StoreError::NotFound { .. } => Self::not_found(error.to_string()),
            StoreError::ItemIsLive { .. }
            | StoreError::ItemHasTwin { .. }
            | StoreError::AmbiguousItem { .. } => Self::conflict(error.to_string()),
            StoreError::LockedByAnotherHost { .. }
            | StoreError::Io { .. }
            | StoreError::Database { .. }
            | StoreError::Migrate(_)
            | StoreError::Decode { .. }
            | StoreError::Closed
            | StoreError::Panicked
            | StoreError::NotWritten(_) => Self::host(error.in_full()),
        };
        match remedy {
            Some(remedy) => refused.with_remedy(remedy),
            None => refused,
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
            | Unwritten::BatchMoved(_)
            | Unwritten::Merged { .. } => Self::host(error.to_string()),
        }
    }
}

/// The host's own failure, with its causes.
pub(crate) fn host(error: anyhow::Error) -> CommandError {
    CommandError::host(format!("{error:#}"))
}

#[cfg(test)]
mod tests {
    use super::CommandError;
    use orch_store::StoreError;

    #[test]
    fn refusal_of_the_store_keeps_its_remedy_apart_from_its_text() {
        let twice = StoreError::ItemIsLive {
            work_item: "SHOP-1".into(),
            repo: "shop".into(),
        };
        let refused = CommandError::from(twice);
        assert!(matches!(refused, CommandError::Conflict(_)));
        assert_eq!(
            refused.to_string(),
            "work item `SHOP-1` is already being worked on in `shop`"
        );
        assert_eq!(
            refused.remedy(),
            Some("stop it first with `orch task stop SHOP-1`, or choose another id")
        );
    }

    #[test]
    fn failure_of_the_host_itself_says_where_to_look() {
        let failed = CommandError::from(StoreError::Panicked);
        assert!(matches!(failed, CommandError::Host(_)));
        assert!(failed.remedy().is_some_and(|remedy| remedy.contains("log")));
    }
}
