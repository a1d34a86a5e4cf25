//! Gates that are dropped into a running host: seen, granted, enabled, replaced, refused.

use std::fs;

use orch_kit::World;
use orch_kit::world::{gates, root};
use serde_json::{Value, json};

fn gate(world: &World, name: &str) -> Option<Value> {
    let list = world.json(&["gate", "list"]);
    let mut list = list["items"].as_array().unwrap().clone().into_iter();
    list.find(|gate| gate["name"] == name)
}

/// Waits until the gate is in this state.
fn until_state(world: &World, name: &str, state: &str) -> Value {
    orch_kit::until(&format!("gate {name} is {state}"), || {
        gate(world, name).filter(|gate| gate["state"] == state)
    })
}

/// Lays a file into the gates folder in one step.
fn drop_gate(world: &World, name: &str, bytes: &[u8]) {
    fs::write(world.path("fresh"), bytes).unwrap();
    fs::rename(
        world.path("fresh"),
        world.path(&format!("gates/{name}.wasm")),
    )
    .unwrap();
}

#[test]
fn dropped_gate_judges_the_next_task_without_a_restart_and_only_with_grants() {
    let world = World::with_own_gates();
    let _host = world.serve();
    // It imports everything there is, three things of which need a grant.
    let fixture = fs::read(root().join("tests/guests/frozen/contract-0.1.0.wasm")).unwrap();
    drop_gate(&world, "guest", &fixture);
    let listed = until_state(&world, "guest", "ungranted");
    let line = listed["error"].as_str().unwrap();
    assert!(
        line.contains("grants: {guest: [tools/PROFILE, http/https://HOST/, memory]}"),
        "{line}"
    );
    let enabled = world.json(&[
        "gate", "enable", "guest", "--stage", "review", "--mode", "enforce", "--repo", "shop",
    ]);
    assert!(
        enabled["message"].as_str().unwrap().contains("grants:"),
        "{enabled}"
    );
    let item = world.begin("Judged by a newcomer");
    let view = world.follow(&item, |view| view["status"] == "blocked");
    let why = view["why"].as_str().unwrap();
    assert!(
        why.contains("denied") && why.contains("grants: {guest:"),
        "{why}"
    );
    let text = fs::read_to_string(world.path("orch.yaml")).unwrap();
    let mut config: Value = serde_json::from_str(&text).unwrap();
    config["grants"] = json!({"guest": ["tools/none", "http/http://127.0.0.1:1/", "memory"]});
    world.write("orch.yaml", &config.to_string(), 0o644);
    until_state(&world, "guest", "serves");
    world.json(&["task", "resume", &item, "--stage", "review"]);
    let view = world.follow(&item, |view| view["status"] == "ended");
    assert_eq!(view["stage"], "done");
    let verdicts = view["verdicts"].as_array().unwrap();
    assert!(
        verdicts
            .iter()
            .any(|v| v["entry"] == "guest" && v["decision"] == "pass")
    );
}

#[test]
fn gate_that_the_machine_cannot_compile_is_told_of_and_keeps_no_host_from_serving() {
    let mut world = World::with_own_gates();
    world.expected_errors = vec![
        "gate file not loaded",
        "the last good version does not load either",
        "is not in force",
    ];
    let host = world.serve();
    let good = gate(&world, "review").unwrap();
    drop(host);
    // Its image is gone, and a folder stands where the compiler would write another one.
    let digest = good["digest"].as_str().unwrap();
    let images = fs::read_dir(world.path("data/gates/aot")).unwrap();
    let images = images.map(|entry| entry.unwrap().path());
    let of_it = |path: &std::path::PathBuf| {
        let name = path.file_name().unwrap().to_str().unwrap();
        name.starts_with(digest) && name.ends_with(".cwasm")
    };
    let image = images.filter(of_it).collect::<Vec<_>>().pop().unwrap();
    fs::remove_file(&image).unwrap();
    fs::create_dir(image.with_extension("new")).unwrap();
    let host = world.serve();
    let listed = until_state(&world, "review", "missing");
    let why = listed["error"].as_str().unwrap();
    assert!(why.contains("the compiler gave up on it"), "{why}");
    assert_eq!(gate(&world, "ci").unwrap()["state"], "serves");
    let alert = orch_kit::until("somebody is told", || {
        let alerts = world.json(&["alerts"]);
        let list = alerts["items"].as_array().unwrap().clone();
        list.into_iter().find(|alert| alert["kind"] == "gate-unfit")
    });
    let text = alert.to_string();
    assert!(
        text.contains("gate `review` is not in force") && text.contains("tried again"),
        "{text}"
    );
    drop(host);
    fs::remove_dir(image.with_extension("new")).unwrap();
    let _host = world.serve();
    until_state(&world, "review", "serves");
}

#[test]
fn garbage_over_a_gate_leaves_the_last_good_one_serving_and_the_lock_holds() {
    let mut world = World::with_own_gates();
    world.expected_errors = vec!["gate file not loaded", "is not in force"];
    let host = world.serve();
    let good = gate(&world, "review").unwrap();
    drop_gate(&world, "review", b"garbage");
    let listed = orch_kit::until("the bad file is noticed", || {
        gate(&world, "review").filter(|gate| !gate["error"].is_null())
    });
    assert_eq!(listed["digest"], good["digest"]);
    assert_eq!(listed["state"], "serves");
    let item = world.begin("Beside a bad file");
    let view = world.follow(&item, |view| view["status"] == "ended");
    assert_eq!(view["stage"], "done");
    drop(host);
    let _host = world.serve();
    assert_eq!(
        gate(&world, "review").unwrap()["digest"],
        good["digest"],
        "after a restart too"
    );
    fs::copy(gates().join("review.wasm"), world.path("gates/review.wasm")).unwrap();
    orch_kit::until("the good file is back", || {
        gate(&world, "review").filter(|gate| gate["error"].is_null())
    });
    world.json(&["gate", "lock"]);
    drop_gate(&world, "ci", &fs::read(gates().join("tests.wasm")).unwrap());
    let refused = orch_kit::until("the other file is refused", || {
        gate(&world, "ci").filter(|gate| !gate["error"].is_null())
    });
    assert!(
        refused["error"]
            .as_str()
            .unwrap()
            .contains("orch gate lock"),
        "{refused}"
    );
    let unknown = world.refused(&["gate", "rollback", "ci", "ffffffffffff"]);
    assert!(unknown.contains("that are kept:"), "{unknown}");
}
