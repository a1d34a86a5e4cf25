//! What happens when a change never gets good enough, and when somebody else moves the branch.

use orch_kit::world::AGENT;
use orch_kit::{World, until};

#[test]
fn task_that_fails_its_review_four_times_is_blocked_and_only_a_person_frees_it() {
    let world = World::new();
    // A developer who never reads findings, busy as he is.
    let deaf = AGENT.replace(
        "if printf '%s' \"$prompt\" | grep -q",
        "echo \"$ORCH_ATTEMPT\" >> notes.txt; if false && grep -q",
    );
    world.write("agent.sh", &deaf, 0o755);
    let host = world.serve();
    let item = world.begin("Never good enough");
    let view = world.follow(&item, |view| view["status"] == "blocked");
    let why = view["why"].as_str().unwrap();
    assert!(
        why.contains("rework-exhausted") && why.contains("the discount is not checked"),
        "{why}"
    );
    assert_eq!(view["rework_rounds"], 3);
    let developers = view["runs"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|r| r["role"] == "developer")
        .count();
    assert_eq!(developers, 4, "the first try and three rounds");
    until("a person is told", || {
        let log = world.log();
        log.contains("ALERT: SHOP-1 is blocked").then_some(())
    });
    drop(host);
    world.write("agent.sh", AGENT, 0o755);
    let _host = world.serve();
    let refused = world.refused(&["task", "resume", &item, "--stage", "deploy"]);
    assert!(refused.contains("cannot skip gates"), "{refused}");
    world.json(&[
        "task",
        "resume",
        &item,
        "--stage",
        "development",
        "--rounds",
        "1",
    ]);
    let view = world.follow(&item, |view| view["status"] == "ended");
    assert_eq!(view["stage"], "done");
}

#[test]
fn push_from_outside_voids_the_review_and_is_tested_anew() {
    let world = World::new();
    let _host = world.serve();
    let item = world.begin("Touched by a person");
    let view = world.follow(&item, |view| view["status"] == "awaiting-approval");
    let branch = view["branch"].as_str().unwrap().to_owned();
    world.git("seed", &["fetch", "--quiet", "../shop.git", &branch]);
    world.git("seed", &["checkout", "--quiet", "--detach", "FETCH_HEAD"]);
    world.write("seed/BY-HAND.md", "a person was here\n", 0o644);
    world.commit_seed("By hand");
    let by_hand = world.git("seed", &["rev-parse", "HEAD"]);
    world.git(
        "seed",
        &[
            "push",
            "--quiet",
            "../shop.git",
            &format!("HEAD:refs/heads/{branch}"),
        ],
    );
    let view = world.follow(&item, |view| view["status"] == "ended");
    assert_eq!(view["stage"], "done");
    let reviews = view["verdicts"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|v| v["entry"] == "review-verdict")
        .count();
    assert_eq!(
        reviews, 3,
        "one that failed, one that the push voided, one after it"
    );
    world.git(
        "shop.git",
        &["merge-base", "--is-ancestor", &by_hand, "main"],
    );
    assert_eq!(view["rework_rounds"], 1, "the push itself cost no round");
}
