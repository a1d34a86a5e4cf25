//! What is left over goes with proof and through the trash; what somebody works on never does.

use std::path::PathBuf;
use std::process::{Command, Stdio};

use orch_kit::world::AGENT;
use orch_kit::{World, until};
use serde_json::{Value, json};

/// The reports' item of this name.
fn item<'a>(report: &'a Value, name: &str) -> Option<&'a Value> {
    let items = report["items"].as_array().unwrap();
    items.iter().find(|item| item["name"] == name)
}

fn fate<'a>(report: &'a Value, name: &str) -> &'a str {
    let found = item(report, name).unwrap_or_else(|| panic!("no {name}: {report:#}"));
    found["fate"].as_str().unwrap()
}

fn because<'a>(report: &'a Value, name: &str) -> &'a str {
    item(report, name).unwrap()["because"].as_str().unwrap()
}

/// A task that has ended and whose workspace was removed.
fn ended(world: &World) -> String {
    let begun = world.begin("Ended");
    let view = world.follow(&begun, |view| view["status"] == "ended");
    assert_eq!(view["stage"], "done", "{view:#}");
    let name = format!("workspaces/shop/1-{begun}");
    until("its workspace is removed", || {
        (!world.path(&format!("data/{name}")).exists()).then_some(())
    });
    name
}

/// Brings a workspace back, as if its removal had failed.
fn leave(world: &World, name: &str) {
    let tree = world.path(&format!("data/{name}/tree"));
    world.git(
        ".",
        &["clone", "--quiet", "shop.git", tree.to_str().unwrap()],
    );
}

/// What lies in the trash under a name that ends so.
fn in_trash(world: &World, end: &str) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(world.path("data/trash")).into_iter();
    let paths = entries.flatten().map(|entry| entry.unwrap().path());
    paths
        .filter(|path| path.to_str().unwrap().ends_with(end))
        .collect()
}

fn configure(world: &mut World, disk: Value) {
    world.config["disk"] = disk;
    world.write_config();
}

#[test]
fn leftover_of_an_ended_task_is_shown_then_trashed_and_deleted_when_its_time_is_over() {
    let mut world = World::new();
    let host = world.serve();
    let name = ended(&world);
    leave(&world, &name);
    let shown = world.json(&["gc", "--dry-run"]);
    assert_eq!(fate(&shown, &name), "goes", "{shown:#}");
    assert!(shown["trashed_bytes"].as_u64().unwrap() > 0, "{shown:#}");
    assert!(world.path(&format!("data/{name}/tree/cart.sh")).exists());
    assert!(in_trash(&world, "").is_empty());
    let went = world.json(&["gc"]);
    assert_eq!(fate(&went, &name), "went", "{went:#}");
    assert!(!world.path(&format!("data/{name}")).exists());
    let trashed = in_trash(&world, &name.replace('/', "-"));
    assert!(trashed[0].join("tree/cart.sh").exists());
    let again = world.json(&["gc"]);
    let name = trashed[0].strip_prefix(world.path("data")).unwrap();
    let name = name.to_str().unwrap();
    assert_eq!(fate(&again, name), "kept", "{again:#}");
    assert!(because(&again, name).contains("7 days"));
    configure(&mut world, json!({"trash_days": 0, "floor_mib": 1 << 30}));
    let shown = until("the configuration is read anew", || {
        let shown = world.json(&["gc", "--dry-run"]);
        (fate(&shown, name) == "goes").then_some(shown)
    });
    assert!(shown["full"].as_str().unwrap().contains("below the floor"));
    // A command line that finds no host looks itself.
    drop(host);
    let done = world.orch(&["gc"]);
    let said = String::from_utf8_lossy(&done.stdout);
    assert!(
        said.contains(name) && said.contains("were deleted from it"),
        "{said}"
    );
    assert!(in_trash(&world, "").is_empty());
}

