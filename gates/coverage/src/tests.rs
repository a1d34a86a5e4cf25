//! Do the gate's verdicts hold, from the host's evidence to the baseline that is kept?

use orch_gate_sdk::bindings::orch::gate::types;
use orch_gate_sdk::{Fixture, Gate, GateError, Scalar, Verdict};

use crate::{Coverage, Settings};

/// Evidence of a green run with this report.
fn green(content: &str) -> String {
    let report =
        serde_json::json!({"path": "coverage/lcov.info", "passed": true, "content": content});
    report.to_string()
}

fn fixture(content: &str) -> Fixture {
    Fixture::new().evidence("ci/coverage", &green(content))
}

fn judge(fixture: &Fixture) -> Verdict {
    fixture.judge::<Coverage>().unwrap()
}

fn rules(verdict: &Verdict) -> Vec<&str> {
    verdict.findings().iter().map(|f| f.rule.as_str()).collect()
}

fn fields(verdict: &Verdict) -> Vec<(String, String)> {
    let verdict: types::Verdict = verdict.clone().into();
    let shown = |value| match value {
        Scalar::Text(text) => text,
        Scalar::Integer(number) => number.to_string(),
        Scalar::Number(number) => format!("{number:?}"),
        Scalar::Flag(flag) => flag.to_string(),
    };
    let fields = verdict.fields.into_iter();
    fields
        .map(|field| (field.key, shown(field.value)))
        .collect()
}

fn pairs(list: &[(&str, &str)]) -> Vec<(String, String)> {
    let list = list.iter();
    list.map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
        .collect()
}

#[test]
fn first_measure_passes_and_is_remembered() {
    let fixture = fixture("SF:a\nLF:3\nLH:2\nend_of_record");
    let verdict = judge(&fixture);
    assert!(verdict.is_pass());
    assert_eq!(fixture.memory_after("baseline").as_deref(), Some("66.66"));
    assert_eq!(
        fields(&verdict),
        pairs(&[
            ("coverage", "66.66"),
            ("lines_covered", "2"),
            ("lines_total", "3")
        ])
    );
}

#[test]
fn lower_coverage_than_the_baseline_fails_and_leaves_the_baseline() {
    let fixture = fixture("87.52").remembered("baseline", "87.53");
    let verdict = judge(&fixture);
    assert!(verdict.is_fail());
    assert_eq!(rules(&verdict), ["coverage/fallen"]);
    let message = &verdict.findings()[0].message;
    assert!(
        message.contains("87.53") && message.contains("87.52"),
        "{message}"
    );
    assert_eq!(fixture.memory_after("baseline").as_deref(), Some("87.53"));
    assert_eq!(
        fields(&verdict),
        pairs(&[("coverage", "87.52"), ("baseline", "87.53")])
    );
}

#[test]
fn share_that_would_round_up_to_the_baseline_fails() {
    assert!(judge(&fixture("87.529999").remembered("baseline", "87.53")).is_fail());
}

