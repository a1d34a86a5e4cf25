//! Judges the staging deploy by the log that the host itself wrote.

use orch_gate_sdk::documents::{self, By, Claim};
use orch_gate_sdk::{Finding, Gate, GateError, Host, NoSettings, Verdict, describe, finding};

const LOG: &str = "15-staging-log.md";

/// The gate.
pub struct Staging;

impl Gate for Staging {
    type Settings = NoSettings;

    fn about() -> describe::About {
        describe::About::new(
            "staging",
            env!("CARGO_PKG_VERSION"),
            "the change works on staging",
        )
        .status("staging_gate_status", "PASS", "FAIL")
    }

    fn evaluate<H: Host>(host: &H, _: &NoSettings) -> Result<Verdict, GateError> {
        let (keys, body) = match documents::document(host, LOG, By::Host) {
            Ok(document) => document,
            Err(found) => return Ok(Verdict::from_findings(vec![*found], "")),
        };
        let mut findings: Vec<Finding> = Vec::new();
        for key in ["timestamp", "base_url"] {
            if keys.get(key).is_none() {
                findings.push(
                    finding("staging/key", format!("{LOG}: `{key}` is missing")).at(LOG, None),
                );
            }
        }
        match documents::claim(LOG, &keys, "staging_status", "SUCCESS", "FAILED") {
            Err(found) => findings.push(*found),
            Ok(Claim::Positive) => {}
            Ok(Claim::Negative) => {
                findings.push(finding("staging/failed", body.trim()).at(LOG, None))
            }
        }
        Ok(Verdict::from_findings(findings, "staging is green"))
    }
}

orch_gate_sdk::export_gate!(Staging);

#[cfg(test)]
mod tests {
    use super::*;
    use orch_gate_sdk::Fixture;

    fn judge(by: &str, status: &str) -> Verdict {
        let log = format!(
            "---\nstaging_status: {status}\ntimestamp: 2026-01-01T00:00:00Z\nbase_url: ''\n---\n- FAILED health: 500\n"
        );
        Fixture::new()
            .artefact(LOG, by, &log)
            .judge::<Staging>()
            .unwrap()
    }

    #[test]
    fn green_log_of_the_host_passes() {
        assert!(judge("host", "SUCCESS").is_pass());
    }

    #[test]
    fn red_log_fails_with_its_checks() {
        let verdict = judge("host", "FAILED");
        assert!(verdict.findings()[0].message.contains("health: 500"));
    }

    #[test]
    fn log_on_the_branch_counts_for_nothing() {
        assert_eq!(
            judge("developer", "SUCCESS").findings()[0].rule,
            "artefact/author"
        );
        assert!(Fixture::new().judge::<Staging>().unwrap().is_fail());
        assert!(judge("host", "success").is_fail());
    }
}
