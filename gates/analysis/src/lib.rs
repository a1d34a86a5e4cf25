//! Judges the analysis: are its four artefacts complete, and has a person approved them?
//!
//! Settings choose the question: `check: complete` reads artefacts, `check: approved` asks the tracker.

use orch_gate_sdk::documents::{self, By};
use orch_gate_sdk::frontmatter::{self, Mapping, Value};
use orch_gate_sdk::{Finding, Gate, GateError, Host, Verdict, describe, finding, tracker};
use serde::Deserialize;

/// Requirements as the business sees them.
const BRD: &str = "01-brd.md";
/// What is to be built.
const TRZ: &str = "02-trz.md";
/// Criteria `AC-1`, `AC-2`, … that acceptance is decided by.
const CRITERIA: &str = "03-acceptance-criteria.md";
/// Tests, each naming the criteria it covers.
const PLAN: &str = "04-test-plan.yaml";

/// States of the issue that mean a person approved the analysis (or something after it).
const APPROVED: [&str; 3] = ["approved", "confirm-deploy", "done"];

/// Which question is asked.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Check {
    /// Are the artefacts complete?
    #[default]
    Complete,
    /// Has a person approved?
    Approved,
}

/// Settings of the gate.
#[derive(Debug, Clone, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// Which question is asked.
    pub check: Check,
    /// How long to wait before asking for the approval again, in milliseconds.
    pub ask_again_ms: u64,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            check: Check::Complete,
            ask_again_ms: 30_000,
        }
    }
}

/// The gate.
pub struct Analysis;

impl Gate for Analysis {
    type Settings = Settings;

    fn about() -> describe::About {
        describe::About::new(
            "analysis",
            env!("CARGO_PKG_VERSION"),
            "the analysis is complete and approved",
        )
        .status("analysis_status", "PASS", "FAIL")
    }

    fn evaluate<H: Host>(host: &H, settings: &Settings) -> Result<Verdict, GateError> {
        match settings.check {
            Check::Complete => Ok(complete(host)),
            Check::Approved => approved(host, settings.ask_again_ms),
        }
    }
}

fn approved<H: Host>(host: &H, ask_again_ms: u64) -> Result<Verdict, GateError> {
    match host.tracker_state() {
        Ok(state) if APPROVED.contains(&state.as_str()) => {
            Ok(Verdict::pass("a person approved the analysis"))
        }
        Ok(state) => Ok(Verdict::wait(
            ask_again_ms,
            format!("approval of the analysis (the issue is `{state}`)"),
        )),
        Err(tracker::TrackerError::Unavailable(why)) => Err(GateError::Unavailable(why)),
        Err(tracker::TrackerError::Denied(why)) => Err(GateError::Misconfigured(why)),
    }
}

fn complete<H: Host>(host: &H) -> Verdict {
    let by = By::Role("analyst");
    let mut findings: Vec<Finding> = Vec::new();
    let mut read = |name: &str| match documents::text(host, name, by) {
        Ok(text) => Some(text),
        Err(found) => {
            findings.push(*found);
            None
        }
    };
    let texts = [BRD, TRZ, CRITERIA].map(|name| (name, read(name)));
    let plan = read(PLAN);
    for (name, text) in &texts {
        // Frontmatter is optional here, but one that is there must be readable.
        if let Some(text) = text.as_deref().filter(|t| t.starts_with("---"))
            && let Err(error) = frontmatter::parse(text)
        {
            findings
                .push(finding("artefact/frontmatter", format!("{name}: {error}")).at(*name, None));
        }
    }
    let criteria = texts[2].1.as_deref().map(|text| documents::ids(text, "AC"));
    if criteria.as_ref().is_some_and(Vec::is_empty) {
        let message = format!("{CRITERIA} names no criterion; give each an id such as `AC-1`");
        findings.push(finding("criteria/none", message).at(CRITERIA, None));
    }
    if let Some(plan) = plan {
        judge_plan(
            &plan,
            &host.subject().work_item,
            &criteria.unwrap_or_default(),
            &mut findings,
        );
    }
    Verdict::from_findings(findings, "the analysis is complete")
}

fn judge_plan(plan: &str, work_item: &str, criteria: &[String], findings: &mut Vec<Finding>) {
    let mut add =
        |rule: &str, message: String| findings.push(finding(rule, message).at(PLAN, None));
    let mapping = match frontmatter::parse_yaml(plan) {
        Ok(Value::Mapping(mapping)) => mapping,
        Ok(_) => {
            return add(
                "test-plan/shape",
                format!("{PLAN} must be a mapping with `work_item` and `tests`"),
            );
        }
        Err(error) => return add("test-plan/yaml", format!("{PLAN}: {error}")),
    };
    if mapping
        .get("work_item")
        .and_then(Value::to_scalar_text)
        .as_deref()
        != Some(work_item)
    {
        add(
            "test-plan/work-item",
            format!("{PLAN}: `work_item` must be `{work_item}`"),
        );
    }
    let tests: Vec<&Mapping> = match mapping.get("tests").and_then(Value::as_sequence) {
        Some(list) if !list.is_empty() => list.iter().filter_map(Value::as_mapping).collect(),
        _ => {
            return add(
                "test-plan/tests",
                format!("{PLAN}: `tests` must be a list with at least one test"),
            );
        }
    };
    let mut ids: Vec<String> = Vec::new();
    for (index, test) in tests.iter().enumerate() {
        for key in ["id", "type", "description", "module", "expected"] {
            let value = test
                .get(key)
                .and_then(Value::to_scalar_text)
                .unwrap_or_default();
            if value.trim().is_empty() {
                add(
                    "test-plan/key",
                    format!("{PLAN}: test {} has no `{key}`", index + 1),
                );
            }
        }
        let id = test
            .get("id")
            .and_then(Value::to_scalar_text)
            .unwrap_or_default();
        if !id.is_empty() && ids.contains(&id) {
            add(
                "test-plan/id-twice",
                format!("{PLAN}: test id `{id}` stands twice"),
            );
        }
        ids.push(id);
    }
    for criterion in criteria {
        if !tests.iter().any(|test| covers(test, criterion)) {
            add(
                "test-plan/uncovered",
                format!("{PLAN}: no test names acceptance criterion {criterion}"),
            );
        }
    }
}

