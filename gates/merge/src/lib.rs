//! Judges what the host prepared for the merge: the lease, the catch-up with the base, the re-test, and what others have
//! to say of the commit to land.
//!
//! The host acts, this gate only reads; a pass names the very commit that may land.

use orch_gate_sdk::forge::{CheckState, ForgeError};
use orch_gate_sdk::merge::{CatchUp, Lease, MergeError};
use orch_gate_sdk::{Gate, GateError, Host, Verdict, describe, finding};
use serde::Deserialize;

/// Settings of the gate.
#[derive(Debug, Clone, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// How long to wait for the lease or the contexts, in milliseconds.
    pub defer_ms: u64,
}

impl Default for Settings {
    fn default() -> Self {
        Self { defer_ms: 15_000 }
    }
}

/// The gate.
pub struct Merge;

impl Gate for Merge {
    type Settings = Settings;

    fn about() -> describe::About {
        describe::About::new(
            "merge",
            env!("CARGO_PKG_VERSION"),
            "the prepared commit may land",
        )
        .status("merge_status", "PASS", "FAIL")
    }

    fn evaluate<H: Host>(host: &H, settings: &Settings) -> Result<Verdict, GateError> {
        let prepared = host.preparation().map_err(|error| match error {
            MergeError::Unavailable(why) => GateError::Unavailable(why),
            MergeError::Denied(why) => GateError::Misconfigured(why),
        })?;
        if let Lease::Busy(holder) = &prepared.lease {
            return Ok(Verdict::wait(
                settings.defer_ms,
                format!("the merge lease, held by {}", holder.work_item),
            ));
        }
        let subject = host.subject();
        match &prepared.catch_up {
            None => {
                return Ok(Verdict::wait(
                    settings.defer_ms,
                    "the branch to be brought up to date",
                ));
            }
            Some(CatchUp::Conflict(files)) => {
                let message = format!(
                    "the branch conflicts with {} in: {}",
                    subject.base_branch,
                    files.join(", ")
                );
                let help = format!(
                    "merge the present {} into the work and resolve the conflicts",
                    subject.base_branch
                );
                let found = finding("merge/conflict", message).help(help);
                return Ok(Verdict::fail("conflict with the base").finding(found));
            }
            Some(CatchUp::UpToDate | CatchUp::Rebased(_)) => {}
        }
        if prepared.head_sha != subject.head_sha || prepared.base_sha != subject.base_sha {
            let why = format!(
                "prepared were {} on {}, asked about are {} on {}",
                prepared.head_sha, prepared.base_sha, subject.head_sha, subject.base_sha
            );
            return Err(GateError::Unavailable(why));
        }
        if let Some(run) = &prepared.retest
            && !(run.passed && run.exit_code == 0)
        {
            let message = format!(
                "the re-test on {} ends with {}:\n{}",
                prepared.base_sha, run.exit_code, run.output_tail
            );
            return Ok(
                Verdict::fail("the re-test is red").finding(finding("merge/retest", message))
            );
        }
        let verdict = contexts(
            host,
            settings,
            &prepared.head_sha,
            prepared.retest.is_some(),
        )?;
        Ok(match verdict.is_pass() {
            true => verdict
                .field("landing_sha", prepared.head_sha)
                .field("landing_base", prepared.base_sha),
            false => verdict,
        })
    }
}

/// Judges what is required of the commit to land beside the host's own re-test. What was tested before it was brought
/// up to date says nothing of it.
fn contexts<H: Host>(
    host: &H,
    settings: &Settings,
    head: &str,
    is_tested: bool,
) -> Result<Verdict, GateError> {
    let status = host.commit_status(head).map_err(|error| match error {
        ForgeError::Unavailable(why) => GateError::Unavailable(why),
        ForgeError::Denied(why) => GateError::Misconfigured(why),
    })?;
    let named = |states: &[CheckState]| -> Vec<&str> {
        let of = status.checks.iter().filter(|c| states.contains(&c.state));
        of.map(|c| c.context.as_str()).collect()
    };
    let red = named(&[CheckState::Failure, CheckState::Error]);
    if !red.is_empty() {
        let message = format!("red on the commit to land, {head}: {}", red.join(", "));
        return Ok(
            Verdict::fail("a required context is red").finding(finding("merge/context", message))
        );
    }
    let open = named(&[CheckState::Pending, CheckState::None]);
    if !open.is_empty() {
        let reason = format!(
            "contexts of the commit to land, {head}: {}",
            open.join(", ")
        );
        return Ok(Verdict::wait(settings.defer_ms, reason));
    }
    Ok(match (is_tested, status.checks.len()) {
        (true, _) => Verdict::pass("tested on the present base"),
        (false, 0) => {
            Verdict::pass("nothing is tested: the repository has no test and requires no contexts")
        }
        (false, count) => Verdict::pass(format!(
            "the host has no test to run; contexts that are green on the commit to land: {count}"
        )),
    })
}

