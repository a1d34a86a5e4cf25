//! Which task is meant by a work item.

use orch_store::TaskRecord;

use super::error::CommandError;
use crate::ledger::Ledger;

/// The task of a work item.
pub(super) async fn task_of_item(ledger: &Ledger, item: &str) -> Result<TaskRecord, CommandError> {
    let item = item.to_owned();
    Ok(ledger
        .read(|tx| Box::pin(async move { tx.task_of_item(&item).await }))
        .await?)
}
