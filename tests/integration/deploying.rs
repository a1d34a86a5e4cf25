//! A repository is deployed to one place: one hook at a time, and nothing older over what is live.

use std::fs;

use orch_kit::{World, until};
use serde_json::json;

/// A world whose deploy hook writes down whose it is, and is held for as long as `hold-ITEM` is there.
fn world() -> World {
    let mut world = World::new();
    world.config["sandbox"] = json!({"mode": "off"});
    world.config["merge"] = json!({"batch": 1});
    let hook = format!(
        "echo begin $ORCH_WORK_ITEM >> {0}/deploys; while [ -e {0}/hold-$ORCH_WORK_ITEM ]; do sleep 0.05; done; \
         echo end $ORCH_WORK_ITEM >> {0}/deploys",
        world.path("").display()
    );
    world.config["repositories"]["shop"]["deploy"]["hook"] = json!(hook);
    world.write_config();
    world
}

fn deploys(world: &World) -> Vec<String> {
    let text = fs::read_to_string(world.path("deploys")).unwrap_or_default();
    text.lines().map(str::to_owned).collect()
}

/// Carries a first task into its hook, which is held, and a second one to where its own would begin.
fn two_at_the_deploy(world: &World) -> [String; 2] {
    world.write("hold-SHOP-1", "", 0o644);
    let first = world.begin("First");
    world.follow(&first, |_| deploys(world) == ["begin SHOP-1"]);
    let second = world.begin("Second");
    let view = world.follow(&second, |view| {
        view["stage"] == "deploy"
            && view["why"]
                .as_str()
                .is_some_and(|why| why.contains("SHOP-1"))
    });
    assert_ne!(view["status"], "ended");
    [first, second]
}

#[test]
fn deploy_waits_for_the_one_before_it_to_the_same_place() {
    let world = world();
    let _host = world.serve();
    let items = two_at_the_deploy(&world);
    assert_eq!(deploys(&world), ["begin SHOP-1"]);
    fs::remove_file(world.path("hold-SHOP-1")).unwrap();
    for item in &items {
        let view = world.follow(item, |view| view["status"] == "ended");
        assert_eq!(view["stage"], "done", "{view:#}");
    }
    let order = ["begin SHOP-1", "end SHOP-1", "begin SHOP-2", "end SHOP-2"];
    assert_eq!(deploys(&world), order);
}

#[test]
fn what_is_live_with_a_later_deploy_is_not_put_there_again() {
    let world = world();
    let _host = world.serve();
    let [first, second] = two_at_the_deploy(&world);
    // Nobody can know how far a hook came whose supervisor is gone.
    let folder = "SELECT folder FROM runs WHERE role = 'deploy-hook'";
    let folder = orch_kit::sql::column(&world.path("data/orch.db"), folder).remove(0);
    until("the supervisor is gone", || {
        kill_all_of(&folder).then_some(())
    });
    world.follow(&first, |view| view["status"] == "blocked");
    let done = world.follow(&second, |view| view["status"] == "ended");
    assert_eq!(done["stage"], "done", "{done:#}");
    fs::remove_file(world.path("hold-SHOP-1")).unwrap();
    world.json(&["task", "resume", &first]);
    let view = world.follow(&first, |view| view["status"] == "ended");
    assert_eq!(view["stage"], "done", "{view:#}");
    let order = ["begin SHOP-1", "begin SHOP-2", "end SHOP-2"];
    assert_eq!(deploys(&world), order, "the older one was not put over it");
    let log = "SELECT content FROM host_artefacts WHERE path = '14-deploy-log.md' ORDER BY task_id LIMIT 1";
    let log = orch_kit::sql::column(&world.path("data/orch.db"), log).remove(0);
    let live = done["merged_commit"].as_str().unwrap();
    assert!(
        log.contains("deploy_status: SUPERSEDED") && log.contains(live),
        "{log}"
    );
}

/// Kills everything whose command line or environment names a folder; whether nothing of it is left.
fn kill_all_of(folder: &str) -> bool {
    let mut is_clear = true;
    for entry in fs::read_dir("/proc").unwrap().flatten() {
        let name = entry.file_name();
        let Some(pid) = name.to_str().and_then(|name| name.parse::<u32>().ok()) else {
            continue;
        };
        let reads = ["cmdline", "environ"].map(|of| fs::read(entry.path().join(of)));
        let is_it = reads
            .into_iter()
            .flatten()
            .any(|bytes| String::from_utf8_lossy(&bytes).contains(folder));
        if is_it && pid != std::process::id() {
            is_clear = false;
            std::process::Command::new("kill")
                .args(["-9", &pid.to_string()])
                .status()
                .ok();
        }
    }
    is_clear
}
