//! What people and other machines say of a commit: reviews, statuses, approvals. Each is about what was seen.

use orch_kit::world::AGENT;
use orch_kit::{World, until};
use serde_json::{Value, json};

/// A world whose tasks wait for a review by a person after that of the reviewer.
fn reviewed_by_people() -> World {
    let mut world = World::new();
    world.call_me("ann", "approver");
    world.config["pipeline"] = json!({
        "review": ["run reviewer", "gate review-verdict", "gate review-approved"],
    });
    world.write_config();
    world
}

fn approve_analysis(world: &World, item: &str, view: &Value) {
    if view["status"] == "waiting" && view["step"] == "analysis-approved" {
        world.orch(&["task", "approve", item]);
    }
}

/// The task once it waits at a step.
fn at(world: &World, item: &str, step: &str) -> Value {
    until(&format!("it waits at `{step}`"), || {
        let view = world.task(item);
        approve_analysis(world, item, &view);
        assert_ne!(view["status"], "blocked", "{view:#}");
        let waits = view["status"] == "waiting" || view["status"] == "awaiting-approval";
        (waits && view["step"] == step).then_some(view)
    })
}

#[test]
fn review_of_a_person_counts_for_the_code_it_is_about_and_its_comment_reaches_the_next_run() {
    let world = reviewed_by_people();
    // What the developer is told is worked on, beside the check that the reviewer misses otherwise.
    let works = "    if printf '%s' \"$prompt\" | grep -q 'Say what'; then echo 'It is off the sum.' >> README.md; fi\n    tests/run.sh\n    done_with \"discounts";
    let agent = AGENT.replacen("    tests/run.sh\n    done_with \"discounts", works, 1);
    assert_ne!(agent, AGENT);
    world.write("agent.sh", &agent, 0o755);
    let _host = world.serve();
    let item = world.begin("Reviewed");
    let early = world.refused(&["task", "review", &item, "--approve"]);
    assert!(early.contains("waits for a review"), "{early}");
    let first = at(&world, &item, "review-approved");
    let stale = "0".repeat(40);
    let said = world.refused(&["task", "review", &item, "--approve", "--seen", &stale]);
    assert!(said.contains("no longer what you saw"), "{said}");
    let asked = ["task", "review", &item, "--request-changes", "--comment"];
    world.json(
        &[
            &asked[..],
            &["Say what it is; src: review, the discount is not checked"],
        ]
        .concat(),
    );
    let second = until("it comes back with other code", || {
        let view = world.task(&item);
        let again = view["step"] == "review-approved" && view["status"] == "waiting";
        (again && view["rework_rounds"] != first["rework_rounds"]).then_some(view)
    });
    let comments = second["comments"].to_string();
    assert!(comments.contains("Say what it is"), "{second:#}");
    // What `why` offers is the same as a review that approves.
    assert_eq!(second["remedies"][0]["command"][1], "approve", "{second:#}");
    world.json(&["task", "review", &item, "--approve"]);
    until("the review lets it on", || {
        let view = world.task(&item);
        (view["stage"] == "testing" || view["stage"] == "deploy-staging").then_some(())
    });
}

#[test]
fn context_of_another_machine_turns_green_on_the_commit_that_it_tested_and_counts_at_the_landing() {
    let world = World::new();
    let config = "required_contexts: [their/ci]\n";
    world.write("seed/.orch.yaml", config, 0o644);
    world.push_seed("Others test it");
    let _host = world.serve();
    let item = world.begin("Tested elsewhere");
    at(&world, &item, "ci-green");
    let said = world.refused(&["status", "set", &item, "orch/ci", "success"]);
    assert!(said.contains("its own witness"), "{said}");
    let said = world.refused(&["status", "set", &"f".repeat(40), "their/ci", "success"]);
    assert!(said.contains("no repository has"), "{said}");
    world.json(&["status", "set", &item, "their/ci", "pending"]);
    let head = world.task(&item)["head"].as_str().unwrap().to_owned();
    let set = [
        "status",
        "set",
        &head,
        "their/ci",
        "success",
        "--url",
        "https://ci.example/1",
    ];
    world.json(&set);
    // The review asks for changes once, and their machine tests the new commit as well.
    let green = ["status", "set", &item, "their/ci", "success"];
    let carry = |step: &str| {
        until(&format!("it waits at `{step}`"), || {
            let view = world.task(&item);
            approve_analysis(&world, &item, &view);
            if view["step"] == "ci-green" && view["status"] == "waiting" {
                world.orch(&green);
            }
            assert_ne!(view["status"], "blocked", "{view:#}");
            let waits = view["status"] == "waiting" || view["status"] == "awaiting-approval";
            (waits && view["step"] == step).then_some(view)
        })
    };
    let head = carry("deploy-approval")["head"].clone();
    world.json(&["task", "approve", &item]);
    // The commit that would land is another one, and nobody has said anything of it yet.
    let view = carry("merge");
    let why = view["why"].as_str().unwrap();
    let prepared = view["head"].as_str().unwrap();
    let waits_for = format!("contexts of the commit to land, {prepared}: their/ci");
    assert!(why.contains(&waits_for), "{why}");
    assert_ne!(view["head"], head);
    world.json(&green);
    let done = world.follow(&item, |view| view["status"] == "ended");
    assert_eq!(done["stage"], "done", "{done:#}");
    let summaries = done["verdicts"].to_string();
    assert!(
        summaries.contains("no test to run"),
        "never called tested: {summaries}"
    );
}

#[test]
fn hook_that_nobody_approved_is_asked_for_again() {
    let mut world = World::new();
    let host = world.serve();
    let item = world.begin("Approved");
    at(&world, &item, "deploy-approval");
    world.json(&["pause", "lane:effects@shop"]);
    world.json(&["task", "approve", &item]);
    drop(host);
    world.config["repositories"]["shop"]["deploy"]["hook"] = json!("echo somewhere else");
    world.write_config();
    let _host = world.serve();
    world.json(&["unpause", "lane:effects@shop"]);
    let view = at(&world, &item, "deploy-approval");
    let comments = view["comments"].to_string();
    let is_told = || {
        world.task(&item)["comments"]
            .to_string()
            .contains("the deploy hook is another")
    };
    until("it says why", || is_told().then_some(()));
    assert!(view["merged_commit"].is_null(), "{comments}");
    let done = world.follow(&item, |view| view["status"] == "ended");
    assert_eq!(done["stage"], "done", "{done:#}");
}
