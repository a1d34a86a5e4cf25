//! What the host asks of a notifier: to tell people what they should know.

use std::fmt::Debug;

use super::{PortAnswer, Receipt};
use crate::notice::{Notice, Progress};
use crate::prompt::PromptId;

/// A place where people are told things: a log, a chat, a mailbox.
pub trait Notifier: Send + Sync + Debug {
    /// Tells people. Called from the outbox, one notice at a time and in order for each task; a notice may be told
    /// long after it happened, and says when it did. A notifier that can tell a second try by `key` tells once; any
    /// other may tell twice after a crash.
    fn tell<'a>(&'a self, notice: &'a Notice, key: &'a str) -> PortAnswer<'a, Receipt>;

    /// Tells people and asks for a decision, where people can answer; anywhere else it is told. Called as
    /// [`Notifier::tell`] is.
    fn ask<'a>(
        &'a self,
        notice: &'a Notice,
        _prompt: PromptId,
        key: &'a str,
    ) -> PortAnswer<'a, Receipt> {
        self.tell(notice, key)
    }

    /// How many notices have to wait for this notifier until they are told together; none if each is told by itself.
    fn joins_from(&self) -> Option<usize> {
        None
    }

    /// Tells several notices at once, oldest first. Called only where [`Notifier::joins_from`] names a number, with at
    /// least so many.
    fn tell_together<'a>(&'a self, notices: &'a [Notice], key: &'a str) -> PortAnswer<'a, Receipt> {
        Box::pin(async move {
            let mut last = None;
            for notice in notices {
                last = self.tell(notice, key).await?;
            }
            Ok(last)
        })
    }

    /// Shows where a task is: in one place, which changes as the task moves, if the notifier has such places. `before`
    /// is what this answered for the task the last time. Called as [`Notifier::tell`] is, by notifiers that are to tell
    /// stages only; a crash may show a task in a second place, which is the one that changes from then on.
    fn show<'a>(
        &'a self,
        progress: &'a Progress,
        before: Option<&'a str>,
        key: &'a str,
    ) -> PortAnswer<'a, Receipt>;
}
