//! What a commit status of the host says, in one line.

use orch_domain::message::StatusNote;

/// The status's description.
pub fn text(note: &StatusNote) -> String {
    match note {
        StatusNote::Queued => "queued".to_owned(),
        StatusNote::AskedAgain { time } => format!("asked for again, time {time}"),
        StatusNote::Ended { exit_code } => format!("exit code {exit_code}"),
    }
}
