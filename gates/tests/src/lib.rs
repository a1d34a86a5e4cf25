//! Judges the tests: what does the tester's own report say, or what did the host's own test run say?

use orch_gate_sdk::documents::{self, By, Claim};
use orch_gate_sdk::evidence::EvidenceError;
use orch_gate_sdk::frontmatter::{self, Value};
use orch_gate_sdk::{Finding, Gate, GateError, Host, Verdict, describe, finding};
use serde::Deserialize;

const REPORT: &str = "13-test-report.md";
const PLAN: &str = "04-test-plan.yaml";
const CRITERIA: &str = "03-acceptance-criteria.md";
/// Name of the host's own test run.
const LOCAL_RUN: &str = "tests/local";
/// Longest body that is handed on as one finding, in bytes.
const BODY_BYTES_MAX: usize = 16 * 1024;

/// Which question is asked.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Check {
    /// What does the tester's report say?
    #[default]
    Passed,
    /// What did the host's own run say?
    Local,
}

/// Settings of the gate.
#[derive(Debug, Clone, Default, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// Which question is asked.
    pub check: Check,
}

/// A test run of the host, as it stands in the evidence.
#[derive(Debug, Deserialize)]
struct LocalRun {
    passed: bool,
    exit_code: i32,
    output_tail: String,
}

/// The gate.
pub struct Tests;

impl Gate for Tests {
    type Settings = Settings;

    fn about() -> describe::About {
        describe::About::new(
            "tests",
            env!("CARGO_PKG_VERSION"),
            "the change is tested and green",
        )
        .status("tests_status", "PASS", "FAIL")
    }

    fn evaluate<H: Host>(host: &H, settings: &Settings) -> Result<Verdict, GateError> {
        match settings.check {
            Check::Passed => Ok(passed(host)),
            Check::Local => local(host),
        }
    }
}

fn passed<H: Host>(host: &H) -> Verdict {
    let (keys, body) = match documents::document(host, REPORT, By::Role("tester")) {
        Ok(document) => document,
        Err(found) => return Verdict::from_findings(vec![*found], ""),
    };
    let mut findings: Vec<Finding> = Vec::new();
    findings.extend(documents::names_work_item(
        REPORT,
        &keys,
        "work_item_id",
        &host.subject().work_item,
    ));
    if keys.text("type").is_none_or(str::is_empty) {
        findings
            .push(finding("tests/type", format!("{REPORT}: `type` is missing")).at(REPORT, None));
    }
    match documents::claim(REPORT, &keys, "result", "PASS", "FAIL") {
        Err(found) => findings.push(*found),
        Ok(Claim::Positive) => findings.extend(unmapped(host, &body)),
        Ok(Claim::Negative) => {
            findings.push(finding("tests/failed", cut(body.trim())).at(REPORT, None))
        }
    }
    Verdict::from_findings(findings, "the tester reports a pass")
}

/// Tests of the plan and acceptance criteria that the report does not speak of.
fn unmapped<H: Host>(host: &H, body: &str) -> Vec<Finding> {
    let plan = host.read_artefact(PLAN).unwrap_or_default();
    let tests = match frontmatter::parse_yaml(&plan) {
        Ok(Value::Mapping(plan)) => plan
            .get("tests")
            .and_then(Value::as_sequence)
            .unwrap_or_default()
            .iter()
            .filter_map(|t| t.as_mapping()?.get("id")?.to_scalar_text())
            .collect(),
        Ok(_) | Err(_) => Vec::new(),
    };
    let criteria = documents::ids(&host.read_artefact(CRITERIA).unwrap_or_default(), "AC");
    tests
        .into_iter()
        .map(|id| ("test", id))
        .chain(criteria.into_iter().map(|id| ("acceptance criterion", id)))
        .filter(|(_, id)| !documents::mentions(body, id))
        .map(|(what, id)| {
            finding(
                "tests/unmapped",
                format!("{REPORT} says nothing of {what} {id}"),
            )
            .at(REPORT, None)
        })
        .collect()
}

