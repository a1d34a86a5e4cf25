//! Which commands are alike, so that one statement carries them out, and in which order groups are.
//!
//! Commands that wait together were asked for by callers none of whom has an answer yet, so any order of them is one in
//! which they may have come. What is kept is the order in which a job is written, and the place of a caller's own
//! statements, which may look at anything: both end a run of commands that are joined.

use std::any::Any;
use std::collections::HashSet;

use futures_util::future::BoxFuture;
use orch_domain::id::JobId;

use super::transaction::{Asked, Transaction};
use crate::joined::Joined;

/// Writes that are alike, of whatever kind.
pub(super) trait Group: Any + Send {
    /// The job that the only write of the group is about.
    fn job(&self) -> Option<JobId>;
    /// Whether it comes after the groups beside it.
    fn is_last(&self) -> bool;
    /// Takes the writes of another group in, or gives it back if it is of another kind.
    fn take_in(&mut self, other: Box<dyn Group>) -> Result<(), Box<dyn Group>>;
    fn carry_out<'a>(self: Box<Self>, transaction: &'a mut Transaction<'_>) -> BoxFuture<'a, ()>;
}

/// Writes of one kind. A command is a group of one.
#[derive(Debug)]
pub(super) struct Alike<J: Joined>(pub(super) Vec<Asked<J>>);

impl<J: Joined> Group for Alike<J> {
    fn job(&self) -> Option<JobId> {
        self.0.first().and_then(|asked| asked.write.job())
    }

    fn is_last(&self) -> bool {
        J::IS_LAST
    }

    fn take_in(&mut self, other: Box<dyn Group>) -> Result<(), Box<dyn Group>> {
        let may_join = |others: &Self| match (self.0.first(), others.0.first()) {
            (Some(mine), Some(theirs)) => mine.write.may_join(&theirs.write),
            (None, _) | (_, None) => true,
        };
        let any: &dyn Any = &*other;
        if !any.downcast_ref::<Self>().is_some_and(may_join) {
            return Err(other);
        }
        let any: Box<dyn Any> = other;
        if let Ok(others) = any.downcast::<Self>() {
            self.0.extend(others.0);
        }
        Ok(())
    }

    fn carry_out<'a>(self: Box<Self>, transaction: &'a mut Transaction<'_>) -> BoxFuture<'a, ()> {
        Box::pin(transaction.join(self.0))
    }
}

/// A run of commands, by kind.
#[derive(Default)]
pub(super) struct Groups {
    groups: Vec<Box<dyn Group>>,
    jobs: HashSet<JobId>,
}

impl Groups {
    /// Whether the run writes the job of this command already, so that the command has to come after it.
    pub(super) fn ends_before(&self, command: &dyn Group) -> bool {
        command.job().is_some_and(|job| self.jobs.contains(&job))
    }

    /// Takes a command into the run.
    pub(super) fn add(&mut self, command: Box<dyn Group>) {
        self.jobs.extend(command.job());
        let mut rest = command;
        for group in &mut self.groups {
            match group.take_in(rest) {
                Ok(()) => return,
                Err(other) => rest = other,
            }
        }
        self.groups.push(rest);
    }

    pub(super) async fn carry_out(mut self, transaction: &mut Transaction<'_>) {
        self.groups.sort_by_key(|group| group.is_last());
        for group in self.groups {
            group.carry_out(transaction).await;
        }
    }
}
