//! The pages in a real browser, in the states that a host can be in: usable by everybody, by keys, on a phone, without a
//! script, and whatever strangers wrote.

use orch_kit::browser::Browser;
use orch_kit::world::AGENT;
use orch_kit::{World, until};
use serde_json::{Value, json};

/// Pages that are there in every state.
fn pages() -> Value {
    json!({
        "inbox": "/ui/inbox", "board": "/ui/board", "tasks": "/ui/tasks", "queue": "/ui/queue",
        "gates": "/ui/gates", "system": "/ui/system",
    })
}

fn nothing(word: &str) {
    panic!("the script asks for `{word}`");
}

/// Begins tasks and waits until each waits for a person.
fn waiting(world: &World, titles: &[&str]) -> Vec<String> {
    let items: Vec<String> = titles.iter().map(|title| world.begin(title)).collect();
    for item in &items {
        until("it waits for a person", || {
            let task = world.task(item);
            (task["step"] == "analysis-approved" && task["status"] == "waiting").then_some(())
        });
    }
    items
}

#[test]
fn empty_host_is_shown_and_says_what_to_do_next() {
    let mut world = World::new();
    let browser = Browser::of(&mut world);
    let _host = world.serve();
    let steps = json!([["look", {"pages": pages()}]]);
    browser.takes(&world, "empty", &steps, nothing);
}

#[test]
fn what_escapes_a_drill_is_shown_with_what_would_help() {
    let mut world = World::new();
    let browser = Browser::of(&mut world);
    let _host = world.serve();
    let done = world.orch(&["drill", "shop"]);
    assert_eq!(done.status.code(), Some(1), "some escape the default gates");
    let steps = json!([["look", {"pages": {
        "gates": "/ui/gates", "tasks": "/ui/tasks", "task": "/ui/tasks/DRILL-1-secret",
        "diff": "/ui/tasks/DRILL-1-secret/diff",
    }}]]);
    browser.takes(&world, "drills", &steps, nothing);
}

#[test]
fn tasks_that_wait_are_decided_by_keys_alone() {
    let mut world = World::new();
    let browser = Browser::of(&mut world);
    let _host = world.serve();
    let items = waiting(
        &world,
        &["Discounts", "Vouchers for friends", "A cart that lasts"],
    );
    let mut all = pages();
    all["task"] = json!(format!("/ui/tasks/{}", items[0]));
    all["run"] = json!(format!("/ui/tasks/{}/runs/latest", items[0]));
    all["diff"] = json!(format!("/ui/tasks/{}/diff", items[0]));
    let verdict = &world.task(&items[0])["verdicts"][0]["evaluation"];
    all["evaluation"] = json!(format!("/ui/evaluations/{verdict}"));
    let steps = json!([["look", {"pages": all}], ["decide", {"items": items}]]);
    browser.takes(&world, "waiting", &steps, nothing);
    let decisions = until("both are written down", || {
        let of = |item: &String| world.task(item)["decisions"].as_array().unwrap().clone();
        let all: Vec<Value> = items.iter().flat_map(of).collect();
        (all.len() == 2).then_some(all)
    });
    let mut what: Vec<&str> = decisions
        .iter()
        .filter_map(|d| d["what"].as_str())
        .collect();
    what.sort_unstable();
    assert_eq!(what, ["approved", "rejected"], "{decisions:#?}");
    for decision in &decisions {
        assert_eq!(decision["channel"], "page", "{decision:#}");
    }
}

#[test]
fn page_that_arrives_late_takes_nothing_from_somebody_who_writes() {
    let mut world = World::new();
    let browser = Browser::of(&mut world);
    let _host = world.serve();
    let items = waiting(&world, &["Discounts"]);
    let steps = json!([["write", {"item": items[0]}]]);
    browser.takes(&world, "write", &steps, nothing);
    until("it is sent back", || {
        let decided = world.task(&items[0])["decisions"][0]["what"].clone();
        (decided == "rejected").then_some(())
    });
}

