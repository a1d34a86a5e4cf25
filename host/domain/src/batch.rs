//! Which tasks land together, which of their commits is tested next, and what the tests say of each: pure rules.
//!
//! The members of a batch stand on each other in order, each on top of all before it. So a test of the first few tells
//! of all of them together, and what is known of some may tell of others without a run. Not here: how commits are
//! stacked, tested and landed.

use crate::id::{BatchId, TaskId};
use crate::pipeline::{HostWork, Pipeline, Step};
use crate::port::forge::OWN_BRANCHES;
use crate::stage::Stage;
use crate::task::{Status, Task};
use crate::words::words;

/// Gate that judges nothing but what the host prepared for the landing.
const MERGE_GATE: &str = "merge";

words! {
    "state of a batch":
    /// How far a batch has come.
    pub enum BatchState {
        /// Its commits are tested.
        Testing = "testing",
        /// Its commits are tested; the gates of its members judge them.
        Passed = "passed",
        /// The base is about to be moved: nobody leaves any more.
        Landing = "landing",
        /// Its commits are in the base.
        Landed = "landed",
        /// It landed nothing; its members are prepared anew.
        Dissolved = "dissolved",
    }
}

impl BatchState {
    /// Whether it may still land.
    pub fn is_open(self) -> bool {
        match self {
            Self::Testing | Self::Passed | Self::Landing => true,
            Self::Landed | Self::Dissolved => false,
        }
    }
}

words! {
    "reason of a dissolved batch":
    /// Why a batch landed nothing.
    pub enum WhyDissolved {
        /// The base moved under it.
        BaseMoved = "base-moved",
        /// One of its members was stopped, pushed to, or judged otherwise.
        MemberLeft = "member-left",
        /// The first of its commits turned the tests red already.
        FirstBad = "first-bad",
        /// Its leader lost the merge lease.
        LeaseLost = "lease-lost",
        /// The gates of its members took too long.
        GatesSlow = "gates-slow",
        /// The forge takes no branch or no landing of it.
        Refused = "refused",
        /// Another began in its place.
        Replaced = "replaced",
        /// The machines of others said nothing of it.
        Untested = "untested",
    }
}

words! {
    "part in a batch":
    /// What a member is to its batch.
    pub enum Part {
        /// It is on its way with the others.
        In = "in",
        /// It is on its way, and nothing of its own keeps it from landing.
        Ready = "ready",
        /// It is not tested with the others any more: one before it turned the tests red.
        Left = "left",
        /// The tests are green before its commits and red with them.
        Bad = "bad",
    }
}

impl Part {
    /// Whether it lands if the batch does.
    pub fn is_in(self) -> bool {
        match self {
            Self::In | Self::Ready => true,
            Self::Left | Self::Bad => false,
        }
    }
}

/// The end of one run of the tests, on the first `first` members of a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Run {
    /// How many members, from the oldest on, stood in the tested commit.
    pub first: usize,
    /// Whether the tests passed.
    pub passed: bool,
}

/// What follows from the runs so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// The first so many are tested.
    Test(usize),
    /// All is known.
    Known {
        /// The first so many passed together and may land.
        green: usize,
        /// The position, from 0, of the one that turned the tests red.
        bad: Option<usize>,
    },
}

/// What to do next with a batch of `count` members. The whole is tested first; if it is red, halves are, until one
/// member is left that can have turned it red. The second half of a red whole is not run after its first half passed:
/// it is red.
pub fn next(count: usize, runs: &[Run]) -> Next {
    let passed = runs.iter().filter(|run| run.passed && run.first <= count);
    // What stands below all of them is the base, which is nobody's fault here.
    let green = passed.map(|run| run.first).max().unwrap_or(0);
    let failed = runs
        .iter()
        .filter(|run| !run.passed && (green + 1..=count).contains(&run.first));
    match failed.map(|run| run.first).min() {
        None if green == count => Next::Known { green, bad: None },
        None => Next::Test(count),
        Some(red) if red == green + 1 => Next::Known {
            green,
            bad: Some(green),
        },
        Some(red) => Next::Test(green + (red - green) / 2),
    }
}

