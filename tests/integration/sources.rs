//! A forge or a tracker that does not answer, and a repository of which much is asked, are no trouble of others.

use orch_kit::plane::PlaneFault;
use orch_kit::{World, until};
use serde_json::json;

use crate::forge::forge_with;
use crate::plane::{ANN, run};

#[test]
fn forge_that_hangs_keeps_no_repository_elsewhere_waiting() {
    let forge = forge_with(
        |world| {
            world.config["repositories"]["bank"] = json!({
                "path": "shop.git", "prefix": "BANK", "require_green_base": false,
                "staging": {"hook": "true"}, "deploy": {"hook": "true"},
            });
        },
        |_| {},
    );
    let world = &forge.world;
    let hung: Vec<String> = (1..=4).map(|n| world.begin(&format!("Hung {n}"))).collect();
    world.follow(&hung[0], |_| forge.fake.pulls() > 0);
    forge.fake.rule(|rules| rules.hangs = true);
    let begun = world.json(&["task", "new", "--repo", "bank", "--title", "Elsewhere"]);
    let item = begun["work_item"].as_str().unwrap().to_owned();
    let done = world.follow(&item, |view| view["status"] == "ended");
    assert_eq!(done["stage"], "done", "{done:#}");
    for item in &hung {
        assert_ne!(world.task(item)["status"], "ended", "{item}");
    }
    // What waited goes on by itself.
    forge.fake.rule(|rules| rules.hangs = false);
    until("the forge is asked again", || {
        let view = world.task(&hung[0]);
        (view["status"] != "blocked" && view["stage"] != "analysis").then_some(())
    });
}

#[test]
fn repository_that_many_ask_of_lets_one_task_elsewhere_through() {
    let mut world = World::new();
    world.config["concurrency"] = json!({"agents": 1, "gates": 1, "effects": 1});
    world.config["repositories"]["bank"] = json!({
        "path": "shop.git", "prefix": "BANK", "require_green_base": false,
        "staging": {"hook": "true"}, "deploy": {"hook": "true"},
    });
    world.write_config();
    let _host = world.serve();
    world.json(&["pause", "lane:agents"]);
    let hot: Vec<String> = (1..=8).map(|n| world.begin(&format!("Hot {n}"))).collect();
    let begun = world.json(&["task", "new", "--repo", "bank", "--title", "Elsewhere"]);
    let item = begun["work_item"].as_str().unwrap().to_owned();
    world.json(&["unpause", "lane:agents"]);
    let done = world.follow(&item, |view| view["status"] == "ended");
    assert_eq!(done["stage"], "done", "{done:#}");
    let ended = |item: &&String| world.task(item)["status"] == "ended";
    let before = hot.iter().filter(ended).count();
    assert!(before < hot.len(), "it came after all of the others");
}

#[tokio::test(flavor = "multi_thread")]
async fn tracker_that_hangs_keeps_no_repository_elsewhere_waiting() {
    run(|mut site| {
        site.world.expected_errors = vec!["plane"];
        site.world.config["repositories"]["bank"] = json!({
            "path": "shop.git", "prefix": "BANK", "require_green_base": false,
            "staging": {"hook": "true"}, "deploy": {"hook": "true"},
        });
        site.world.write_config();
        let _host = site.serve();
        let (item, work_item) = site.ask(ANN, "Hung");
        let shown = || site.world.orch(&["task", "show", &work_item]);
        until("its task begins", || shown().status.success().then_some(()));
        site.plane.board().fail(PlaneFault::Hangs);
        let begun = site
            .world
            .json(&["task", "new", "--repo", "bank", "--title", "Elsewhere"]);
        let elsewhere = begun["work_item"].as_str().unwrap().to_owned();
        let done = site
            .world
            .follow(&elsewhere, |view| view["status"] == "ended");
        assert_eq!(done["stage"], "done", "{done:#}");
        // What waited is told by itself.
        site.plane.board().heal();
        site.stands(&item, "Needs Input");
    })
    .await;
}
