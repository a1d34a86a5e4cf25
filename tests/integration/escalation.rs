//! What needs a person and is left alone is told once more, and then to somebody else: each once.

use std::fs;

use orch_kit::{World, until};
use serde_json::json;

/// A world with a task that blocks, and with two places that note what they are told.
fn world(remind_after_s: u32, second_after_s: u32) -> World {
    let mut world = World::new();
    world.write("note.sh", "#!/bin/sh\n{ cat; echo; } >> \"$1\"\n", 0o755);
    let place = |file: &str, tells: &[&str]| {
        let file = world.path(file).display().to_string();
        json!({"command": {"program": "./note.sh", "args": [file]}, "tells": tells})
    };
    let notifiers = json!({
        "pager": place("first", &["needs-person"]),
        "oncall": place("second", &["escalations"]),
    });
    world.config["notifiers"] = notifiers;
    world.config["escalation"] =
        json!({"remind_after_s": remind_after_s, "second_after_s": second_after_s});
    world.config["rules"]["rework_rounds_max"] = json!(1);
    world.config["repositories"]["shop"]["deploy"] = json!({"hook": "exit 1"});
    world.write_config();
    world
}

/// What a place was told again of a task's block.
fn again(world: &World, file: &str, item: &str) -> Vec<String> {
    let text = fs::read_to_string(world.path(file)).unwrap_or_default();
    let blocked = format!("{item} is blocked");
    let lines = text.lines().map(str::to_owned);
    let lines = lines.filter(|line| line.contains("nobody has acted on it"));
    lines.filter(|line| line.contains(&blocked)).collect()
}

fn is_told(world: &World, file: &str, item: &str) -> bool {
    !again(world, file, item).is_empty()
}

#[test]
fn block_that_nobody_resumes_is_told_once_more_and_then_to_somebody_else_over_a_restart_too() {
    let world = world(1, 2);
    let host = world.serve();
    let item = world.begin("Left alone");
    world.follow(&item, |view| view["status"] == "blocked");
    until("the second person is told", || {
        is_told(&world, "second", &item).then_some(())
    });
    drop(host);
    let host = world.serve();
    // The next look of the host that is there now has nothing to say of it: another block comes behind whatever it said.
    let other = world.begin("Left alone too");
    world.follow(&other, |view| view["status"] == "blocked");
    until("both are told of the other one", || {
        let both = ["first", "second"].map(|file| is_told(&world, file, &other));
        (both == [true, true]).then_some(())
    });
    drop(host);
    for (file, what) in [("first", "reminder, for"), ("second", "escalated, for")] {
        let lines = fs::read_to_string(world.path(file)).unwrap();
        let of = |item: &str| again(&world, file, item).len();
        assert_eq!((of(&item), of(&other)), (1, 1), "{file}: {lines}");
        assert!(again(&world, file, &item)[0].contains(what), "{lines}");
    }
}

#[test]
fn alert_that_was_acknowledged_is_told_to_nobody_else() {
    let world = world(0, 1_000_000);
    let host = world.serve();
    let item = world.begin("Seen");
    world.follow(&item, |view| view["status"] == "blocked");
    let alerts = world.json(&["alerts"]);
    for alert in alerts["items"].as_array().unwrap() {
        world.json(&["alerts", "ack", &alert["id"].to_string()]);
    }
    drop(host);
    // Whatever was open would be told at once now.
    let mut world = world;
    world.config["escalation"] = json!({"remind_after_s": 0, "second_after_s": 1});
    world.write_config();
    let _host = world.serve();
    let other = world.begin("Unseen");
    world.follow(&other, |view| view["status"] == "blocked");
    until("the other is told", || {
        is_told(&world, "second", &other).then_some(())
    });
    assert!(!is_told(&world, "second", &item));
}
