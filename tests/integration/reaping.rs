//! What falls through while a host lives is taken up: claims that nobody works on, runs that never end, leases of
//! holders that are gone.

use orch_kit::torture::Site;
use orch_kit::world::AGENT;
use orch_kit::{Orch, World, sql, until};
use serde_json::{Value, json};

/// A world whose reaper looks every second and starts at once.
fn world() -> World {
    let mut world = World::new();
    world.config["reaper"] = json!({"interval_s": 1, "hold_s": 0});
    world.write_config();
    world
}

/// Starts the host with one variable more.
fn serve_with(world: &World, name: &str, value: &str) -> Orch {
    let mut command = world.command(&["serve"]);
    command.env(name, value);
    world.serve_by(command)
}

/// An agent whose analyst waits for a file, once.
fn waiting(world: &World) {
    let wait = "set -eu\nif [ \"$ORCH_ROLE\" = analyst ] && mkdir \"$0.waited\"; then until test -e \"$0.go\"; do sleep 0.05; done; fi\n";
    let agent = AGENT.replacen("set -eu\n", wait, 1);
    assert_ne!(agent, AGENT);
    world.write("agent.sh", &agent, 0o755);
}

fn analysts(view: &Value) -> Vec<String> {
    let runs = view["runs"].as_array().unwrap().iter();
    runs.filter(|r| r["role"] == "analyst")
        .map(|r| r["outcome"].as_str().unwrap_or("open").to_owned())
        .collect()
}

/// Waits until the analyst of the item is at work.
fn at_work(world: &World, item: &str) {
    until("the analyst is at work", || {
        let at_work = world.path("agent.sh.waited").exists();
        (at_work && analysts(&world.task(item)) == ["open"]).then_some(())
    });
}

fn reaper(world: &World) -> Value {
    world.json(&["queue"])["reaper"].clone()
}

fn done(world: &World, item: &str) -> Value {
    let view = world.follow(item, |view| view["status"] == "ended");
    assert_eq!(view["stage"], "done", "{view:#}");
    view
}

#[test]
fn job_of_a_handler_that_panicked_is_taken_up_without_a_restart() {
    let mut world = world();
    world.expected_errors = vec!["a step panicked"];
    let _host = serve_with(&world, "ORCH_PANIC_AT", "push: before#2");
    let item = world.begin("Panic");
    done(&world, &item);
    let view = reaper(&world);
    assert_eq!(view["reaped_total"], 1, "{view:#}");
    assert_eq!(view["last_reaped"]["outcome"], "its step is gone");
    assert!(
        view["last_run_ts"].is_i64() && view["enabled"] == true,
        "{view:#}"
    );
}

#[test]
fn run_that_is_too_old_is_ended_with_its_whole_tree_and_begun_anew() {
    let world = world();
    waiting(&world);
    let _host = world.serve();
    let item = world.begin("Old");
    at_work(&world, &item);
    sql::execute(
        &world.path("data/orch.db"),
        "UPDATE runs SET started_ms = started_ms - 90000000",
    );
    let view = done(&world, &item);
    assert_eq!(analysts(&view), ["killed", "completed"]);
    assert_eq!(
        reaper(&world)["last_reaped"]["outcome"],
        "it ran for longer than anything may"
    );
}

#[test]
fn supervisor_that_hangs_is_killed_with_its_run_when_the_time_is_over() {
    let world = world();
    waiting(&world);
    let site = Site::of(world);
    let world = &site.world;
    let _host = world.serve();
    let item = world.begin("Hung");
    at_work(world, &item);
    assert!(site.signal_supervisors("STOP"));
    sql::execute(
        &world.path("data/orch.db"),
        "UPDATE runs SET started_ms = started_ms - 90000000",
    );
    let view = done(world, &item);
    assert_eq!(analysts(&view), ["crashed", "completed"]);
    assert!(!site.signal_supervisors("CONT"), "none is left");
}

#[test]
fn live_run_within_its_time_is_never_reaped() {
    let world = world();
    waiting(&world);
    let _host = world.serve();
    let item = world.begin("Slow");
    at_work(&world, &item);
    let ticks = || reaper(&world)["last_run_ts"].as_i64();
    for _ in 0..4 {
        let before = ticks();
        until("the reaper has looked", || {
            (ticks() != before).then_some(())
        });
    }
    world.write("agent.sh.go", "", 0o644);
    let view = done(&world, &item);
    assert_eq!(analysts(&view), ["completed"]);
    assert_eq!(reaper(&world)["reaped_total"], 0);
}

