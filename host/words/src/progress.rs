//! What people read of where a task is.

use orch_domain::notice::Progress;

/// One line: which task, and where it is.
pub fn text(progress: &Progress) -> String {
    let Progress {
        work_item, title, ..
    } = progress;
    format!("{work_item} {title}: {}", place(progress))
}

/// Where it is, without its name.
pub fn place(progress: &Progress) -> String {
    let Progress { stage, status, .. } = progress;
    match status.as_str() {
        "active" => format!("at `{stage}`"),
        "ended" => stage.to_string(),
        status => format!("at `{stage}`, {}", status.replace('-', " ")),
    }
}
