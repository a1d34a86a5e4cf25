//! What the host asks of a notifier: to tell people what they should know.

use std::fmt::Debug;

use super::{PortAnswer, Receipt};
use crate::notice::Notice;

/// A place where people are told things: a log, a chat, a mailbox.
pub trait Notifier: Send + Sync + Debug {
    /// Tells people. Called from the outbox, one notice at a time and in order for each task; a notice may be told
    /// long after it happened, and says when it did. A notifier that can tell a second try by `key` tells once; any
    /// other may tell twice after a crash.
    fn tell<'a>(&'a self, notice: &'a Notice, key: &'a str) -> PortAnswer<'a, Receipt>;
}
