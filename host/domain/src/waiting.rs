//! What waits for a person, how much is at stake, and which of it comes first? Computed from a task's state, so that
//! every window puts the same first.

use crate::id::UnixMs;
use crate::pipeline::Pipeline;
use crate::remedy::asks_person;
use crate::retry::PATIENCE_MS;
use crate::risk::Tier;
use crate::stage::Stage;
use crate::task::{BlockReason, Status, Task};
use crate::words::words;

words! {
    "thing that is wanted":
    /// What is wanted of a person.
    pub enum Wanted {
        /// To say whether it may go on.
        Decision = "decision",
        /// To say more about the request.
        Input = "input",
        /// To take the task out of a block.
        Unblock = "unblock",
        /// To see an alert.
        Attention = "attention",
    }
}

words! {
    "risk":
    /// What is at stake, the least first.
    pub enum Risk {
        /// Time.
        Low = "low",
        /// The work of a task.
        Medium = "medium",
        /// Production, or more than one task.
        High = "high",
    }
}

/// A task that waits for a person.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Waiting {
    /// What is wanted.
    pub wanted: Wanted,
    /// What is at stake.
    pub risk: Risk,
    /// Since when, if the state says so.
    pub since_ms: Option<UnixMs>,
    /// When the waiting ends by itself, if it does.
    pub deadline_ms: Option<UnixMs>,
}

impl Risk {
    /// The same, for a change of this tier: a risky change is at least as much at stake.
    #[must_use]
    pub fn raised(self, tier: Tier) -> Self {
        self.max(match tier {
            Tier::Low => Self::Low,
            Tier::Medium => Self::Medium,
            Tier::High => Self::High,
        })
    }
}

/// Whether and how a task waits for a person.
pub fn waiting(task: &Task, pipeline: &Pipeline) -> Option<Waiting> {
    let of = |wanted, risk| Waiting {
        wanted,
        risk,
        since_ms: None,
        deadline_ms: None,
    };
    match &task.status {
        Status::Waiting {
            since_ms,
            deadline_ms,
            ..
        } if asks_person(task, pipeline) => Some(Waiting {
            since_ms: Some(*since_ms),
            deadline_ms: Some(*deadline_ms),
            ..of(Wanted::Decision, at_stake(task.stage))
        }),
        Status::Active | Status::Waiting { .. } | Status::Stopping | Status::Ended => None,
        Status::AwaitingApproval { since_ms } => Some(Waiting {
            since_ms: Some(*since_ms),
            deadline_ms: Some(since_ms.saturating_add(PATIENCE_MS)),
            ..of(Wanted::Decision, at_stake(task.stage))
        }),
        Status::NeedsInput { .. } => Some(of(Wanted::Input, at_stake(task.stage))),
        Status::Blocked { reason, .. } => {
            let risk = at_stake(task.stage).max(of_block(*reason));
            Some(of(Wanted::Unblock, risk))
        }
    }
}

/// The nearer to production, the more.
fn at_stake(stage: Stage) -> Risk {
    match stage {
        Stage::Created | Stage::Analysis | Stage::Architecture => Risk::Low,
        Stage::Development | Stage::Review | Stage::Testing => Risk::Medium,
        Stage::DeployStaging | Stage::Deploy | Stage::Done | Stage::Cancelled => Risk::High,
    }
}

/// What others may meet too, and what may have reached production, is more than a task's own matter.
fn of_block(reason: BlockReason) -> Risk {
    match reason {
        BlockReason::BaseRewritten
        | BlockReason::BranchGone
        | BlockReason::BranchMoved
        | BlockReason::PullRequestClosed
        | BlockReason::Retargeted
        | BlockReason::ReworkExhausted
        | BlockReason::Dependency => Risk::Medium,
        BlockReason::Unknown
        | BlockReason::LandedByOthers
        | BlockReason::InfraExhausted
        | BlockReason::WaitDeadline
        | BlockReason::Inconclusive
        | BlockReason::RunBlocked
        | BlockReason::Config
        | BlockReason::CrashLoop
        | BlockReason::BaseRed
        | BlockReason::CiUnable => Risk::High,
    }
}

/// How pressing something is: its age, three times as much for each step of risk. The larger comes first.
pub fn pressure(risk: Risk, since_ms: UnixMs, now: UnixMs) -> i64 {
    let age = now.saturating_sub(since_ms).max(1);
    let weight = match risk {
        Risk::Low => 1,
        Risk::Medium => 3,
        Risk::High => 9,
    };
    age.saturating_mul(weight)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: i64 = 3_600_000;

    #[test]
    fn high_risk_overtakes_what_waits_up_to_nine_times_as_long() {
        let now = 100 * HOUR;
        let since = |hours: i64| now - hours * HOUR;
        assert!(pressure(Risk::High, since(2), now) > pressure(Risk::Low, since(17), now));
        assert!(pressure(Risk::High, since(2), now) < pressure(Risk::Low, since(19), now));
        assert!(pressure(Risk::Medium, since(1), now) > pressure(Risk::Low, since(2), now));
    }

    #[test]
    fn risky_change_raises_what_is_at_stake_and_a_harmless_one_lowers_nothing() {
        assert_eq!(Risk::Low.raised(Tier::High), Risk::High);
        assert_eq!(Risk::Medium.raised(Tier::Low), Risk::Medium);
        assert_eq!(Risk::High.raised(Tier::Medium), Risk::High);
    }

    #[test]
    fn clock_that_went_back_makes_nothing_wait_for_less_than_now() {
        assert_eq!(pressure(Risk::Low, 10, 5), 1);
    }

    #[test]
    fn what_may_have_reached_production_or_others_is_at_high_risk() {
        assert_eq!(of_block(BlockReason::Unknown), Risk::High);
        for reason in BlockReason::ALL {
            assert!(
                !reason.may_be_common() || of_block(reason) == Risk::High,
                "{reason}"
            );
        }
        assert_eq!(at_stake(Stage::Analysis), Risk::Low);
        assert_eq!(at_stake(Stage::Deploy), Risk::High);
    }
}
