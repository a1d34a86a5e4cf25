//! What a task stands on is renamed, taken away or not as git would have it: it goes on, or can be stopped.

use std::fs;

use orch_kit::world::AGENT;
use orch_kit::{World, until};
use serde_json::{Value, json};

/// Puts one file on the base and nothing else, as a person would whose files git calls changed.
fn push_file(world: &World, path: &str, text: &str) {
    world.write(&format!("seed/{path}"), text, 0o644);
    world.git("seed", &["add", path]);
    let who = ["-c", "user.name=Ann", "-c", "user.email=ann@orch.invalid"];
    let commit = ["commit", "--quiet", "-m", "One file"];
    world.git("seed", &[&who[..], &commit].concat());
    world.git("seed", &["push", "--quiet", "../shop.git", "HEAD:main"]);
}

/// Follows a task until it waits for the approval of what it analysed.
fn analysed(world: &World, item: &str) -> Value {
    until("it was analysed", || {
        let view = world.task(item);
        (view["step"] == "analysis-approved" && view["status"] == "waiting").then_some(view)
    })
}

fn stopped(world: &World, item: &str) {
    world.json(&["task", "stop", item]);
    let view = until("the stop is carried out", || {
        let view = world.task(item);
        (view["status"] == "ended").then_some(view)
    });
    assert_eq!(view["stage"], "cancelled", "{view:#}");
}

#[test]
fn branch_lands_on_a_base_that_moved_though_git_calls_files_of_it_changed() {
    let world = World::new();
    push_file(&world, "run.bat", "@echo off\r\necho one\r\n");
    push_file(&world, ".gitattributes", "*.bat text eol=crlf\n");
    let kept = world.git("shop.git", &["rev-parse", "main:run.bat"]);
    let _host = world.serve();
    let item = world.begin("Other line ends");
    world.follow(&item, |view| view["status"] == "awaiting-approval");
    push_file(&world, "NOTES.md", "Elsewhere\n");
    let done = world.follow(&item, |view| view["status"] == "ended");
    assert_eq!(done["stage"], "done", "{done:#}");
    let is = world.git("shop.git", &["rev-parse", "main:run.bat"]);
    assert_eq!(is, kept, "nobody has changed it");
    let notes = world.git("shop.git", &["show", "main:NOTES.md"]);
    assert_eq!(notes, "Elsewhere");
}

#[test]
fn task_whose_base_is_gone_can_be_stopped() {
    let world = World::new();
    let _host = world.serve();
    let item = world.begin("On a base that goes");
    let branch = analysed(&world, &item)["branch"].clone();
    world.git("shop.git", &["branch", "-m", "main", "elsewhere"]);
    stopped(&world, &item);
    let branches = world.git("shop.git", &["branch", "--format=%(refname:short)"]);
    assert!(!branches.contains(branch.as_str().unwrap()), "{branches}");
}

#[test]
fn task_whose_repository_was_taken_out_by_hand_can_be_stopped() {
    let mut world = World::new();
    world.git("seed", &["clone", "--quiet", "--bare", ".", "../till.git"]);
    let mut till = world.config["repositories"]["shop"].clone();
    (till["path"], till["prefix"]) = (json!("till.git"), json!("TILL"));
    world.config["repositories"]["till"] = till;
    world.write_config();
    let _host = world.serve();
    let begun = world.json(&["task", "new", "--repo", "till", "--title", "A line"]);
    let item = begun["work_item"].as_str().unwrap().to_owned();
    analysed(&world, &item);
    let repositories = world.config["repositories"].as_object_mut().unwrap();
    repositories.remove("till");
    world.write_config();
    until("the host follows", || {
        let listed = world.orch(&["repo", "list", "--json"]);
        let text = String::from_utf8_lossy(&listed.stdout).into_owned();
        (listed.status.success() && !text.contains("till")).then_some(())
    });
    stopped(&world, &item);
}

#[test]
fn task_lands_on_its_base_by_the_name_that_it_has_now() {
    let mut world = World::new();
    let _host = world.serve();
    let item = world.begin("On a base that is renamed");
    world.follow(&item, |view| view["status"] == "awaiting-approval");
    world.git("shop.git", &["branch", "-m", "main", "trunk"]);
    world.config["repositories"]["shop"]["base"] = json!("trunk");
    world.write_config();
    until("the host opens anew", || {
        world.log().contains("the host opens anew").then_some(())
    });
    until("it answers", || {
        world.orch(&["queue"]).status.success().then_some(())
    });
    let done = world.follow(&item, |view| view["status"] == "ended");
    assert_eq!(done["stage"], "done", "{done:#}");
    let landed = world.git("shop.git", &["rev-parse", "trunk"]);
    assert_eq!(done["merged_commit"], landed.as_str());
}

#[test]
fn run_whose_agent_is_renamed_meanwhile_begins_anew_and_blocks_nothing() {
    let mut world = World::new();
    let go = world.path("go").display().to_string();
    let waits = format!(
        "set -eu\nif [ \"$ORCH_ROLE\" = analyst ]; then until test -e {go}; do sleep 0.05; done; fi\n"
    );
    world.write("agent.sh", &AGENT.replacen("set -eu\n", &waits, 1), 0o755);
    let _host = world.serve();
    let item = world.begin("By another name");
    until("the analyst works", || {
        let view = world.task(&item);
        (view["runs"].as_array()?.len() == 1).then_some(())
    });
    let agent = world.config["agents"]["script"].clone();
    world.config["agents"] = json!({"renamed": agent});
    world.config["roles"]["default"]["agent"] = json!("renamed");
    world.call_me_now("ann", "admin");
    fs::write(world.path("go"), "").unwrap();
    let view = world.follow(&item, |view| view["stage"] == "architecture");
    let runs = view["runs"].as_array().unwrap().iter();
    let mut analysts: Vec<(i64, &str, &str)> = runs
        .filter(|run| run["role"] == "analyst")
        .map(|run| {
            let text = |key: &str| run[key].as_str().unwrap_or_default();
            (run["id"].as_i64().unwrap(), text("agent"), text("outcome"))
        })
        .collect();
    analysts.sort_unstable();
    let told: Vec<(&str, &str)> = analysts.iter().map(|(_, by, end)| (*by, *end)).collect();
    assert_eq!(told, [("script", "killed"), ("renamed", "completed")]);
}
