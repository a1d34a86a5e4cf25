//! Many may want to move one task; one does. An edge that takes long is gone through once, whoever else looks on.

use std::fs;

use orch_kit::{World, sql, until};
use serde_json::{Value, json};

/// A world that looks at everything every second and finds anything of a second ago old, whose tests write down
/// each time they run and can be held.
fn world() -> World {
    let mut world = World::new();
    world.config["reconcile"] = json!({"interval_s": 1, "grace_s": 1});
    world.config["reaper"] = json!({"interval_s": 1, "hold_s": 1});
    // The tests write outside of their checkout, which the sandbox would not let them.
    world.config["sandbox"] = json!({"mode": "off"});
    world.write_config();
    let (hold, tests) = (world.path("hold"), world.path("tests"));
    let test = format!(
        "echo run >> {}; while [ -e {} ]; do sleep 0.05; done; tests/run.sh",
        tests.display(),
        hold.display()
    );
    let text = json!({"ci": {"test": test}}).to_string();
    world.write("seed/.orch.yaml", &text, 0o644);
    world.push_seed("Tests that can be held");
    world
}

fn test_runs(world: &World) -> usize {
    let text = fs::read_to_string(world.path("tests")).unwrap_or_default();
    text.lines().count()
}

/// Carries a task to the deploy's approval, moves the base on, so that the re-test is one, and holds it.
fn in_the_re_test(world: &World) -> String {
    let item = world.begin("Edge");
    until("it is ready to be merged", || {
        let view = world.task(&item);
        if view["status"] == "waiting" && view["step"] == "analysis-approved" {
            // Refused if an approval before is still on its way: the next look decides.
            world.orch(&["task", "approve", &item]);
        }
        (view["status"] == "awaiting-approval").then_some(())
    });
    world.write("seed/NOTES.md", "Elsewhere\n", 0o644);
    world.push_seed("Move the base on");
    let before = test_runs(world);
    world.write("hold", "", 0o644);
    world.json(&["task", "approve", &item]);
    until("the re-test runs", || {
        (test_runs(world) == before + 1).then_some(())
    });
    item
}

fn block(world: &World, name: &str) -> Value {
    world.json(&["queue"])[name].clone()
}

#[test]
fn edge_that_takes_minutes_is_gone_through_once_though_every_grace_is_over() {
    let world = world();
    let _host = world.serve();
    let item = in_the_re_test(&world);
    let runs = test_runs(&world);
    // Longer than every grace: both look again and again, a person moves the issue, and a push comes by.
    let looked = || {
        let (reconcile, reaper) = (block(&world, "reconcile"), block(&world, "reaper"));
        let last = reaper["last_run_ts"].as_i64().unwrap();
        (reconcile["looks_total"].as_u64().unwrap(), last)
    };
    let (looks, last) = looked();
    world.json(&["issue", "move", &item, "in-progress"]);
    assert!(
        world
            .refused(&["task", "approve", &item])
            .contains("waits for approval")
    );
    until("both have looked many times", || {
        let (now, at) = looked();
        (now >= looks + 5 && at >= last + 4_000).then_some(())
    });
    let owned = block(&world, "transition_lease");
    assert_eq!(owned["finalizer_owned"], 1, "{owned:#}");
    let view = world.task(&item);
    assert_eq!(
        (&view["stage"], &view["status"]),
        (&json!("deploy-staging"), &json!("active"))
    );
    assert_eq!(test_runs(&world), runs, "no second re-test");
    fs::remove_file(world.path("hold")).unwrap();
    let done = world.follow(&item, |view| view["status"] == "ended");
    assert_eq!(
        (&done["stage"], &done["rework_rounds"]),
        (&json!("done"), &json!(1))
    );
    assert_eq!(test_runs(&world), runs, "what was tested landed");
    let merges = "SELECT count(*) || '' FROM events WHERE kind = 'land-intent'";
    assert_eq!(sql::column(&world.path("data/orch.db"), merges), ["1"]);
    assert_eq!(block(&world, "reaper")["reaped_total"], 0);
    assert_eq!(block(&world, "reconcile")["made_good_total"], 0);
}

