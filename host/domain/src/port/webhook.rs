//! What the host asks of a source of webhooks: is a delivery really the source's, and what is it about?
//!
//! An event is a hint: it says where to look, and never what is there. So a source answers with a [`Look`], and what
//! counts is read back through the ports of forge and tracker.

use std::fmt::Debug;

use crate::id::{DoorName, IssueId, ObjectId, RepoName};
use crate::words::words;

/// Longest key of a delivery, bytes; a source makes a longer one shorter by hashing it.
pub const KEY_BYTES_MAX: usize = 200;

/// A delivery as it came.
#[derive(Debug, Clone, Copy)]
pub struct Arrived<'a> {
    /// Names in lower case, with their values.
    pub headers: &'a [(String, String)],
    /// Exactly the bytes that were sent.
    pub body: &'a [u8],
}

impl<'a> Arrived<'a> {
    /// The first value of a header that is not empty.
    pub fn header(&self, name: &str) -> Option<&'a str> {
        let found = self
            .headers
            .iter()
            .find(|(n, v)| n == name && !v.is_empty());
        found.map(|(_, value)| value.as_str())
    }
}

/// A delivery whose signature is right.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Admitted {
    /// What tells this delivery from every other of the source, at most [`KEY_BYTES_MAX`] bytes. The same key is the
    /// same delivery, sent again.
    pub key: String,
    /// What kind of event the source says it is.
    pub event: String,
}

/// Why a delivery is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotAdmitted {
    /// Its body is not said to be JSON.
    NotJson,
    /// It has no signature, or one by another secret.
    BadSignature,
    /// None of the secrets can be read at the moment.
    NoSecret,
}

/// Where in a repository something may have changed.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum LookAt {
    /// A branch moved, appeared or went.
    Branch(String),
    /// A pull request, its reviews or comments.
    PullRequest(u64),
    /// The statuses of a commit.
    Commit(ObjectId),
    /// Anywhere.
    Everything,
}

/// Where to look.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Look {
    /// At a repository on its forge.
    Repository {
        /// Which.
        repo: RepoName,
        /// Where in it.
        at: LookAt,
    },
    /// At the issues of a tracker.
    Tracker {
        /// Which.
        tracker: DoorName,
        /// The issue, by the tracker's own name for it; none if it may be any.
        issue: Option<IssueId>,
    },
}

/// What a delivery is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum About {
    /// Something that the host looks at.
    Look(Look),
    /// Nothing that the host goes by.
    Nothing,
    /// A repository or project that this source's secret does not speak for.
    Stranger(String),
    /// It does not have the form of the source's events; why.
    Unreadable(String),
}

words! {
    "state of a delivery":
    /// What became of a delivery.
    pub enum DeliveryState {
        /// It has not been looked into.
        Waiting = "waiting",
        /// What it is about was looked at.
        Looked = "looked",
        /// The same was looked at for another one.
        Coalesced = "coalesced",
        /// It is about nothing that the host goes by.
        Nothing = "nothing",
        /// It is about a repository or project that its source does not speak for.
        Stranger = "stranger",
        /// It could not be read, and never will be.
        Dead = "dead",
    }
}

/// How a webhook is at its source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Registered {
    /// It tells what it should.
    Fine,
    /// There is none to the host.
    Missing,
    /// It is switched off.
    Off,
    /// It does not tell of everything.
    Short {
        /// Events that are left out.
        missing: Vec<String>,
    },
    /// The host may not see it, or the source shows none.
    Hidden {
        /// Why.
        why: String,
    },
}

/// A configured source of webhooks.
pub trait WebhookSource: Send + Sync + Debug {
    /// Whether a delivery is the source's: its signature is compared, in constant time, with what each secret makes of
    /// exactly the bytes that came. Called for every request, forged ones among them, before anything is written.
    ///
    /// # Errors
    /// [`NotAdmitted`].
    fn admit(&self, arrived: &Arrived<'_>) -> Result<Admitted, NotAdmitted>;

    /// What a stored delivery is about. Called after it was answered, and again if the host died meanwhile.
    fn about(&self, event: &str, body: &[u8]) -> About;
}

#[cfg(test)]
mod tests {
    use super::Arrived;

    #[test]
    fn empty_header_is_none() {
        let headers = [("x-a", ""), ("x-a", "2")].map(|(n, v)| (n.to_owned(), v.to_owned()));
        let arrived = Arrived {
            headers: &headers,
            body: b"",
        };
        assert_eq!(arrived.header("x-a"), Some("2"));
        assert_eq!(arrived.header("x-b"), None);
    }
}
