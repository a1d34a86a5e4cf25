//! One forge that does not answer is the trouble of its own repositories alone.

use orch_kit::until;
use serde_json::json;

use crate::forge::forge_with;

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