fn local<H: Host>(host: &H) -> Result<Verdict, GateError> {
    let head = host.subject().head_sha;
    let item = host.evidence(LOCAL_RUN).map_err(|error| match error {
        EvidenceError::Missing => {
            GateError::Unavailable("the host has not run the tests on this commit".to_owned())
        }
        EvidenceError::TooLarge(bytes) => {
            GateError::Internal(format!("the record of the run has {bytes} bytes"))
        }
        EvidenceError::NotText => {
            GateError::Internal("the record of the run is no text".to_owned())
        }
    })?;
    if item.sha != head {
        return Err(GateError::Unavailable(format!(
            "the last test run was on {}, not on {head}",
            item.sha
        )));
    }
    let run: LocalRun = orch_gate_sdk::parse_settings(&item.content)
        .map_err(|e| GateError::Internal(format!("{LOCAL_RUN}: {e}")))?;
    if run.passed && run.exit_code == 0 {
        return Ok(Verdict::pass("the host's own test run is green"));
    }
    let message = format!(
        "the tests end with exit code {}:\n{}",
        run.exit_code, run.output_tail
    );
    Ok(Verdict::fail("the host's own test run is red").finding(finding("tests/local", message)))
}

fn cut(text: &str) -> String {
    if text.is_empty() {
        return "the tester reports a failure and says nothing of it".to_owned();
    }
    let mut end = text.len().min(BODY_BYTES_MAX);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text[..end].to_owned()
}

orch_gate_sdk::export_gate!(Tests);

#[cfg(test)]
mod tests {
    use super::*;
    use orch_gate_sdk::Fixture;

    fn fixture(by: &str, result: &str, body: &str) -> Fixture {
        let report = format!(
            "---\ntype: test-report\nwork_item_id: SHOP-1\nresult: {result}\n---\n{body}\n"
        );
        Fixture::new()
            .artefact(REPORT, by, &report)
            .artefact(
                PLAN,
                "analyst",
                "work_item: SHOP-1\ntests: [{id: T-1}, {id: T-2}]",
            )
            .artefact(CRITERIA, "analyst", "AC-1")
    }

    #[test]
    fn report_that_maps_every_test_and_criterion_passes() {
        assert!(
            fixture("tester", "PASS", "T-1 ok, T-2 ok, AC-1 met")
                .judge::<Tests>()
                .unwrap()
                .is_pass()
        );
    }

    #[test]
    fn report_that_skips_a_test_fails_though_it_claims_a_pass() {
        let verdict = fixture("tester", "PASS", "T-1 ok, AC-1 met")
            .judge::<Tests>()
            .unwrap();
        assert!(verdict.is_fail() && verdict.findings()[0].message.contains("T-2"));
    }

    #[test]
    fn reported_failure_is_handed_on_verbatim() {
        let verdict = fixture("tester", "FAIL", "T-1: expected 3, got 4")
            .judge::<Tests>()
            .unwrap();
        assert_eq!(verdict.findings()[0].message, "T-1: expected 3, got 4");
    }

    #[test]
    fn report_by_the_developer_or_without_a_result_fails() {
        assert!(
            fixture("developer", "PASS", "T-1 T-2 AC-1")
                .judge::<Tests>()
                .unwrap()
                .is_fail()
        );
        assert!(
            fixture("tester", "passed", "T-1 T-2 AC-1")
                .judge::<Tests>()
                .unwrap()
                .is_fail()
        );
    }

    #[test]
    fn local_run_decides_by_its_record_and_never_by_absence() {
        let ask = |content: Option<&str>| {
            let mut fixture = Fixture::new().settings(r#"{"check":"local"}"#);
            if let Some(content) = content {
                fixture = fixture.evidence(LOCAL_RUN, content);
            }
            fixture.judge::<Tests>()
        };
        assert!(
            ask(Some(r#"{"passed":true,"exit_code":0,"output_tail":""}"#))
                .unwrap()
                .is_pass()
        );
        assert!(
            ask(Some(
                r#"{"passed":false,"exit_code":1,"output_tail":"boom"}"#
            ))
            .unwrap()
            .is_fail()
        );
        assert!(
            ask(Some(r#"{"passed":true,"exit_code":1,"output_tail":""}"#))
                .unwrap()
                .is_fail()
        );
        assert!(matches!(ask(None), Err(GateError::Unavailable(_))));
    }
}
