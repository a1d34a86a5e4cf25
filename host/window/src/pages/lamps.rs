//! What does a gate's answer look like in one mark? A shape for each outcome, so that colour is never all there is.

use orch_domain::verdict::EvaluationOutcome;

/// A mark with where it leads.
#[derive(Debug, Clone)]
pub(crate) struct Lamp {
    pub(crate) evaluation: i64,
    pub(crate) entry: String,
    pub(crate) outcome: &'static str,
    pub(crate) mark: &'static str,
}

impl Lamp {
    pub(crate) fn of(evaluation: i64, entry: &str, decision: EvaluationOutcome) -> Self {
        Self {
            evaluation,
            entry: entry.to_owned(),
            outcome: decision.as_str(),
            mark: mark(decision),
        }
    }
}

/// The shape of an outcome.
pub(crate) fn mark(decision: EvaluationOutcome) -> &'static str {
    match decision {
        EvaluationOutcome::Pass => "✓",
        EvaluationOutcome::Fail => "✕",
        EvaluationOutcome::Wait => "…",
        EvaluationOutcome::NotApplicable => "–",
        EvaluationOutcome::Inconclusive => "?",
    }
}
