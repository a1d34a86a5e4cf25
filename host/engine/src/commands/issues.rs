//! The local tracker as people use it: issues, and moving them.

use orch_domain::issue::TrackerState;
use orch_domain::person::{Caller, PersonRole};
use orch_store::OWN_TRACKER;
use orch_views::issue::MoveRequest;
use orch_views::message::Message;

use super::error::CommandError;
use super::lookup::task_of_item;
use crate::ledger::Ledger;
use crate::ledger::status::ReconcilerStatus;

/// Moves issues of the local tracker. Clones are the same.
#[derive(Debug, Clone)]
pub struct Issues {
    pub(crate) ledger: Ledger,
    pub(crate) reconciler: ReconcilerStatus,
}

impl Issues {
    /// Moves an issue in the local tracker, as a person does on its board. What that asks of the task is found
    /// by the reconciler, as for any other tracker; it is told to look.
    ///
    /// # Errors
    /// [`CommandError::Invalid`] for a state that is none; [`CommandError::Forbidden`] for whoever may not approve; [`CommandError::NotFound`] for an unknown work item.
    pub async fn move_to(
        &self,
        item: &str,
        request: &MoveRequest,
        caller: &Caller,
    ) -> Result<Message, CommandError> {
        let MoveRequest { state } = request;
        let Some(to) = TrackerState::parse(state) else {
            let known: Vec<&str> = TrackerState::ALL.iter().map(|s| s.as_str()).collect();
            let known = known.join(", ");
            return Err(CommandError::invalid(format!("no issue state `{state}`"))
                .with_remedy(format!("states are: {known}")));
        };
        if to == TrackerState::Approved && !caller.may(PersonRole::Approver) {
            let (who, role) = (&caller.person, caller.role);
            let refused =
                CommandError::forbidden(format!("`{who}` is `{role}` and may not approve"));
            return Err(refused.with_remedy("ask somebody who is `approver`"));
        }
        let (id, who, now) = (
            task_of_item(&self.ledger, item).await?.task.id,
            caller.person.to_string(),
            self.ledger.now(),
        );
        let elsewhere = self.ledger.write(move |tx| {
            Box::pin(async move {
                let at = tx.issue_at(id).await?;
                if at.tracker.as_str() != OWN_TRACKER {
                    return Ok(Some(at));
                }
                tx.move_issue(id, to, &who, now).await?;
                Ok(None)
            })
        });
        if let Some(at) = elsewhere.await? {
            return Err(CommandError::invalid(format!(
                "{item} is issue `{}` of tracker `{}`",
                at.issue, at.tracker
            ))
            .with_remedy("move it there"));
        }
        self.reconciler.hint();
        Ok(Message {
            message: format!("{item} is moved to `{state}`"),
        })
    }
}
