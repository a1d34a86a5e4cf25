//! One gate over a plain repository, without a host: the exit codes that scripts rely on.

use orch_kit::World;
use orch_kit::world::gates;

/// A repository whose staging log says `status`.
fn with_log(status: &str) -> World {
    let world = World::new();
    let log = format!(
        "---\nstaging_status: {status}\ntimestamp: '2026-01-01T00:00:00Z'\nbase_url: ''\n---\n- FAILED health\n"
    );
    world.write("seed/docs/work-items/SHOP-1/15-staging-log.md", &log, 0o644);
    world.commit_seed("log");
    world
}

fn judge(world: &World, gate: &str, more: &[&str]) -> (i32, String, String) {
    let file = gates().join(gate);
    let repo = world.path("seed");
    let args = [
        &[
            "gate",
            "run",
            file.to_str().unwrap(),
            "--repo",
            repo.to_str().unwrap(),
        ][..],
        more,
    ]
    .concat();
    let done = world.orch(&args);
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (
        done.status.code().unwrap(),
        text(&done.stdout),
        text(&done.stderr),
    )
}

#[test]
fn exit_codes_tell_pass_fail_inconclusive_wait_and_usage_apart() {
    let item = ["--work-item", "SHOP-1"];
    let (code, artefact, note) = judge(&with_log("SUCCESS"), "staging.wasm", &item);
    assert_eq!(code, 0, "{note}");
    assert!(
        artefact.starts_with("---\nstaging_gate_status: PASS\n"),
        "{artefact}"
    );
    assert!(note.contains("provenance not checked"));
    let red = with_log("FAILED");
    assert_eq!(judge(&red, "staging.wasm", &item).0, 1);
    assert_eq!(judge(&red, "ci.wasm", &item).0, 2, "no forge answers here");
    let approved = [
        "--work-item",
        "SHOP-1",
        "--settings",
        r#"{"check":"approved"}"#,
    ];
    assert_eq!(
        judge(&red, "review.wasm", &approved).0,
        3,
        "there is no pull request to be approved yet"
    );
    assert_eq!(judge(&red, "staging.wasm", &["--work-item", "../x"]).0, 64);
    let (code, _, note) = judge(
        &red,
        "staging.wasm",
        &["--work-item", "SHOP-1", "--branch", "nope"],
    );
    assert_eq!(code, 64);
    assert!(note.contains("no branch or commit `nope`"), "{note}");
}

#[test]
fn strict_run_takes_nobody_for_the_author() {
    let world = with_log("SUCCESS");
    let (code, artefact, _) = judge(
        &world,
        "staging.wasm",
        &["--work-item", "SHOP-1", "--strict"],
    );
    assert_eq!(code, 1);
    assert!(artefact.contains("artefact/author"), "{artefact}");
    let assumed = [
        "--work-item",
        "SHOP-1",
        "--strict",
        "--assume-role",
        "15-staging-log.md=host",
    ];
    assert_eq!(judge(&world, "staging.wasm", &assumed).0, 0);
}

#[test]
fn inspection_reads_the_permissions_off_the_binary() {
    let world = World::new();
    let staging = gates().join("staging.wasm");
    let view = world.json(&["gate", "inspect", staging.to_str().unwrap()]);
    let imports: Vec<&str> = view["imports"]
        .as_array()
        .unwrap()
        .iter()
        .map(|i| i["name"].as_str().unwrap())
        .collect();
    assert_eq!(
        imports,
        ["task", "artefacts"],
        "a gate imports what it uses and no more"
    );
}