/// A test covers a criterion that its `criteria` list, description or expectation names.
fn covers(test: &Mapping, criterion: &str) -> bool {
    let listed = test
        .get("criteria")
        .and_then(Value::as_sequence)
        .unwrap_or_default();
    listed.iter().any(|c| c.as_text() == Some(criterion))
        || ["description", "expected"].iter().any(|key| {
            test.text(key)
                .is_some_and(|text| documents::mentions(text, criterion))
        })
}

orch_gate_sdk::export_gate!(Analysis);

#[cfg(test)]
mod tests {
    use super::*;
    use orch_gate_sdk::Fixture;

    const GOOD_PLAN: &str = "work_item: SHOP-1\ntests:\n  - {id: T-1, type: unit, description: covers AC-1, module: cart, expected: sum}\n  - {id: T-2, type: unit, description: empty, criteria: [AC-2], module: cart, expected: zero}\n";

    fn analysed(plan: &str) -> Fixture {
        Fixture::new()
            .artefact(BRD, "analyst", "# Why\nPeople want a sum.")
            .artefact(TRZ, "analyst", "---\ntype: trz\n---\n# What")
            .artefact(
                CRITERIA,
                "analyst",
                "- AC-1: the sum is right\n- AC-2: an empty cart is zero",
            )
            .artefact(PLAN, "analyst", plan)
    }

    fn rules(fixture: &Fixture) -> Vec<String> {
        fixture
            .judge::<Analysis>()
            .unwrap()
            .findings()
            .iter()
            .map(|f| f.rule.clone())
            .collect()
    }

    #[test]
    fn complete_analysis_passes() {
        assert!(analysed(GOOD_PLAN).judge::<Analysis>().unwrap().is_pass());
    }

    #[test]
    fn criterion_without_a_test_fails() {
        let plan = GOOD_PLAN.replace("[AC-2]", "[]");
        assert_eq!(rules(&analysed(&plan)), ["test-plan/uncovered"]);
    }

    #[test]
    fn every_missing_or_foreign_artefact_is_named() {
        let fixture = Fixture::new()
            .artefact(BRD, "developer", "text")
            .artefact(TRZ, "analyst", "  ");
        assert_eq!(
            rules(&fixture),
            [
                "artefact/author",
                "artefact/empty",
                "artefact/missing",
                "artefact/missing"
            ]
        );
    }

    #[test]
    fn plan_must_parse_and_have_every_key() {
        assert_eq!(rules(&analysed("tests: [")), ["test-plan/yaml"]);
        assert!(
            rules(&analysed(
                &GOOD_PLAN.replace("expected: sum", "expected: ''")
            ))
            .contains(&"test-plan/key".into())
        );
        assert!(
            rules(&analysed(&GOOD_PLAN.replace("T-2", "T-1")))
                .contains(&"test-plan/id-twice".into())
        );
        assert!(
            rules(&analysed(&GOOD_PLAN.replace("SHOP-1", "SHOP-2")))
                .contains(&"test-plan/work-item".into())
        );
    }

    #[test]
    fn broken_frontmatter_of_an_optional_kind_still_fails() {
        let fixture = analysed(GOOD_PLAN).artefact("x", "analyst", "x");
        assert!(fixture.judge::<Analysis>().unwrap().is_pass());
        let broken = Fixture::new()
            .artefact(BRD, "analyst", "---\na: [\n---\n")
            .artefact(TRZ, "analyst", "x")
            .artefact(CRITERIA, "analyst", "AC-1")
            .artefact(PLAN, "analyst", GOOD_PLAN);
        assert_eq!(rules(&broken), ["artefact/frontmatter"]);
    }

    #[test]
    fn approval_is_waited_for_and_never_assumed() {
        let ask = |state: &str| {
            Fixture::new()
                .settings(r#"{"check":"approved"}"#)
                .tracker(state)
                .judge::<Analysis>()
                .unwrap()
        };
        assert!(ask("approved").is_pass());
        assert_eq!(ask("needs-input").waits_ms(), Some(30_000));
        let none = Fixture::new()
            .settings(r#"{"check":"approved"}"#)
            .judge::<Analysis>();
        assert!(matches!(none, Err(GateError::Unavailable(_))));
    }

    #[test]
    fn unknown_setting_is_refused() {
        let refused = Fixture::new()
            .settings(r#"{"chek":"approved"}"#)
            .judge::<Analysis>();
        assert!(matches!(refused, Err(GateError::Misconfigured(why)) if why.contains("chek")));
    }
}
