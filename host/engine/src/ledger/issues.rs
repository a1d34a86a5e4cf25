//! What the host wants of the issue of a task: written down where it is decided, and left for the tracker.

use orch_domain::id::{TaskId, UnixMs};
use orch_domain::issue::TrackerState;
use orch_domain::message::{Message, Remark};
use orch_domain::port::tracker::Voice;
use orch_store::{StoreError, Tx};

/// Wants the issue of a task in a state; people see it when the message is delivered, once per `key`.
pub(crate) async fn want_issue(
    tx: &mut Tx,
    task: TaskId,
    state: TrackerState,
    key: &str,
    now: UnixMs,
) -> Result<(), StoreError> {
    tx.set_issue_state(task, state, now).await?;
    let at = tx.issue_at(task).await?;
    let message = Message::IssueState { at, state };
    let key = format!("issue:{key}");
    tx.push_message(Some(task), &message, &key, now).await
}

/// Comments on the issue of a task, once per `key`.
pub(crate) async fn remark_on(
    tx: &mut Tx,
    task: TaskId,
    remark: Remark,
    key: &str,
    now: UnixMs,
) -> Result<(), StoreError> {
    let message = Message::Comment {
        at: tx.issue_at(task).await?,
        voice: Voice::Host,
        remark,
    };
    let key = format!("comment:{key}");
    tx.push_message(Some(task), &message, &key, now).await
}