/// Name of the branch on which the machines of others find the first so many members of a batch. One of its own for each
/// commit: where a branch moves on, many of them break off what they do for the commit before. No task's branch has
/// such a name, for that of a work item holds no slash.
pub fn branch_of(batch: BatchId, first: usize) -> String {
    format!("{OWN_BRANCHES}batch/{batch}-{first}")
}

/// Whether a task waits to be prepared for landing, so that it may be taken along.
pub fn waits_to_land(task: &Task, pipeline: &Pipeline) -> bool {
    let prepares =
        pipeline.step(task.stage, task.step) == Some(&Step::Work(HostWork::MergePrepare));
    let is_under_way = match task.status {
        Status::Active | Status::Waiting { .. } => true,
        Status::AwaitingApproval { .. }
        | Status::NeedsInput { .. }
        | Status::Blocked { .. }
        | Status::Stopping
        | Status::Ended => false,
    };
    prepares && is_under_way && !task.stop_requested && task.head.is_some()
}

/// Whether a task is prepared and goes on by itself towards its landing.
pub fn is_about_to_land(task: &Task, pipeline: &Pipeline) -> bool {
    let is_under_way = matches!(task.status, Status::Active | Status::Waiting { .. });
    let lands = pipeline
        .steps(task.stage)
        .contains(&Step::Work(HostWork::Land));
    pipeline.is_prepared(task.stage, task.step) && lands && is_under_way && !task.stop_requested
}

/// Whether a task stands at its landing.
pub fn is_at_landing(task: &Task, pipeline: &Pipeline) -> bool {
    pipeline.step(task.stage, task.step) == Some(&Step::Work(HostWork::Land))
}

/// Whether nothing but the preparation itself is judged between preparation and landing. Any other gate there may ask
/// for what only a run of exactly this commit shows.
pub fn lands_by_its_preparation(pipeline: &Pipeline) -> bool {
    let stage = Stage::DeployStaging;
    let Some(at) = pipeline.preparation(stage) else {
        return false;
    };
    let after = pipeline.steps(stage).iter().skip(at as usize + 1);
    after
        .clone()
        .any(|step| *step == Step::Work(HostWork::Land))
        && after
            .take_while(|step| **step != Step::Work(HostWork::Land))
            .all(|step| match step {
                Step::Gate(id) => pipeline.entry(id).is_some_and(|e| e.gate == MERGE_GATE),
                Step::Run(_) | Step::Approval | Step::Work(_) => false,
            })
}

/// Whether the base is held for the time of the next run, where the operator lets it: it moved under one of the leader's
/// runs, or had to be held for the landing just before this one.
pub fn holds_base(overtaken: u32, was_held: bool) -> bool {
    overtaken > 0 || was_held
}

/// The task that leads instead of `task`, which got the merge lease: the oldest that waits, if that is older. A task
/// that has waited already, or was overtaken, leads whoever else is there: it gives the lead away once at most, so
/// somebody always leads.
pub fn yields_to(task: &Task, waiting: &[TaskId]) -> Option<TaskId> {
    let is_fresh = task.status == Status::Active && task.overtaken == 0;
    let oldest = waiting.iter().copied().min();
    oldest.filter(|oldest| is_fresh && *oldest < task.id)
}

/// Who is tried for a batch, in the order in which they are stacked: the leader, then the others by age.
pub fn in_order(leader: TaskId, waiting: &[TaskId]) -> Vec<TaskId> {
    let mut others: Vec<TaskId> = waiting.iter().copied().filter(|id| *id != leader).collect();
    others.sort_unstable();
    others.dedup();
    let mut list = vec![leader];
    list.extend(others);
    list
}

#[cfg(test)]
mod tests;
