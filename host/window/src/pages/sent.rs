//! What went over the network or was refused, and where to?

use orch_views::task::{DenialView, TrafficView};

use crate::text::bytes;

/// One place that something was sent to.
pub(super) struct Sent {
    pub(super) place: String,
    /// The run; a word where there was none.
    pub(super) run: String,
    pub(super) count: i64,
    pub(super) sent: String,
    pub(super) received: String,
}

/// What was refused: where to, why, and how often.
pub(super) fn refused<'a>(
    rows: impl Iterator<Item = &'a DenialView>,
) -> Vec<(String, String, i64)> {
    rows.map(|d| (format!("{}:{}", d.host, d.port), d.why.to_string(), d.count))
        .collect()
}

/// As it is shown.
pub(super) fn sent<'a>(rows: impl Iterator<Item = &'a TrafficView>) -> Vec<Sent> {
    let size = |count: i64| bytes(u64::try_from(count).unwrap_or(0));
    rows.map(|t| Sent {
        place: format!("{}:{}", t.host, t.port),
        run: t
            .run
            .map_or_else(|| "set-up or hook".to_owned(), |run| run.to_string()),
        count: t.count,
        sent: size(t.sent_bytes),
        received: size(t.received_bytes),
    })
    .collect()
}
