//! How a run of an agent or hook ended, in a closed vocabulary, and what each ending costs.
//!
//! Which of these a run was is decided by the classifier in `orch-agents`; exit codes alone never
//! decide. What follows from it is decided here, in one table.

use crate::left::{Refusal, Strayed};
use crate::words::words;

words! {
    "kill reason":
    /// Why the supervisor ended a run.
    pub enum KillReason {
        /// The wall-clock limit of the role.
        Wall = "wall",
        /// No output and no activity for too long.
        Idle = "idle",
        /// No first output in time.
        StartUp = "start-up",
        /// The result was there, the process would not end.
        AfterResult = "after-result",
        /// The money or token budget was used up.
        Budget = "budget",
        /// The disk budget was used up.
        Disk = "disk",
        /// All of its processes together held more memory than they may.
        Memory = "memory",
        /// It had more processes and threads than it may.
        Processes = "processes",
        /// All of its processes together used more CPU time than they may.
        Cpu = "cpu",
        /// What it was allowed when it began is no longer what it is allowed.
        Policy = "policy",
        /// The host asked its runs to end with it.
        Shutdown = "shutdown",
    }
}

words! {
    "fault of a result":
    /// What is wrong with the result that a run should have left in its log.
    pub enum ResultFault {
        /// The log has no byte.
        LogEmpty = "log_empty",
        /// The log has nothing but white space.
        LogBlank = "log_blank",
        /// The log has text, but no result.
        ResultMissing = "result_missing",
        /// The log has a result that is torn or of another shape.
        ResultMalformed = "result_malformed",
    }
}

words! {
    "ending of a run":
    /// How a run of an agent or hook ended, in one word.
    pub enum RunEnding {
        /// Somebody stopped the task.
        Cancelled = "cancelled",
        /// The supervisor ended it.
        Killed = "killed",
        /// It never started.
        LaunchFailed = "launch_failed",
        /// It ended, and the host could not take in what it left.
        NotTakenIn = "not_taken_in",
        /// The CLI is logged out or its credential is refused.
        AuthRequired = "auth_required",
        /// The provider asks to come back later.
        RateLimited = "rate_limited",
        /// The account has nothing left.
        QuotaExhausted = "quota_exhausted",
        /// The provider failed.
        ProviderError = "provider_error",
        /// The conversation outgrew the model's context.
        ContextOverflow = "context_overflow",
        /// The CLI stopped at its turn limit.
        TurnLimit = "turn_limit",
        /// The CLI refused actions for want of permission.
        PermissionBlocked = "permission_blocked",
        /// It left no result that its driver understands.
        ProtocolError = "protocol_error",
        /// It ended by a signal or a non-zero exit without saying why.
        Crashed = "crashed",
        /// It wrote outside its scope.
        BoundaryViolation = "boundary_violation",
        /// What it left in its work tree cannot be taken.
        TreeRefused = "tree_refused",
        /// Artefacts the role owes are missing, empty or not from this run.
        ArtefactMissing = "artefact_missing",
        /// It ended well and changed nothing.
        NoChange = "no_change",
        /// It ended by itself: an agent well and with what it owes, a hook with whatever exit code.
        Completed = "completed",
        /// Nobody can know how far a hook came: it was interrupted.
        Unknown = "unknown",
    }
}

/// How a run ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RunOutcome {
    /// Somebody stopped the task.
    Cancelled,
    /// The supervisor ended it.
    Killed(KillReason),
    /// It never started.
    LaunchFailed(String),
    /// It ended, and the host could not take in what it left.
    NotTakenIn(String),
    /// The CLI is logged out or its credential is refused.
    AuthRequired(String),
    /// The provider asks to come back later; Unix milliseconds if it said when.
    RateLimited {
        /// When the limit resets, if the provider said so.
        until_ms: Option<i64>,
    },
    /// The account has nothing left.
    QuotaExhausted,
    /// The provider failed.
    ProviderError(String),
    /// The conversation outgrew the model's context.
    ContextOverflow,
    /// The CLI stopped at its turn limit.
    TurnLimit,
    /// The CLI refused actions for want of permission.
    PermissionBlocked(Vec<String>),
    /// It says that it ended well and left no result that its driver understands; an empty log at exit 0 is
    /// this.
    ProtocolError {
        /// What is wrong with the result.
        fault: ResultFault,
        /// What was found instead.
        detail: String,
    },
    /// It ended by a signal or a non-zero exit without saying why.
    Crashed(String),
    /// It wrote outside its scope.
    BoundaryViolation(Vec<Strayed>),
    /// It ended well and left what no commit can hold; what else it left is not taken without it.
    TreeRefused(Vec<Refusal>),
    /// Artefacts the role owes are missing, empty or not from this run.
    ArtefactMissing(Vec<String>),
    /// It ended well and changed nothing.
    NoChange,
    /// It ended well and left what it owes.
    Completed,
}

/// What an outcome means for the task.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RunPolicy {
    /// The step is done.
    Advance,
    /// Run again after a back-off, within the infrastructure budget.
    Retry,
    /// Run again at the stated time (or after the default deferral); costs nothing.
    Defer,
    /// Run again at once; costs nothing.
    Again,
    /// Only a person can help.
    Block,
    /// Nothing follows: the stop that caused it drives the task.
    Nothing,
}

