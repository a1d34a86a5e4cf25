//! The one function that moves a task: `(task, event, now) → (task', effects)`.
//!
//! Pure and total. Every actor (run end, gate, webhook, person, reaper) can only hand in an event; what
//! follows is decided here, and the caller writes task, jobs and outbox in one transaction. An event
//! that does not fit the task's state changes nothing and says why.

mod advance;
mod drill;
mod event;
mod failure;

use crate::id::{EntryId, ObjectId, UnixMs};
use crate::issue::TrackerState;
use crate::job::{JobKind, PutOff, PutOffKind};
use crate::message::Remark;
use crate::notice::NoticeKind;
use crate::outcome::{RunOutcome, RunPolicy};
use crate::pipeline::{HostWork, Mode, Pipeline, Step};
use crate::retry;
use crate::stage::{Role, Stage};
use crate::task::{BlockReason, Status, Task};

pub use self::event::{Event, Judgement, WorkFailure};

/// Something the caller has to write or do because of a transition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effect {
    /// Put a job for the current step into the queue.
    Enqueue {
        /// What it does.
        kind: JobKind,
        /// Milliseconds from now until it is due.
        delay_ms: i64,
        /// Why it is not due at once, if it is not.
        put_off: Option<PutOff>,
    },
    /// End every live job of the task.
    CancelJobs,
    /// Give the merge lease back if the task holds it.
    ReleaseMergeLease,
    /// Tell people.
    Notify(NoticeKind),
    /// Set the tracker's issue state.
    Tracker(TrackerState),
    /// Comment on the tracker's issue.
    Comment(Remark),
    /// Open the task's pull request if it has none.
    OpenPullRequest,
    /// Close the task's pull request, if it has one that has not landed.
    ClosePullRequest,
    /// Go on with a new branch and pull request from the base: the old one has landed.
    NewBranch,
    /// Remove the task's workspace; the host keeps what is not on a pushed ref.
    RemoveWorkspace,
}

/// What an event does to a task.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
pub enum Transition {
    /// The task's next state (its version already raised) and what goes with it.
    Applied {
        /// The next state.
        task: Box<Task>,
        /// What to write or do, in order.
        effects: Vec<Effect>,
    },
    /// The event does not fit the state; nothing changes.
    Ignored {
        /// In words for whoever handed the event in.
        reason: String,
    },
}

/// A draw between 0 and 1 for jitter, handed in by the caller.
#[derive(Debug, Clone, Copy)]
pub struct Chance(pub f64);

/// The task being moved: its next state and the effects so far.
struct Move<'a> {
    task: Task,
    pipeline: &'a Pipeline,
    effects: Vec<Effect>,
    now: UnixMs,
    chance: Chance,
}

/// Applies `event` to `task`.
pub fn transition(
    task: &Task,
    pipeline: &Pipeline,
    event: &Event,
    now: UnixMs,
    chance: Chance,
) -> Transition {
    if task.stage.is_terminal() {
        return ignored(format!("the task has ended in `{}`", task.stage));
    }
    let mut next = Move {
        task: task.clone(),
        pipeline,
        effects: Vec::new(),
        now,
        chance,
    };
    let applied = match event {
        Event::Created => next.created(),
        Event::RunEnded { outcome, head } => next.run_ended(outcome, head.as_ref()),
        Event::GateJudged { entry, judgement } => next.gate_judged(entry, judgement),
        Event::WorkDone { work, head } => next.work_done(*work, head.as_ref()),
        Event::WorkFailed { work, failure } => next.work_failed(*work, failure),
        Event::Overtaken { detail } => next.overtaken(detail),
        Event::ApprovalWeighed { is_needed, .. } => next.approval_weighed(*is_needed),
        Event::Approved { .. } => next.approved(),
        Event::Rejected { by, comment } => next.rejected(by, comment),
        Event::ForeignPush { head } => next.foreign_push(head),
        Event::Rebased { head, onto } => next.rebased(head, onto),
        Event::Resumed {
            stage,
            rounds,
            rebase,
            ..
        } => next.resumed(*stage, *rounds, *rebase),
        Event::StopRequested { .. } => next.stop_requested(),
        Event::Halted { reason, detail } => next.halted(*reason, detail),
        Event::WaitedTooLong { detail } => next.waited_too_long(detail),
        Event::JobLost => next.job_lost(),
        Event::Stopped => next.stopped(),
    };
    match applied {
        Ok(()) => {
            next.task.version += 1;
            if pipeline.is_drill {
                next.effects.retain(drill::is_quiet);
            }
            Transition::Applied {
                task: Box::new(next.task),
                effects: next.effects,
            }
        }
        Err(reason) => ignored(reason),
    }
}

fn ignored(reason: String) -> Transition {
    Transition::Ignored { reason }
}

/// Whether the event fits the task's state; if not, why.
type Fits = Result<(), String>;

