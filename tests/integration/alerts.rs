//! What people have to see stays until they have seen it, through the running host.

use orch_kit::World;
use orch_kit::world::AGENT;

/// A world whose analyst always leaves a reviewer's verdict, which blocks the task at once.
fn strays() -> World {
    let world = World::new();
    let forge = "    say \"writing the analysis\"\n    echo no > \"$folder/12-review.md\"\n";
    world.write(
        "agent.sh",
        &AGENT.replacen("    say \"writing the analysis\"\n", forge, 1),
        0o755,
    );
    world
}

#[test]
fn block_is_an_alert_until_somebody_has_seen_it_or_moved_the_task_on() {
    let mut world = strays();
    world.call_me("ann", "approver");
    let _host = world.serve();
    let item = world.begin("Strays");
    let stands = || world.follow(&item, |view| view["status"] == "blocked");
    stands();
    let listed = world.json(&["alerts"]);
    assert_eq!(listed["total"], 1, "{listed:#}");
    let alert = &listed["items"][0];
    for (key, value) in [
        ("kind", "blocked"),
        ("level", "alarm"),
        ("repo", "shop"),
        ("work_item", item.as_str()),
    ] {
        assert_eq!(alert[key], value, "{listed:#}");
    }
    assert!(
        alert["needs_person"] == true && alert["count"] == 1,
        "{listed:#}"
    );
    assert_eq!(world.json(&["queue"])["alerts"]["open"], 1);
    let said = world.refused(&["alerts", "ack", "4711"]);
    assert!(
        said.contains("4711") && said.contains("orch alerts"),
        "{said}"
    );
    let id = alert["id"].to_string();
    world.json(&["alerts", "ack", &id]);
    assert_eq!(world.json(&["queue"])["alerts"]["open"], 0);
    assert_eq!(world.json(&["alerts"])["total"], 0);
    let all = world.json(&["alerts", "--all"]);
    assert_eq!(all["items"][0]["acknowledged_by"], "ann", "{all:#}");

    // It comes again: that is a new one, and whoever stops the task has seen it.
    world.json(&["task", "resume", &item]);
    stands();
    assert_eq!(world.json(&["alerts"])["total"], 1);
    world.json(&["task", "stop", &item]);
    let all = world.json(&["alerts", "--all"]);
    assert_eq!(all["total"], 2, "{all:#}");
    assert_eq!(all["items"][0]["acknowledged_by"], "ann", "{all:#}");
}
