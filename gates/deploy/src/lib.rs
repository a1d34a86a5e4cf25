//! Judges the production deploy by the log that the host wrote of its hook.

use orch_gate_sdk::documents::{self, By, Claim};
use orch_gate_sdk::frontmatter::Value;
use orch_gate_sdk::{Finding, Gate, GateError, Host, NoSettings, Verdict, describe, finding};

const LOG: &str = "14-deploy-log.md";

/// The gate.
pub struct Deploy;

impl Gate for Deploy {
    type Settings = NoSettings;

    fn about() -> describe::About {
        describe::About::new(
            "deploy",
            env!("CARGO_PKG_VERSION"),
            "the deploy hook succeeded",
        )
        .status("deploy_gate_status", "PASS", "FAIL")
    }

    fn evaluate<H: Host>(host: &H, _: &NoSettings) -> Result<Verdict, GateError> {
        let (keys, body) = match documents::document(host, LOG, By::Host) {
            Ok(document) => document,
            Err(found) => return Ok(Verdict::from_findings(vec![*found], "")),
        };
        let mut findings: Vec<Finding> = Vec::new();
        findings.extend(documents::names_work_item(
            LOG,
            &keys,
            "work_item",
            &host.subject().work_item,
        ));
        // The host put something later there, and says what.
        if keys.text("deploy_status") == Some("SUPERSEDED") && keys.text("live_revision").is_some()
        {
            return Ok(Verdict::from_findings(
                findings,
                "deployed with what landed after it",
            ));
        }
        let exit_code = keys.get("hook_exit_code");
        match documents::claim(LOG, &keys, "deploy_status", "SUCCESS", "FAILED") {
            Err(found) => findings.push(*found),
            Ok(Claim::Positive) if exit_code == Some(&Value::Integer(0)) => {}
            Ok(Claim::Positive) => {
                let message = format!("{LOG} claims success but `hook_exit_code` is not 0");
                findings.push(finding("deploy/exit-code", message).at(LOG, None));
            }
            Ok(Claim::Negative) => {
                findings.push(finding("deploy/failed", body.trim()).at(LOG, None))
            }
        }
        Ok(Verdict::from_findings(findings, "deployed"))
    }
}

orch_gate_sdk::export_gate!(Deploy);

#[cfg(test)]
mod tests {
    use super::*;
    use orch_gate_sdk::Fixture;

    fn judge(by: &str, status: &str, code: &str) -> Verdict {
        let log = format!(
            "---\ndeploy_status: {status}\nwork_item: SHOP-1\nhook_exit_code: {code}\ndeployed_by: host\n---\nexit 3\n"
        );
        Fixture::new()
            .artefact(LOG, by, &log)
            .judge::<Deploy>()
            .unwrap()
    }

    #[test]
    fn successful_hook_passes() {
        assert!(judge("host", "SUCCESS", "0").is_pass());
    }

    #[test]
    fn failed_hook_fails_with_its_output() {
        assert!(
            judge("host", "FAILED", "3").findings()[0]
                .message
                .contains("exit 3")
        );
    }

    #[test]
    fn superseded_deploy_passes_only_by_the_hosts_word_and_with_what_is_live() {
        let judge = |by: &str, live: &str| {
            let log = format!("---\ndeploy_status: SUPERSEDED\nwork_item: SHOP-1\n{live}---\n");
            let fixture = Fixture::new().artefact(LOG, by, &log);
            fixture.judge::<Deploy>().unwrap()
        };
        let live = "live_revision: 1f0c2d\n";
        assert!(judge("host", live).is_pass());
        assert!(judge("host", "").is_fail());
        assert!(judge("developer", live).is_fail());
    }

    #[test]
    fn success_with_another_exit_code_or_author_fails() {
        assert!(judge("host", "SUCCESS", "3").is_fail());
        assert!(judge("developer", "SUCCESS", "0").is_fail());
        assert!(Fixture::new().judge::<Deploy>().unwrap().is_fail());
    }
}
