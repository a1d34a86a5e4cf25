//! How risky a change is, as text.

use orch_domain::risk::{Reason, Risk};

/// Reasons that fit on a line.
const REASONS: usize = 5;

/// The tier, and the weightiest of its reasons.
pub(super) fn line(risk: &Risk) -> String {
    let mut reasons: Vec<String> = risk.reasons.iter().take(REASONS).map(reason).collect();
    let left = u64::try_from(risk.reasons.len().saturating_sub(REASONS)).unwrap_or(u64::MAX);
    let left = left.saturating_add(risk.more);
    if left > 0 {
        reasons.push(format!("{left} more"));
    }
    format!("{} ({})", risk.tier, reasons.join(", "))
}

fn reason(reason: &Reason) -> String {
    match (&reason.path, reason.count) {
        (Some(path), _) => format!("{} {path}", reason.why),
        (None, Some(count)) => format!("{} {count}", reason.why),
        (None, None) => reason.why.to_string(),
    }
}

#[cfg(test)]
pub(super) mod tests {
    use orch_domain::risk::{RiskReason, Tier};

    use super::*;

    /// More reasons than a line has room for.
    pub(in crate::show) fn risky() -> Risk {
        let guard = |path: &str| Reason {
            why: RiskReason::Guard,
            path: Some(path.into()),
            count: None,
        };
        let mut reasons: Vec<Reason> = (0..4).map(|i| guard(&format!(".ci/{i}"))).collect();
        reasons.push(Reason {
            why: RiskReason::Code,
            path: None,
            count: Some(7),
        });
        reasons.push(guard("Jenkinsfile"));
        Risk {
            tier: Tier::High,
            reasons,
            more: 2,
        }
    }

    #[test]
    fn risk_is_told_in_one_line_with_its_weightiest_reasons() {
        insta::assert_snapshot!(line(&risky()), @"high (guard .ci/0, guard .ci/1, guard .ci/2, guard .ci/3, code 7, 3 more)");
    }
}
