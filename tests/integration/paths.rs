//! Does somebody who never saw the pages find what they look for? Said as paths: what one would click, at most three
//! times, on a host with forty tasks.

use std::fs;

use orch_kit::World;
use orch_kit::browser::Browser;
use orch_kit::world::{AGENT, until};
use serde_json::json;

/// A host with forty tasks: SHOP-3 waits for a person, SHOP-7 is blocked, SHOP-9 has an agent at work, the others wait for
/// their turn.
fn busy(world: &mut World) {
    let go = world.path("go").display().to_string();
    world.write("worker.sh", AGENT, 0o755);
    let worker = world.path("worker.sh").display().to_string();
    let script = format!(
        "#!/bin/sh\ncase \"$ORCH_WORK_ITEM\" in\nSHOP-7) cat > /dev/null; exit 7;;\n\
         SHOP-9) echo 'counting the prices of the cart'; while [ ! -e {go} ]; do sleep 0.05; done;;\nesac\nexec {worker}\n"
    );
    world.write("agent.sh", &script, 0o755);
    world.config["rules"]["infra_failures_max"] = json!(1);
    world.write_config();
}

#[test]
fn three_questions_are_answered_within_three_clicks_on_a_host_with_forty_tasks() {
    let mut world = World::new();
    busy(&mut world);
    let browser = Browser::of(&mut world);
    let _host = world.serve();
    world.json(&[
        "pause",
        "lane:agents",
        "--reason",
        "all of them begin first",
    ]);
    for n in 1..=40 {
        world.begin(&format!("Task number {n}"));
    }
    for (item, first) in [("SHOP-3", "1"), ("SHOP-7", "1"), ("SHOP-9", "1")] {
        world.json(&["task", "priority", item, first]);
    }
    world.json(&["unpause", "lane:agents"]);
    until("SHOP-3 waits for a person", || {
        (world.task("SHOP-3")["step"] == "analysis-approved").then_some(())
    });
    until("SHOP-7 is blocked", || {
        (world.task("SHOP-7")["status"] == "blocked").then_some(())
    });
    until("the agent of SHOP-9 is at work", || {
        let text = world.task("SHOP-9")["activity"]["text"].clone();
        (text == "counting the prices of the cart").then_some(())
    });
    world.json(&["pause", "lane:agents", "--reason", "the provider is slow"]);
    let steps = json!([["paths", {"paths": [
        // What waits for me?
        {"clicks": [], "finds": ["SHOP-3", "analysis"]},
        // Why does SHOP-7 not move?
        {"clicks": ["Board", "SHOP-7"], "finds": ["blocked", "exit code 7"]},
        // What does the agent of SHOP-9 do now?
        {"clicks": ["Board", "SHOP-9"], "finds": ["counting the prices of the cart"]},
        {"clicks": ["Board", "SHOP-9", "run"], "finds": ["counting the prices of the cart"]},
    ]}]]);
    browser.takes(&world, "paths", &steps, |word| panic!("`{word}`?"));
    fs::write(world.path("go"), "").unwrap();
}
