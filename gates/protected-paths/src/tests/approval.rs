//! Who may let a protected change through, and which change it was.

use orch_gate_sdk::Fixture;
use orch_gate_sdk::repository::Change;

use crate::ProtectedPaths;

fn change() -> Fixture {
    Fixture::new().changed(".orch.yaml", Change::Modified, 1, 1)
}

#[test]
fn protected_change_waits_for_a_person_and_says_what_it_is() {
    let verdict = change().judge::<ProtectedPaths>().unwrap();
    assert!(verdict.waits_ms().is_some());
    assert!(
        verdict.summary().contains(".orch.yaml"),
        "{}",
        verdict.summary()
    );
}

#[test]
fn approved_change_passes_with_the_name_and_keeps_its_findings() {
    let fixture = change().evidence("approval/protected-paths", r#"{"by": "ann"}"#);
    let verdict = fixture.judge::<ProtectedPaths>().unwrap();
    assert!(verdict.is_pass() && verdict.summary().contains("approved by ann"));
    assert_eq!(verdict.findings().len(), 1);
    assert!(!verdict.findings()[0].blocking);
}

#[test]
fn approval_of_another_commit_does_not_count() {
    let other = "c".repeat(40);
    let fixture = change().evidence_of(&other, "approval/protected-paths", r#"{"by": "ann"}"#);
    assert!(
        fixture
            .judge::<ProtectedPaths>()
            .unwrap()
            .waits_ms()
            .is_some()
    );
}

#[test]
fn operator_can_have_it_fail_instead() {
    let fixture = change().settings(r#"{"answer": "fail"}"#);
    assert!(fixture.judge::<ProtectedPaths>().unwrap().is_fail());
}
