//! Nothing is lost, doubled or stuck when programs die, wherever they die.
//!
//! These are samples: 22 of the more than 500 crash points on the way of one task, and 24 rounds of random kills.
//! `cargo xtask torture` goes through every point and 10,000 rounds.

use orch_kit::World;
use orch_kit::torture::{Round, Site, Undisturbed, crash_at, random, undisturbed};
use serde_json::json;

fn demand(rounds: impl Iterator<Item = Round>) {
    let rounds: Vec<Round> = rounds.collect();
    let wrong: Vec<String> = rounds
        .iter()
        .filter(|round| !round.violations.is_empty())
        .map(|round| format!("{}\n{}", round.what, round.violations.join("\n")))
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
    // A round in which nothing died shows nothing; some end before their moment.
    let killed = rounds.iter().filter(|round| round.kills > 0).count();
    assert!(2 * killed > rounds.len(), "{killed} of {}", rounds.len());
}

/// Crashes at `count` points of those whose name begins with one of `kinds`.
fn sweep(kinds: &[&str], count: usize, seed: u64) {
    let mut base: Undisturbed = undisturbed();
    assert!(base.points.len() > 500, "{} points", base.points.len());
    base.points
        .retain(|p| kinds.iter().any(|kind| p.name.starts_with(kind)));
    assert!(base.points.len() > count, "{:?}", base.points);
    let sample = base.sample(count, seed).into_iter();
    demand(sample.map(|p| crash_at(p, &base)));
}

#[test]
fn crash_at_any_sampled_point_ends_as_if_nothing_had_happened() {
    sweep(&[""], 10, 7);
}

#[test]
fn crash_at_any_commit_or_rename_ends_as_if_nothing_had_happened() {
    sweep(&["commit", "rename"], 6, 3);
}

#[test]
fn crash_at_any_push_or_moved_ref_ends_as_if_nothing_had_happened() {
    sweep(&["push", "ref"], 6, 5);
}

/// Eight rounds from this seed on; three tests of them, so that none is long.
fn random_kills(first: u64) {
    let base = undisturbed();
    demand((first..first + 8).map(|seed| random(seed, &base)));
}

#[test]
fn random_kills_lose_and_double_nothing_from_round_0() {
    random_kills(0);
}

#[test]
fn random_kills_lose_and_double_nothing_from_round_8() {
    random_kills(8);
}

#[test]
fn random_kills_lose_and_double_nothing_from_round_16() {
    random_kills(16);
}

#[test]
fn host_that_dies_while_it_compiles_gates_compiles_what_is_missing() {
    let world = World::new();
    let counted = world.path("counted");
    for point in ["rename image: before#2", "rename image: after#4"] {
        // The hits of the host before do not count.
        std::fs::remove_file(&counted).ok();
        let mut host = world.command_without_images(&["serve"]);
        host.env("ORCH_CRASH_AT", point)
            .env("ORCH_CRASH_COUNT", &counted);
        let done = host.output().unwrap();
        assert!(!done.status.success(), "{point} was not reached");
    }
    let _host = world.serve_by(world.command_without_images(&["serve"]));
    let gates = world.json(&["gate", "list"]);
    let there = gates["items"].as_array().unwrap().iter();
    let there = there.filter(|gate| gate["state"] != "missing").count();
    assert_eq!(there, 13, "{gates:#}");
}

#[test]
fn staging_hook_of_a_dead_host_never_works_beside_the_next_one() {
    let mut world = World::new();
    let (began, pids, lock) = (world.path("began"), world.path("pids"), world.path("lock"));
    let doubled = world.path("doubled");
    let hook = format!(
        "exec 8>{}; flock -n 8 || touch {}; echo $$ >> {}; mkdir {} && exec sleep 1000; true",
        lock.display(),
        doubled.display(),
        pids.display(),
        began.display()
    );
    world.config["repositories"]["shop"]["staging"]["hook"] = json!(hook);
    world.write_config();
    let host = world.serve();
    let item = world.begin("Hanging hook");
    world.follow(&item, |_| began.exists());
    drop(host);
    let _host = world.serve();
    let done = world.follow(&item, |view| view["status"] == "ended");
    assert_eq!(done["stage"], "done", "{done:#}");
    assert!(!doubled.exists(), "two hooks at once");
    let first = std::fs::read_to_string(pids).unwrap();
    let first = first.lines().next().unwrap();
    let stat = std::fs::read_to_string(format!("/proc/{first}/stat")).unwrap_or_default();
    assert!(stat.is_empty() || stat.contains(") Z "), "{stat}");
}