#[test]
fn work_in_a_leftover_is_on_a_ref_before_its_folder_goes() {
    let world = World::new();
    let _host = world.serve();
    let name = ended(&world);
    leave(&world, &name);
    world.write(&format!("data/{name}/tree/left.txt"), "not lost\n", 0o644);
    // Of a store that is gone, and of a repository that is gone.
    leave(&world, "workspaces/shop/99-OLD-1");
    world.write("data/workspaces/shop/99-OLD-1/tree/old.txt", "old\n", 0o644);
    leave(&world, "workspaces/gone/5-OLD-1");
    // Of which a snapshot would hold no file.
    leave(&world, "workspaces/shop/98-NEST-1");
    let nested = "data/workspaces/shop/98-NEST-1/tree/nested";
    world.git(".", &["clone", "--quiet", "shop.git", nested]);
    let shown = world.json(&["gc", "--dry-run"]);
    assert!(because(&shown, &name).contains("refs/orch/wip/1/gc"));
    let mirror = "data/mirrors/shop.git";
    assert!(
        world
            .git(mirror, &["for-each-ref", "refs/orch/wip/1/gc"])
            .is_empty()
    );
    let went = world.json(&["gc"]);
    assert_eq!(fate(&went, &name), "went", "{went:#}");
    let left = world.git(mirror, &["show", "refs/orch/wip/1/gc:left.txt"]);
    assert_eq!(left, "not lost");
    let old = world.git(mirror, &["show", "refs/orch/wip/99/gc:old.txt"]);
    assert_eq!(old, "old");
    assert!(because(&went, "workspaces/gone/5-OLD-1").contains("no mirror"));
    assert!(
        world
            .path("data/workspaces/gone/5-OLD-1/tree/cart.sh")
            .exists()
    );
    assert!(because(&went, "workspaces/shop/98-NEST-1").contains("`nested`"));
    assert!(world.path(nested).exists());
    assert_eq!(went["problems"], json!([]));
    // A second leftover of the task does not overwrite what the first one left.
    leave(&world, &name);
    world.write(&format!("data/{name}/tree/other.txt"), "nor this\n", 0o644);
    assert_eq!(fate(&world.json(&["gc"]), &name), "went");
    let left = world.git(mirror, &["show", "refs/orch/wip/1/gc:left.txt"]);
    assert_eq!(left, "not lost");
    let refs = world.git(
        mirror,
        &["for-each-ref", "--format=%(refname)", "refs/orch/wip/1"],
    );
    let second = refs.lines().find(|name| name.contains("/gc-")).unwrap();
    let other = world.git(mirror, &["show", &format!("{second}:other.txt")]);
    assert_eq!(other, "nor this");
}

#[test]
fn what_a_process_works_in_stays_until_it_ends() {
    let world = World::new();
    let _host = world.serve();
    let name = ended(&world);
    leave(&world, &name);
    world.write("data/checkouts/tool-old/file", "", 0o644);
    let old = world.path("data/checkouts/tool-old");
    for path in [old.join("file"), old.clone()] {
        let touched = Command::new("touch")
            .args(["-d", "2 days ago"])
            .arg(path)
            .status();
        assert!(touched.unwrap().success());
    }
    world.write("data/checkouts/tool-new/file", "", 0o644);
    // They end when their input does.
    let folders = [world.path(&format!("data/{name}/tree")), old.clone()];
    let children = folders.map(|folder| {
        let mut command = Command::new("cat");
        let command = command.current_dir(folder).stdin(Stdio::piped());
        command.spawn().unwrap()
    });
    let report = world.json(&["gc"]);
    for (child, name) in children.iter().zip([name.as_str(), "checkouts/tool-old"]) {
        assert_eq!(fate(&report, name), "kept", "{report:#}");
        assert!(because(&report, name).contains(&child.id().to_string()));
    }
    assert!(old.exists() && world.path(&format!("data/{name}/tree")).exists());
    for mut child in children {
        drop(child.stdin.take());
        assert!(child.wait().unwrap().success());
    }
    let report = world.json(&["gc"]);
    assert_eq!(fate(&report, &name), "went", "{report:#}");
    assert_eq!(fate(&report, "checkouts/tool-old"), "went");
    assert!(item(&report, "checkouts/tool-new").is_none());
    assert!(world.path("data/checkouts/tool-new/file").exists());
}

#[test]
fn task_that_waits_for_approval_keeps_its_workspace_and_goes_on_in_it() {
    let world = World::new();
    let _host = world.serve();
    let begun = world.begin("Waits");
    until("it waits for a person", || {
        let view = world.task(&begun);
        (view["step"] == "analysis-approved" && view["status"] == "waiting").then_some(())
    });
    let name = format!("workspaces/shop/1-{begun}");
    assert!(world.path(&format!("data/{name}/tree")).exists());
    let report = world.json(&["gc"]);
    assert_eq!(fate(&report, &name), "kept", "{report:#}");
    assert!(because(&report, &name).contains("under way"));
    assert!(world.path(&format!("data/{name}/tree")).exists());
    let view = world.follow(&begun, |view| view["status"] == "ended");
    assert_eq!(view["stage"], "done", "{view:#}");
}