/// Pushes to the base while the tests of the commit to land are held, and lets them go on.
fn overtake(world: &World, round: usize) {
    let before = test_runs(world);
    world.write("seed/NOTES.md", &format!("Elsewhere, {round}\n"), 0o644);
    world.push_seed("Move the base on under the re-test");
    fs::remove_file(world.path("hold")).unwrap();
    until("it is prepared again", || {
        (test_runs(world) > before).then_some(())
    });
}

#[test]
fn base_that_moves_during_the_re_test_is_tested_again_and_uses_nothing_up() {
    let mut world = world();
    // None of the tries may be counted as a failure.
    world.config["rules"] = json!({"infra_failures_max": 0});
    world.write_config();
    let _host = world.serve();
    let item = in_the_re_test(&world);
    overtake(&world, 1);
    let done = world.follow(&item, |view| {
        view["status"] == "ended" || view["status"] == "blocked"
    });
    assert_eq!(
        (&done["stage"], &done["rework_rounds"]),
        (&json!("done"), &json!(1)),
        "{done:#}"
    );
    let landed = done["merged_commit"].as_str().unwrap();
    assert_eq!(world.git("shop.git", &["rev-parse", "main"]), landed);
    let notes = world.git("shop.git", &["show", "main:NOTES.md"]);
    assert_eq!(notes, "Elsewhere, 1", "what was pushed meanwhile is there");
    let tested = "SELECT sha FROM evidence WHERE name = 'tests/local'";
    let tested = sql::column(&world.path("data/orch.db"), tested);
    assert!(
        tested.contains(&landed.to_owned()),
        "what landed was tested: {tested:?}"
    );
}

#[test]
fn base_that_moves_faster_than_its_tests_is_said_and_waited_for() {
    let mut world = world();
    world.config["rules"] = json!({"overtaken_max": 0, "backoff_base_ms": 2_000});
    world.write_config();
    let _host = world.serve();
    let item = in_the_re_test(&world);
    world.write("seed/NOTES.md", "Elsewhere, again\n", 0o644);
    world.push_seed("Move the base on under the re-test");
    fs::remove_file(world.path("hold")).unwrap();
    let waiting = world.follow(&item, |view| {
        view["status"] == "waiting" || view["status"] == "ended" || view["status"] == "blocked"
    });
    let why = waiting["why"].as_str().unwrap();
    assert!(why.contains("tries so far: 1"), "{waiting:#}");
    let done = world.follow(&item, |view| view["status"] == "ended");
    assert_eq!(done["stage"], "done", "{done:#}");
}

#[test]
fn stop_during_the_re_test_ends_it_frees_the_lease_and_leaves_the_base() {
    let world = world();
    let _host = world.serve();
    let item = in_the_re_test(&world);
    let base = world.git("shop.git", &["rev-parse", "main"]);
    let held = || {
        let leases = world.json(&["lease", "list"]);
        leases.to_string().contains("merge:shop")
    };
    assert!(held());
    world.json(&["issue", "move", &item, "stop"]);
    until("it is cancelled", || {
        (world.task(&item)["stage"] == "cancelled").then_some(())
    });
    assert!(!held(), "somebody else may merge");
    assert_eq!(world.git("shop.git", &["rev-parse", "main"]), base);
    let branches = world.git(
        "shop.git",
        &["for-each-ref", "--format=%(refname)", "refs/heads"],
    );
    assert_eq!(
        branches, "refs/heads/main",
        "its branch is gone, the base is not"
    );
    let left = world.path("data/checkouts");
    until("the tests are gone", || {
        let cwds = fs::read_dir("/proc").unwrap().flatten();
        let mut cwds = cwds.filter_map(|p| fs::read_link(p.path().join("cwd")).ok());
        (!cwds.any(|cwd| cwd.starts_with(&left))).then_some(())
    });
    // The same item may start afresh.
    fs::remove_file(world.path("hold")).unwrap();
    let again = world.json(&[
        "task", "new", "--repo", "shop", "--title", "Edge", "--id", &item,
    ]);
    assert_eq!(again["work_item"], item.as_str());
    let done = world.follow(&item, |view| view["status"] == "ended");
    assert_eq!(done["stage"], "done");
}
