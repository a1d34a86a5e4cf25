//! A stop works wherever the task is, and leaves nothing of it running.

use std::fs;

use orch_kit::world::AGENT;
use orch_kit::{World, until};
use serde_json::{Value, json};

/// Stops the task and waits for its end.
fn stop(world: &World, item: &str) -> Value {
    world.json(&["task", "stop", item]);
    cancelled(world, item)
}

fn cancelled(world: &World, item: &str) -> Value {
    let view = until("the stop is carried out", || {
        let view = world.task(item);
        (view["status"] == "ended").then_some(view)
    });
    assert_eq!(view["stage"], "cancelled", "{view:#}");
    let queue = world.json(&["queue"]);
    assert_eq!(queue["counts"]["running"], 0, "{queue:#}");
    view
}

fn outcomes(view: &Value) -> Vec<&str> {
    let runs = view["runs"].as_array().unwrap().iter();
    runs.map(|r| r["outcome"].as_str().unwrap_or("open"))
        .collect()
}

/// An agent that runs `script` in its place as analyst.
fn analyst(world: &World, script: &str) {
    let first = format!("set -eu\nif [ \"$ORCH_ROLE\" = analyst ]; then\n{script}\nfi\n");
    let agent = AGENT.replacen("set -eu\n", &first, 1);
    world.write("agent.sh", &agent, 0o755);
}

/// Process ids of those that wrote theirs to a file, one a line, and still live.
fn pids(world: &World, name: &str) -> Vec<String> {
    let text = fs::read_to_string(world.path(name)).unwrap_or_default();
    text.lines().filter_map(|pid| world.pid_of(pid)).collect()
}

fn lives(pid: &str) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    !stat.is_empty() && !stat.contains(") Z ")
}

#[test]
fn stop_ends_a_tree_that_ignores_signals_forks_twice_and_leaves_a_server_behind() {
    let world = World::new();
    let pids_file = world.path("pids").display().to_string();
    analyst(
        &world,
        &format!(
            "trap '' INT TERM HUP\necho $$ >> {pids_file}\n\
             setsid sh -c 'trap \"\" INT TERM HUP; echo $$ >> {pids_file}; while :; do sleep 1; done' &\n\
             (setsid sh -c 'trap \"\" TERM; (echo lost; sh -c \"echo \\$\\$ >> {pids_file}; while :; do sleep 1; done\") & ' &)\n\
             echo unsaved > unsaved.txt\n\
             while :; do sleep 1; done"
        ),
    );
    let _host = world.serve();
    let item = world.begin("Stubborn");
    let tree = until("the tree stands", || {
        let pids = pids(&world, "pids");
        (pids.len() == 3).then_some(pids)
    });
    until("it has work to lose", || {
        let found = fs::read_dir(world.path("data/workspaces")).is_ok();
        found.then_some(())
    });
    let base = world.git("shop.git", &["rev-parse", "main"]);
    let view = stop(&world, &item);
    assert_eq!(outcomes(&view), ["cancelled"]);
    let left: Vec<&String> = tree.iter().filter(|pid| lives(pid)).collect();
    assert!(left.is_empty(), "{left:?} live");
    assert_eq!(world.git("shop.git", &["rev-parse", "main"]), base);
    let branches = world.git("shop.git", &["branch", "--format=%(refname:short)"]);
    assert_eq!(branches, "main");
    let mirror = "data/mirrors/shop.git";
    let kept = world.git(
        mirror,
        &["for-each-ref", "--format=%(refname)", "refs/orch/wip"],
    );
    let name = kept.lines().next().expect("the work is kept");
    let work = world.git(mirror, &["show", &format!("{name}:unsaved.txt")]);
    assert_eq!(work, "unsaved");
    let left = fs::read_dir(world.path("data/workspaces/shop"))
        .unwrap()
        .count();
    assert_eq!(left, 0, "the workspace is gone");
}