orch_gate_sdk::export_gate!(Merge);

#[cfg(test)]
mod tests {
    use super::*;
    use orch_gate_sdk::Fixture;
    use orch_gate_sdk::merge::{Holder, Preparation, TestRun};

    fn prepared() -> Preparation {
        let retest = TestRun {
            passed: true,
            exit_code: 0,
            output_tail: "ok".into(),
            duration_ms: 1,
        };
        Preparation {
            lease: Lease::Held,
            head_sha: "a".repeat(40),
            base_sha: "b".repeat(40),
            catch_up: Some(CatchUp::UpToDate),
            retest: Some(retest),
        }
    }

    fn judge(preparation: Preparation) -> Result<Verdict, GateError> {
        judge_with(preparation, CheckState::None, &[])
    }

    fn judge_with(
        preparation: Preparation,
        state: CheckState,
        checks: &[(&str, CheckState)],
    ) -> Result<Verdict, GateError> {
        Fixture::new()
            .preparation(preparation)
            .status(state, checks)
            .judge::<Merge>()
    }

    #[test]
    fn tested_commit_on_the_present_base_passes() {
        assert!(judge(prepared()).unwrap().is_pass());
    }

    #[test]
    fn red_retest_and_conflict_fail_with_their_detail() {
        let mut red = prepared();
        red.retest = Some(TestRun {
            passed: false,
            exit_code: 2,
            output_tail: "boom".into(),
            duration_ms: 1,
        });
        assert!(judge(red).unwrap().findings()[0].message.contains("boom"));
        let mut conflict = prepared();
        conflict.catch_up = Some(CatchUp::Conflict(vec!["src/a.rs".into()]));
        assert!(
            judge(conflict).unwrap().findings()[0]
                .message
                .contains("src/a.rs")
        );
    }

    #[test]
    fn busy_lease_names_its_holder_and_waits() {
        let mut busy = prepared();
        busy.lease = Lease::Busy(Holder {
            work_item: "SHOP-9".into(),
            since_ms: 0,
        });
        let verdict = judge(busy).unwrap();
        assert!(verdict.waits_ms().is_some() && verdict.summary().contains("SHOP-9"));
    }

    #[test]
    fn preparation_of_another_commit_is_no_pass() {
        let mut other = prepared();
        other.head_sha = "c".repeat(40);
        assert!(matches!(judge(other), Err(GateError::Unavailable(_))));
    }

    fn untested() -> Preparation {
        Preparation {
            retest: None,
            ..prepared()
        }
    }

    #[test]
    fn what_nobody_tested_is_never_called_tested() {
        let verdict = judge(untested()).unwrap();
        assert!(verdict.is_pass() && verdict.summary().contains("nothing is tested"));
    }

    #[test]
    fn contexts_that_are_required_count_on_the_commit_to_land_beside_a_retest_too() {
        let of = |preparation, state| {
            let checks = [("orch/ci", CheckState::Success), ("their/ci", state)];
            judge_with(preparation, state, &checks).unwrap()
        };
        for preparation in [prepared, untested] {
            let open = of(preparation(), CheckState::None);
            assert!(open.waits_ms().is_some() && open.summary().contains("their/ci"));
            let red = of(preparation(), CheckState::Failure);
            assert!(red.is_fail() && red.findings()[0].message.contains("their/ci"));
            assert!(of(preparation(), CheckState::Success).is_pass());
        }
        let green = of(untested(), CheckState::Success);
        assert!(green.summary().contains("no test to run"));
    }
}