impl Move<'_> {
    fn current(&self) -> Option<Step> {
        self.pipeline.step(self.task.stage, self.task.step).cloned()
    }

    /// The current step is being worked on, so that its end may move the task.
    fn expect_working(&self) -> Result<Step, String> {
        match self.task.status {
            Status::Active | Status::Waiting { .. } => self.current().ok_or_else(|| {
                format!("stage `{}` has no step {}", self.task.stage, self.task.step)
            }),
            Status::AwaitingApproval { .. }
            | Status::NeedsInput { .. }
            | Status::Blocked { .. }
            | Status::Stopping
            | Status::Ended => Err(format!("the task is `{}`", self.task.status.name())),
        }
    }

    fn created(&mut self) -> Fits {
        if self.task.stage != Stage::Created {
            return Err(format!("the task is already in `{}`", self.task.stage));
        }
        self.effects.push(Effect::Tracker(TrackerState::InProgress));
        self.next_stage();
        Ok(())
    }

    fn run_ended(&mut self, outcome: &RunOutcome, head: Option<&ObjectId>) -> Fits {
        let Step::Run(role) = self.expect_working()? else {
            return Err("the current step is not a run".to_owned());
        };
        if let Some(head) = head {
            self.task.head = Some(head.clone());
        }
        if let RunOutcome::ProtocolError { fault, detail } = outcome {
            self.result_lost(role, *fault, detail);
        }
        match outcome.policy(role.edits_code()) {
            RunPolicy::Advance => {
                self.task.findings = None;
                if role == Role::Developer {
                    self.task.rewrites_history = false;
                    self.effects.push(Effect::OpenPullRequest);
                }
                self.step_done();
            }
            RunPolicy::Retry => self.infra_failure(&format!("{role}: {}", outcome.describe())),
            RunPolicy::Defer => self.defer(outcome),
            RunPolicy::Again => {
                self.task.status = Status::Active;
                self.enqueue(0, None);
            }
            RunPolicy::Block => self.block(
                BlockReason::RunBlocked,
                &format!("{role}: {}", outcome.describe()),
            ),
            RunPolicy::Nothing => return Err("the run was cancelled by a stop".to_owned()),
        }
        Ok(())
    }

    fn defer(&mut self, outcome: &RunOutcome) {
        let delay_ms = match outcome {
            RunOutcome::RateLimited {
                until_ms: Some(until),
            } => until
                .saturating_sub(self.now)
                .clamp(1_000, retry::LIMIT_CEILING_MS),
            _ => retry::DEFERRAL_MS,
        };
        let reason = outcome.describe();
        let (since_ms, deadline_ms) = self.waits_since(retry::PATIENCE_MS);
        if self.now >= deadline_ms {
            let detail = format!("waited since {since_ms} for: {reason}");
            self.block(BlockReason::WaitDeadline, &detail);
            return;
        }
        self.task.status = Status::Waiting {
            reason: reason.clone(),
            since_ms,
            deadline_ms,
        };
        self.enqueue(delay_ms, Some(PutOff::new(PutOffKind::RateLimit, reason)));
    }

    fn gate_judged(&mut self, entry: &EntryId, judgement: &Judgement) -> Fits {
        let step = self.expect_working()?;
        if step != Step::Gate(entry.clone()) {
            return Err(format!(
                "the current step is `{}`, not gate `{entry}`",
                step.name()
            ));
        }
        let definition = self
            .pipeline
            .entry(entry)
            .cloned()
            .ok_or_else(|| format!("gate `{entry}` is not in the pipeline"))?;
        if self.pipeline.is_drill {
            self.drill_judged(&definition, judgement);
            return Ok(());
        }
        if definition.mode != Mode::Enforce {
            self.step_done();
            return Ok(());
        }
        match judgement {
            Judgement::Pass | Judgement::NotApplicable => self.step_done(),
            Judgement::Fail {
                findings,
                reveals_secret,
            } => {
                self.task.rewrites_history |= reveals_secret;
                self.gate_failed(&definition, findings);
            }
            Judgement::Wait { after_ms, reason } => {
                if definition.awaits_person && self.task.status == Status::Active {
                    self.effects.push(Effect::Tracker(TrackerState::NeedsInput));
                    self.approval_needed(entry.as_str());
                }
                self.wait(*after_ms, reason, definition.wait_deadline_ms);
            }
            Judgement::Inconclusive { reason, detail } => self.inconclusive(entry, *reason, detail),
        }
        Ok(())
    }

    fn work_done(&mut self, work: HostWork, head: Option<&ObjectId>) -> Fits {
        self.expect_work(work)?;
        if let Some(head) = head {
            self.task.head = Some(head.clone());
        }
        if work == HostWork::Land {
            self.effects.push(Effect::ReleaseMergeLease);
        }
        self.step_done();
        Ok(())
    }

    fn expect_work(&self, work: HostWork) -> Result<(), String> {
        let step = self.expect_working()?;
        if step == Step::Work(work) {
            Ok(())
        } else {
            Err(format!(
                "the current step is `{}`, not `{}`",
                step.name(),
                work.as_str()
            ))
        }
    }

    fn approval_weighed(&mut self, is_needed: bool) -> Fits {
        let step = self.expect_working()?;
        if step != Step::Approval {
            return Err(format!(
                "the current step is `{}`, no approval",
                step.name()
            ));
        }
        match is_needed {
            true => self.await_approval(),
            false => self.step_done(),
        }
        Ok(())
    }

    fn approved(&mut self) -> Fits {
        if !matches!(self.task.status, Status::AwaitingApproval { .. }) {
            return Err(format!(
                "the task is `{}`, not awaiting approval",
                self.task.status.name()
            ));
        }
        self.task.status = Status::Active;
        self.step_done();
        Ok(())
    }

    fn foreign_push(&mut self, head: &ObjectId) -> Fits {
        if self.task.stage < Stage::Development || self.task.stage >= Stage::Deploy {
            return Err(format!(
                "a push in stage `{}` changes nothing",
                self.task.stage
            ));
        }
        if self.task.head.as_ref() == Some(head) {
            return Err("the branch is where the host left it".to_owned());
        }
        if matches!(self.task.status, Status::Stopping) {
            return Err("the task is being stopped".to_owned());
        }
        if self.pipeline.is_drill {
            // What somebody else put there is no change of the drill's.
            self.begin_stop();
            return Ok(());
        }
        self.task.head = Some(head.clone());
        let step = self.first_gate_of_development().unwrap_or(0);
        self.effects.push(Effect::CancelJobs);
        self.effects.push(Effect::ReleaseMergeLease);
        let head = head.clone();
        self.effects
            .push(Effect::Comment(Remark::BranchMoved { head }));
        self.enter(Stage::Development, step);
        Ok(())
    }

    fn first_gate_of_development(&self) -> Option<u32> {
        let mut steps = self.pipeline.steps(Stage::Development).iter();
        let at = steps.position(|step| matches!(step, Step::Gate(_)))?;
        u32::try_from(at).ok()
    }

    /// The work is what it was, and what it stands on is not: everything judges it anew.
    fn rebased(&mut self, head: &ObjectId, onto: &ObjectId) -> Fits {
        self.expect_work(HostWork::MergePrepare)?;
        if self.task.stop_requested {
            self.begin_stop();
            return Ok(());
        }
        self.task.head = Some(head.clone());
        self.effects.push(Effect::ReleaseMergeLease);
        self.effects.push(Effect::Comment(Remark::Rebased {
            head: head.clone(),
            onto: onto.clone(),
        }));
        match self.first_gate_of_development() {
            Some(step) => self.enter(Stage::Development, step),
            // Nobody judges there; whoever does comes next.
            None => {
                self.task.stage = Stage::Development;
                self.next_stage();
            }
        }
        Ok(())
    }

    fn stop_requested(&mut self) -> Fits {
        if self.task.status == Status::Stopping {
            return Err("the task is already being stopped".to_owned());
        }
        let irreversible =
            matches!(self.current(), Some(Step::Work(work)) if work.is_irreversible());
        if irreversible && matches!(self.task.status, Status::Active | Status::Waiting { .. }) {
            self.task.stop_requested = true;
            return Ok(());
        }
        self.begin_stop();
        Ok(())
    }

    fn halted(&mut self, reason: BlockReason, detail: &str) -> Fits {
        self.expect_working()?;
        self.block(reason, detail);
        Ok(())
    }

    /// Nobody looks at what waits for so long: it stands still as a block, which is told, and a person resumes it.
    fn waited_too_long(&mut self, detail: &str) -> Fits {
        match self.task.status {
            Status::AwaitingApproval { .. } | Status::Active | Status::Waiting { .. } => {
                self.effects.push(Effect::CancelJobs);
                self.block(BlockReason::WaitDeadline, detail);
                Ok(())
            }
            Status::NeedsInput { .. }
            | Status::Blocked { .. }
            | Status::Stopping
            | Status::Ended => Err(format!("the task is `{}`", self.task.status.name())),
        }
    }

    /// The step begins anew where it was; every handler finds out for itself how far the lost job came.
    fn job_lost(&mut self) -> Fits {
        if self.task.status == Status::Stopping {
            self.effects.push(Effect::Enqueue {
                kind: JobKind::Stop,
                delay_ms: 0,
                put_off: None,
            });
            return Ok(());
        }
        self.expect_working()?;
        self.enqueue(
            0,
            Some(PutOff::new(PutOffKind::JobLost, "its job was lost")),
        );
        Ok(())
    }

    fn stopped(&mut self) -> Fits {
        if self.task.status != Status::Stopping {
            return Err(format!(
                "the task is `{}`, not being stopped",
                self.task.status.name()
            ));
        }
        self.task.stage = Stage::Cancelled;
        self.task.step = 0;
        self.task.status = Status::Ended;
        self.effects.push(Effect::Tracker(TrackerState::Stopped));
        self.effects.push(Effect::ClosePullRequest);
        Ok(())
    }
}

#[cfg(test)]
mod table;
#[cfg(test)]
mod tests;
