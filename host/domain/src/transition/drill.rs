//! How a drill moves: every gate judges it once and none holds it up. When all have judged, it is stopped; there is no
//! step behind that could land it.

use super::{Effect, Judgement, Move};
use crate::pipeline::{Entry, Step};

/// Whether an effect stays within the host. A drill is told to nobody: no notifier, no tracker, no pull request.
pub(super) fn is_quiet(effect: &Effect) -> bool {
    match effect {
        Effect::Enqueue { .. }
        | Effect::CancelJobs
        | Effect::ReleaseMergeLease
        | Effect::RemoveWorkspace => true,
        Effect::Notify(_)
        | Effect::Tracker(_)
        | Effect::Comment(_)
        | Effect::OpenPullRequest
        | Effect::ClosePullRequest
        | Effect::NewBranch => false,
    }
}

impl Move<'_> {
    /// A gate judged the change of a drill: what it said is on record, and the next one is asked. Only for what is
    /// still under way it waits, as any task would.
    pub(super) fn drill_judged(&mut self, entry: &Entry, judgement: &Judgement) {
        match judgement {
            Judgement::Pass | Judgement::NotApplicable | Judgement::Fail { .. } => self.step_done(),
            Judgement::Wait { .. } if entry.awaits_person => self.step_done(),
            Judgement::Wait { after_ms, reason } => {
                self.wait(*after_ms, reason, entry.wait_deadline_ms);
            }
            Judgement::Inconclusive { reason, detail } => {
                self.inconclusive(&entry.id, *reason, detail);
            }
        }
    }

    /// What would have a task stand still until a person acts ends the step of a drill: nobody is to be bothered.
    pub(super) fn drill_blocked(&mut self) {
        match self.current() {
            Some(Step::Gate(_)) => self.step_done(),
            Some(Step::Run(_) | Step::Approval | Step::Work(_)) | None => self.begin_stop(),
        }
    }
}