impl RunOutcome {
    /// The ending's word, without details.
    pub fn ending(&self) -> RunEnding {
        match self {
            Self::Cancelled => RunEnding::Cancelled,
            Self::Killed(_) => RunEnding::Killed,
            Self::LaunchFailed(_) => RunEnding::LaunchFailed,
            Self::NotTakenIn(_) => RunEnding::NotTakenIn,
            Self::AuthRequired(_) => RunEnding::AuthRequired,
            Self::RateLimited { .. } => RunEnding::RateLimited,
            Self::QuotaExhausted => RunEnding::QuotaExhausted,
            Self::ProviderError(_) => RunEnding::ProviderError,
            Self::ContextOverflow => RunEnding::ContextOverflow,
            Self::TurnLimit => RunEnding::TurnLimit,
            Self::PermissionBlocked(_) => RunEnding::PermissionBlocked,
            Self::ProtocolError { .. } => RunEnding::ProtocolError,
            Self::Crashed(_) => RunEnding::Crashed,
            Self::BoundaryViolation(_) => RunEnding::BoundaryViolation,
            Self::TreeRefused(_) => RunEnding::TreeRefused,
            Self::ArtefactMissing(_) => RunEnding::ArtefactMissing,
            Self::NoChange => RunEnding::NoChange,
            Self::Completed => RunEnding::Completed,
        }
    }

    /// Stable name for storage and display, without details.
    pub fn name(&self) -> &'static str {
        self.ending().as_str()
    }

    /// Name and details for people, one line.
    pub fn describe(&self) -> String {
        match self {
            Self::Killed(reason) => format!("killed({})", reason.as_str()),
            Self::LaunchFailed(detail)
            | Self::NotTakenIn(detail)
            | Self::AuthRequired(detail)
            | Self::ProviderError(detail)
            | Self::Crashed(detail) => format!("{}: {detail}", self.name()),
            Self::ProtocolError { fault, detail } => {
                format!("{}({}): {detail}", self.name(), fault.as_str())
            }
            Self::RateLimited { until_ms: Some(at) } => format!("rate_limited until {at}"),
            Self::PermissionBlocked(list) | Self::ArtefactMissing(list) => {
                format!("{}: {}", self.name(), list.join(", "))
            }
            Self::BoundaryViolation(list) => format!("{}: {}", self.name(), told(list)),
            Self::TreeRefused(list) => format!("{}: {}", self.name(), told(list)),
            Self::Cancelled
            | Self::RateLimited { until_ms: None }
            | Self::QuotaExhausted
            | Self::ContextOverflow
            | Self::TurnLimit
            | Self::NoChange
            | Self::Completed => self.name().to_owned(),
        }
    }

    /// What follows from this outcome; `edits` says whether the role's work is an edit, so that changing
    /// nothing is a failure for it.
    pub fn policy(&self, edits: bool) -> RunPolicy {
        match self {
            Self::Completed => RunPolicy::Advance,
            Self::NoChange if edits => RunPolicy::Retry,
            Self::NoChange => RunPolicy::Advance,
            Self::Cancelled => RunPolicy::Nothing,
            // Its account is held back until it is logged in, so that the next run starts no sooner.
            Self::Killed(KillReason::Shutdown | KillReason::Policy) | Self::AuthRequired(_) => {
                RunPolicy::Again
            }
            Self::Killed(KillReason::Budget) => RunPolicy::Block,
            Self::RateLimited { .. } => RunPolicy::Defer,
            Self::QuotaExhausted | Self::PermissionBlocked(_) | Self::BoundaryViolation(_) => {
                RunPolicy::Block
            }
            Self::Killed(
                KillReason::Wall
                | KillReason::Idle
                | KillReason::StartUp
                | KillReason::AfterResult
                | KillReason::Disk
                | KillReason::Memory
                | KillReason::Processes
                | KillReason::Cpu,
            )
            | Self::LaunchFailed(_)
            | Self::NotTakenIn(_)
            | Self::ProviderError(_)
            | Self::ContextOverflow
            | Self::TurnLimit
            | Self::ProtocolError { .. }
            | Self::Crashed(_)
            | Self::TreeRefused(_)
            | Self::ArtefactMissing(_) => RunPolicy::Retry,
        }
    }
}

/// Most entries of a list that are told: the first ones show what is wrong with all of them.
const TOLD_MAX: usize = 20;

fn told(list: &[impl ToString]) -> String {
    let mut texts: Vec<String> = list
        .iter()
        .take(TOLD_MAX)
        .map(ToString::to_string)
        .collect();
    if list.len() > TOLD_MAX {
        texts.push(format!("and {} more", list.len() - TOLD_MAX));
    }
    texts.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changing_nothing_fails_only_a_role_that_edits() {
        assert_eq!(RunOutcome::NoChange.policy(true), RunPolicy::Retry);
        assert_eq!(RunOutcome::NoChange.policy(false), RunPolicy::Advance);
    }

    #[test]
    fn missing_result_is_retried_and_named_by_its_fault() {
        let names = [
            "log_empty",
            "log_blank",
            "result_missing",
            "result_malformed",
        ];
        assert_eq!(ResultFault::ALL.map(ResultFault::as_str), names);
        for fault in ResultFault::ALL {
            assert_eq!(ResultFault::parse(fault.as_str()), Some(fault));
            let outcome = RunOutcome::ProtocolError {
                fault,
                detail: "what was found".to_owned(),
            };
            assert_eq!(outcome.policy(false), RunPolicy::Retry);
            assert_eq!(outcome.name(), "protocol_error");
            assert_eq!(
                outcome.describe(),
                format!("protocol_error({}): what was found", fault.as_str())
            );
        }
    }

    #[test]
    fn limits_defer_and_logins_are_asked_for_again() {
        assert_eq!(
            RunOutcome::RateLimited { until_ms: None }.policy(true),
            RunPolicy::Defer
        );
        assert_eq!(
            RunOutcome::AuthRequired(String::new()).policy(true),
            RunPolicy::Again
        );
        assert_eq!(
            RunOutcome::Killed(KillReason::Shutdown).policy(true),
            RunPolicy::Again
        );
    }
}
