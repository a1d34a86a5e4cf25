//! What does the end of a run say about the provider?

use orch_domain::outcome::RunOutcome;

/// What the end of a run says about the provider.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signal {
    /// It answered.
    Success,
    /// It failed in a way that may pass.
    Transient,
    /// It asks to come back later.
    RateLimited {
        /// When, Unix milliseconds, if it said so; a time not in the future counts as not said.
        until_ms: Option<i64>,
    },
    /// Nothing: the run was never started, was stopped, or failed for a reason of its own.
    Neutral,
}

impl Signal {
    /// What `outcome` says about the provider. An agent that did its work badly was answered well; endings
    /// that leave open whether the provider was reached, and logins, which are preflight's, say nothing.
    pub fn of(outcome: &RunOutcome) -> Self {
        match outcome {
            RunOutcome::Completed
            | RunOutcome::NoChange
            | RunOutcome::ArtefactMissing(_)
            | RunOutcome::BoundaryViolation(_)
            | RunOutcome::TreeRefused(_)
            | RunOutcome::PermissionBlocked(_)
            | RunOutcome::TurnLimit
            | RunOutcome::ContextOverflow => Self::Success,
            RunOutcome::ProviderError(_) => Self::Transient,
            RunOutcome::RateLimited { until_ms } => Self::RateLimited {
                until_ms: *until_ms,
            },
            RunOutcome::Cancelled
            | RunOutcome::Killed(_)
            | RunOutcome::LaunchFailed(_)
            | RunOutcome::NotTakenIn(_)
            | RunOutcome::AuthRequired(_)
            | RunOutcome::QuotaExhausted
            | RunOutcome::ProtocolError { .. }
            | RunOutcome::Crashed(_) => Self::Neutral,
        }
    }
}
