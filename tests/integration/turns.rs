//! Tasks that wait for each other: dependencies, and repositories that do one thing at a time.

use orch_kit::world::AGENT;
use orch_kit::{World, sql, until};
use serde_json::{Value, json};

fn runs(world: &World, item: &str) -> usize {
    world.task(item)["runs"].as_array().unwrap().len()
}

fn begin_after(world: &World, title: &str, after: &str) -> String {
    let begun = world.json(&[
        "task", "new", "--repo", "shop", "--title", title, "--after", after,
    ]);
    begun["work_item"].as_str().unwrap().to_owned()
}

fn held(world: &World, item: &str, words: &str) {
    until("it says what it waits for", || {
        let view = world.task(item);
        view["why"].as_str().unwrap().contains(words).then_some(())
    });
}

fn done(world: &World, item: &str) -> Value {
    let view = world.follow(item, |view| view["status"] == "ended");
    assert_eq!(view["stage"], "done", "{view:#}");
    view
}

/// A world with room for two agents, whose analysts write down when they begin.
fn world(serial: bool) -> World {
    let mut world = World::new();
    world.config["concurrency"] = json!({"agents": 2});
    world.config["repositories"]["shop"]["serial"] = json!(serial);
    world.write_config();
    let note = format!(
        "set -eu\necho $ORCH_WORK_ITEM $ORCH_ROLE >> {}\n",
        world.path("order").display()
    );
    world.write("agent.sh", &AGENT.replacen("set -eu\n", &note, 1), 0o755);
    world
}

fn order(world: &World) -> Vec<String> {
    let text = std::fs::read_to_string(world.path("order")).unwrap_or_default();
    text.lines().map(str::to_owned).collect()
}

#[test]
fn dependant_begins_only_when_what_it_waits_for_is_done() {
    let world = world(false);
    let _host = world.serve();
    let first = world.begin("First");
    let second = begin_after(&world, "Second", &first);
    held(&world, &second, &format!("{first} comes first"));
    assert_eq!(runs(&world, &second), 0);
    done(&world, &first);
    done(&world, &second);
    let order = order(&world);
    let of_first = order.iter().rposition(|l| l.starts_with(&first)).unwrap();
    let of_second = order.iter().position(|l| l.starts_with(&second)).unwrap();
    assert!(of_first < of_second, "{order:?}");
}

#[test]
fn stopped_dependency_blocks_its_dependant_until_a_person_resumes_it() {
    let world = world(false);
    let _host = world.serve();
    let first = world.begin("First");
    let second = begin_after(&world, "Second", &first);
    held(&world, &second, "comes first");
    world.json(&["task", "stop", &first]);
    let view = world.follow(&second, |view| view["status"] == "blocked");
    let why = view["why"].as_str().unwrap();
    assert!(why.contains("dependency") && why.contains(&first), "{why}");
    world.json(&["task", "resume", &second]);
    done(&world, &second);
}

#[test]
fn dependency_that_is_not_there_or_was_stopped_is_refused() {
    let world = world(false);
    let _host = world.serve();
    let new = ["task", "new", "--repo", "shop", "--title", "x", "--after"];
    let said = world.refused(&[&new[..], &["SHOP-99"]].concat());
    assert!(said.contains("SHOP-99"), "{said}");
    let first = world.begin("First");
    world.json(&["task", "stop", &first]);
    until("it is stopped", || {
        (world.task(&first)["stage"] == "cancelled").then_some(())
    });
    let said = world.refused(&[&new[..], &[first.as_str()]].concat());
    assert!(said.contains("was stopped"), "{said}");
}

