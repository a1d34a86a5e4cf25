//! A client of the official SDK asks the host by the Model Context Protocol, in both scopes.

use std::path::PathBuf;
use std::process::Command;

use orch_kit::world::until;
use orch_kit::{World, world};
use serde_json::{Value, json};

/// Folder in which the SDK is installed.
fn sdk() -> PathBuf {
    let installed = world::root().join(".tools/npm");
    let path = std::env::var_os("ORCH_TEST_MCP_SDK").map_or(installed, PathBuf::from);
    assert!(
        path.join("node_modules/@modelcontextprotocol/sdk").exists(),
        "the SDK of the Model Context Protocol is not installed; run `cargo xtask test`"
    );
    path
}

/// What a client sees and is answered.
fn asked(world: &World, scope: &[&str], calls: &[(&str, Value)]) -> Value {
    let orch = world.command(&[&["mcp"], scope].concat());
    let mut client = Command::new("node");
    client
        .arg(world::root().join("tests/kit/mcp.mjs"))
        .arg(sdk())
        .arg(orch.get_program())
        .args(orch.get_args())
        .arg("--");
    for (name, arguments) in calls {
        client.arg(name).arg(arguments.to_string());
    }
    let done = client.output().expect("node is installed");
    let error = String::from_utf8_lossy(&done.stderr).into_owned();
    assert!(done.status.success(), "{error}");
    serde_json::from_slice(&done.stdout).unwrap_or_else(|e| panic!("{e}: {error}"))
}

fn names(seen: &Value) -> Vec<&str> {
    let tools = seen["tools"].as_array().unwrap();
    tools
        .iter()
        .map(|tool| tool["name"].as_str().unwrap())
        .collect()
}

fn answer(seen: &Value, at: usize) -> Value {
    let answer = &seen["answers"][at];
    assert_eq!(answer["isError"], false, "{answer:#}");
    serde_json::from_str(answer["text"].as_str().unwrap()).unwrap()
}

#[test]
fn operator_lists_looks_begins_and_stops_and_decides_nothing() {
    let world = World::new();
    let _host = world.serve();
    let begun = asked(
        &world,
        &[],
        &[("create_task", json!({"repo": "shop", "title": "Discounts"}))],
    );
    assert_eq!(begun["server"]["name"], "orch");
    let tools = names(&begun);
    assert_eq!(
        tools,
        [
            "list_tasks",
            "inbox",
            "show_task",
            "why",
            "verdicts",
            "log",
            "diff",
            "create_task",
            "stop_task"
        ]
    );
    assert_eq!(answer(&begun, 0)["work_item"], "SHOP-1");
    until("the analysis waits for a person", || {
        (world.json(&["inbox"])["total"] == 1).then_some(())
    });
    let item = json!({"item": "SHOP-1"});
    let seen = asked(
        &world,
        &[],
        &[
            ("list_tasks", json!({})),
            ("why", item.clone()),
            ("log", item.clone()),
            ("inbox", json!({})),
            ("show_task", json!({"item": "SHOP-99"})),
            ("approve", item.clone()),
            ("stop_task", item),
        ],
    );
    assert_eq!(answer(&seen, 0)["items"][0]["title"], "Discounts");
    assert!(
        answer(&seen, 1)["why"]
            .as_str()
            .unwrap()
            .contains("approval")
    );
    assert!(!answer(&seen, 2)["lines"].as_array().unwrap().is_empty());
    assert_eq!(answer(&seen, 3)["items"][0]["wanted"], "decision");
    assert_eq!(seen["answers"][4]["isError"], true, "{seen:#}");
    let refused = seen["answers"][5].to_string();
    assert!(refused.contains("there is no tool `approve`"), "{refused}");
    assert_eq!(answer(&seen, 6)["work_item"], "SHOP-1");
}

#[test]
fn scope_of_a_task_sees_that_task_and_changes_nothing() {
    let world = World::new();
    let _host = world.serve();
    let (mine, other) = (world.begin("Mine"), world.begin("Other"));
    until("its first run has ended", || {
        (!world.task(&mine)["runs"][0]["outcome"].is_null()).then_some(())
    });
    let seen = asked(
        &world,
        &["--task", &mine],
        &[
            ("my_task", json!({})),
            ("my_findings", json!({})),
            ("my_reach", json!({})),
            ("my_log", json!({})),
            ("show_task", json!({"item": other})),
            ("stop_task", json!({"item": other})),
        ],
    );
    assert_eq!(
        names(&seen),
        ["my_task", "my_findings", "my_reach", "my_log"]
    );
    assert_eq!(answer(&seen, 0)["title"], "Mine");
    assert!(answer(&seen, 1)["verdicts"].is_array());
    assert!(answer(&seen, 2)["denied"].is_array());
    assert!(!answer(&seen, 3)["lines"].as_array().unwrap().is_empty());
    for at in [4, 5] {
        assert!(
            seen["answers"][at].to_string().contains("there is no tool"),
            "{seen:#}"
        );
    }
    assert_ne!(world.task(&other)["status"], "stopping");
}
