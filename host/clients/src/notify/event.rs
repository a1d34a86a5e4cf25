//! What does a program learn of a notice? One form for whatever is told in JSON.

use orch_domain::notice::{Level, Notice, Progress, Subject};
use serde_json::{Value, json};

use super::cut::to_bytes;

/// Bytes of the words in one event.
const TEXT_BYTES_MAX: usize = 64 * 1024;

/// The notice as JSON; `key` is the same in every try.
pub(super) fn of_notice(notice: &Notice, key: &str) -> Value {
    let level = match notice.kind.level() {
        Level::News => "news",
        Level::Warning => "warning",
        Level::Alarm => "alarm",
    };
    let (item, repo) = match &notice.subject {
        Subject::Host => (None, None),
        Subject::Task {
            work_item, repo, ..
        } => (Some(work_item.as_str()), Some(repo.as_str())),
    };
    json!({
        "id": key,
        "event": notice.kind.name(),
        "level": level,
        "needs_person": notice.kind.needs_person(),
        "at_ms": notice.at_ms,
        "work_item": item,
        "repo": repo,
        "text": to_bytes(&orch_words::notice::text(notice), TEXT_BYTES_MAX),
    })
}

/// Where a task is, as JSON.
pub(super) fn of_progress(progress: &Progress, key: &str) -> Value {
    json!({
        "id": key,
        "event": "progress",
        "level": "news",
        "needs_person": false,
        "at_ms": progress.at_ms,
        "work_item": progress.work_item.as_str(),
        "repo": progress.repo.as_str(),
        "stage": progress.stage.as_str(),
        "status": progress.status,
        "text": to_bytes(&orch_words::progress::text(progress), TEXT_BYTES_MAX),
    })
}
