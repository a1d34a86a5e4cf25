//! Production that does badly after a deploy is put back to what was healthy last, once, and what was taken out does not
//! come back by itself.

use std::fs;
use std::process::Stdio;

use orch_kit::{World, until};
use serde_json::{Value, json};

/// Adds a file of its own to the code, or takes that of another task out again if it is told to.
const AGENT: &str = r#"#!/bin/sh
set -eu
prompt=$(cat)
name=$(printf '%s' "$prompt" | sed -n 's/.*Take out \([A-Z]*-[0-9]*\).*/\1/p' | head -n 1)
if [ -n "$name" ]; then rm -f "feature-$name"; else echo more >> "feature-$ORCH_WORK_ITEM"; fi
printf '{"is_error":false,"result":"done","total_cost_usd":0.0}\n'
"#;

/// A world whose production is a file that says what is live, and whose change. The change of `bad` does badly.
fn world(bad: &str) -> World {
    let mut world = World::new();
    world.write("agent.sh", AGENT, 0o755);
    world.config["merge"] = json!({"batch": 1});
    world.config["rules"]["rework_rounds_max"] = json!(1);
    world.config["gates"] = json!({"post-deploy": {"settings": {"degraded_after": 1}}});
    world.config["pipeline"] = json!({
        "analysis": [], "architecture": [], "review": [], "testing": [],
        "development": ["run developer", "gate ci-green"],
        "deploy-staging": ["work merge-prepare", "gate merge", "work land"],
        "deploy": ["work deploy", "gate deploy-status"],
    });
    let folder = world.path("").display().to_string();
    let shop = &mut world.config["repositories"]["shop"];
    let put = |how: &str, whose: &str| {
        format!(
            "cd {folder} && echo {how} >> deploys && echo $EXPECTED_REVISION > live && echo {whose} > whose"
        )
    };
    shop["deploy"] = json!({
        "hook": put("deploy $EXPECTED_REVISION", "$ORCH_WORK_ITEM"),
        "rollback": put("back $EXPECTED_REVISION $ORCH_BAD_REVISION", "nobody"),
        "revision": format!("cat {folder}/live"),
        "settle_s": 20,
    });
    shop["post_deploy"] = json!({
        "probe": format!("test \"$(cat {folder}/whose)\" != {bad}"),
        "window_s": 1, "probes": 2, "reaction": "rollback",
    });
    world.write_config();
    world
}

fn deploys(world: &World) -> Vec<String> {
    let text = fs::read_to_string(world.path("deploys")).unwrap_or_default();
    text.lines().map(str::to_owned).collect()
}

/// Carries a task into production; answers the commit.
fn deploy(world: &World, title: &str) -> String {
    let item = world.begin(title);
    let view = world.follow(&item, |view| view["status"] == "ended");
    assert_eq!(view["stage"], "done", "{view:#}");
    view["merged_commit"].as_str().unwrap().to_owned()
}

/// The task once production is said to be so after it.
fn is_in_production(world: &World, item: &str, state: &str) -> Value {
    until(&format!("{item} is {state}"), || {
        let view = world.task(item);
        (view["production"]["state"] == state).then_some(view)
    })
}

/// A first change that is healthy, and a second one that was taken out of production.
fn rolled_back(world: &World) -> [String; 2] {
    let good = deploy(world, "First");
    is_in_production(world, "SHOP-1", "healthy");
    let bad = deploy(world, "Second");
    let view = is_in_production(world, "SHOP-2", "rolled-back");
    assert_eq!(view["production"]["put_back_to"], good.as_str());
    assert_eq!(view["production"]["put_back"], "healthy");
    [good, bad]
}

/// A third task, at its deploy, which is held.
fn held(world: &World) -> String {
    let item = world.begin("Third");
    let view = world.follow(&item, |view| {
        let why = view["why"].as_str().unwrap_or_default();
        view["stage"] == "deploy" && why.contains("a revert of")
    });
    let why = view["why"].as_str().unwrap();
    assert!(why.contains("orch unpause deploy:shop --reason"), "{why}");
    item
}

fn held_scopes(world: &World) -> Vec<String> {
    let queue = world.json(&["queue"]);
    let pauses = queue["resilience"]["pauses"]
        .as_array()
        .cloned()
        .unwrap_or_default();
    let scope = |pause: &Value| pause["scope"].as_str().unwrap_or_default().to_owned();
    pauses.iter().map(scope).collect()
}

#[test]
fn production_goes_back_to_what_was_healthy_last_and_not_to_what_was_deployed_last() {
    let mut world = world("SHOP-3");
    let hook = world.config["repositories"]["shop"]["deploy"]["hook"].clone();
    let fails = format!(
        "test $ORCH_WORK_ITEM != SHOP-2 && {}",
        hook.as_str().unwrap()
    );
    world.config["repositories"]["shop"]["deploy"]["hook"] = json!(fails);
    world.write_config();
    let _host = world.serve();
    let good = deploy(&world, "First");
    is_in_production(&world, "SHOP-1", "healthy");
    let failed = world.begin("Second");
    let view = world.follow(&failed, |view| view["status"] == "blocked");
    assert_eq!(view["production"]["state"], "failed", "{view:#}");
    let bad = deploy(&world, "Third");
    let view = is_in_production(&world, "SHOP-3", "rolled-back");
    assert_eq!(view["production"]["put_back_to"], good.as_str());
    let expected = [
        format!("deploy {good}"),
        format!("deploy {bad}"),
        format!("back {good} {bad}"),
    ];
    assert_eq!(deploys(&world), expected);
    let why = view["why"].as_str().unwrap();
    assert!(why.contains("put back") && why.contains(&good), "{why}");
}

