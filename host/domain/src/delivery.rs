//! How messages are delivered: how long one try may take, when the next one comes, and when a message is given up.
//!
//! Pure rules; time and chance are parameters. Each destination is served one message at a time, so that a source sees
//! one sender and keeps its order. A message is given up when its tries are used up or when trying again cannot help,
//! and a person is told.

use crate::id::{DoorName, UnixMs};
use crate::message::{Destination, Message, MessageKind};
use crate::notice::{Level, News, Notice, NoticeKind, Subject};
use crate::port::PortFailure;
use crate::retry;

/// First delay after a failed try, before jitter.
pub const RETRY_BASE_MS: i64 = 5_000;
/// Longest that a source may hold its destination back by naming a time.
pub const HOLD_MAX_MS: i64 = 3_600_000;
/// Tries of a message that the source says it has nothing for: what is missing may be a right or a renaming.
const NOT_FOUND_TRIES_MAX: u32 = 10;

/// How often a message is tried at most. With the back-off's cap of a quarter of an hour, 300 tries are three days:
/// a source that is down over a weekend loses nothing. What people are told is stale much sooner.
pub fn tries_max(kind: MessageKind) -> u32 {
    match kind {
        MessageKind::IssueState
        | MessageKind::Comment
        | MessageKind::OpenPullRequest
        | MessageKind::MarkMerged
        | MessageKind::DescribePullRequest
        | MessageKind::ClosePullRequest
        | MessageKind::Review
        | MessageKind::PostStatus => 300,
        MessageKind::Announcement | MessageKind::Notice | MessageKind::Progress => 100,
        MessageKind::RemoveWorkspace => 20,
    }
}

/// How long one try may take. A try that takes longer is broken off and counts as one without an answer.
pub fn try_timeout_ms(kind: MessageKind) -> u64 {
    match kind {
        // A forge tests whether a merge is possible inside the call that opens a pull request.
        MessageKind::OpenPullRequest | MessageKind::MarkMerged => 120_000,
        MessageKind::IssueState
        | MessageKind::Comment
        | MessageKind::PostStatus
        | MessageKind::Announcement
        | MessageKind::Progress
        | MessageKind::DescribePullRequest
        | MessageKind::ClosePullRequest
        | MessageKind::Review
        | MessageKind::Notice => 30_000,
        // Many files may have to go.
        MessageKind::RemoveWorkspace => 600_000,
    }
}

/// What follows from a failed try.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub enum AfterFailure {
    /// This message is tried again.
    Again {
        /// When, Unix milliseconds.
        at_ms: UnixMs,
    },
    /// This message is tried again, and nothing goes to its destination before.
    Hold {
        /// When, Unix milliseconds.
        at_ms: UnixMs,
    },
    /// The message is given up.
    Dead,
}

/// What follows from the failure of try number `tries` (counting from 1). `chance` is a number in `0.0..1.0`.
pub fn after_failure(
    kind: MessageKind,
    failure: PortFailure,
    tries: u32,
    now: UnixMs,
    chance: f64,
) -> AfterFailure {
    let most = match failure {
        PortFailure::Refused => 1,
        PortFailure::NotFound => NOT_FOUND_TRIES_MAX.min(tries_max(kind)),
        PortFailure::Unavailable
        | PortFailure::Unauthorised
        | PortFailure::Obstructed
        | PortFailure::RateLimited { .. } => tries_max(kind),
    };
    if tries >= most {
        return AfterFailure::Dead;
    }
    let backoff = now.saturating_add(retry::backoff_ms(RETRY_BASE_MS, tries, chance));
    let at_ms = match failure {
        PortFailure::RateLimited {
            until_ms: Some(until),
        } => until.clamp(now.saturating_add(1), now.saturating_add(HOLD_MAX_MS)),
        PortFailure::RateLimited { until_ms: None }
        | PortFailure::Unavailable
        | PortFailure::Unauthorised
        | PortFailure::Refused
        | PortFailure::NotFound
        | PortFailure::Obstructed => backoff,
    };
    match failure.is_of_the_source() {
        true => AfterFailure::Hold { at_ms },
        false => AfterFailure::Again { at_ms },
    }
}

/// What people are told of a message that was given up. None if it was itself the news that a message was given up,
/// which would have no end.
pub fn dead_letter(
    message: &Message,
    subject: Subject,
    tries: u32,
    error: &str,
    now: UnixMs,
) -> Option<Message> {
    // The next move of the task shows it anew.
    if matches!(
        message,
        Message::Progress { .. } | Message::DescribePullRequest { .. }
    ) {
        return None;
    }
    if let Message::Notice { notice, .. } | Message::Announcement { notice } = message
        && matches!(notice.kind, NoticeKind::Undelivered { .. })
    {
        return None;
    }
    let kind = NoticeKind::Undelivered {
        destination: message.destination(),
        message: Some(message.kind()),
        tries,
        error: error.to_owned(),
    };
    Some(Message::Announcement {
        notice: Notice {
            subject,
            at_ms: now,
            kind,
        },
    })
}

/// What is delivered first of several messages that are due for one destination: the lower, the sooner.
pub fn urgency(message: &Message) -> u8 {
    match message.kind() {
        MessageKind::IssueState
        | MessageKind::Announcement
        | MessageKind::Notice
        | MessageKind::OpenPullRequest
        | MessageKind::MarkMerged
        | MessageKind::ClosePullRequest
        | MessageKind::PostStatus
        | MessageKind::RemoveWorkspace => 0,
        MessageKind::Comment
        | MessageKind::Progress
        | MessageKind::DescribePullRequest
        | MessageKind::Review => 1,
    }
}

/// Whether a message may be told with others at once: an alert that asks for no answer.
pub fn can_be_joined(message: &Message) -> bool {
    match message {
        Message::Notice { notice, prompt, .. } => {
            prompt.is_none() && notice.kind.level() > Level::News
        }
        Message::Announcement { .. }
        | Message::Progress { .. }
        | Message::IssueState { .. }
        | Message::Comment { .. }
        | Message::OpenPullRequest { .. }
        | Message::MarkMerged { .. }
        | Message::DescribePullRequest { .. }
        | Message::ClosePullRequest { .. }
        | Message::Review { .. }
        | Message::PostStatus { .. }
        | Message::RemoveWorkspace { .. } => false,
    }
}

/// Which of the notifiers tell a notice: those that are to tell such news, but the one that the notice says is dead.
pub fn tellers<'a>(
    notice: &'a Notice,
    notifiers: impl Iterator<Item = (&'a DoorName, &'a [News])> + 'a,
) -> impl Iterator<Item = &'a DoorName> + 'a {
    let is_dead = move |name: &DoorName| {
        let of = &notice.kind;
        matches!(of, NoticeKind::Undelivered { destination: Destination::Notifier(dead), .. } if dead == name)
    };
    notifiers
        .filter(move |(name, tells)| {
            !is_dead(name) && tells.iter().any(|news| notice.kind.is(*news))
        })
        .map(|(name, _)| name)
}

#[cfg(test)]
mod tests;
