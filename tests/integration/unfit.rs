//! What a repository asks for that the host does not do: refused with the reason, or an agent's fault by name.

use orch_kit::World;
use orch_kit::world::AGENT;
use serde_json::{Value, json};

/// Demands that `text` says each of these.
fn says(text: &str, expected: &[&str]) {
    for part in expected {
        assert!(text.contains(part), "`{part}` is not in: {text}");
    }
}

#[test]
fn repository_that_keeps_files_by_lfs_takes_no_task_and_says_why_and_what_would_help() {
    let mut world = World::new();
    world.expected_errors = vec!["keeps files by Git LFS"];
    let rule = "*.bin filter=lfs diff=lfs merge=lfs -text\n";
    world.write("seed/assets/.gitattributes", rule, 0o644);
    world.push_seed("Keep large files elsewhere");
    let why = [
        "`shop` keeps files by Git LFS on `main`",
        "`assets/.gitattributes`: `*.bin filter=lfs",
    ];
    let remedy = ["git lfs migrate export", "`repositories.shop`"];

    let checked = world.refused(&["config", "check"]);
    says(&checked, &why);
    says(&checked, &["try: "]);
    says(&checked, &remedy);

    let _host = world.serve();
    says(&world.log(), &why);
    says(&world.log(), &remedy);
    let new = ["task", "new", "--repo", "shop", "--title", "A thing"];
    let done = world.orch(&[&new[..], &["--json"]].concat());
    assert!(!done.status.success());
    let refused: Value = serde_json::from_slice(&done.stdout).unwrap();
    assert_eq!(refused["error"]["code"], "conflict", "{refused:#}");
    says(refused["error"]["message"].as_str().unwrap(), &why);
    says(refused["error"]["remedy"].as_str().unwrap(), &remedy);
    assert_eq!(world.json(&["task", "list"])["total"], 0);

    // No restart is needed once the rule is gone.
    world.write("seed/assets/.gitattributes", "*.bin -text\n", 0o644);
    world.push_seed("Keep large files here");
    let item = world.begin("A thing");
    assert_eq!(world.task(&item)["work_item"], item.as_str());
}

/// The base with a submodule, as every checkout without `--recurse-submodules` has it: an empty folder.
fn with_submodule(developer: &str) -> World {
    let world = World::new();
    std::fs::create_dir(world.path("seed/vendored")).unwrap();
    let linked = format!("160000,{},vendored", "1".repeat(40));
    world.git("seed", &["update-index", "--add", "--cacheinfo", &linked]);
    world.push_seed("Vendor something");
    let mark = "    say \"changing cart.sh\"\n";
    let agent = AGENT.replacen(mark, &format!("{mark}{developer}\n"), 1);
    assert_ne!(agent, AGENT);
    world.write("agent.sh", &agent, 0o755);
    world
}

fn developer_run(world: &World, item: &str) -> Value {
    let ended = |view: &Value| {
        let runs = view["runs"].as_array()?;
        let mut of_role = runs.iter().filter(|run| run["role"] == "developer");
        of_role.find(|run| !run["outcome"].is_null()).cloned()
    };
    let view = world.follow(item, |view| ended(view).is_some());
    ended(&view).unwrap()
}

#[test]
fn submodule_that_nobody_touches_stays_as_the_base_has_it() {
    let world = with_submodule("    true");
    let _host = world.serve();
    let item = world.begin("Beside a submodule");
    assert_eq!(developer_run(&world, &item)["outcome"], "completed");
    let branch = world.task(&item)["branch"].as_str().unwrap().to_owned();
    let entry = world.git("shop.git", &["ls-tree", &branch, "vendored"]);
    says(&entry, &["160000 commit 1111"]);
}

#[test]
fn agent_that_changes_a_submodule_is_told_so_by_name_and_nothing_of_it_lands() {
    let world = with_submodule("    rmdir vendored; echo mine > vendored");
    let _host = world.serve();
    let item = world.begin("In place of a submodule");
    let run = developer_run(&world, &item);
    assert_eq!(run["outcome"], "boundary_violation", "{run:#}");
    says(&run["detail"].to_string(), &["vendored", "gitlink"]);
    let view = world.follow(&item, |view| view["status"] == "blocked");
    let branch = view["branch"].as_str().unwrap();
    let entry = world.git("shop.git", &["ls-tree", branch, "vendored"]);
    says(&entry, &["160000 commit 1111"]);
}

