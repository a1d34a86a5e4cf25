//! What a commit status of the host says, in one line.

use orch_domain::message::StatusNote;

/// The status's description.
pub fn text(note: &StatusNote) -> String {
    match note {
        StatusNote::Queued => "queued".to_owned(),
        StatusNote::AskedAgain { time } => format!("asked for again, time {time}"),
        StatusNote::Ended { exit_code } => format!("exit code {exit_code}"),
        StatusNote::PassedAgain { flaky } => {
            format!("passed when run again; {flaky} known to fail now and then had failed")
        }
        StatusNote::GatePassed => "passed".to_owned(),
        StatusNote::GateFailed => "failed; the findings are with the task".to_owned(),
        StatusNote::GateWaits => "waits".to_owned(),
        StatusNote::GateInconclusive => "no verdict yet".to_owned(),
        StatusNote::GatesToCome => "gates are still to judge".to_owned(),
        StatusNote::GatesPassed => "all gates have passed".to_owned(),
    }
}