#[test]
fn locks_that_a_power_cut_left_in_the_mirror_hold_nothing_up() {
    let world = World::new();
    let host = world.serve();
    let first = world.begin("First");
    world.follow(&first, |view| view["stage"] == "architecture");
    drop(host);
    let mirror = "data/mirrors/shop.git";
    for name in [
        "packed-refs.lock",
        "refs/remotes/origin/main.lock",
        "config.lock",
    ] {
        world.write(&format!("{mirror}/{name}"), "", 0o644);
    }
    let _host = world.serve();
    let done = world.follow(&first, |view| view["status"] == "ended");
    assert_eq!(done["stage"], "done", "{done:#}");
    assert!(!world.path(mirror).join("packed-refs.lock").exists());
}

#[test]
fn deploy_whose_log_cannot_be_pushed_at_first_is_not_repeated() {
    let mut world = World::new();
    let (deploys, refused) = (world.path("deploys"), world.path("refused"));
    let hook = format!("echo once >> {}", deploys.display());
    world.config["repositories"]["shop"]["deploy"]["hook"] = json!(hook);
    world.write_config();
    // The forge refuses the first push of the docs branch.
    let gate = format!(
        "#!/bin/sh\nif grep -q orch-docs && mkdir {}; then echo busy >&2; exit 1; fi\n",
        refused.display()
    );
    world.write("shop.git/hooks/pre-receive", &gate, 0o755);
    let _host = world.serve();
    let item = world.begin("Deploy once");
    let done = world.follow(&item, |view| view["status"] == "ended");
    assert_eq!(done["stage"], "done", "{done:#}");
    assert!(refused.exists(), "the forge refused once");
    assert_eq!(std::fs::read_to_string(deploys).unwrap(), "once\n");
}

#[test]
fn database_that_another_program_locks_is_said_and_nothing_is_lost() {
    let mut world = World::new();
    world.expected_errors = vec!["database is locked"];
    let _host = world.serve();
    let item = world.begin("Before");
    world.follow(&item, |view| view["stage"] == "architecture");
    let held = orch_kit::sql::hold(&world.path("data/orch.db"));
    let said = world.refused(&["task", "new", "--repo", "shop", "--title", "During"]);
    assert!(said.contains("locked"), "{said}");
    drop(held);
    let done = world.follow(&item, |view| view["status"] == "ended");
    assert_eq!(done["stage"], "done", "{done:#}");
    let tasks = world.json(&["task", "list", "--all"]);
    let count = tasks["items"].as_array().unwrap().len();
    assert_eq!(count, 1, "what was refused is not there: {tasks:#}");
}

#[test]
fn supervisor_that_dies_takes_no_neighbour_with_it() {
    let mut world = World::new();
    world.config["concurrency"] = json!({"agents": 2});
    // The analyst of the first item waits; the second's neighbour is killed meanwhile.
    let agent = orch_kit::world::AGENT.replacen(
        "set -eu\n",
        "set -eu\nif [ \"$ORCH_ROLE\" = analyst ]; then until test -e \"$0.$ORCH_WORK_ITEM.go\"; do sleep 0.05; done; fi\n",
        1,
    );
    world.write("agent.sh", &agent, 0o755);
    world.write_config();
    let _host = world.serve();
    let (first, second) = (world.begin("First"), world.begin("Second"));
    let running = |item: &str| world.task(item)["runs"].as_array().map_or(0, Vec::len) == 1;
    orch_kit::until("both run", || {
        (running(&first) && running(&second)).then_some(())
    });
    let site = Site::of(world);
    orch_kit::until("the first one's supervisor dies", || {
        site.kill_supervisors_of(&first).then_some(())
    });
    for item in [&first, &second] {
        site.world.write(&format!("agent.sh.{item}.go"), "", 0o644);
    }
    for item in [&first, &second] {
        let done = site.world.follow(item, |view| view["status"] == "ended");
        assert_eq!(done["stage"], "done", "{done:#}");
    }
    let outcomes = |item: &str| {
        let view = site.world.task(item);
        let runs = view["runs"].as_array().unwrap().clone();
        let of_analyst = runs.into_iter().filter(|r| r["role"] == "analyst");
        of_analyst
            .map(|r| r["outcome"].as_str().unwrap_or_default().to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(outcomes(&first), ["crashed", "completed"]);
    assert_eq!(outcomes(&second), ["completed"]);
}
