//! What is read of issues and their timelines.

use jiff::Timestamp;
use orch_domain::issue::TrackerState;
use orch_domain::port::tracker::Position;
use serde::de::Error;
use serde::{Deserialize, Deserializer};

/// Second from which positions count: 2020-01-01.
const FROM_S: i64 = 1_577_836_800;
/// Bits of a position for the number of what happened.
const NUMBER_BITS: u32 = 34;

/// Servers write times in their own zone.
fn time<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Timestamp, D::Error> {
    let text = String::deserialize(deserializer)?;
    text.parse().map_err(D::Error::custom)
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(super) struct Person {
    pub(super) id: i64,
    #[serde(default)]
    pub(super) login: String,
}

#[derive(Debug, Clone, Deserialize)]
pub(super) struct Label {
    pub(super) id: i64,
    #[serde(default)]
    pub(super) name: String,
}

#[derive(Debug, Clone, Deserialize)]
pub(super) struct Issue {
    pub(super) number: u64,
    pub(super) user: Option<Person>,
    #[serde(default)]
    pub(super) title: String,
    #[serde(default)]
    pub(super) body: String,
    #[serde(default)]
    pub(super) labels: Vec<Label>,
    pub(super) assignees: Option<Vec<Person>>,
    #[serde(default)]
    pub(super) state: String,
    #[serde(deserialize_with = "time")]
    pub(super) updated_at: Timestamp,
}

/// Something that happened to an issue.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Happened {
    pub(super) id: i64,
    #[serde(rename = "type", default)]
    pub(super) kind: String,
    pub(super) user: Option<Person>,
    #[serde(default)]
    pub(super) body: String,
    pub(super) label: Option<Label>,
    pub(super) assignee: Option<Person>,
    #[serde(default)]
    pub(super) removed_assignee: bool,
    #[serde(deserialize_with = "time")]
    pub(super) created_at: Timestamp,
}

#[derive(Debug, Clone, Deserialize)]
pub(super) struct CommentRow {
    pub(super) id: i64,
    pub(super) user: Option<Person>,
    #[serde(default)]
    pub(super) body: String,
    #[serde(deserialize_with = "time")]
    pub(super) created_at: Timestamp,
}

impl CommentRow {
    /// Whose it is.
    pub(super) fn by(&self) -> Option<i64> {
        self.user.as_ref().map(|user| user.id)
    }
}

impl Happened {
    /// Who did it.
    pub(super) fn by(&self) -> Option<i64> {
        self.user.as_ref().map(|user| user.id)
    }

    /// The label that was put on the issue; none if that is not what happened.
    pub(super) fn put(&self) -> Option<&str> {
        let is_put = self.kind == "label" && self.body == "1";
        self.label
            .as_ref()
            .filter(|_| is_put)
            .map(|label| label.name.as_str())
    }

    /// Where it moved the issue to; none if it is no move. To close an issue is to stop its task, unless the host does.
    pub(super) fn moved_to(&self, me: i64) -> Option<TrackerState> {
        match self.kind.as_str() {
            "close" if self.by() != Some(me) => Some(TrackerState::Stopped),
            _ => super::state_of(self.put()?),
        }
    }

    /// Its place in the order of all: its second, and within that its number on the server.
    pub(super) fn position(&self) -> Position {
        let second = self.created_at.as_second().saturating_sub(FROM_S).max(0);
        (second << NUMBER_BITS) | (self.id & ((1 << NUMBER_BITS) - 1))
    }
}

/// The second of a position.
pub(super) fn second_of(position: Position) -> Timestamp {
    let second = (position >> NUMBER_BITS).saturating_add(FROM_S);
    Timestamp::from_second(second).unwrap_or(Timestamp::UNIX_EPOCH)
}

/// The last position before a second.
pub(super) fn before(second: Timestamp) -> Position {
    (second.as_second().saturating_sub(FROM_S).max(0) << NUMBER_BITS).saturating_sub(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn happened(second: i64, id: i64) -> Happened {
        serde_json::from_value(serde_json::json!({
            "id": id, "created_at": Timestamp::from_second(second).unwrap().to_string()
        }))
        .unwrap()
    }

    #[test]
    fn position_rises_with_the_second_and_within_it_with_the_number() {
        let order = [
            happened(1_795_000_000, 900),
            happened(1_795_000_000, 901),
            happened(1_795_000_001, 1),
            happened(1_795_000_001, 12_345_678_901),
            happened(1_795_000_002, 3),
        ];
        let positions: Vec<Position> = order.iter().map(Happened::position).collect();
        assert!(positions.windows(2).all(|p| p[0] < p[1]), "{positions:?}");
        let second = second_of(positions[2]);
        assert_eq!(second.as_second(), 1_795_000_001);
        assert!(positions[1] <= before(second) && before(second) < positions[2]);
    }
}
