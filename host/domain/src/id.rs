//! Which thing is meant: identifiers as types, checked where they enter.

use std::fmt;

/// Why a text is not a valid identifier.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{value}` is not a {kind}: {rule}")]
pub struct InvalidId {
    /// What the text was meant to be, such as `work item id`.
    pub kind: &'static str,
    /// The text as it came, cut to 80 characters.
    pub value: String,
    /// The rule it breaks.
    pub rule: &'static str,
}

impl InvalidId {
    fn new(kind: &'static str, value: &str, rule: &'static str) -> Self {
        Self {
            kind,
            value: value.chars().take(80).collect(),
            rule,
        }
    }
}

macro_rules! text_id {
    ($(#[$doc:meta])* $name:ident, $kind:literal, $rule:literal, $check:expr) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(String);

        impl $name {
            /// Checks `value` and wraps it.
            ///
            /// # Errors
            /// [`InvalidId`] with the rule that `value` breaks.
            pub fn new(value: impl Into<String>) -> Result<Self, InvalidId> {
                let value = value.into();
                let check: fn(&str) -> bool = $check;
                if check(&value) { Ok(Self(value)) } else { Err(InvalidId::new($kind, &value, $rule)) }
            }

            /// The identifier as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl std::str::FromStr for $name {
            type Err = InvalidId;
            fn from_str(value: &str) -> Result<Self, InvalidId> {
                Self::new(value)
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&self.0)
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let value = <String as serde::Deserialize>::deserialize(deserializer)?;
                Self::new(value).map_err(serde::de::Error::custom)
            }
        }
    };
}

fn is_plain_name(value: &str, max: usize) -> bool {
    !value.is_empty()
        && value.len() <= max
        && value
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'))
        && value.as_bytes()[0].is_ascii_alphanumeric()
        && !value.contains("..")
        && !value.ends_with('.')
        && !value.ends_with(".lock")
}

text_id!(
    /// Name of a task in the tracker and of its folder under `docs/work-items/`, such as `SHOP-12`.
    WorkItem,
    "work item id",
    "use 1 to 64 of A-Z a-z 0-9 - _ . starting with a letter or digit, such as SHOP-12",
    |value| is_plain_name(value, 64)
);

text_id!(
    /// Beginning of the work items that the host numbers itself, such as `SHOP`.
    ItemPrefix,
    "prefix of work item ids",
    "use 1 to 43 of A-Z a-z 0-9 - _ . starting with a letter or digit, such as SHOP",
    |value| is_plain_name(value, ITEM_PREFIX_BYTES_MAX)
);

/// Longest prefix: any number after it leaves a valid work item.
const ITEM_PREFIX_BYTES_MAX: usize = 43;
/// Most digits of a number that belongs to a sequence: nobody can use a sequence up by naming one number.
const ITEM_DIGITS_MAX: usize = 12;

impl ItemPrefix {
    /// The work item of this number.
    pub fn numbered(&self, number: u64) -> WorkItem {
        WorkItem(format!("{}-{number}", self.0))
    }
}

impl WorkItem {
    /// Prefix and number, if it is one of a sequence.
    pub fn numbered(&self) -> Option<(ItemPrefix, u64)> {
        let (prefix, digits) = self.0.rsplit_once('-')?;
        let is_number = (1..=ITEM_DIGITS_MAX).contains(&digits.len())
            && digits.bytes().all(|b| b.is_ascii_digit());
        let number = digits.parse().ok().filter(|_| is_number)?;
        Some((ItemPrefix::new(prefix).ok()?, number))
    }
}

text_id!(
    /// Name of a registered repository in `orch.yaml`.
    RepoName,
    "repository name",
    "use 1 to 64 of A-Z a-z 0-9 - _ . starting with a letter or digit",
    |value| is_plain_name(value, 64)
);

text_id!(
    /// Name of a tracker or notifier in `orch.yaml`.
    DoorName,
    "name of a tracker or notifier",
    "use 1 to 64 of A-Z a-z 0-9 - _ . starting with a letter or digit",
    |value| is_plain_name(value, 64)
);