#[test]
fn transition_that_a_person_releases_is_begun_anew_and_nothing_runs_twice() {
    let world = world();
    waiting(&world);
    let _host = world.serve();
    let item = world.begin("Held");
    at_work(&world, &item);
    let leases = world.json(&["lease", "list"]);
    let name = format!("task:{item}");
    let leases = &leases["items"];
    assert_eq!(leases[0]["resource"], name.as_str(), "{leases:#}");
    assert_eq!(leases[0]["kind"], "agent");
    world.json(&["lease", "release", &name]);
    until("the run is attached to again", || {
        (world.task(&item)["runs"][0]["reattached"] == 1).then_some(())
    });
    world.write("agent.sh.go", "", 0o644);
    let view = done(&world, &item);
    assert_eq!(analysts(&view), ["completed"], "{view:#}");
    let refused = world.refused(&["lease", "release", &name]);
    assert!(refused.contains(&item), "{refused}");
}

#[test]
fn merge_lease_of_a_holder_that_is_gone_is_reclaimed_and_alerted() {
    let world = world();
    let host = world.serve();
    let first = world.begin("First");
    done(&world, &first);
    drop(host);
    // As if the first had died between landing and giving the lease back.
    let far = "UPDATE leases SET holder = (SELECT min(id) FROM tasks), holder_job = 1, holder_owner = 'gone', \
               acquired_ms = 1, expires_ms = 9000000000000 WHERE resource = 'merge:shop'";
    assert_eq!(sql::execute(&world.path("data/orch.db"), far), 1);
    let _host = world.serve();
    until("the start reclaims it", || {
        let leases = world.json(&["lease", "list"]);
        leases["items"].as_array().unwrap().is_empty().then_some(())
    });
    assert_eq!(reaper(&world)["lease_reclaimed_total"], 1);
    until("it is alerted", || {
        let said = "lease `merge:shop` of task 1 was reclaimed";
        world.log().contains(said).then_some(())
    });
    // And again while it serves, at a tick.
    assert_eq!(sql::execute(&world.path("data/orch.db"), far), 1);
    let second = world.begin("Second");
    done(&world, &second);
    assert_eq!(reaper(&world)["lease_reclaimed_total"], 2);
}

#[test]
fn job_that_takes_the_host_down_again_and_again_ends_dead_and_blocks_its_task() {
    let mut world = world();
    world.expected_errors = vec!["took its host or handler down"];
    let site = Site::of(world);
    let mut began = false;
    for _ in 0..5 {
        let mut host = site.host(&[("ORCH_CRASH_AT", "supervisor-spawn: before#1".to_owned())]);
        if !began {
            // It may die before it answers.
            site.begin();
            began = true;
        }
        until("it dies of the job", || host.has_ended().then_some(()));
    }
    let world = &site.world;
    let _host = world.serve();
    let item = site.begin_again().unwrap();
    let view = world.follow(&item, |view| view["status"] == "blocked");
    assert!(
        view["why"]
            .as_str()
            .unwrap()
            .contains("took its host or handler down"),
        "{view:#}"
    );
    let dead = sql::column(
        &world.path("data/orch.db"),
        "SELECT last_error FROM jobs WHERE state = 'dead'",
    );
    assert_eq!(dead.len(), 1, "{dead:?}");
    until("it is alerted", || {
        let log = world.log();
        (log.contains("ALERT: ") && log.contains("(crash-loop)")).then_some(())
    });
}

#[test]
fn host_that_is_asked_to_end_gives_its_jobs_back_and_leaves_agents_at_work() {
    let world = world();
    waiting(&world);
    let site = Site::of(world);
    let mut host = site.host(&[]);
    let item = site.begin().unwrap();
    let world = &site.world;
    at_work(world, &item);
    host.terminate();
    until("it ends", || host.has_ended().then_some(()));
    let states = sql::column(
        &world.path("data/orch.db"),
        "SELECT state || ' ' || crashes FROM jobs WHERE kind = 'agent'",
    );
    assert_eq!(states, ["ready 0"], "an orderly end is no crash");
    let _host = world.serve();
    world.write("agent.sh.go", "", 0o644);
    let view = done(world, &item);
    assert_eq!(analysts(&view), ["completed"], "{}", world.log());
    assert_eq!(view["runs"][0]["reattached"], 1);
}