#[test]
fn serial_repository_works_on_one_task_and_lets_the_next_on_while_a_person_decides() {
    let world = world(true);
    let _host = world.serve();
    let first = world.begin("First");
    until("the first waits for a person", || {
        (world.task(&first)["step"] == "analysis-approved").then_some(())
    });
    // The first waits for its approval, so the second has its turn.
    let second = world.begin("Second");
    until("the second has its turn", || {
        (runs(&world, &second) == 1).then_some(())
    });
    until("the second waits for a person too", || {
        (world.task(&second)["step"] == "analysis-approved").then_some(())
    });
    world.orch(&["task", "approve", &first]);
    world.orch(&["task", "approve", &second]);
    done(&world, &first);
    done(&world, &second);
    let order = order(&world);
    let after_analysis: Vec<&String> = order.iter().filter(|l| !l.ends_with("analyst")).collect();
    // From one approval to the next only one of the two is at work: at most the hand-over at the deploy's
    // approval makes them alternate.
    let changes = after_analysis
        .windows(2)
        .filter(|pair| pair[0].split(' ').next() != pair[1].split(' ').next())
        .count();
    assert_eq!(changes, 1, "{order:?}");
}

/// Work items in the order in which their first agents began.
fn begun(world: &World) -> Vec<String> {
    let began = "SELECT t.work_item FROM runs r JOIN tasks t ON t.id = r.task_id GROUP BY t.id ORDER BY min(r.id)";
    sql::column(&world.path("data/orch.db"), began)
}

#[test]
fn urgent_task_begins_first_and_a_person_may_change_their_mind() {
    let world = World::new();
    let _host = world.serve();
    world.json(&["pause", "lane:agents"]);
    let (usual, later) = (world.begin("Usual"), world.begin("Later"));
    let new = ["task", "new", "--repo", "shop", "--title", "Urgent"];
    let urgent = world.json(&[&new[..], &["--priority", "2"]].concat());
    let urgent = urgent["work_item"].as_str().unwrap();
    world.json(&["task", "priority", &later, "3"]);
    assert_eq!(world.task(&later)["priority"], 3);
    world.json(&["unpause", "lane:agents"]);
    until("all have begun", || {
        (begun(&world).len() == 3).then_some(())
    });
    assert_eq!(begun(&world), [urgent, &later, &usual]);
    for number in ["0", "10"] {
        let said = world.refused(&["task", "priority", &usual, number]);
        assert!(said.contains("priority must be 1 (first) to 9"), "{said}");
        let said = world.refused(&[&new[..], &["--priority", number]].concat());
        assert!(said.contains("priority must be 1 (first) to 9"), "{said}");
    }
    assert_eq!(world.json(&["task", "list"])["total"], 3);
}

#[test]
fn wait_without_an_end_ends_after_two_weeks_as_a_block_that_is_told() {
    let world = World::new();
    let host = world.serve();
    let first = world.begin("First");
    let second = begin_after(&world, "Second", &first);
    held(&world, &second, &format!("{first} comes first"));
    let asks = |view: &Value| view["status"] == "awaiting-approval";
    until("the first one waits for its deploy", || {
        let view = world.task(&first);
        if view["status"] == "waiting" && view["step"] == "analysis-approved" {
            world.orch(&["task", "approve", &first]);
        }
        asks(&view).then_some(())
    });
    drop(host);
    let data = world.path("data/orch.db");
    // As if both had begun to wait long ago.
    let jobs = "UPDATE jobs SET created_ms = 1 WHERE state = 'scheduled'";
    assert_eq!(sql::execute(&data, jobs), 1);
    let tasks = "UPDATE tasks SET status_since_ms = 1 WHERE status = 'awaiting-approval'";
    assert_eq!(sql::execute(&data, tasks), 1);
    let _host = world.serve();
    for (item, what) in [(&first, "an approval"), (&second, "comes first")] {
        let view = world.follow(item, |view| view["status"] == "blocked");
        let why = view["why"].as_str().unwrap();
        assert!(why.contains("wait-deadline") && why.contains(what), "{why}");
    }
    let alerts = world.json(&["alerts"]);
    let blocked = |alert: &&Value| alert["kind"] == "blocked";
    let count = alerts["items"]
        .as_array()
        .unwrap()
        .iter()
        .filter(blocked)
        .count();
    assert_eq!(count, 2, "{alerts:#}");
    // Going on is a decision, and then it is asked again.
    world.json(&["task", "resume", &first]);
    until("it asks again", || asks(&world.task(&first)).then_some(()));
}
