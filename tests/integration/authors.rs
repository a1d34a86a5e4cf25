//! A gate from nothing, as the tutorial tells it, in each language: built, tested, dropped into a running host
//! and judging the next task.

use std::fs;
use std::process::Command;

use orch_kit::World;
use orch_kit::world::{gates, orch_program, root};
use serde_json::Value;

/// The tutorial's shell commands, in order.
fn commands() -> String {
    let page = fs::read_to_string(root().join("docs/gate-authors/tutorial.md")).unwrap();
    let blocks = page.split("```sh\n").skip(1);
    let blocks: Vec<&str> = blocks.map(|b| b.split("```").next().unwrap()).collect();
    assert!(blocks.len() >= 5, "{blocks:?}");
    blocks.concat()
}

/// Follows the tutorial in this language against a running host, then judges a task.
fn follow(language: &str) {
    let world = World::with_own_gates();
    let _host = world.serve();
    let script = commands();
    let script = script.replace("--lang rust", &format!("--lang {language}"));
    fs::create_dir(world.path("author")).unwrap();
    let orch = orch_program();
    let path = std::env::var("PATH").unwrap();
    let done = Command::new("bash")
        .args(["-euxc", &script])
        .current_dir(world.path("author"))
        .env(
            "PATH",
            format!("{}:{path}", orch.parent().unwrap().display()),
        )
        .env("GATES", world.path("gates"))
        .env("ORCH_CONFIG", world.path("orch.yaml"))
        // What the project depends on is built once, not in each world.
        .env(
            "CARGO_TARGET_DIR",
            concat!(env!("CARGO_TARGET_TMPDIR"), "/author"),
        )
        .output()
        .unwrap();
    let said = format!(
        "{}{}",
        String::from_utf8_lossy(&done.stdout),
        String::from_utf8_lossy(&done.stderr)
    );
    assert!(done.status.success(), "{language}: {said}\n{}", world.log());
    let report = fs::read_to_string(world.path("author/has-notes/report.xml")).unwrap();
    assert!(
        report.contains("<testsuites") && report.contains("failures=\"0\""),
        "{report}"
    );

    let item = world.begin("Discount");
    let view = world.follow(&item, |view| view["status"] == "ended");
    assert_eq!(view["stage"], "done", "{view:#}");
    let judged: Vec<&Value> = view["verdicts"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|v| v["entry"] == "has-notes")
        .collect();
    // The scripted agent writes no notes; in mode `advise` that is said and holds nobody up.
    assert!(!judged.is_empty(), "{view:#}");
    for verdict in judged {
        assert_eq!(
            (verdict["decision"].as_str(), verdict["mode"].as_str()),
            (Some("fail"), Some("advise"))
        );
        let number = verdict["evaluation"].to_string();
        assert_eq!(world.json(&["gate", "replay", &number])["identical"], true);
    }
}

#[test]
fn gate_from_the_tutorial_in_rust_judges_the_next_task() {
    follow("rust");
}

#[test]
fn gate_from_the_tutorial_in_javascript_judges_the_next_task() {
    follow("javascript");
}

#[test]
fn gate_from_the_tutorial_in_python_judges_the_next_task() {
    follow("python");
}

#[test]
fn failing_case_is_named_in_every_form_and_fails_the_command() {
    let world = World::new();
    let cases = "cases:\n  - name: no log passes\n    expect: {decision: pass}\n";
    world.write("cases.yaml", cases, 0o644);
    let (gate, cases) = (gates().join("staging.wasm"), world.path("cases.yaml"));
    let (gate, cases) = (gate.display().to_string(), cases.display().to_string());
    for (form, part) in [
        ("text", "FAILED no log passes"),
        ("json", "\"failed\": 1"),
        ("junit", "<failure message="),
        ("sarif", "\"ruleId\": \"case-failed\""),
    ] {
        let done = world.orch(&["gate", "test", &gate, "--cases", &cases, "--format", form]);
        let text = String::from_utf8_lossy(&done.stdout).into_owned();
        assert_eq!(done.status.code(), Some(1), "{form}: {text}");
        assert!(text.contains(part), "{form}: {text}");
    }
    let done = world.orch(&["gate", "test", &gate, "--cases", &cases, "--format", "xml"]);
    assert_eq!(done.status.code(), Some(64));
}

#[test]
fn judgement_as_sarif_names_rule_and_file() {
    let world = World::new();
    let (gate, seed) = (gates().join("review.wasm"), world.path("seed"));
    let done = world.orch(&[
        "gate",
        "run",
        &gate.display().to_string(),
        "--repo",
        &seed.display().to_string(),
        "--work-item",
        "SHOP-1",
        "--format",
        "sarif",
    ]);
    assert_eq!(done.status.code(), Some(1));
    let log: Value = serde_json::from_slice(&done.stdout).unwrap();
    let result = &log["runs"][0]["results"][0];
    assert_eq!(result["level"], "error", "{log:#}");
    assert!(
        result["message"]["text"]
            .as_str()
            .unwrap()
            .contains("12-review.md"),
        "{log:#}"
    );
}

#[test]
fn check_refuses_what_a_host_would_not_load_and_warns_of_what_it_must_grant() {
    let world = World::new();
    world.write("broken.wasm", "not a component", 0o644);
    let done = world.orch(&[
        "gate",
        "check",
        &world.path("broken.wasm").display().to_string(),
    ]);
    assert_eq!(done.status.code(), Some(1));
    let text = String::from_utf8_lossy(&done.stdout).into_owned();
    assert!(text.contains("a host would not take it"), "{text}");
    let fixture = root().join("tests/guests/frozen/contract-0.1.0.wasm");
    let done = world.orch(&["gate", "check", &fixture.display().to_string()]);
    let text = String::from_utf8_lossy(&done.stdout).into_owned();
    assert!(text.contains("grants: {"), "{text}");
}