/// The base with a submodule that has one of its own, and tests that need both.
fn with_laid_out_submodules() -> World {
    let mut world = World::new();
    world.config["pipeline"] = json!({"preset": "solo"});
    world.config["gates"] = json!({"security": {"mode": "off"}});
    world.write_config();
    let who = ["-c", "user.name=Ann", "-c", "user.email=ann@orch.invalid"];
    let make = |name: &str, file: &str, inner: Option<&str>| {
        world.write(&format!("libs/{name}/{file}"), "one\n", 0o644);
        let folder = format!("libs/{name}");
        world.git(&folder, &["init", "--quiet", "--initial-branch=main"]);
        if let Some(inner) = inner {
            let linked = format!("160000,{inner},deep");
            let modules = "[submodule \"deep\"]\n\tpath = deep\n\turl = ../inner\n";
            world.write(&format!("{folder}/.gitmodules"), modules, 0o644);
            world.git(&folder, &["update-index", "--add", "--cacheinfo", &linked]);
        }
        world.git(&folder, &["add", file]);
        if inner.is_some() {
            world.git(&folder, &["add", ".gitmodules"]);
        }
        world.git(
            &folder,
            &[&who[..], &["commit", "--quiet", "-m", "One"]].concat(),
        );
        world.git(&folder, &["rev-parse", "HEAD"]).trim().to_owned()
    };
    let inner = make("inner", "in.txt", None);
    let outer = make("outer", "out.txt", Some(&inner));
    let url = world.path("libs/outer").display().to_string();
    let modules = format!("[submodule \"v\"]\n\tpath = vendored\n\turl = {url}\n");
    world.write("seed/.gitmodules", &modules, 0o644);
    let ci = json!({"ci": {"test": "cat vendored/out.txt vendored/deep/in.txt"}});
    world.write("seed/.orch.yaml", &ci.to_string(), 0o644);
    std::fs::create_dir(world.path("seed/vendored")).unwrap();
    let linked = format!("160000,{outer},vendored");
    world.git("seed", &["update-index", "--add", "--cacheinfo", &linked]);
    world.push_seed("Vendor something");
    world
}

fn works(world: &World, work: &str) {
    let agent = format!(
        "#!/bin/sh\ncat > /dev/null\n{work}\nprintf '{{\"is_error\":false,\"result\":\"done\"}}\\n'\n"
    );
    world.write("agent.sh", &agent, 0o755);
}

#[test]
fn submodules_are_laid_out_for_the_base_the_agent_and_its_branch_once_their_place_is_allowed() {
    let mut world = with_laid_out_submodules();
    works(
        &world,
        "cat vendored/out.txt vendored/deep/in.txt > seen.txt; touch vendored/built.o",
    );
    // Nobody allowed the folder: which, why and what would help is said before an agent is paid.
    let checked = world.orch(&["repo", "check", "shop"]);
    assert!(!checked.status.success());
    let said = String::from_utf8_lossy(&checked.stdout).into_owned();
    says(
        &said,
        &["submodule `vendored`", "nobody allowed", "submodules.from"],
    );

    let libs = world.path("libs").display().to_string();
    world.config["repositories"]["shop"]["submodules"] = json!({"from": [libs]});
    world.write_config();
    let checked = world.orch(&["repo", "check", "shop"]);
    let said = String::from_utf8_lossy(&checked.stdout).into_owned();
    assert!(checked.status.success(), "{said}");
    let _host = world.serve();
    let item = world.begin("See them");
    let view = world.follow(&item, |view| {
        view["stage"] == "done" || view["status"] == "blocked"
    });
    assert_eq!(view["stage"], "done", "{view:#}");
    assert_eq!(
        world.git("shop.git", &["show", "main:seen.txt"]),
        "one\none"
    );
    let entry = world.git("shop.git", &["ls-tree", "-r", "main", "vendored"]);
    assert_eq!(entry.lines().count(), 1, "{entry}");
    says(&entry, &["160000 commit"]);

    // A file of one is not the agent's to change, and it is named.
    works(&world, "echo two > vendored/deep/in.txt");
    let item = world.begin("Change one");
    let run = developer_run(&world, &item);
    assert_eq!(run["outcome"], "tree_refused", "{run:#}");
    says(
        &run["detail"].to_string(),
        &["vendored/deep/in.txt", "submodule"],
    );
}

#[test]
fn broken_file_at_the_base_is_overridden_by_the_operator_and_all_that_is_wrong_is_named_at_once() {
    let mut world = World::new();
    world.git("seed", &["clone", "--quiet", "--bare", ".", "../toys.git"]);
    let mut toys = world.config["repositories"]["shop"].clone();
    toys["path"] = json!("toys.git");
    world.config["repositories"]["toys"] = toys;
    world.config["agents"]["absent"] = json!({"driver": "command", "program": "/nowhere/agent"});
    world.write_config();
    world.write("seed/.orch.yaml", "ci: [not, a, mapping]\n", 0o644);
    world.push_seed("Break the file");
    let said = world.refused(&["config", "check"]);
    for words in [
        "`absent`",
        "/nowhere/agent",
        "`shop`",
        ".orch.yaml",
        "orch_yaml",
    ] {
        assert!(said.contains(words), "{words}: {said}");
    }
    assert!(!said.contains("toys"), "nothing is wrong with it: {said}");
    let _host = world.serve();
    let new = ["task", "new", "--repo", "shop", "--title", "x"];
    let said = world.refused(&new);
    assert!(said.contains("repositories.shop.orch_yaml"), "{said}");
    world.config["repositories"]["shop"]["orch_yaml"] = json!({"ci": {"test": "tests/run.sh"}});
    world.write_config();
    orch_kit::until("the operator's word stands in its place", || {
        world.orch(&new).status.success().then_some(())
    });
}
