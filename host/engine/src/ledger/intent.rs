//! Which commits was the host itself about to push?
//!
//! An intent is written before the act: whoever finds the commit on the branch before the host could record it knows
//! whose it is.

use orch_domain::event::EventKind;
use orch_domain::id::{ObjectId, TaskId};
use orch_store::{StoreError, Tx};

/// Data of an event that says which commit is about to be pushed.
pub(crate) fn intent(commit: &ObjectId) -> String {
    serde_json::json!({"head": commit.as_str()}).to_string()
}

/// The commit that such an event names.
pub(crate) fn intended(data: &str) -> Option<ObjectId> {
    let data: serde_json::Value = serde_json::from_str(data).ok()?;
    ObjectId::new(data.get("head")?.as_str()?).ok()
}

/// How many of a task's preparations are looked at.
const INTENTS_MAX: u32 = 50;

/// Commits that the host itself was about to push when it last said so: found on the branch, they are its own,
/// whether or not the task knows of them already.
pub(crate) async fn own_pushes(tx: &mut Tx, task: TaskId) -> Result<Vec<ObjectId>, StoreError> {
    let said = tx.latest_event(task, EventKind::PushIntent).await?;
    let mut own = own_preparations(tx, task).await?;
    own.extend(said.as_deref().and_then(intended));
    Ok(own)
}

/// Commits that the host itself prepared of a task's present work. One that is prepared again and again leaves its
/// branch where an earlier try put it, until the latest one pushes.
pub(crate) async fn own_preparations(
    tx: &mut Tx,
    task: TaskId,
) -> Result<Vec<ObjectId>, StoreError> {
    let said = tx.merge_intents(task, INTENTS_MAX).await?;
    Ok(said.iter().filter_map(|data| intended(data)).collect())
}
