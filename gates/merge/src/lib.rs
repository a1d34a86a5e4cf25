//! Judges what the host prepared for the merge: the lease, the catch-up with the base, the re-test.
//!
//! The host acts, this gate only reads; a pass names the very commit that may land.

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
        Ok(match &prepared.retest {
            None => Verdict::wait(
                settings.defer_ms,
                "the contexts and the re-test of the commit to land",
            ),
            Some(run) if run.passed && run.exit_code == 0 => {
                Verdict::pass("tested on the present base")
                    .field("landing_sha", prepared.head_sha)
                    .field("landing_base", prepared.base_sha)
            }
            Some(run) => {
                let message = format!(
                    "the re-test on {} ends with {}:\n{}",
                    prepared.base_sha, run.exit_code, run.output_tail
                );
                Verdict::fail("the re-test is red").finding(finding("merge/retest", message))
            }
        })
    }
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
        Fixture::new().preparation(preparation).judge::<Merge>()
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

    #[test]
    fn missing_retest_is_waited_for() {
        let mut pending = prepared();
        pending.retest = None;
        assert!(judge(pending).unwrap().waits_ms().is_some());
    }
}