#[test]
fn equal_and_tolerated_coverage_pass_and_leave_the_baseline() {
    for (now, settings) in [
        ("87.53", "{}"),
        ("87.03", r#"{"tolerance": 0.5}"#),
        ("0", r#"{"tolerance": 100}"#),
    ] {
        let fixture = fixture(now)
            .settings(settings)
            .remembered("baseline", "87.53");
        assert!(judge(&fixture).is_pass(), "{now}");
        assert_eq!(fixture.memory_after("baseline").as_deref(), Some("87.53"));
    }
    let beyond = fixture("87.02")
        .settings(r#"{"tolerance": 0.5}"#)
        .remembered("baseline", "87.53");
    assert!(judge(&beyond).is_fail());
}

#[test]
fn higher_coverage_raises_the_baseline() {
    let fixture = fixture("90%").remembered("baseline", "87.53");
    assert!(judge(&fixture).is_pass());
    assert_eq!(fixture.memory_after("baseline").as_deref(), Some("90.00"));
}

#[test]
fn coverage_below_the_minimum_fails_and_sets_no_baseline() {
    let settings = r#"{"minimum": 80.1}"#;
    let low = fixture("80.09").settings(settings);
    let verdict = judge(&low);
    assert_eq!(rules(&verdict), ["coverage/minimum"]);
    assert!(verdict.is_fail() && low.memory_after("baseline").is_none());
    assert!(judge(&fixture("80.10").settings(settings)).is_pass());
    let both = fixture("10")
        .settings(settings)
        .remembered("baseline", "90");
    assert_eq!(
        rules(&judge(&both)),
        ["coverage/minimum", "coverage/fallen"]
    );
}

#[test]
fn report_that_cannot_be_read_fails_and_sets_no_baseline() {
    for content in [
        "",
        "all good",
        "NaN",
        "-1",
        "101",
        "<coverage line-rate='nan'/>",
        "SF:a\nLF:0\nLH:0\nend_of_record",
    ] {
        let fixture = fixture(content);
        let verdict = judge(&fixture);
        assert!(verdict.is_fail(), "{content}");
        assert_eq!(rules(&verdict), ["coverage/unreadable"]);
        assert!(fixture.memory_after("baseline").is_none());
    }
}

#[test]
fn report_that_the_host_could_not_read_fails_with_its_reason() {
    let evidence =
        r#"{"path":"c.xml","passed":true,"content":"99","problem":"it is no regular file"}"#;
    let verdict = judge(&Fixture::new().evidence("ci/coverage", evidence));
    assert_eq!(rules(&verdict), ["coverage/unreadable"]);
    assert!(
        verdict.findings()[0]
            .message
            .contains("it is no regular file")
    );
    let null = r#"{"path":"c.xml","passed":true,"content":"99","problem":null}"#;
    assert!(judge(&Fixture::new().evidence("ci/coverage", null)).is_pass());
}

#[test]
fn report_of_a_red_run_fails_whatever_it_says() {
    let evidence = r#"{"path":"c.xml","passed":false,"content":"100"}"#;
    let fixture = Fixture::new().evidence("ci/coverage", evidence);
    let verdict = judge(&fixture);
    assert!(verdict.is_fail() && fixture.memory_after("baseline").is_none());
    assert_eq!(rules(&verdict), ["coverage/tests-red"]);
}

#[test]
fn absent_report_is_no_verdict_and_says_what_to_configure() {
    let answer = Fixture::new()
        .artefact("ci/coverage", "tester", "100")
        .judge::<Coverage>();
    let Err(GateError::Unavailable(why)) = answer else {
        panic!("{answer:?}");
    };
    assert!(
        why.contains("ci.coverage") && why.contains(".orch.yaml"),
        "{why}"
    );
}

#[test]
fn report_of_another_commit_is_waited_out() {
    let other = "c".repeat(40);
    let fixture = Fixture::new().evidence_of(&other, "ci/coverage", &green("100"));
    let verdict = fixture.judge::<Coverage>().unwrap();
    assert!(verdict.waits_ms().is_some() && verdict.summary().contains(&other));
}

#[test]
fn senseless_evidence_and_memory_are_internal_errors() {
    let garbled = Fixture::new()
        .evidence("ci/coverage", "{}")
        .judge::<Coverage>();
    assert!(matches!(garbled, Err(GateError::Internal(_))));
    for value in ["lots", "", "101", "-1", "87,5"] {
        let answer = fixture("90")
            .remembered("baseline", value)
            .judge::<Coverage>();
        let Err(GateError::Internal(why)) = answer else {
            panic!("{answer:?}");
        };
        assert!(why.contains(&format!("{value:?}")), "{why}");
    }
}

#[test]
fn senseless_settings_are_refused() {
    for settings in [
        r#"{"tolerance": -0.1}"#,
        r#"{"tolerance": 100.5}"#,
        r#"{"tolerance": 0.001}"#,
        r#"{"minimum": 101}"#,
        r#"{"minimum": 80.005}"#,
        r#"{"format": "clover"}"#,
        r#"{"baseline": 3}"#,
    ] {
        let answer = fixture("90").settings(settings).judge::<Coverage>();
        assert!(
            matches!(answer, Err(GateError::Misconfigured(_))),
            "{settings}"
        );
    }
    let nan = Settings {
        tolerance: f64::NAN,
        ..Settings::default()
    };
    assert_eq!(Coverage::check_settings(&nan).len(), 1);
    assert!(Coverage::check_settings(&Settings::default()).is_empty());
}

#[test]
fn descriptor_names_the_status_and_no_artefact() {
    let about = orch_gate_sdk::describe::descriptor::<Coverage>();
    assert_eq!(about.name, "coverage");
    assert_eq!(about.status.key, "coverage_status");
    assert!(about.artefact.is_none());
    for key in ["minimum", "tolerance", "format"] {
        assert!(about.settings_schema.contains(key), "{key}");
    }
}
