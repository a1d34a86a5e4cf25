//! A backup that is made while a host works is taken up elsewhere, and the work goes on.

use std::fs;

use orch_kit::World;
use orch_kit::world::until;

#[test]
fn backup_of_a_running_host_is_restored_and_its_task_goes_on_to_the_end() {
    let mut world = World::new();
    let host = world.serve();
    let item = world.begin("Discounts");
    until("the analysis waits for a person", || {
        (world.json(&["inbox"])["total"] == 1).then_some(())
    });
    let folder = world.path("backup");
    let folder = folder.to_str().unwrap();
    let made = world.json(&["backup", folder]);
    assert!(made["files"].as_u64() > Some(10), "{made:#}");
    let said = world.refused(&["backup", folder]);
    assert!(said.contains("not there yet"), "{said}");
    drop(host);
    let log = world.json(&["task", "log", &item, "--run", "1"]);
    let said = world.refused(&["restore", folder]);
    assert!(said.contains("is not empty"), "{said}");
    fs::rename(world.path("data"), world.path("lost")).unwrap();
    world.json(&["restore", folder]);
    world.config["data"] = "elsewhere".into();
    world.write_config();
    world.json(&["restore", folder]);
    let inbox = world.json(&["inbox"]);
    assert_eq!(
        inbox["items"][0]["task"]["work_item"],
        item.as_str(),
        "{inbox:#}"
    );
    let again = world.json(&["task", "log", &item, "--run", "1"]);
    assert_eq!(
        again["lines"], log["lines"],
        "logs are found where they lie now"
    );
    world.config["data"] = "data".into();
    world.write_config();
    let _host = world.serve();
    let view = world.follow(&item, |view| view["status"] == "ended");
    assert_eq!(view["stage"], "done", "{view:#}");
}

#[test]
fn damaged_or_unfinished_backup_is_refused_and_nothing_is_made_of_it() {
    let mut world = World::new();
    let host = world.serve();
    drop(host);
    let folder = world.path("backup");
    world.json(&["backup", folder.to_str().unwrap()]);
    world.config["data"] = "elsewhere".into();
    world.write_config();
    let database = folder.join("data/orch.db");
    let mut bytes = fs::read(&database).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&database, bytes).unwrap();
    let said = world.refused(&["restore", folder.to_str().unwrap()]);
    assert!(
        said.contains("damaged") && said.contains("orch.db"),
        "{said}"
    );
    fs::remove_file(folder.join("manifest.json")).unwrap();
    let said = world.refused(&["restore", folder.to_str().unwrap()]);
    assert!(said.contains("no whole backup"), "{said}");
    assert!(!world.path("elsewhere").join("orch.db").exists());
}
