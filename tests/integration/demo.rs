//! The demo is the thin line through everything, so its own output is what is claimed about.

use std::process::Command;

use orch_kit::world::{gates, orch_program};
use serde_json::Value;

fn demo(args: &[&str]) -> Value {
    let done = Command::new(orch_program())
        .args(["demo", "--json", "--gates"])
        .arg(gates())
        .args(args)
        .output()
        .unwrap();
    assert!(
        done.status.success(),
        "{}{}",
        String::from_utf8_lossy(&done.stdout),
        String::from_utf8_lossy(&done.stderr)
    );
    serde_json::from_slice(&done.stdout)
        .expect("one JSON document and nothing else on standard output")
}

#[test]
fn demo_carries_a_task_to_production_with_one_round_of_rework() {
    let summary = demo(&[]);
    assert_eq!(summary["state"], "done");
    assert_eq!(
        summary["rework_rounds"], 1,
        "the reviewer's finding sent the task back once"
    );
    assert_eq!(summary["reattached_runs"], 0);
    assert_eq!(summary["merged_commit"].as_str().unwrap().len(), 40);
    let stages: Vec<(&str, u64)> = summary["stages"]
        .as_array()
        .unwrap()
        .iter()
        .map(|s| (s["stage"].as_str().unwrap(), s["attempt"].as_u64().unwrap()))
        .collect();
    let expected = [
        ("analysis", 1),
        ("architecture", 1),
        ("development", 1),
        ("review", 1),
        ("development", 2),
        ("review", 2),
        ("testing", 1),
        ("deploy-staging", 1),
        ("deploy", 1),
        ("done", 1),
    ];
    assert_eq!(stages, expected);
    let verdicts = summary["verdicts"].as_array().unwrap();
    for verdict in verdicts.iter().filter(|v| v["decision"] != "wait") {
        assert_eq!(verdict["digest"].as_str().unwrap().len(), 64);
        let frontmatter = verdict["frontmatter"].as_str().unwrap();
        assert!(
            frontmatter.starts_with("---\n") && frontmatter.ends_with("---\n"),
            "{frontmatter}"
        );
        assert!(frontmatter.contains(verdict["digest"].as_str().unwrap()));
    }
    let reviews: Vec<&str> = verdicts
        .iter()
        .filter(|v| v["entry"] == "review-verdict")
        .map(|v| v["decision"].as_str().unwrap())
        .collect();
    assert_eq!(reviews, ["fail", "pass"]);
}

#[test]
fn host_killed_under_a_run_takes_it_up_again_and_repeats_nothing() {
    let summary = demo(&["--crash"]);
    assert_eq!(summary["state"], "done");
    assert_eq!(summary["reattached_runs"], 1);
    assert_eq!(summary["rework_rounds"], 1);
    let developments = summary["stages"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|s| s["stage"] == "development")
        .count();
    assert_eq!(
        developments, 2,
        "one for the first try and one for the rework, none for the crash"
    );
}
