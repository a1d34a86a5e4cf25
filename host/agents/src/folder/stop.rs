//! Why is a run asked to end? A closed list of words; what other versions wrote is kept as it is.

use orch_domain::outcome::KillReason;
use serde::{Deserialize, Serialize};

/// Why somebody asks a run to end; stored as one word.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub enum StopReason {
    /// A person stopped the task.
    Person,
    /// It ran for longer than anything may.
    TooOld,
    /// The host goes and takes its runs with it.
    Shutdown,
    /// The money or the tokens for it are used up.
    Budget,
    /// It holds too much of the disk.
    Disk,
    /// What it was allowed when it began is no longer what it is allowed.
    Policy,
    /// What another version wrote.
    Other(String),
}

/// What versions wrote for [`StopReason::TooOld`] before reasons were words.
const TOO_OLD_BEFORE: &str = "it ran for longer than anything may";

impl StopReason {
    /// Every reason that has a word.
    pub const WORDS: [Self; 6] = [
        Self::Person,
        Self::TooOld,
        Self::Shutdown,
        Self::Budget,
        Self::Disk,
        Self::Policy,
    ];

    /// Stable word for storage, or what stands in its place.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Person => "person",
            Self::TooOld => "too-old",
            Self::Shutdown => "shutdown",
            Self::Budget => "budget",
            Self::Disk => "disk",
            Self::Policy => "policy",
            Self::Other(text) => text,
        }
    }

    /// The limit that it stands for; none if it is somebody's wish.
    pub fn kill_reason(&self) -> Option<KillReason> {
        match self {
            Self::Person | Self::Other(_) => None,
            Self::TooOld => Some(KillReason::Wall),
            Self::Shutdown => Some(KillReason::Shutdown),
            Self::Budget => Some(KillReason::Budget),
            Self::Disk => Some(KillReason::Disk),
            Self::Policy => Some(KillReason::Policy),
        }
    }
}

impl From<String> for StopReason {
    fn from(text: String) -> Self {
        let known = Self::WORDS.into_iter().find(|word| word.as_str() == text);
        match known {
            Some(word) => word,
            None if text == TOO_OLD_BEFORE => Self::TooOld,
            None => Self::Other(text),
        }
    }
}

impl From<StopReason> for String {
    fn from(reason: StopReason) -> Self {
        reason.as_str().to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn word_is_read_back_and_any_other_text_is_kept() {
        for reason in StopReason::WORDS {
            let json = serde_json::to_string(&reason).unwrap();
            assert_eq!(serde_json::from_str::<StopReason>(&json).unwrap(), reason);
        }
        let old = "the task is stopped".to_owned();
        let reason = StopReason::from(old.clone());
        assert_eq!(reason, StopReason::Other(old.clone()));
        assert_eq!(String::from(reason.clone()), old);
        assert_eq!(reason.kill_reason(), None);
        let age = StopReason::from(TOO_OLD_BEFORE.to_owned());
        assert_eq!(age.kill_reason(), Some(KillReason::Wall));
    }
}
