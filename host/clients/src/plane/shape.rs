//! What Plane answers, as far as the host looks at it.

use serde::{Deserialize, Deserializer};

/// A time of Plane in microseconds since 1970. Plane writes times in the zone of whoever owns the key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Micros(pub(super) i64);

impl Micros {
    pub(super) fn ms(self) -> i64 {
        self.0.div_euclid(1000)
    }
}

impl<'de> Deserialize<'de> for Micros {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let time: jiff::Timestamp = text.parse().map_err(serde::de::Error::custom)?;
        Ok(Self(time.as_microsecond()))
    }
}

/// The user who owns the key.
#[derive(Debug, Deserialize)]
pub(super) struct Me {
    pub(super) id: String,
    #[serde(default)]
    pub(super) display_name: String,
}

/// A page of a list.
#[derive(Debug, Deserialize)]
pub(super) struct Page<T> {
    pub(super) results: Vec<T>,
    #[serde(default)]
    pub(super) next_cursor: String,
    #[serde(default)]
    pub(super) next_page_results: bool,
}

/// Something with an id of its own: what tells two pages apart.
pub(super) trait HasId {
    fn id(&self) -> &str;
}

/// A work item.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Item {
    pub(super) id: String,
    pub(super) state: String,
    pub(super) updated_at: Micros,
    #[serde(default)]
    pub(super) sequence_id: u64,
    #[serde(default)]
    pub(super) name: String,
    #[serde(default)]
    pub(super) description_html: Option<String>,
    /// Whoever changed it last; none if nobody has since it was made.
    #[serde(default)]
    pub(super) updated_by: Option<String>,
}

impl HasId for Item {
    fn id(&self) -> &str {
        &self.id
    }
}

/// Who changed what of an item.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Activity {
    pub(super) id: String,
    pub(super) created_at: Micros,
    #[serde(default)]
    pub(super) verb: String,
    #[serde(default)]
    pub(super) field: Option<String>,
    #[serde(default)]
    pub(super) new_identifier: Option<String>,
    #[serde(default)]
    pub(super) epoch: Option<f64>,
    #[serde(default)]
    pub(super) actor: String,
}

impl Activity {
    /// Whether the item was made, and by its actor: what the item itself says of that is whatever its maker sent.
    pub(super) fn is_making(&self) -> bool {
        self.verb == "created" && self.field.is_none()
    }

    /// The state that the item was moved to; none if something else was changed.
    pub(super) fn moved_to(&self) -> Option<&str> {
        let is_move = self.field.as_deref() == Some("state");
        self.new_identifier.as_deref().filter(|_| is_move)
    }

    /// When it was asked for, microseconds, to the second; it is written down later.
    pub(super) fn asked_us(&self) -> i64 {
        #[expect(
            clippy::cast_possible_truncation,
            reason = "a time in seconds is far below 2^53"
        )]
        let seconds = self.epoch.map(|epoch| epoch as i64);
        seconds.map_or(self.created_at.0, |s| s.saturating_mul(1_000_000))
    }
}

impl HasId for Activity {
    fn id(&self) -> &str {
        &self.id
    }
}

/// A comment.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct CommentRow {
    pub(super) id: String,
    pub(super) created_at: Micros,
    #[serde(default)]
    pub(super) comment_html: String,
    #[serde(default)]
    pub(super) external_source: Option<String>,
    #[serde(default)]
    pub(super) actor: String,
    /// Whoever has changed its text since; none if nobody has.
    #[serde(default)]
    pub(super) updated_by: Option<String>,
}

impl HasId for CommentRow {
    fn id(&self) -> &str {
        &self.id
    }
}

/// A project.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct ProjectRow {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) identifier: String,
}

impl HasId for ProjectRow {
    fn id(&self) -> &str {
        &self.id
    }
}

/// A state of a project.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct StateRow {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) group: String,
}

impl HasId for StateRow {
    fn id(&self) -> &str {
        &self.id
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_whatever_the_zone_of_whoever_owns_the_key() {
        let of = |text: &str| serde_json::from_value::<Micros>(text.into()).unwrap();
        let utc = of("2026-11-27T07:30:12.650227Z");
        assert_eq!(of("2026-11-27T13:00:12.650227+05:30"), utc);
        assert_eq!(utc.ms() * 1000 + 227, utc.0);
    }
}
