//! What does an evaluation come to? Its verdict is written as an artefact, read back by the strict parser, and
//! the judgement is what was read.
//!
//! This is the only place that turns what a gate answered into something the host acts on: the live path, a
//! replay, a judgement without a host and an author's case all ask here.

use orch_domain::transition::Judgement;
use orch_domain::verdict::{
    Decision, Descriptor, EvaluationOutcome, Finding, Inconclusive, InconclusiveReason, Verdict,
};

use crate::artefact::{Stamp, Status, findings, read_back, render};
use crate::evaluate::Evaluation;
use crate::gate::LoadedGate;

/// Beginning of the rules that say that a secret was found, whichever gate found it. The contract's
/// documentation of `finding.rule` promises gate authors what follows from such a rule.
const SECRET_RULES: &str = "secret/";

/// What the host acts on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Judged {
    /// The judgement, as it was read back.
    pub judgement: Judgement,
    /// One line for people.
    pub summary: String,
    /// What was found, as far as there is a verdict.
    pub findings: Vec<Finding>,
    /// The artefact; a wait and an inconclusive evaluation write none.
    pub artefact: Option<String>,
}

impl Judged {
    /// What an evaluation without a verdict comes to.
    pub fn inconclusive(cause: &Inconclusive) -> Self {
        Self {
            judgement: Judgement::Inconclusive {
                reason: cause.reason,
                detail: cause.detail.clone(),
            },
            summary: cause.detail.clone(),
            findings: Vec::new(),
            artefact: None,
        }
    }

    /// What it comes to if the gate has nothing to say, and was not asked.
    pub fn not_applicable(summary: impl Into<String>) -> Self {
        Self {
            judgement: Judgement::NotApplicable,
            summary: summary.into(),
            artefact: None,
            findings: Vec::new(),
        }
    }

    /// Whether the findings of a fail say that a secret is on the branch.
    pub fn reveals_secret(&self) -> bool {
        matches!(
            self.judgement,
            Judgement::Fail {
                reveals_secret: true,
                ..
            }
        )
    }

    /// What it came to, in one word.
    pub fn outcome(&self) -> EvaluationOutcome {
        self.judgement.outcome()
    }

    /// Why there is no verdict, if there is none.
    pub fn reason(&self) -> Option<InconclusiveReason> {
        match &self.judgement {
            Judgement::Inconclusive { reason, .. } => Some(*reason),
            Judgement::Pass
            | Judgement::NotApplicable
            | Judgement::Fail { .. }
            | Judgement::Wait { .. } => None,
        }
    }
}

/// Judges what `gate` answered about the commit `head`.
pub fn judge(evaluation: &Evaluation, gate: &LoadedGate, head: &str) -> Judged {
    let stamp = Stamp {
        gate: &gate.name,
        digest: &gate.digest,
        head_sha: head,
    };
    match &evaluation.result {
        Ok(verdict) => judge_verdict(verdict, &gate.descriptor, &stamp),
        Err(cause) => Judged::inconclusive(cause),
    }
}

fn judge_verdict(verdict: &Verdict, about: &Descriptor, stamp: &Stamp<'_>) -> Judged {
    let status = match verdict.decision {
        Decision::Pass => Status::Pass,
        Decision::Fail => Status::Fail,
        Decision::NotApplicable => Status::NotApplicable,
        Decision::Wait { after_ms } => {
            return Judged {
                judgement: Judgement::Wait {
                    after_ms,
                    reason: verdict.summary.clone(),
                },
                summary: verdict.summary.clone(),
                findings: Vec::new(),
                artefact: None,
            };
        }
    };
    let text = render(verdict, status, about, stamp);
    let read = match read_back(&text, about) {
        Ok(read) => read,
        Err(why) => {
            let cause = Inconclusive::new(InconclusiveReason::BadVerdict, why);
            return Judged::inconclusive(&cause);
        }
    };
    Judged {
        judgement: match read {
            Status::Pass => Judgement::Pass,
            Status::NotApplicable => Judgement::NotApplicable,
            Status::Fail => Judgement::Fail {
                findings: for_the_next_run(verdict),
                reveals_secret: names_a_secret(verdict),
            },
        },
        summary: verdict.summary.clone(),
        findings: verdict.findings.clone(),
        artefact: Some(text),
    }
}

/// What the next run reads: the findings, or all there is if the gate listed none.
fn for_the_next_run(verdict: &Verdict) -> String {
    let text = findings(verdict);
    if text.is_empty() {
        return format!("{}\n{}", verdict.summary, verdict.report);
    }
    text
}

fn names_a_secret(verdict: &Verdict) -> bool {
    verdict
        .findings
        .iter()
        .any(|finding| finding.rule.starts_with(SECRET_RULES))
}

#[cfg(test)]
mod tests {
    use super::*;
    use orch_domain::verdict::{Finding, Severity};

    fn judged(decision: Decision, rules: &[&str], report: &str) -> Judged {
        let about = Descriptor {
            name: "x".into(),
            version: "1".into(),
            summary: "s".into(),
            status_key: "x_status".into(),
            status_pass: "PASS".into(),
            status_fail: "FAIL".into(),
            artefact: None,
            settings_schema: String::new(),
        };
        let finding = |rule: &&str| Finding {
            rule: (*rule).to_owned(),
            severity: Severity::High,
            message: "look".into(),
            path: None,
            line: None,
            help: None,
            blocking: true,
        };
        let verdict = Verdict {
            decision,
            summary: "in short".into(),
            fields: vec![],
            findings: rules.iter().map(finding).collect(),
            report: report.into(),
        };
        let stamp = Stamp {
            gate: "x",
            digest: "d",
            head_sha: "h",
        };
        judge_verdict(&verdict, &about, &stamp)
    }

    #[test]
    fn every_decision_is_acted_on_as_the_gate_meant_it() {
        for decision in [
            Decision::Pass,
            Decision::Fail,
            Decision::NotApplicable,
            Decision::Wait { after_ms: 7 },
        ] {
            let judged = judged(decision, &[], "");
            let meant = EvaluationOutcome::from(decision);
            assert_eq!((judged.outcome(), judged.reason()), (meant, None));
            let waits = matches!(judged.judgement, Judgement::Wait { after_ms: 7, .. });
            assert_eq!(judged.artefact.is_none(), waits, "{judged:?}");
        }
    }

    #[test]
    fn only_a_rule_of_a_fail_reveals_a_secret() {
        let reveals =
            |decision, rules: &[&str], report| judged(decision, rules, report).reveals_secret();
        let quoted = "- [ ] secret/config.yml is unused";
        assert!(reveals(
            Decision::Fail,
            &["style", "secret/aws-access-token"],
            ""
        ));
        assert!(!reveals(Decision::Pass, &["secret/aws-access-token"], ""));
        assert!(!reveals(
            Decision::Fail,
            &["no-secret/here", "secrets"],
            quoted
        ));
        assert!(!reveals(Decision::Fail, &[], quoted));
    }

    #[test]
    fn fail_without_findings_hands_its_report_on() {
        let Judgement::Fail { findings, .. } = judged(Decision::Fail, &[], "the report").judgement
        else {
            panic!("it fails");
        };
        assert_eq!(findings, "in short\nthe report");
    }
}
