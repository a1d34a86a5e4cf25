//! Judges the commit statuses of the branch head: green, red or not yet.

use orch_gate_sdk::forge::{CheckState, ForgeError};
use orch_gate_sdk::{Gate, GateError, Host, Verdict, describe, finding};
use serde::Deserialize;

/// Settings of the gate.
#[derive(Debug, Clone, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// How long to wait before looking again, in milliseconds.
    pub look_again_ms: u64,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            look_again_ms: 15_000,
        }
    }
}

/// The gate.
pub struct Ci;

impl Gate for Ci {
    type Settings = Settings;

    fn about() -> describe::About {
        describe::About::new(
            "ci",
            env!("CARGO_PKG_VERSION"),
            "the required contexts of the head commit are green",
        )
        .status("ci_status", "PASS", "FAIL")
    }

    fn evaluate<H: Host>(host: &H, settings: &Settings) -> Result<Verdict, GateError> {
        let head = host.subject().head_sha;
        let status = host.commit_status(&head).map_err(|error| match error {
            ForgeError::Unavailable(why) => GateError::Unavailable(why),
            ForgeError::Denied(why) => GateError::Misconfigured(why),
        })?;
        if status.sha != head {
            return Err(GateError::Internal(format!(
                "asked for {head}, was answered for {}",
                status.sha
            )));
        }
        Ok(match status.state {
            // The host answers `none` without contexts only where the repository says that nothing is required.
            CheckState::None if status.checks.is_empty() => {
                Verdict::not_applicable("the repository requires no contexts")
            }
            CheckState::Success => {
                Verdict::pass(format!("{} contexts are green", status.checks.len()))
            }
            CheckState::Pending | CheckState::None => {
                let open: Vec<&str> = status
                    .checks
                    .iter()
                    .filter(|c| matches!(c.state, CheckState::Pending | CheckState::None))
                    .map(|c| c.context.as_str())
                    .collect();
                Verdict::wait(
                    settings.look_again_ms,
                    format!("CI of {head}: {}", open.join(", ")),
                )
            }
            CheckState::Failure | CheckState::Error => {
                let mut verdict = Verdict::fail("CI is red");
                for check in &status.checks {
                    if matches!(check.state, CheckState::Failure | CheckState::Error) {
                        let mut found =
                            finding("ci/red", format!("`{}` is red on {head}", check.context));
                        if let Ok(output) = host.evidence(&format!("ci/{}", check.context)) {
                            found.message = format!("{}:\n{}", found.message, output.content);
                        }
                        verdict = verdict.finding(found);
                    }
                }
                verdict
            }
        })
    }
}

orch_gate_sdk::export_gate!(Ci);

#[cfg(test)]
mod tests {
    use super::*;
    use orch_gate_sdk::Fixture;

    fn judge(state: CheckState, checks: &[(&str, CheckState)]) -> Verdict {
        Fixture::new().status(state, checks).judge::<Ci>().unwrap()
    }

    #[test]
    fn green_contexts_pass() {
        assert!(judge(CheckState::Success, &[("test", CheckState::Success)]).is_pass());
    }

    #[test]
    fn red_context_fails_with_its_output() {
        let fixture = Fixture::new()
            .status(
                CheckState::Failure,
                &[("lint", CheckState::Success), ("test", CheckState::Failure)],
            )
            .evidence("ci/test", "assertion failed: 1 == 2");
        let verdict = fixture.judge::<Ci>().unwrap();
        assert!(verdict.is_fail());
        assert_eq!(verdict.findings().len(), 1);
        assert!(
            verdict.findings()[0]
                .message
                .contains("assertion failed: 1 == 2")
        );
    }

    #[test]
    fn missing_or_running_contexts_are_waited_for() {
        assert!(
            judge(CheckState::Pending, &[("test", CheckState::None)])
                .waits_ms()
                .is_some()
        );
        assert!(
            judge(CheckState::None, &[("test", CheckState::None)])
                .waits_ms()
                .is_some()
        );
    }

    #[test]
    fn nothing_required_is_not_applicable_rather_than_green() {
        assert!(judge(CheckState::None, &[]).is_not_applicable());
    }

    #[test]
    fn silent_forge_is_no_pass() {
        assert!(matches!(
            Fixture::new().judge::<Ci>(),
            Err(GateError::Unavailable(_))
        ));
    }
}
