//! Which findings has a person accepted for a while, and what is left of the verdict then?
//!
//! Who may accept what is settled when the repository's configuration is read.

use globset::Glob;
use jiff::Timestamp;
use jiff::civil::Date;
use orch_config::Waiver;
use orch_domain::verdict::{Decision, Finding, Verdict};

fn fits(pattern: &str, text: &str) -> bool {
    Glob::new(pattern).is_ok_and(|glob| glob.compile_matcher().is_match(text))
}

/// Whether the waiver speaks of this finding and still holds at `now_ms`.
fn covers(waiver: &Waiver, finding: &Finding, now_ms: i64) -> bool {
    let holds = Timestamp::from_millisecond(now_ms).is_ok_and(|now| {
        let today = now.to_zoned(jiff::tz::TimeZone::UTC).date();
        waiver
            .until
            .parse::<Date>()
            .is_ok_and(|until| today <= until)
    });
    let path = waiver.path.as_deref();
    let at = finding.path.as_deref();
    holds
        && fits(&waiver.rule, &finding.rule)
        && path.is_none_or(|path| at.is_some_and(|at| fits(path, at)))
}

/// Takes the blocking force from waived findings and says so in each; a verdict that failed for nothing else
/// passes.
pub(crate) fn apply(verdict: &mut Verdict, waivers: &[Waiver], now_ms: i64) {
    let blocking = |verdict: &Verdict| verdict.findings.iter().filter(|f| f.blocking).count();
    let before = blocking(verdict);
    for finding in verdict.findings.iter_mut().filter(|f| f.blocking) {
        if let Some(waiver) = waivers
            .iter()
            .find(|waiver| covers(waiver, finding, now_ms))
        {
            finding.blocking = false;
            finding.message = format!(
                "{} (waived by {} until {}: {})",
                finding.message, waiver.approver, waiver.until, waiver.reason
            );
        }
    }
    let waived = before - blocking(verdict);
    if waived > 0 && blocking(verdict) == 0 && verdict.decision == Decision::Fail {
        verdict.decision = Decision::Pass;
        verdict.summary = format!("{} ({waived} findings waived)", verdict.summary);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use orch_domain::verdict::Severity;

    /// 2026-11-21T12:00:00Z
    const NOON_MS: i64 = 1_795_262_400_000;

    fn waiver(until: &str) -> Waiver {
        Waiver {
            rule: "lint/*".into(),
            path: Some("docs/**".into()),
            reason: "generated".into(),
            approver: "ann".into(),
            until: until.into(),
        }
    }

    fn failed(paths: &[&str]) -> Verdict {
        let finding = |path: &&str| Finding {
            rule: "lint/long-line".into(),
            severity: Severity::Low,
            message: "too long".into(),
            path: Some((*path).into()),
            line: None,
            help: None,
            blocking: true,
        };
        Verdict {
            decision: Decision::Fail,
            summary: "long lines".into(),
            fields: Vec::new(),
            findings: paths.iter().map(finding).collect(),
            report: String::new(),
        }
    }

    #[test]
    fn verdict_that_failed_for_waived_findings_alone_passes_and_says_who_and_why() {
        let mut verdict = failed(&["docs/a.md", "docs/b/c.md"]);
        apply(&mut verdict, &[waiver("2026-11-21")], NOON_MS);
        assert_eq!(verdict.decision, Decision::Pass);
        let message = &verdict.findings[0].message;
        assert!(
            message.contains("waived by ann until 2026-11-21: generated"),
            "{message}"
        );
    }

    #[test]
    fn one_finding_that_nobody_waived_fails_it_still() {
        let mut verdict = failed(&["docs/a.md", "src/a.rs"]);
        apply(&mut verdict, &[waiver("2026-11-21")], NOON_MS);
        assert_eq!(verdict.decision, Decision::Fail);
    }

    #[test]
    fn waiver_ends_with_its_last_day() {
        let mut verdict = failed(&["docs/a.md"]);
        apply(&mut verdict, &[waiver("2026-11-20")], NOON_MS);
        assert_eq!(verdict.decision, Decision::Fail);
    }

    #[test]
    fn failure_without_findings_cannot_be_waived() {
        let mut verdict = failed(&[]);
        apply(&mut verdict, &[waiver("2026-11-21")], NOON_MS);
        assert_eq!(verdict.decision, Decision::Fail);
    }
}
