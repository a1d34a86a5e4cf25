//! Did fewer tests run than on the base? Counted by the host, from what both runs said.
//!
//! A run that says a larger number than it had hides a fall from this question, as it could before; the others ask what
//! was changed.

use orch_gate_sdk::{Finding, Host, finding};
use serde::Deserialize;

/// Name of the host's own test run.
const LOCAL_RUN: &str = "tests/local";

/// A test run of the host, as it stands in the evidence.
#[derive(Debug, Default, Deserialize)]
struct Run {
    #[serde(default)]
    failed: Counted,
    /// How many ran on the base.
    #[serde(default)]
    base_ran: Option<u64>,
}

#[derive(Debug, Default, Deserialize)]
struct Counted {
    #[serde(default)]
    ran: Option<u64>,
}

/// The finding, if the host tested this very commit and knows both numbers.
pub(crate) fn finding_of<H: Host>(host: &H) -> Option<Finding> {
    let item = host.evidence(LOCAL_RUN).ok()?;
    if item.sha != host.subject().head_sha {
        return None;
    }
    let run: Run = orch_gate_sdk::parse_settings(&item.content).ok()?;
    let (own, base) = (run.failed.ran?, run.base_ran?);
    (own < base).then(|| {
        let message = format!("{own} tests ran, and {base} on the base");
        finding("protected/tests-fewer", message)
    })
}