#[test]
fn stop_in_the_queue_starts_nothing() {
    let world = World::new();
    let go = world.path("go").display().to_string();
    analyst(&world, &format!("until test -e {go}; do sleep 0.05; done"));
    let _host = world.serve();
    let first = world.begin("First");
    until("the first is at work", || {
        (outcomes(&world.task(&first)) == ["open"]).then_some(())
    });
    let second = world.begin("Second");
    let view = stop_beside(&world, &second);
    assert!(outcomes(&view).is_empty(), "{view:#}");
    world.write("go", "", 0o644);
    let done = world.follow(&first, |view| view["status"] == "ended");
    assert_eq!(done["stage"], "done");
}

/// Stops a task while another one is at work.
fn stop_beside(world: &World, item: &str) -> Value {
    world.json(&["task", "stop", item]);
    until("the stop is carried out", || {
        let view = world.task(item);
        (view["stage"] == "cancelled").then_some(view)
    })
}

#[test]
fn stop_while_a_gate_waits_ends_the_wait() {
    let world = World::new();
    let _host = world.serve();
    let item = world.begin("Waiting");
    until("a person is waited for", || {
        (world.task(&item)["step"] == "analysis-approved").then_some(())
    });
    let view = stop(&world, &item);
    assert_eq!(outcomes(&view), ["completed"]);
}

#[test]
fn stop_in_a_back_off_waits_for_nothing() {
    let mut world = World::new();
    world.config["rules"]["backoff_base_ms"] = json!(600_000);
    world.write_config();
    analyst(&world, "exit 3");
    let _host = world.serve();
    let item = world.begin("Failing");
    until("it backs off", || {
        let view = world.task(&item);
        view["why"]
            .as_str()
            .unwrap()
            .contains("exit code 3")
            .then_some(())
    });
    stop(&world, &item);
}

#[test]
fn stop_during_the_deploy_waits_until_the_hook_has_ended() {
    let mut world = World::new();
    let (began, go) = (world.path("began"), world.path("go"));
    let hook = format!(
        "echo once >> {}; until test -e {}; do sleep 0.05; done",
        began.display(),
        go.display()
    );
    world.config["repositories"]["shop"]["deploy"]["hook"] = json!(hook);
    world.write_config();
    let _host = world.serve();
    let item = world.begin("Deploying");
    world.follow(&item, |_| began.exists());
    world.json(&["task", "stop", &item]);
    let view = world.task(&item);
    assert_eq!(view["stage"], "deploy", "{view:#}");
    assert_ne!(view["status"], "ended");
    world.write("go", "", 0o644);
    let view = cancelled(&world, &item);
    assert!(
        view["merged_commit"].is_string(),
        "what landed stays landed: {view:#}"
    );
    assert_eq!(fs::read_to_string(began).unwrap(), "once\n");
}

#[test]
fn stop_that_is_asked_for_while_no_host_runs_is_carried_out_at_its_start() {
    let world = World::new();
    let go = world.path("go").display().to_string();
    analyst(
        &world,
        &format!(
            "echo $$ >> {}; until test -e {go}; do sleep 0.05; done",
            world.path("pids").display()
        ),
    );
    let host = world.serve();
    let item = world.begin("Orphan");
    let agent = until("the agent is at work", || pids(&world, "pids").pop());
    drop(host);
    assert!(lives(&agent), "agents outlive their host");
    world.json(&["task", "stop", &item]);
    let _host = world.serve();
    cancelled(&world, &item);
    assert!(!lives(&agent));
}

#[test]
fn stop_of_a_run_that_is_only_starting_leaves_nothing_of_it() {
    let world = World::new();
    // It has said nothing yet and may not for long.
    analyst(
        &world,
        "echo $$ >> \"$(dirname \"$0\")/started\"; exec sleep 1000",
    );
    let _host = world.serve();
    let item = world.begin("Starting");
    until("a run is recorded", || {
        (world.task(&item)["runs"].as_array()?.len() == 1).then_some(())
    });
    let view = stop(&world, &item);
    assert_eq!(outcomes(&view), ["cancelled"], "{view:#}");
    assert!(pids(&world, "started").iter().all(|pid| !lives(pid)));
    assert!(
        !world
            .path("data/workspaces/shop")
            .join(format!("1-{item}"))
            .exists()
    );
}
