//! What the host acts on: the decision as it stands in the artefact that was written and read back.

use orch_domain::transition::Judgement;
use orch_domain::verdict::{Decision, Inconclusive, InconclusiveReason};
use orch_gates::artefact::{Stamp, findings, read_back, render};
use orch_gates::{Evaluation, LoadedGate};

/// What the host acts on.
pub(crate) struct Judged {
    pub(crate) decision: &'static str,
    pub(crate) reason: Option<InconclusiveReason>,
    pub(crate) summary: String,
    pub(crate) artefact: Option<String>,
    pub(crate) judgement: Judgement,
}

/// Writes the verdict as an artefact, reads it back, and takes the decision from what was read.
pub(crate) fn judge(evaluation: &Evaluation, gate: Option<&LoadedGate>, head: &str) -> Judged {
    let inconclusive = |cause: &Inconclusive| Judged {
        decision: "inconclusive",
        reason: Some(cause.reason),
        summary: cause.detail.clone(),
        artefact: None,
        judgement: Judgement::Inconclusive {
            reason: cause.reason,
            detail: cause.detail.clone(),
        },
    };
    let (verdict, gate) = match (&evaluation.result, gate) {
        (Ok(verdict), Some(gate)) => (verdict, gate),
        (Err(cause), _) => return inconclusive(cause),
        (Ok(_), None) => {
            return inconclusive(&Inconclusive::new(
                InconclusiveReason::Load,
                "there is no gate",
            ));
        }
    };
    if let Decision::Wait { after_ms } = verdict.decision {
        return Judged {
            decision: "wait",
            reason: None,
            summary: verdict.summary.clone(),
            artefact: None,
            judgement: Judgement::Wait {
                after_ms,
                reason: verdict.summary.clone(),
            },
        };
    }
    let stamp = Stamp {
        gate: &gate.name,
        digest: &gate.digest,
        head_sha: head,
    };
    let text = render(verdict, &gate.descriptor, &stamp).unwrap_or_default();
    let read = match read_back(&text, &gate.descriptor) {
        Ok(read) => read.decision(),
        Err(why) => return inconclusive(&Inconclusive::new(InconclusiveReason::BadVerdict, why)),
    };
    let judgement = match read {
        Decision::Pass => Judgement::Pass,
        Decision::NotApplicable => Judgement::NotApplicable,
        Decision::Fail | Decision::Wait { .. } => {
            let mut text = findings(verdict);
            if text.is_empty() {
                text = format!("{}\n{}", verdict.summary, verdict.report);
            }
            Judgement::Fail { findings: text }
        }
    };
    Judged {
        decision: read.as_str(),
        reason: None,
        summary: verdict.summary.clone(),
        artefact: Some(text),
        judgement,
    }
}
