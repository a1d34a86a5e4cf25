//! Where do messages go?

use std::fmt;
use std::str::FromStr;

use crate::id::{DoorName, InvalidId, RepoName};

/// Where messages go. Each destination is served by itself: one that hangs keeps none of the others waiting.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Destination {
    /// The forge of a repository.
    Forge(RepoName),
    /// A tracker.
    Tracker(DoorName),
    /// Every notifier: each gets a message of its own from there.
    Notifiers,
    /// A notifier.
    Notifier(DoorName),
    /// The host's own files.
    Host,
}

impl fmt::Display for Destination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Forge(repo) => write!(f, "forge:{repo}"),
            Self::Tracker(name) => write!(f, "tracker:{name}"),
            Self::Notifiers => f.write_str("notifiers"),
            Self::Notifier(name) => write!(f, "notifier:{name}"),
            Self::Host => f.write_str("host"),
        }
    }
}

/// Why a text names no destination.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidDestination {
    /// It begins with none of the known words.
    #[error(
        "`{0}` is not a destination; use `forge:REPOSITORY`, `tracker:NAME`, `notifiers`, `notifier:NAME` or `host`"
    )]
    Unknown(String),
    /// The name after the word is not valid.
    #[error(transparent)]
    Name(#[from] InvalidId),
}

impl FromStr for Destination {
    type Err = InvalidDestination;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.split_once(':') {
            Some(("forge", name)) => Ok(Self::Forge(name.parse()?)),
            Some(("tracker", name)) => Ok(Self::Tracker(name.parse()?)),
            Some(("notifier", name)) => Ok(Self::Notifier(name.parse()?)),
            None if text == "notifiers" => Ok(Self::Notifiers),
            None if text == "host" => Ok(Self::Host),
            Some(_) | None => Err(InvalidDestination::Unknown(text.chars().take(80).collect())),
        }
    }
}

impl serde::Serialize for Destination {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> serde::Deserialize<'de> for Destination {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <String as serde::Deserialize>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}
