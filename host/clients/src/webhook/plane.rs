//! What does a delivery of Plane speak of?

use orch_domain::id::IssueId;
use orch_domain::port::webhook::{About, Arrived, Look};
use serde::Deserialize;
use serde_json::Value;

use super::SpeaksFor;

/// Headers with the signature.
pub(super) const SIGNATURES: &[&str] = &["x-plane-signature"];

/// The kind of event.
pub(super) fn event(arrived: &Arrived<'_>) -> String {
    let found = arrived.header("x-plane-event").unwrap_or_default();
    found.chars().take(64).collect()
}

/// Both envelopes: that of the open source server, and that of the hosted one.
#[derive(Deserialize)]
struct Event {
    event: Option<String>,
    data: Option<Value>,
}

pub(super) fn about(event: &str, body: &[u8], speaks_for: &SpeaksFor) -> About {
    let read: Event = match serde_json::from_slice(body) {
        Ok(read) => read,
        Err(error) => return About::Unreadable(error.to_string()),
    };
    let (Some(data), Some(tracker)) = (&read.data, &speaks_for.tracker) else {
        return About::Nothing;
    };
    let text = |key: &str| {
        let value = data.get(key);
        let value = value.and_then(|v| v.as_str().or_else(|| v.get("id")?.as_str()));
        value.unwrap_or_default().to_owned()
    };
    let project = text("project");
    if !speaks_for.projects.contains(&project) {
        return About::Stranger(project.chars().take(200).collect());
    }
    // The comment of an issue names its issue beside its own id.
    let kind = read.event.as_deref().unwrap_or(event);
    let issue = match kind.ends_with("comment") {
        true => text("issue"),
        false => text("id"),
    };
    About::Look(Look::Tracker {
        tracker: tracker.clone(),
        issue: IssueId::new(format!("{project}/{issue}")).ok(),
    })
}