#[test]
fn change_that_was_taken_out_of_production_comes_back_only_after_a_revert_of_it() {
    let world = world("SHOP-2");
    let _host = world.serve();
    let [good, bad] = rolled_back(&world);
    let third = held(&world);
    assert_eq!(held_scopes(&world), ["deploy:shop"]);
    let told = until("people are told", || {
        let alerts = world.json(&["alerts"]).to_string();
        alerts.contains("was put back from").then_some(alerts)
    });
    assert!(told.contains("deploys of `shop` are held"), "{told}");
    let revert = deploy(&world, "Take out SHOP-2");
    is_in_production(&world, "SHOP-4", "healthy");
    let view = world.follow(&third, |view| view["status"] == "ended");
    assert_eq!(view["stage"], "done", "what is live has it: {view:#}");
    let expected = [
        format!("deploy {good}"),
        format!("deploy {bad}"),
        format!("back {good} {bad}"),
        format!("deploy {revert}"),
    ];
    assert_eq!(deploys(&world), expected);
    assert!(held_scopes(&world).is_empty());
    let fifth = deploy(&world, "Fifth");
    assert_eq!(deploys(&world).last(), Some(&format!("deploy {fifth}")));
}

#[test]
fn person_lets_held_deploys_go_on_for_a_reason_that_is_written_down() {
    let mut world = world("SHOP-2");
    world.call_me("ann", "operator");
    let _host = world.serve();
    rolled_back(&world);
    let third = held(&world);
    let refused = world.refused(&["unpause", "deploy:shop"]);
    assert!(refused.contains("--reason"), "{refused}");
    world.json(&["unpause", "deploy:shop", "--reason", "the probe was wrong"]);
    let view = world.follow(&third, |view| view["status"] == "ended");
    let live = view["merged_commit"].as_str().unwrap();
    assert_eq!(deploys(&world).last(), Some(&format!("deploy {live}")));
    let said = "SELECT actor || ' ' || data FROM events WHERE kind = 'unpaused'";
    let said = orch_kit::sql::column(&world.path("data/orch.db"), said).remove(0);
    assert!(
        said.contains("ann") && said.contains("the probe was wrong"),
        "{said}"
    );
}

#[test]
fn rollback_that_fails_is_told_and_nothing_else_is_tried() {
    let mut world = world("SHOP-2");
    let fails = format!("echo back >> {}; exit 7", world.path("deploys").display());
    world.config["repositories"]["shop"]["deploy"]["rollback"] = json!(fails);
    world.write_config();
    let _host = world.serve();
    deploy(&world, "First");
    is_in_production(&world, "SHOP-1", "healthy");
    let bad = deploy(&world, "Second");
    let told = until("people are told", || {
        let alerts = world.json(&["alerts"]).to_string();
        alerts.contains("failed: look at it").then_some(alerts)
    });
    assert!(
        told.contains("exit code 7") && told.contains(&bad),
        "{told}"
    );
    let view = world.task("SHOP-2");
    assert_eq!(view["production"]["state"], "degraded", "{view:#}");
    held(&world);
    let backs = deploys(&world)
        .iter()
        .filter(|line| *line == "back")
        .count();
    assert_eq!(backs, 1);
}

#[test]
fn first_change_that_does_badly_has_nothing_to_go_back_to_and_holds_nothing() {
    let world = world("SHOP-1");
    let _host = world.serve();
    deploy(&world, "First");
    until("people are told", || {
        let alerts = world.json(&["alerts"]).to_string();
        alerts
            .contains("nothing was seen healthy before")
            .then_some(())
    });
    assert!(held_scopes(&world).is_empty());
    deploy(&world, "Second");
    assert_eq!(deploys(&world).len(), 2);
}

#[test]
fn host_that_dies_at_one_commit_after_another_puts_production_back_once() {
    let mut world = world("SHOP-2");
    world.config["reaper"] = json!({"crashes_max": 1000});
    world.config["repositories"]["shop"]["post_deploy"]["window_s"] = json!(3);
    world.write_config();
    let host = world.serve();
    let good = deploy(&world, "First");
    is_in_production(&world, "SHOP-1", "healthy");
    let bad = deploy(&world, "Second");
    drop(host);
    let states = "SELECT state FROM releases ORDER BY id";
    let states = || orch_kit::sql::column(&world.path("data/orch.db"), states);
    // Each life ends half a commit later than the one before it: whatever can be cut in two is.
    let mut lives = 0;
    for life in 0..400 {
        let mut command = world.command(&["serve"]);
        let (commit, side) = (life / 2 + 1, ["before", "after"][life % 2]);
        let counted = world.path("counted");
        fs::remove_file(&counted).ok();
        command.env("ORCH_CRASH_AT", format!("commit: {side}#{commit}"));
        command.env("ORCH_CRASH_COUNT", &counted);
        let log = fs::File::create(world.path("life.log")).unwrap();
        command.stdout(Stdio::null()).stderr(log);
        let mut host = command.spawn().unwrap();
        let is_over = until("it dies, or all is done", || {
            let is_done = states().get(1).is_some_and(|state| state == "rolled-back");
            let is_dead = host.try_wait().unwrap().is_some();
            (is_dead || is_done).then_some(is_done)
        });
        host.kill().ok();
        host.wait().unwrap();
        lives += 1;
        if is_over {
            break;
        }
    }
    assert!(lives > 8, "it died only {lives} times");
    assert_eq!(states(), ["healthy", "rolled-back", "healthy"]);
    let expected = [
        format!("deploy {good}"),
        format!("deploy {bad}"),
        format!("back {good} {bad}"),
    ];
    assert_eq!(deploys(&world), expected);
}
