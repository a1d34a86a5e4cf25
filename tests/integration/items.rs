//! What tasks are called, through the running host: numbers that are given once, and names that mean one task.

use std::collections::BTreeSet;

use orch_kit::World;
use serde_json::{Value, json};

/// How many tasks begin at the same time.
const PARALLEL: usize = 100;
/// The same without a host: each command opens the store by itself, one after the other.
const ALONE: usize = 12;

/// A world in which no agent starts, and in which a second repository numbers its tasks alike.
fn two_repositories() -> World {
    let mut world = World::new();
    world.git("seed", &["clone", "--quiet", "--bare", ".", "../toys.git"]);
    let mut toys = world.config["repositories"]["shop"].clone();
    toys["path"] = json!("toys.git");
    world.config["repositories"]["toys"] = toys;
    world.write_config();
    world
}

fn text(of: &Value) -> &str {
    of.as_str().unwrap()
}

#[test]
fn tasks_that_begin_at_once_are_all_accepted_under_names_of_their_own() {
    let world = World::new();
    let _host = world.serve();
    world.json(&["pause", "lane:agents"]);
    let named = ["task", "new", "--repo", "shop", "--title", "x", "--id"];
    world.json(&[&named[..], &["SHOP-7"]].concat());
    world.json(&["task", "stop", "SHOP-7"]);
    let begin = || {
        let args = ["task", "new", "--repo", "shop", "--title", "x", "--json"];
        let mut command = world.command(&args);
        command.stdout(std::process::Stdio::piped());
        command.stderr(std::process::Stdio::piped());
        command.spawn().unwrap()
    };
    let begun: Vec<_> = (0..PARALLEL).map(|_| begin()).collect();
    let mut items = BTreeSet::new();
    for child in begun {
        let done = child.wait_with_output().unwrap();
        let said = String::from_utf8_lossy(&done.stderr);
        assert!(done.status.success(), "{said}");
        let answer: Value = serde_json::from_slice(&done.stdout).unwrap();
        items.insert(text(&answer["work_item"]).to_owned());
    }
    let expected = (8..8 + PARALLEL).map(|n| format!("SHOP-{n}"));
    assert_eq!(items, expected.collect());
    let said = world.refused(&[&named[..], &["shop-8"]].concat());
    assert!(said.contains("in the case of its letters only"), "{said}");
}

#[test]
fn name_that_two_repositories_have_is_refused_until_one_is_said() {
    let world = two_repositories();
    let _host = world.serve();
    world.json(&["pause", "lane:agents"]);
    for repo in ["shop", "toys"] {
        let begun = world.json(&["task", "new", "--repo", repo, "--title", repo]);
        assert_eq!(begun["work_item"], "SHOP-1");
    }
    for verb in [
        &["task", "show", "SHOP-1"][..],
        &["task", "why", "SHOP-1"],
        &["task", "stop", "SHOP-1"],
        &["task", "priority", "SHOP-1", "2"],
        &["issue", "move", "SHOP-1", "stop"],
        &["lease", "release", "task:SHOP-1"],
        &["costs", "--task", "SHOP-1"],
    ] {
        let said = world.refused(verb);
        let remedy = "`shop:SHOP-1` or `toys:SHOP-1`";
        assert!(said.contains(remedy), "{verb:?}: {said}");
    }
    let shown = world.task("toys:SHOP-1");
    assert_eq!(
        (text(&shown["repo"]), text(&shown["title"])),
        ("toys", "toys")
    );
    world.json(&["task", "priority", "shop:SHOP-1", "2"]);
    world.json(&["task", "stop", "toys:SHOP-1"]);
    let stopped = world.follow("toys:SHOP-1", |view| view["status"] == "ended");
    assert_eq!(stopped["stage"], "cancelled");
    let other = world.task("shop:SHOP-1");
    let left = (text(&other["status"]), &other["priority"]);
    assert_eq!(left, ("active", &json!(2)), "{other:#}");
    let after = ["task", "new", "--repo", "toys", "--title", "x", "--after"];
    world.json(&[&after[..], &["shop:SHOP-1"]].concat());
    let said = world.refused(&["task", "show", "nowhere:SHOP-1"]);
    assert!(said.contains("no work item `nowhere:SHOP-1`"), "{said}");
}

#[test]
fn tasks_that_begin_at_once_without_a_host_are_all_accepted() {
    let world = World::new();
    let begin = || {
        let args = ["task", "new", "--repo", "shop", "--title", "x", "--json"];
        let mut command = world.command(&args);
        command.stdout(std::process::Stdio::piped());
        command.stderr(std::process::Stdio::piped());
        command.spawn().unwrap()
    };
    let begun: Vec<_> = (0..ALONE).map(|_| begin()).collect();
    let mut items = BTreeSet::new();
    for child in begun {
        let done = child.wait_with_output().unwrap();
        let said = String::from_utf8_lossy(&done.stdout);
        assert!(done.status.success(), "{said}");
        let answer: Value = serde_json::from_slice(&done.stdout).unwrap();
        items.insert(text(&answer["work_item"]).to_owned());
    }
    assert_eq!(items.len(), ALONE);
}
