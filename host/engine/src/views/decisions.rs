//! What persons decided about a task, read from its events.

use orch_domain::event::EventKind;
use orch_store::EventRow;
use orch_views::task::DecisionView;
use serde::Deserialize;

use crate::ledger::clock::stamp;

/// The commit that a decision was about, as `messages::event_data` and a gate's approval write it.
#[derive(Default, Deserialize)]
struct About {
    head: Option<String>,
    detail: Option<Detail>,
}

#[derive(Deserialize)]
struct Detail {
    head: Option<String>,
}

/// The decisions among the events of a task, oldest first.
pub(super) fn of(events: &[EventRow]) -> Vec<DecisionView> {
    let decided = events.iter().filter(|event| {
        matches!(
            event.kind,
            EventKind::Approved
                | EventKind::Rejected
                | EventKind::Resumed
                | EventKind::StopRequested
        )
    });
    let view = |event: &EventRow| {
        // What was written before heads were has none.
        let about: About = serde_json::from_str(&event.data).unwrap_or_default();
        DecisionView {
            what: event.kind.to_string(),
            person: event.actor.clone(),
            channel: event.channel,
            at: stamp(event.at_ms),
            head: about.head.or(about.detail.and_then(|detail| detail.head)),
        }
    };
    decided.map(view).collect()
}
