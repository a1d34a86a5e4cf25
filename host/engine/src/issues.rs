//! The local tracker as people use it: issues, and moving them.

use orch_domain::id::TaskId;
use orch_domain::source::HOST_ACTOR;
use orch_domain::transition::TrackerState;
use orch_store::IssueRow;
use orch_views::issue::{IssueView, MoveRequest};
use orch_views::message::Message;
use orch_views::page::{ListRequest, Page};

use crate::commands::CommandError;
use crate::ledger::clock::stamp;
use crate::pages;
use crate::wire::Engine;

/// Longest name of a person, bytes.
const ACTOR_BYTES_MAX: usize = 200;

impl Engine {
    /// Issues, newest first; those of ended tasks too if `all`.
    ///
    /// # Errors
    /// [`CommandError::Invalid`] for a page that makes no sense.
    pub async fn issue_views(&self, request: ListRequest) -> Result<Page<IssueView>, CommandError> {
        let limit = pages::limit(request.limit)?;
        let before = pages::after(request.after.as_deref())?.map(TaskId);
        let read = self.0.ledger.read(move |tx| {
            Box::pin(async move {
                let rows = tx.issues(request.all, before, limit + 1).await?;
                Ok((rows, tx.count_issues(request.all).await?))
            })
        });
        let (rows, total) = read.await?;
        let place = |row: &IssueRow| row.task.to_string();
        Ok(pages::page(rows, limit, total, place, |row| IssueView {
            work_item: row.work_item,
            title: row.title,
            state: row.state.as_str().to_owned(),
            moved_by: row.actor,
            moved: stamp(row.at_ms),
        }))
    }

    /// Moves an issue in the local tracker, as a person does on its board. What that asks of the task is found
    /// by the reconciler, as for any other tracker; it is told to look.
    ///
    /// # Errors
    /// [`CommandError::Invalid`] for a state that is none; [`CommandError::NotFound`] for an unknown work item.
    pub async fn move_issue(
        &self,
        item: &str,
        request: &MoveRequest,
    ) -> Result<Message, CommandError> {
        let MoveRequest { state, by } = request;
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
        Ok(Message {
            message: format!("{item} is moved to `{state}`"),
        })
    }
}
