//! What of the network was refused to a task, and what did it send?

use orch_views::task::{DenialView, TrafficView};

use super::plain;
use super::table::table;

/// What it sent, a line for each place.
pub(super) fn traffic(rows: &[TrafficView]) -> String {
    let columns = ["run", "to", "times", "sent bytes", "received bytes"];
    table(columns, rows, |t| {
        [
            t.run.map(|run| run.to_string()).unwrap_or_default(),
            format!("{}:{}", plain::line(&t.host), t.port),
            t.count.to_string(),
            t.sent_bytes.to_string(),
            t.received_bytes.to_string(),
        ]
    })
}

/// What was refused to it, a line for each.
pub(super) fn denied(rows: &[DenialView]) -> String {
    table(["run", "asked for", "times", "why"], rows, |d| {
        let at = match d.port {
            0 => plain::line(&d.host),
            port => format!("{}:{port}", plain::line(&d.host)),
        };
        [
            d.run.map(|run| run.to_string()).unwrap_or_default(),
            at,
            d.count.to_string(),
            format!("{}: {}", d.why, d.why.in_words()),
        ]
    })
}
