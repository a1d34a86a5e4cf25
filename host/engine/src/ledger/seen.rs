//! Is what a person looked at still what they decide about?

use orch_store::{StoreError, TaskRecord, Tx};

/// Fewest digits by which a commit or tree is named.
const DIGITS_MIN: usize = 7;

/// Something else than what was looked at.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Unseen {
    /// It is no name of a commit or tree.
    NoName,
    /// The head and its code tree are others by now; this is what to look at.
    Moved(String),
}

/// Whether `seen` is the task's head, its code tree, or an earlier commit with the same code tree.
pub(crate) async fn unseen(
    tx: &mut Tx,
    record: &TaskRecord,
    seen: &str,
) -> Result<Option<Unseen>, StoreError> {
    let is_hex = seen
        .bytes()
        .all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
    if !is_hex || !(DIGITS_MIN..=64).contains(&seen.len()) {
        return Ok(Some(Unseen::NoName));
    }
    let id = record.task.id;
    let Some(head) = record.task.head.as_ref().map(ToString::to_string) else {
        return Ok(Some(Unseen::Moved("nothing yet".to_owned())));
    };
    let tree = tx.judged_tree(id, &head).await?;
    let same = |of: &str| of.starts_with(seen);
    if same(&head) || tree.as_deref().is_some_and(same) {
        return Ok(None);
    }
    let before = tx.judged_tree(id, seen).await?;
    if before.is_some() && before == tree {
        return Ok(None);
    }
    Ok(Some(Unseen::Moved(tree.unwrap_or(head))))
}