text_id!(
    /// Name of a person, as decisions are signed with it.
    PersonName,
    "name of a person",
    "use 1 to 64 of A-Z a-z 0-9 - _ . @ starting with a letter or digit, not digits alone and not `orch`, which is the host",
    |value| !value.is_empty()
        && value.len() <= 64
        && value.as_bytes()[0].is_ascii_alphanumeric()
        && value.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.' | b'@'))
        && !value.bytes().all(|b| b.is_ascii_digit())
        && value != "orch"
);

text_id!(
    /// A tracker's own name for an issue: a number, a path of ids, whatever that tracker takes back.
    IssueId,
    "issue id",
    "it has 1 to 200 visible characters and no space",
    |value| !value.is_empty() && value.len() <= 200 && value.bytes().all(|b| b.is_ascii_graphic())
);

text_id!(
    /// A git object id: 40 (SHA-1) or 64 (SHA-256) lower-case hexadecimal digits.
    ObjectId,
    "git object id",
    "it has 40 or 64 lower-case hexadecimal digits",
    |value| matches!(value.len(), 40 | 64) && value.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
);

text_id!(
    /// Registry name of a pipeline entry, such as `staging-status`.
    EntryId,
    "gate entry id",
    "use 1 to 64 of a-z 0-9 - starting with a letter",
    |value| value.len() <= 64
        && value.starts_with(|c: char| c.is_ascii_lowercase())
        && value.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
);

macro_rules! row_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[derive(serde::Serialize, serde::Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub i64);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}", self.0)
            }
        }
    };
}

row_id!(
    /// Row id of a task.
    TaskId
);
row_id!(
    /// Row id of a job.
    JobId
);
row_id!(
    /// Row id of a gate evaluation.
    EvaluationId
);
row_id!(
    /// Row id of an agent or hook run.
    RunId
);
row_id!(
    /// Row id of a person's token.
    TokenId
);
row_id!(
    /// Row id of a session in a browser, or of the link that begins one.
    SessionId
);
row_id!(
    /// Row id of a batch of tasks that land together.
    BatchId
);
row_id!(
    /// Row id of a drill.
    DrillId
);
row_id!(
    /// Row id of something that was put into production.
    ReleaseId
);
row_id!(
    /// Row id of what a person said of a difference.
    RemarkId
);

/// Milliseconds since the Unix epoch, from the host's one clock.
pub type UnixMs = i64;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_item_refuses_what_could_leave_its_folder_or_break_a_ref() {
        for bad in [
            "", "../x", "a/b", ".hidden", "a..b", "x.lock", "a b", "-x", "é",
        ] {
            assert!(WorkItem::new(bad).is_err(), "{bad}");
        }
        assert_eq!(WorkItem::new("SHOP-12").unwrap().as_str(), "SHOP-12");
    }

    #[test]
    fn person_is_never_called_as_the_host_or_as_a_number() {
        for bad in ["", "orch", "1000", "ann bob", "-ann", "ann\n", "ä"] {
            assert!(PersonName::new(bad).is_err(), "{bad:?}");
        }
        assert!(PersonName::new("ann@shop.example").is_ok());
    }

    #[test]
    fn numbered_items_read_back_and_every_one_of_a_prefix_is_valid() {
        let longest = ItemPrefix::new("P".repeat(ITEM_PREFIX_BYTES_MAX)).unwrap();
        let item = longest.numbered(u64::MAX);
        assert_eq!(WorkItem::new(item.as_str()), Ok(item));
        assert!(ItemPrefix::new("P".repeat(ITEM_PREFIX_BYTES_MAX + 1)).is_err());
        let of = |item: &str| WorkItem::new(item).unwrap().numbered();
        let shop = ItemPrefix::new("SHOP").unwrap();
        assert_eq!(of(shop.numbered(12).as_str()), Some((shop.clone(), 12)));
        assert_eq!(of("SHOP-007"), Some((shop, 7)));
        for other in ["SHOP", "SHOP-x1", "SHOP-1a", "SHOP-1000000000000", "7"] {
            assert_eq!(of(other), None, "{other}");
        }
    }

    #[test]
    fn object_id_needs_full_lower_case_hex() {
        assert!(ObjectId::new("a".repeat(40)).is_ok());
        assert!(ObjectId::new("A".repeat(40)).is_err());
        assert!(ObjectId::new("abc").is_err());
    }
}
