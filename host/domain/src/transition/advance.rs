//! Moving on: from step to step, from stage to stage, into waiting, and out of a block.

use super::{Effect, Fits, Move};
use crate::id::UnixMs;
use crate::issue::TrackerState;
use crate::job::{JobKind, PutOff, PutOffKind};
use crate::notice::NoticeKind;
use crate::pipeline::Step;
use crate::remedy::resumed_at;
use crate::retry;
use crate::risk::Tier;
use crate::stage::Stage;
use crate::task::{BlockReason, Status};

impl Move<'_> {
    /// The current step did what it should.
    pub(super) fn step_done(&mut self) {
        self.task.infra_failures = 0;
        if self.task.stop_requested {
            // The irreversible step is over; whatever landed stays landed, and nothing further starts.
            self.begin_stop();
            return;
        }
        let next = self.task.step + 1;
        if self.pipeline.step(self.task.stage, next).is_some() {
            self.task.step = next;
            self.start_step();
        } else {
            self.next_stage();
        }
    }

    /// Leaves the current stage for the next one that has steps.
    pub(super) fn next_stage(&mut self) {
        self.task.early_rounds = 0;
        let mut stage = self.task.stage.next().unwrap_or(Stage::Done);
        while !stage.is_terminal() && self.pipeline.steps(stage).is_empty() {
            stage = stage.next().unwrap_or(Stage::Done);
        }
        if stage == Stage::Done && self.pipeline.is_drill {
            self.begin_stop();
            return;
        }
        if stage == Stage::Done {
            self.task.stage = Stage::Done;
            self.task.step = 0;
            self.task.status = Status::Ended;
            self.effects.push(Effect::Tracker(TrackerState::Done));
            self.effects.push(Effect::Notify(NoticeKind::Done));
            self.effects.push(Effect::RemoveWorkspace);
            return;
        }
        if stage == Stage::Review {
            self.effects.push(Effect::Tracker(TrackerState::InReview));
        }
        self.enter(stage, 0);
    }

    /// Enters `stage` at `step` as a new attempt.
    pub(super) fn enter(&mut self, stage: Stage, step: u32) {
        self.task.stage = stage;
        self.task.step = step;
        self.task.infra_failures = 0;
        self.task.overtaken = 0;
        let count = self.task.attempts.entry(stage).or_insert(0);
        *count = count.saturating_add(1);
        self.start_step();
    }

    /// Starts whatever the current step is.
    pub(super) fn start_step(&mut self) {
        self.task.status = Status::Active;
        if self.current() == Some(Step::Approval) && self.pipeline.approval_from == Tier::Low {
            // Every change is at least that: there is nothing to find out.
            self.await_approval();
            return;
        }
        self.enqueue(0, None);
    }

    /// A person has to approve the deploy.
    pub(super) fn await_approval(&mut self) {
        if self.task.stop_requested {
            self.begin_stop();
            return;
        }
        self.task.status = Status::AwaitingApproval { since_ms: self.now };
        self.effects
            .push(Effect::Tracker(TrackerState::ConfirmDeploy));
        self.approval_needed(&Step::Approval.name());
    }

    /// Tells people that one of them has to approve at the current step.
    pub(super) fn approval_needed(&mut self, step: &str) {
        self.effects
            .push(Effect::Notify(NoticeKind::ApprovalNeeded {
                stage: self.task.stage,
                step: step.to_owned(),
            }));
    }

    /// Puts a job for the current step into the queue.
    pub(super) fn enqueue(&mut self, delay_ms: i64, put_off: Option<PutOff>) {
        let Some(kind) = self.current().as_ref().map(JobKind::of_step) else {
            return;
        };
        self.effects.push(Effect::Enqueue {
            kind,
            delay_ms,
            put_off,
        });
    }

    /// The current step asks to be looked at again later; the deadline counts from the first wait.
    pub(super) fn wait(&mut self, after_ms: u64, reason: &str, deadline_ms: i64) {
        let (since_ms, deadline_ms) = self.waits_since(deadline_ms);
        if self.now >= deadline_ms {
            let detail = format!("waited since {since_ms} for: {reason}");
            self.block(BlockReason::WaitDeadline, &detail);
            return;
        }
        if self.task.stop_requested {
            self.begin_stop();
            return;
        }
        self.task.infra_failures = 0;
        self.task.status = Status::Waiting {
            reason: reason.to_owned(),
            since_ms,
            deadline_ms,
        };
        if self.holds_lease() {
            self.effects.push(Effect::ReleaseMergeLease);
        }
        let delay_ms = retry::clamp_wait_ms(after_ms)
            .min(deadline_ms - self.now)
            .max(retry::WAIT_FLOOR_MS);
        self.enqueue(delay_ms, Some(PutOff::new(PutOffKind::Waiting, reason)));
    }

    /// Since when the task waits at its current step, and until when; both count from the first wait.
    pub(super) fn waits_since(&self, deadline_ms: i64) -> (UnixMs, UnixMs) {
        match self.task.status {
            Status::Waiting {
                since_ms,
                deadline_ms,
                ..
            } => (since_ms, deadline_ms),
            _ => (self.now, self.now.saturating_add(deadline_ms)),
        }
    }

    /// Whether the task may hold the merge lease at its current step.
    pub(super) fn holds_lease(&self) -> bool {
        let at = self.pipeline.preparation(self.task.stage);
        self.task.stage == Stage::DeployStaging && at.is_some_and(|at| self.task.step >= at)
    }

    /// Takes the task out of a block or out of waiting for input.
    pub(super) fn resumed(&mut self, stage: Option<Stage>, rounds: u32, rebase: bool) -> Fits {
        if !matches!(
            self.task.status,
            Status::Blocked { .. } | Status::NeedsInput { .. }
        ) {
            return Err(format!(
                "the task is `{}`; only a blocked task can be resumed",
                self.task.status.name()
            ));
        }
        let is_rewritten = matches!(
            self.task.status,
            Status::Blocked {
                reason: BlockReason::BaseRewritten,
                ..
            }
        );
        if rebase && (!is_rewritten || stage.is_some()) {
            return Err(
                "only a task whose base was rewritten is rebased, where it stands".to_owned(),
            );
        }
        let to = stage.unwrap_or(self.task.stage);
        if !to.is_working() || self.pipeline.steps(to).is_empty() {
            return Err(format!("stage `{to}` has no steps to resume at"));
        }
        if to > self.task.stage {
            return Err(format!(
                "the task has only reached `{}`; resuming cannot skip gates",
                self.task.stage
            ));
        }
        if self.task.stage == Stage::Deploy && to < Stage::Deploy {
            return Err(
                "the change has landed; resume at `deploy` or ask for a new task".to_owned(),
            );
        }
        self.task.rework_rounds_max = self.task.rework_rounds_max.saturating_add(rounds);
        self.task.early_rounds = 0;
        self.effects.push(Effect::Tracker(TrackerState::InProgress));
        if to == self.task.stage && stage.is_none() {
            self.task.infra_failures = 0;
            self.task.overtaken = 0;
            self.task.step = resumed_at(&self.task, self.pipeline);
            self.start_step();
        } else {
            self.enter(to, 0);
        }
        Ok(())
    }

    /// Starts carrying out a stop.
    pub(super) fn begin_stop(&mut self) {
        self.task.stop_requested = false;
        self.task.status = Status::Stopping;
        self.effects.push(Effect::CancelJobs);
        self.effects.push(Effect::ReleaseMergeLease);
        self.effects.push(Effect::Enqueue {
            kind: JobKind::Stop,
            delay_ms: 0,
            put_off: None,
        });
    }
}
