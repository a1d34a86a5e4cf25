//! One repository is looked at, one commit is tested again, and one repository is taken out.

use std::fs;

use orch_kit::world::{World, until};
use serde_json::{Value, json};

/// A world whose tasks go on to a developer at once.
fn solo(ci: &Value) -> World {
    let mut world = World::new();
    world.config["pipeline"] = json!({"preset": "solo"});
    world.config["gates"] = json!({"security": {"mode": "off"}});
    // What the tests look at lies in the world's folder.
    world.config["repositories"]["shop"]["sandbox"] = json!({"read": ["."]});
    world.write_config();
    let agent = format!(
        "#!/bin/sh\ncat > /dev/null\ntouch {}\necho a line >> notes.txt\nprintf '{{\"is_error\":false,\"result\":\"done\"}}\\n'\n",
        world.path("started").display()
    );
    world.write("agent.sh", &agent, 0o755);
    let file = json!({"ci": ci}).to_string();
    world.write("seed/.orch.yaml", &file, 0o644);
    world.push_seed("Say how it is tested");
    world
}

#[test]
fn doctor_tests_the_base_of_the_repository_it_is_asked_about() {
    let world = solo(&json!({"test": "echo 1..1; echo 'not ok 1 pays'; exit 1"}));
    let done = world.orch(&["doctor", "--repo", "shop", "--json"]);
    let said = String::from_utf8_lossy(&done.stdout).into_owned();
    assert_eq!(done.status.code(), Some(1), "{said}");
    let view: Value = serde_json::from_str(&said).unwrap();
    let problem = view["repository"]["problem"].as_str().unwrap();
    assert!(
        problem.contains("`main` fails its own tests") && problem.contains("pays"),
        "{problem}"
    );

    let file = json!({"ci": {"test": "true"}}).to_string();
    world.write("seed/.orch.yaml", &file, 0o644);
    world.push_seed("Mend the tests");
    let done = world.orch(&["doctor", "--repo", "shop"]);
    let said = String::from_utf8_lossy(&done.stdout).into_owned();
    assert!(said.contains("passes its tests"), "{said}");
    let refused = world.refused(&["doctor", "--repo", "till"]);
    assert!(
        refused.contains("no repository `till`") && refused.contains("shop"),
        "{refused}"
    );
}

#[test]
fn commit_is_tested_again_by_its_name() {
    let mut world = solo(&json!({}));
    let (started, at) = (world.path("started"), world.path("mended"));
    let setup = format!(
        "test ! -e {} || test -e {}",
        started.display(),
        at.display()
    );
    let file = json!({"ci": {"setup": setup, "test": "true"}}).to_string();
    world.config["repositories"]["shop"]["require_green_base"] = json!(false);
    world.write_config();
    world.write("seed/.orch.yaml", &file, 0o644);
    world.push_seed("Fetch what the change needs");
    let _host = world.serve();
    let item = world.begin("A line");
    let view = until("the task is blocked", || {
        let view = world.task(&item);
        (view["status"] == "blocked").then_some(view)
    });
    let head = view["head"].as_str().unwrap().to_owned();
    fs::write(&at, "").unwrap();
    for name in [&head[..12], head.as_str()] {
        let done = world.json(&["ci", "rerun", name]);
        assert_eq!(done["work_item"], json!(item));
        assert_eq!(done["message"], json!(format!("{head} is tested again")));
    }
    let refused = world.refused(&["ci", "rerun", "0123456789abcdef"]);
    assert!(refused.contains("orch repo check"), "{refused}");
    world.json(&["task", "resume", &item]);
    let view = world.follow(&item, |view| view["status"] == "ended");
    assert_eq!(view["stage"], "done");
}

#[test]
fn repository_is_taken_out_once_nothing_of_it_is_under_way() {
    let mut world = solo(&json!({"test": "true"}));
    let refused = world.refused(&["repo", "remove", "shop"]);
    assert!(refused.contains("only repository"), "{refused}");
    world.git(
        "shop.git",
        &["clone", "--quiet", "--bare", ".", "../till.git"],
    );
    world.config["repositories"]["till"] =
        json!({"path": "till.git", "prefix": "TILL", "require_green_base": false});
    world.write_config();
    let _host = world.serve();
    let refused = world.refused(&["repo", "remove", "market"]);
    assert!(
        refused.contains("no repository `market`") && refused.contains("till"),
        "{refused}"
    );

    let begun = world.json(&["task", "new", "--repo", "till", "--title", "A line"]);
    let item = begun["work_item"].as_str().unwrap().to_owned();
    let is_under_way = world.task(&item)["status"] != "ended";
    if is_under_way {
        let done = world.orch(&["repo", "remove", "till"]);
        let said = String::from_utf8_lossy(&done.stderr).into_owned();
        assert!(
            done.status.success() || said.contains(&format!("{item} of `till` is under way")),
            "{said}"
        );
    }
    let view = world.follow(&item, |view| view["status"] == "ended");
    assert_eq!(view["stage"], "done");
    world.orch(&["repo", "remove", "till"]);
    let names = || {
        let listed = world.json(&["repo", "list"]);
        let items = listed["items"].as_array().unwrap().clone();
        items
            .iter()
            .map(|r| r["name"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    until("the host follows", || (names() == ["shop"]).then_some(()));
    let left = fs::read_to_string(world.path("orch.yaml")).unwrap();
    assert!(!left.contains("till"), "{left}");
    assert!(
        world.path("till.git").is_dir(),
        "the repository itself is left as it is"
    );
    let refused = world.refused(&["task", "new", "--repo", "till", "--title", "Another"]);
    assert!(refused.contains("till"), "{refused}");
}
