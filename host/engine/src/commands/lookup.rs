//! Which task is meant by a work item.

use orch_domain::id::InvalidId;
use orch_domain::names::ItemRef;
use orch_store::TaskRecord;

use super::error::CommandError;
use crate::ledger::Ledger;

/// What a person calls a task: its work item, with the repository if need be.
pub(crate) fn named(item: &str) -> Result<ItemRef, CommandError> {
    item.parse()
        .map_err(|e: InvalidId| CommandError::invalid(e.to_string()))
}

/// The task of a work item.
pub(super) async fn task_of_item(ledger: &Ledger, item: &str) -> Result<TaskRecord, CommandError> {
    let item = named(item)?;
    Ok(ledger
        .read(|tx| Box::pin(async move { tx.task_of_item(&item).await }))
        .await?)
}
