//! Falling back: failed gates, failed work, exhausted budgets, blocks.

use super::{Effect, Fits, Move, WorkFailure};
use crate::id::EntryId;
use crate::issue::TrackerState;
use crate::job::{PutOff, PutOffKind};
use crate::message::Remark;
use crate::notice::NoticeKind;
use crate::outcome::ResultFault;
use crate::pipeline::{Entry, HostWork, Step};
use crate::retry;
use crate::stage::{Role, Stage};
use crate::task::{BlockReason, Status};
use crate::verdict::InconclusiveReason;

impl Move<'_> {
    pub(super) fn gate_failed(&mut self, entry: &Entry, findings: &str) {
        let findings = format!(
            "Gate `{}` at stage `{}` failed.\n\n{findings}",
            entry.id, self.task.stage
        );
        let to = self.pipeline.fallback(self.task.stage, Some(entry));
        self.fall_back(to, findings);
    }

    /// Sends the task back to `to` with findings, as far as its rounds reach.
    fn fall_back(&mut self, to: Stage, findings: String) {
        if self.task.stop_requested {
            self.begin_stop();
            return;
        }
        if self.holds_lease() {
            self.effects.push(Effect::ReleaseMergeLease);
        }
        self.task.findings = Some(findings.clone());
        if to < Stage::Development {
            self.early_failure(to);
            return;
        }
        if self.task.rework_rounds >= self.task.rework_rounds_max {
            let detail = format!(
                "{} rework rounds are used up; last findings:\n{findings}",
                self.task.rework_rounds_max
            );
            self.block(BlockReason::ReworkExhausted, &detail);
            return;
        }
        self.task.rework_rounds += 1;
        if self.task.stage == Stage::Deploy {
            // What landed stays landed; a pull request merges at most once.
            self.task.head = None;
            self.effects.push(Effect::NewBranch);
        }
        self.effects.push(Effect::Tracker(TrackerState::InProgress));
        self.effects.push(Effect::Comment(Remark::Rework {
            to,
            round: self.task.rework_rounds,
            rounds_max: self.task.rework_rounds_max,
            findings,
        }));
        self.enter(to, 0);
    }

    /// A gate before development failed: the same role tries again, then a person is asked.
    fn early_failure(&mut self, to: Stage) {
        self.task.early_rounds = self.task.early_rounds.saturating_add(1);
        if self.task.early_rounds >= self.pipeline.rules.early_rounds_max {
            let detail = format!("`{to}` failed {} times", self.task.early_rounds);
            self.effects.push(Effect::Tracker(TrackerState::NeedsInput));
            self.effects.push(Effect::Notify(NoticeKind::InputNeeded {
                stage: to,
                failures: self.task.early_rounds,
            }));
            self.task.status = Status::NeedsInput { detail };
            return;
        }
        self.effects.push(Effect::Tracker(TrackerState::InProgress));
        self.enter(to, 0);
    }

    pub(super) fn rejected(&mut self, by: &str, comment: &str) -> Fits {
        if self.pipeline.is_drill {
            return Err("a drill waits for nobody".to_owned());
        }
        let awaiting = matches!(self.task.status, Status::AwaitingApproval { .. });
        let asking = match (&self.task.status, self.current()) {
            (Status::Waiting { .. } | Status::Active, Some(Step::Gate(id))) => {
                self.pipeline.entry(&id).filter(|entry| entry.awaits_person)
            }
            _ => None,
        };
        if !awaiting && asking.is_none() {
            return Err(format!(
                "nothing of the task waits for approval (it is `{}`)",
                self.task.status.name()
            ));
        }
        // A person's no at a gate leads where the gate's own would.
        let to = self.pipeline.fallback(self.task.stage, asking);
        self.effects.push(Effect::CancelJobs);
        self.fall_back(
            to,
            format!(
                "{by} rejected the work at stage `{}`:\n\n{comment}",
                self.task.stage
            ),
        );
        Ok(())
    }

    pub(super) fn work_failed(&mut self, work: HostWork, failure: &WorkFailure) -> Fits {
        self.expect_work(work)?;
        match failure {
            WorkFailure::Rework { findings } => {
                let text = format!("`{}` failed.\n\n{findings}", work.as_str());
                self.fall_back(Stage::Development, text);
            }
            WorkFailure::Infra { detail } => {
                self.infra_failure(&format!("{}: {detail}", work.as_str()))
            }
            WorkFailure::Wait { after_ms, reason } => {
                let deadline = self.pipeline.rules.work_wait_deadline_ms;
                self.wait(*after_ms, reason, deadline);
            }
            WorkFailure::Stale { detail } => self.prepare_again(detail),
            WorkFailure::Unknown { detail } => self.block(BlockReason::Unknown, detail),
            WorkFailure::BaseRewritten { detail } => {
                self.block(BlockReason::BaseRewritten, detail);
            }
            WorkFailure::BranchGone { detail } => self.block(BlockReason::BranchGone, detail),
            WorkFailure::Unapproved { detail } => self.approve_again(detail),
            WorkFailure::Config { detail } => self.block(BlockReason::Config, detail),
        }
        Ok(())
    }

    /// What a gate after the preparation would judge is not what would land any more.
    pub(super) fn overtaken(&mut self, detail: &str) -> Fits {
        let step = self.expect_working()?;
        let prepared = self.pipeline.is_prepared(self.task.stage, self.task.step);
        if !matches!(step, Step::Gate(_)) || !prepared {
            return Err(format!("nothing is prepared at `{}`", step.name()));
        }
        self.prepare_again(detail);
        Ok(())
    }

    /// The base moved under a prepared commit: back to the preparation. That is nobody's fault and uses nothing up; a
    /// base that keeps moving faster than its tests run is tried again more slowly, until the deadline of a wait.
    fn prepare_again(&mut self, detail: &str) {
        let Some(at) = self.pipeline.preparation(self.task.stage) else {
            self.block(
                BlockReason::Config,
                "the pipeline lands without preparing the merge",
            );
            return;
        };
        if self.task.stop_requested {
            self.begin_stop();
            return;
        }
        self.task.step = at;
        self.task.overtaken = self.task.overtaken.saturating_add(1);
        let (times, most) = (self.task.overtaken, self.pipeline.rules.overtaken_max);
        if times > most {
            let reason = format!(
                "the base to stand still for as long as its tests take ({detail}; tries so far: {times})"
            );
            let rules = self.pipeline.rules;
            let pause = retry::backoff_ms(rules.backoff_base_ms, times - most, self.chance.0);
            let after_ms = u64::try_from(pause).unwrap_or_default();
            self.wait(after_ms, &reason, rules.work_wait_deadline_ms);
            return;
        }
        self.task.infra_failures = 0;
        self.task.status = Status::Active;
        self.enqueue(0, None);
    }

    /// The approval is of something else: a person is asked for it again, and is told why. Costs nothing.
    fn approve_again(&mut self, detail: &str) {
        let before = self.pipeline.steps(self.task.stage).iter();
        let before = before.take(usize::try_from(self.task.step).unwrap_or(usize::MAX));
        let Some(at) = before.clone().position(|step| *step == Step::Approval) else {
            self.block(
                BlockReason::Config,
                "the pipeline asks for no approval here",
            );
            return;
        };
        if self.task.stop_requested {
            self.begin_stop();
            return;
        }
        if self.holds_lease() {
            self.effects.push(Effect::ReleaseMergeLease);
        }
        self.task.step = u32::try_from(at).unwrap_or_default();
        self.effects.push(Effect::Comment(Remark::ApprovalVoid {
            why: detail.to_owned(),
        }));
        self.start_step();
    }

    /// A run said that it ended well and left no result. What follows is decided by its policy; a person is
    /// told each time, because a command line that changed its output fails every task alike.
    pub(super) fn result_lost(&mut self, role: Role, fault: ResultFault, detail: &str) {
        self.effects.push(Effect::Notify(NoticeKind::ResultLost {
            role,
            stage: self.task.stage,
            fault,
            detail: detail.to_owned(),
        }));
    }

    /// The world failed at the current step: again after a back-off, or block.
    pub(super) fn infra_failure(&mut self, detail: &str) {
        if self.task.stop_requested {
            self.begin_stop();
            return;
        }
        self.task.infra_failures = self.task.infra_failures.saturating_add(1);
        if self.task.infra_failures > self.pipeline.rules.infra_failures_max {
            let detail = format!("{} tries failed; last: {detail}", self.task.infra_failures);
            self.block(BlockReason::InfraExhausted, &detail);
            return;
        }
        self.task.status = Status::Active;
        let delay = retry::backoff_ms(
            self.pipeline.rules.backoff_base_ms,
            self.task.infra_failures,
            self.chance.0,
        );
        self.enqueue(delay, Some(PutOff::new(PutOffKind::Retry, detail)));
    }

    pub(super) fn inconclusive(
        &mut self,
        entry: &EntryId,
        reason: InconclusiveReason,
        detail: &str,
    ) {
        let text = format!("gate `{entry}` is inconclusive ({reason}): {detail}");
        match reason {
            // Asking again gives the same answer until a person mends settings, grants or the gate file.
            InconclusiveReason::Misconfigured
            | InconclusiveReason::Denied
            | InconclusiveReason::Incompatible => {
                self.block(BlockReason::Config, &text);
            }
            InconclusiveReason::Trap
            | InconclusiveReason::Cpu
            | InconclusiveReason::Wall
            | InconclusiveReason::Memory
            | InconclusiveReason::Table
            | InconclusiveReason::Output
            | InconclusiveReason::HostCalls
            | InconclusiveReason::BadVerdict
            | InconclusiveReason::Init
            | InconclusiveReason::Load
            | InconclusiveReason::Unavailable
            | InconclusiveReason::Internal => {
                if self.task.infra_failures >= self.pipeline.rules.infra_failures_max {
                    self.block(BlockReason::Inconclusive, &text);
                } else {
                    self.infra_failure(&text);
                }
            }
        }
    }

    /// Stands still until a person acts. A stop that was put off is carried out instead: the step that
    /// it waited for is over.
    pub(super) fn block(&mut self, reason: BlockReason, detail: &str) {
        if self.task.stop_requested && reason != BlockReason::Unknown {
            self.begin_stop();
            return;
        }
        if self.pipeline.is_drill {
            self.drill_blocked();
            return;
        }
        if self.holds_lease() {
            self.effects.push(Effect::ReleaseMergeLease);
        }
        self.effects.push(Effect::Tracker(TrackerState::Blocked));
        // Of a fault of the repository people are told once, and not for each task that meets it.
        if !matches!(reason, BlockReason::BaseRed | BlockReason::CiUnable) {
            self.effects.push(Effect::Notify(NoticeKind::Blocked {
                stage: self.task.stage,
                reason,
                detail: detail.to_owned(),
            }));
        }
        self.task.status = Status::Blocked {
            reason,
            detail: detail.to_owned(),
        };
    }
}