#[test]
fn logs_of_runs_taken_in_go_after_their_days_and_those_of_an_open_run_never() {
    let mut world = World::new();
    // The developer waits for a file: the analyst's run is taken in, the developer's open.
    let wait = "set -eu\nif [ \"$ORCH_ROLE\" = developer ]; then until test -e \"$0.go\"; do sleep 0.05; done; fi\n";
    let agent = AGENT.replacen("set -eu\n", wait, 1);
    assert_ne!(agent, AGENT);
    world.write("agent.sh", &agent, 0o755);
    let _host = world.serve();
    let begun = world.begin("Logs");
    let view = world.follow(&begun, |view| {
        let runs = view["runs"].as_array().unwrap();
        runs.iter().any(|run| run["role"] == "developer")
    });
    let runs = view["runs"].as_array().unwrap();
    let name = |role: &str| {
        let run = runs.iter().find(|run| run["role"] == role).unwrap();
        let folder = PathBuf::from(run["folder"].as_str().unwrap());
        let name = folder.file_name().unwrap().to_str().unwrap();
        format!("runs/shop/{name}")
    };
    let (analyst, developer) = (name("analyst"), name("developer"));
    let report = world.json(&["gc"]);
    assert!(item(&report, &analyst).is_none(), "thirty days: {report:#}");
    configure(&mut world, json!({"logs_days": 0}));
    let report = until("the configuration is read anew", || {
        let report = world.json(&["gc"]);
        item(&report, &analyst).is_some().then_some(report)
    });
    assert_eq!(fate(&report, &analyst), "went", "{report:#}");
    assert!(item(&report, &developer).is_none(), "{report:#}");
    let trashed = in_trash(&world, &analyst.replace('/', "-"));
    assert!(trashed[0].join("stdout.raw").exists());
    assert!(
        world
            .path(&format!("data/{developer}/launch.json"))
            .exists()
    );
    world.write("agent.sh.go", "", 0o644);
    let view = world.follow(&begun, |view| view["status"] == "ended");
    assert_eq!(view["stage"], "done", "{view:#}");
}

#[test]
fn work_that_never_landed_is_kept_for_its_days_and_can_be_brought_back() {
    let world = World::new();
    let _host = world.serve();
    let begun = world.begin("Live");
    until("its mirror is there", || {
        world.task(&begun)["runs"][0]["role"]
            .is_string()
            .then_some(())
    });
    let mirror = "data/mirrors/shop.git";
    let commit = |date: &str| {
        let mut command = Command::new("git");
        command.args([
            "commit-tree",
            "refs/remotes/origin/main^{tree}",
            "-m",
            "wip",
        ]);
        for name in ["AUTHOR", "COMMITTER"] {
            command.env(format!("GIT_{name}_NAME"), "Ann");
            command.env(format!("GIT_{name}_EMAIL"), "ann@orch.invalid");
            command.env(format!("GIT_{name}_DATE"), date);
        }
        let done = command.current_dir(world.path(mirror)).output().unwrap();
        String::from_utf8(done.stdout).unwrap().trim().to_owned()
    };
    let (old, young) = (
        commit("2020-01-01T00:00:00Z"),
        commit("2099-01-01T00:00:00Z"),
    );
    let refs = [
        ("refs/orch/wip/99/stop", &old),
        ("refs/orch/cancelled/99", &old),
        ("refs/orch/wip/98/stop", &young),
        // Of a task that is under way.
        ("refs/orch/wip/1/7", &old),
    ];
    for (name, commit) in refs {
        world.git(mirror, &["update-ref", name, commit]);
    }
    let report = world.json(&["gc"]);
    for (name, _) in &refs[..2] {
        let name = format!("mirrors/shop.git {name}");
        assert_eq!(fate(&report, &name), "went", "{report:#}");
        assert!(because(&report, &name).contains(&old), "{report:#}");
    }
    let left = world.git(
        mirror,
        &["for-each-ref", "--format=%(refname)", "refs/orch"],
    );
    let left: Vec<&str> = left.lines().collect();
    assert_eq!(left, ["refs/orch/wip/1/7", "refs/orch/wip/98/stop"]);
    world.git(mirror, &["update-ref", refs[0].0, &old]);
}

#[test]
fn run_that_prints_more_than_the_configuration_allows_is_ended_for_it() {
    let mut world = World::new();
    configure(&mut world, json!({"run_output_mib": 64}));
    let print = "    head -c 70000000 /dev/zero | tr '\\0' x; exec sleep 600\n";
    let mark = "    say \"changing cart.sh\"\n";
    let agent = AGENT.replacen(mark, &format!("{mark}{print}"), 1);
    assert_ne!(agent, AGENT);
    world.write("agent.sh", &agent, 0o755);
    let _host = world.serve();
    let item = world.begin("Talks too much");
    let ended = |view: &Value| {
        let runs = view["runs"].as_array()?;
        let mut of_role = runs.iter().filter(|run| run["role"] == "developer");
        of_role.find(|run| !run["outcome"].is_null()).cloned()
    };
    let view = world.follow(&item, |view| ended(view).is_some());
    let run = ended(&view).unwrap();
    assert_eq!(run["outcome"], "killed", "{run:#}");
    assert!(run["detail"].to_string().contains("disk"), "{run:#}");
}
