//! How people are told what they should know: in the transaction that decided it.

use orch_domain::id::{TaskId, UnixMs};
use orch_domain::message::Message;
use orch_domain::notice::{Notice, NoticeKind};
use orch_store::{StoreError, Tx};

/// Announces something to people, once per `key`.
pub(crate) async fn announce(
    tx: &mut Tx,
    task: Option<TaskId>,
    key: &str,
    kind: NoticeKind,
    now: UnixMs,
) -> Result<(), StoreError> {
    let notice = Notice {
        subject: tx.subject(task).await?,
        at_ms: now,
        kind,
    };
    tx.push_message(task, &Message::Announcement { notice }, key, now)
        .await
}
