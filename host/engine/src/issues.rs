//! The local tracker as people use it: issues, and moving them.

use orch_domain::source::HOST_ACTOR;
use orch_domain::transition::TrackerState;
use serde::{Deserialize, Serialize};

use crate::commands::CommandError;
use crate::ledger::clock::stamp;
use crate::wire::Engine;

/// Issues that are listed at most.
const LISTED_MAX: u32 = 500;
/// Longest name of a person, bytes.
const ACTOR_BYTES_MAX: usize = 200;

/// An issue in one line.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the names are those of the columns")]
pub struct IssueView {
    pub work_item: String,
    pub title: String,
    pub state: String,
    /// Who moved it there; `orch` for the host.
    pub moved_by: String,
    pub moved: String,
}

impl Engine {
    /// Issues, newest first; those of ended tasks too if `all`.
    ///
    /// # Errors
    /// [`CommandError::Host`] when the store does not answer.
    pub async fn issue_views(&self, all: bool) -> Result<Vec<IssueView>, CommandError> {
        let list = self
            .0
            .ledger
            .read(move |tx| Box::pin(tx.issues(all, LISTED_MAX)))
            .await?;
        let view = |row: orch_store::IssueRow| IssueView {
            work_item: row.work_item,
            title: row.title,
            state: row.state.as_str().to_owned(),
            moved_by: row.actor,
            moved: stamp(row.at_ms),
        };
        Ok(list.into_iter().map(view).collect())
    }

    /// Moves an issue in the local tracker, as a person does on its board. What that asks of the task is found
    /// by the reconciler, as for any other tracker; it is told to look.
    ///
    /// # Errors
    /// [`CommandError::Invalid`] for a state that is none; [`CommandError::NotFound`] for an unknown work item.
    pub async fn move_issue(
        &self,
        item: &str,
        state: &str,
        by: &str,
    ) -> Result<String, CommandError> {
        let Some(to) = TrackerState::parse(state) else {
            let known: Vec<&str> = TrackerState::ALL.iter().map(|s| s.as_str()).collect();
            let known = known.join(", ");
            return Err(CommandError::Invalid(format!(
                "no issue state `{state}`; states are: {known}"
            )));
        };
        if by == HOST_ACTOR || by.is_empty() || by.len() > ACTOR_BYTES_MAX {
            return Err(CommandError::Invalid(format!(
                "`{by}` cannot move issues; give a person's name of at most {ACTOR_BYTES_MAX} bytes (`{HOST_ACTOR}` is the host)"
            )));
        }
        let (id, who, now) = (
            self.task_of_item(item).await?.task.id,
            by.to_owned(),
            self.now(),
        );
        self.0
            .ledger
            .write(move |tx| Box::pin(async move { tx.move_issue(id, to, &who, now).await }))
            .await?;
        self.0.reconciler.hint();
        Ok(format!("{item} is moved to `{state}`"))
    }
}