#[test]
fn blocked_tasks_are_resumed_and_stopped_by_keys_alone() {
    let mut world = World::new();
    world.write("agent.sh", "#!/bin/sh\ncat > /dev/null\nexit 7\n", 0o755);
    let browser = Browser::of(&mut world);
    let _host = world.serve();
    let items = [world.begin("One"), world.begin("Another")];
    for item in &items {
        until("it is blocked", || {
            (world.task(item)["status"] == "blocked").then_some(())
        });
    }
    let mut all = pages();
    all["task"] = json!(format!("/ui/tasks/{}", items[0]));
    let steps = json!([
        ["look", {"pages": all}],
        ["unblock", {"resume": items[0], "stop": items[1]}],
    ]);
    browser.takes(&world, "blocked", &steps, nothing);
    let history = |item: &str| world.task(item)["decisions"][0]["what"].clone();
    assert_eq!(history(&items[0]), "resumed");
    assert_eq!(history(&items[1]), "stop-requested");
}

#[test]
fn many_tasks_have_room_and_an_open_board_follows() {
    let mut world = World::new();
    let browser = Browser::of(&mut world);
    let _host = world.serve();
    world.json(&["pause", "lane:agents", "--reason", "the provider is slow"]);
    for n in 1..=40 {
        world.begin(&format!("Task number {n} of many that wait for their turn"));
    }
    let steps = json!([
        ["look", {"pages": pages()}],
        ["follow", {"item": "SHOP-41"}],
    ]);
    browser.takes(&world, "many", &steps, |word| {
        assert_eq!(word, "begin");
        assert_eq!(world.begin("One more"), "SHOP-41");
    });
}

#[test]
fn page_says_that_the_host_is_gone_and_follows_again() {
    let mut world = World::new();
    let browser = Browser::of(&mut world);
    let mut host = Some(world.serve());
    world.json(&["pause", "lane:agents"]);
    world.begin("Before");
    let steps = json!([["restart", {"item": "SHOP-2"}]]);
    browser.takes(&world, "restarting", &steps, |word| match word {
        "down" => drop(host.take()),
        "up" => host = Some(world.serve()),
        "begin" => assert_eq!(world.begin("After"), "SHOP-2"),
        other => panic!("the script asks for `{other}`"),
    });
}

#[test]
fn pages_work_without_a_script() {
    let mut world = World::new();
    let browser = Browser::of(&mut world);
    let _host = world.serve();
    let items = waiting(&world, &["Discounts"]);
    let token = &world.json(&["token", "new", "ann", "--role", "approver"])["token"];
    let steps = json!([["plain", {"token": token, "item": items[0]}]]);
    browser.takes(&world, "plain", &steps, nothing);
    let decision = world.task(&items[0])["decisions"][0].clone();
    assert_eq!(
        (&decision["person"], &decision["what"]),
        (&json!("ann"), &json!("approved"))
    );
}

#[test]
fn nothing_that_strangers_wrote_runs_or_hides() {
    let title =
        "<img src=x onerror=window.hacked=1><script>window.hacked=2</script>\u{202e}evil\u{200b}";
    let body = format!(
        "{title}\n\n{}",
        "<iframe src=//evil.example></iframe> ".repeat(3000)
    );
    let mut world = World::new();
    // It says on its output what nobody should be made to believe.
    let shouting = AGENT.replacen(
        "prompt=$(cat)",
        "prompt=$(cat)\nprintf '\\033[31mred\\033[0m \\033[2J<script>window.hacked=3</script> \\342\\200\\256gnp.exe\\n'",
        1,
    );
    world.write("agent.sh", &shouting, 0o755);
    let browser = Browser::of(&mut world);
    let _host = world.serve();
    let begun = world.json(&[
        "task", "new", "--repo", "shop", "--title", title, "--body", &body,
    ]);
    let item = begun["work_item"].as_str().unwrap().to_owned();
    until("it waits for a person", || {
        (world.task(&item)["step"] == "analysis-approved").then_some(())
    });
    world.json(&["pause", "repo:shop", "--reason", title]);
    world.json(&["task", "reject", &item, "--comment", title]);
    let mut all = pages();
    all["task"] = json!(format!("/ui/tasks/{item}"));
    all["run"] = json!(format!("/ui/tasks/{item}/runs/latest"));
    all["diff"] = json!(format!("/ui/tasks/{item}/diff"));
    let as_text = [
        r"<img src=x onerror=window.hacked=1>",
        r"\u{202e}evil\u{200b}",
    ];
    let shown = json!({
        "board": as_text, "tasks": as_text, "task": as_text, "queue": as_text,
        "run": ["red", "<script>window.hacked=3</script>", r"\u{1b}[2J", r"\u{202e}gnp.exe"],
    });
    let steps = json!([["hostile", {"pages": all, "shown": shown}], ["look", {"pages": all}]]);
    browser.takes(&world, "hostile", &steps, nothing);
}
