//! What a command came to, as people are told.

use orch_domain::task::Status;
use orch_views::task::{Done, TaskStatus};

use super::error::CommandError;
use crate::ledger::apply::Applied;

/// A task's status without its data.
pub(crate) fn status_of(status: &Status) -> TaskStatus {
    match status {
        Status::Active => TaskStatus::Active,
        Status::Waiting { .. } => TaskStatus::Waiting,
        Status::AwaitingApproval { .. } => TaskStatus::AwaitingApproval,
        Status::NeedsInput { .. } => TaskStatus::NeedsInput,
        Status::Blocked { .. } => TaskStatus::Blocked,
        Status::Stopping => TaskStatus::Stopping,
        Status::Ended => TaskStatus::Ended,
    }
}

/// The answer to a command that handed an event in.
pub(super) fn done(applied: Applied, message: &str) -> Result<Done, CommandError> {
    match applied {
        Applied::Moved(task) => Ok(Done {
            work_item: task.work_item.to_string(),
            stage: task.stage,
            status: status_of(&task.status),
            message: message.to_owned(),
        }),
        Applied::Ignored(reason) => Err(CommandError::conflict(reason)),
    }
}
