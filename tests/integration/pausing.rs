//! A person holds a lane or a repository back, and lets it go on.

use orch_kit::{World, until};

fn begun(world: &World, item: &str) -> usize {
    world.task(item)["runs"].as_array().unwrap().len()
}

#[test]
fn paused_lane_starts_nothing_says_why_and_goes_on_when_it_is_released() {
    let mut world = World::new();
    world.call_me("ann", "approver");
    let _host = world.serve();
    world.json(&[
        "pause",
        "lane:agents",
        "--reason",
        "the provider is on fire",
    ]);
    let item = world.begin("Held");
    let why = until("it says why", || {
        let why = world.task(&item)["why"].as_str().unwrap().to_owned();
        why.contains("on fire").then_some(why)
    });
    assert!(
        why.contains("ann") && why.contains("orch unpause lane:agents"),
        "{why}"
    );
    assert_eq!(begun(&world, &item), 0);
    let queue = world.json(&["queue"]);
    assert_eq!(
        queue["resilience"]["pauses"][0]["scope"], "lane:agents",
        "{queue:#}"
    );
    // A stop is carried out all the same.
    let other = world.begin("Stopped");
    world.json(&["pause", "lane:effects"]);
    world.json(&["task", "stop", &other]);
    until("it is stopped", || {
        (world.task(&other)["stage"] == "cancelled").then_some(())
    });
    world.json(&["unpause", "lane:effects"]);
    world.json(&["unpause", "lane:agents"]);
    let done = world.follow(&item, |view| view["status"] == "ended");
    assert_eq!(done["stage"], "done");
    assert!(
        world
            .refused(&["unpause", "lane:agents"])
            .contains("not held back")
    );
}

#[test]
fn pause_of_a_repository_outlives_the_host_and_ends_by_itself() {
    let world = World::new();
    let host = world.serve();
    world.json(&["pause", "repo:shop", "--for", "6s"]);
    let item = world.begin("Later");
    until("it says why", || {
        let why = world.task(&item)["why"].as_str().unwrap().to_owned();
        why.contains("repo:shop").then_some(())
    });
    drop(host);
    let _host = world.serve();
    assert_eq!(begun(&world, &item), 0);
    let done = world.follow(&item, |view| view["status"] == "ended");
    assert_eq!(done["stage"], "done");
}

#[test]
fn pause_of_what_is_not_there_is_refused_with_what_is() {
    let world = World::new();
    let _host = world.serve();
    let said = world.refused(&["pause", "repo:shp"]);
    assert!(said.contains("shop") && said.contains("agents"), "{said}");
    let said = world.refused(&["pause", "repo:shop", "--for", "soon"]);
    assert!(said.contains("`soon`") && said.contains("30m"), "{said}");
}

#[test]
fn step_that_blocks_three_tasks_in_a_row_holds_its_lane_back_until_a_person_lets_it_go_on() {
    let mut world = World::new();
    world.config["rules"]["infra_failures_max"] = serde_json::json!(0);
    world.write_config();
    let agent = std::fs::read_to_string(world.path("agent.sh")).unwrap();
    let fails = "#!/bin/sh\ncat > /dev/null\nexit 3\n";
    world.write("agent.sh", fails, 0o755);
    let _host = world.serve();
    let items = ["First", "Second", "Third"].map(|title| {
        let item = world.begin(title);
        world.follow(&item, |view| view["status"] == "blocked");
        item
    });
    let paused = world.json(&["queue"])["resilience"]["pauses"].clone();
    assert_eq!(paused[0]["scope"], "lane:agents@shop", "{paused:#}");
    let alerts = world.json(&["alerts"]);
    let all = alerts["items"].as_array().unwrap();
    let of_lane: Vec<_> = all.iter().filter(|a| a["kind"] == "lane-paused").collect();
    assert!(
        of_lane.len() == 1 && of_lane[0]["repo"] == "shop",
        "{alerts:#}"
    );
    let fourth = world.begin("Fourth");
    until("it says why it waits", || {
        let why = world.task(&fourth)["why"].as_str().unwrap().to_owned();
        why.contains("orch unpause lane:agents@shop").then_some(())
    });
    assert_eq!(begun(&world, &fourth), 0);
    world.write("agent.sh", &agent, 0o755);
    world.json(&["unpause", "lane:agents@shop"]);
    world.json(&["task", "resume", &items[0]]);
    for item in [&items[0], &fourth] {
        world.follow(item, |view| view["stage"] == "architecture");
    }
}
