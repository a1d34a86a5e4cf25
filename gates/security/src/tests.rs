//! Do the gate's verdicts hold, from the host's answers to the fields of the artefact?

mod dependencies;
mod pip_audit;
mod secrets;

use orch_gate_sdk::advisories::Advisory;
use orch_gate_sdk::bindings::orch::gate::types;
use orch_gate_sdk::repository::Revision;
use orch_gate_sdk::tools::{Outcome, Request, ToolError};
use orch_gate_sdk::{Finding, Fixture, Gate, GateError, Scalar, Severity, Verdict};

use crate::{Security, Settings};

type Answer = Result<Outcome, ToolError>;

/// A tool that ends with `code` and leaves `report`.
fn ends(code: i32, report: &'static str) -> impl Fn(&Request) -> Answer + 'static {
    move |request| {
        assert_eq!(request.outputs, ["report.json"]);
        assert!(request.args.is_empty());
        Ok(Outcome {
            exit_code: code,
            stdout: String::new(),
            stderr: "words of the tool".to_owned(),
            truncated: false,
            outputs: vec![("report.json".to_owned(), report.to_owned())],
            duration_ms: 1,
        })
    }
}

/// A host whose scans find nothing.
fn clean() -> Fixture {
    Fixture::new()
        .tool("gitleaks-history", ends(0, "[]"))
        .tool("gitleaks-files", ends(0, "[]"))
}

fn judge(fixture: &Fixture) -> Verdict {
    fixture.judge::<Security>().unwrap()
}

fn advisory(id: &str, severity: Option<Severity>) -> Advisory {
    Advisory {
        subject: 0,
        id: id.to_owned(),
        aliases: Vec::new(),
        severity,
        score: None,
        summary: "reads too far".to_owned(),
        fixed_in: vec!["2.0.0".to_owned()],
    }
}

/// The fields in their order, as the artefact shows them.
fn fields(verdict: &Verdict) -> Vec<(String, String)> {
    let verdict: types::Verdict = verdict.clone().into();
    let fields = verdict.fields.into_iter();
    fields
        .map(|field| {
            let value = match field.value {
                Scalar::Text(text) => text,
                Scalar::Integer(number) => number.to_string(),
                Scalar::Number(number) => number.to_string(),
                Scalar::Flag(flag) => flag.to_string(),
            };
            (field.key, value)
        })
        .collect()
}

fn field(verdict: &Verdict, key: &str) -> String {
    let found = fields(verdict).into_iter().find(|(k, _)| k == key);
    found.unwrap().1
}

fn found<'a>(verdict: &'a Verdict, rule: &str) -> Vec<&'a Finding> {
    let findings = verdict.findings().iter();
    findings.filter(|f| f.rule == rule).collect()
}

/// Everything a reader of the verdict can see.
fn visible(verdict: &Verdict) -> String {
    format!("{verdict:?}")
}

#[test]
fn clean_branch_passes_with_every_field_in_order() {
    let verdict = judge(&clean());
    assert!(verdict.is_pass());
    assert!(verdict.findings().is_empty());
    let fields = fields(&verdict);
    let fields: Vec<(&str, &str)> = fields
        .iter()
        .map(|(key, value)| (key.as_str(), value.as_str()))
        .collect();
    assert_eq!(
        fields,
        [
            ("secrets_found", "0"),
            ("deps_blocking", "0"),
            ("deps_warning", "0"),
            ("deps_audit_degraded", "false"),
            ("deps_unaudited", "0"),
            ("deps_preexisting", "0"),
        ]
    );
    let report = visible(&verdict);
    for section in ["### Secrets", "### Dependencies", "### Unaudited"] {
        assert!(report.contains(section), "{section}");
    }
}

#[test]
fn descriptor_names_the_status_and_the_artefact() {
    let about = orch_gate_sdk::describe::descriptor::<Security>();
    assert_eq!(about.name, "security");
    assert_eq!(about.status.key, "security_status");
    assert_eq!(about.status.pass, "PASS");
    assert_eq!(about.status.fail, "FAIL");
    assert_eq!(about.artefact.as_deref(), Some("17-security-report.md"));
    for key in ["dep_block_severity", "dep_audit_fail_closed", "manifests"] {
        assert!(about.settings_schema.contains(key), "{key}");
    }
}

#[test]
fn unknown_and_senseless_settings_are_refused() {
    for settings in [
        r#"{"waive_secrets":true}"#,
        r#"{"dep_block_severity":"severe"}"#,
        r#"{"manifests":[""]}"#,
        r#"{"manifests":["/Cargo.lock"]}"#,
    ] {
        let answer = clean().settings(settings).judge::<Security>();
        assert!(
            matches!(answer, Err(GateError::Misconfigured(_))),
            "{settings}"
        );
    }
    assert!(Security::check_settings(&Settings::default()).is_empty());
}
