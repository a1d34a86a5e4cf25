//! From a project that nobody here wrote to a landed change: set up, the base tested first, and what the machine is at
//! fault for costs nobody anything.

use std::fs;
use std::os::unix::fs::symlink;
use std::process::Command;

use orch_kit::world::{World, orch_program, until};
use serde_json::{Value, json};

/// Names of files, with their texts.
type Files<'a> = &'a [(&'a str, &'a str)];

/// An agent that knows no roles: it adds a line, and leaves a mark that it was started.
const WRITER: &str = "#!/bin/sh\ncat > /dev/null\necho a line >> notes.txt\necho done\n";
/// A project in C, as many are: a Makefile that says how it is tested.
const MAKEFILE: &str = "test: sum\n\t./sum 2 3 | grep -qx 5\nsum: sum.c\n\tcc -o sum sum.c\n";
const SUM: &str = "#include <stdio.h>\n#include <stdlib.h>\nint main(int n, char **v) { int s = 0; for (int i = 1; i < n; i++) s += atoi(v[i]); printf(\"%d\\n\", s); return 0; }\n";

/// A world without a host, in which `orch init` is to make one.
fn bare_world() -> World {
    let world = World::new();
    fs::remove_file(world.path("orch.yaml")).unwrap();
    fs::create_dir(world.path("orch-data")).unwrap();
    symlink("orch-data", world.path("data")).unwrap();
    world.write("writer.sh", WRITER, 0o755);
    world
}

/// Makes a repository of these files.
fn project(world: &World, name: &str, files: Files<'_>) {
    fs::create_dir(world.path(name)).unwrap();
    for (file, text) in files {
        world.write(&format!("{name}/{file}"), text, 0o644);
    }
    world.git(name, &["init", "--quiet", "--initial-branch=trunk"]);
    world.git(name, &["add", "--all"]);
    let who = ["-c", "user.name=Ann", "-c", "user.email=ann@orch.invalid"];
    let commit = ["commit", "--quiet", "-m", "Begin"];
    world.git(name, &[&who[..], &commit].concat());
}

/// Runs `orch init` or `orch repo add` on a project; answers its report.
fn set_up(world: &World, args: &[&str]) -> Value {
    let done = Command::new(orch_program())
        .args(args)
        .args(["--commit", "--json", "--config"])
        .arg(world.path("orch.yaml"))
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&done.stderr).into_owned();
    assert!(done.status.success(), "{said}");
    serde_json::from_slice(&done.stdout).unwrap()
}

#[test]
fn repository_without_a_commit_is_told_what_it_lacks_and_set_up_once_it_has_one() {
    let world = bare_world();
    fs::create_dir(world.path("sum")).unwrap();
    world.git("sum", &["init", "--quiet", "--initial-branch=trunk"]);
    let sum = world.path("sum");
    let agent = format!("command:{}", world.path("writer.sh").display());
    let args = [
        "init",
        sum.to_str().unwrap(),
        "--agent",
        &agent,
        "--no-check",
    ];
    let done = Command::new(orch_program())
        .args(args)
        .arg("--config")
        .arg(world.path("orch.yaml"))
        .output()
        .unwrap();
    assert!(!done.status.success());
    let said = String::from_utf8_lossy(&done.stderr).into_owned();
    assert!(said.contains("make a first commit"), "{said}");
    assert!(!world.path("sum.git").exists(), "nothing is left behind");

    world.write("sum/test.sh", "true\n", 0o755);
    world.git("sum", &["add", "--all"]);
    let who = ["-c", "user.name=Ann", "-c", "user.email=ann@orch.invalid"];
    let commit = ["commit", "--quiet", "-m", "Begin"];
    world.git("sum", &[&who[..], &commit].concat());
    let report = set_up(&world, &args);
    assert_eq!(report["base"], "trunk", "{report:#}");
}

#[test]
fn init_that_finds_the_base_red_or_untested_says_so_and_what_comes_next() {
    let world = bare_world();
    let agent = format!("command:{}", world.path("writer.sh").display());
    project(
        &world,
        "red",
        &[("test.sh", "echo 1 of 3 failed; exit 3\n")],
    );
    let said = |folder: &str, args: &[&str]| {
        let config = world.path(&format!("{folder}/orch.yaml"));
        let done = Command::new(orch_program())
            .args(["init", "--agent", &agent])
            .args(args)
            .arg("--config")
            .arg(config)
            .output()
            .unwrap();
        let text = String::from_utf8_lossy(&done.stdout).into_owned();
        let error = String::from_utf8_lossy(&done.stderr).into_owned();
        assert!(done.status.success(), "{error}");
        text
    };
    let red = world.path("red");
    let red = red.to_str().unwrap();
    let text = said("one", &[red, "--commit"]);
    for part in [
        "no task can begin",
        "`trunk` fails its own tests",
        "1 of 3 failed",
        "\nNext\n",
        " serve",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    let text = said("two", &[red]);
    for part in [
        "is not tested before the proposal is on it",
        "repo check red",
        "setup/orch:trunk",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    assert_eq!(world.git("red", &["status", "--porcelain"]), "");
}

#[test]
fn submodules_that_the_base_names_are_written_down_when_a_host_is_set_up() {
    let world = bare_world();
    let agent = format!("command:{}", world.path("writer.sh").display());
    let modules = "[submodule \"a\"]\n\tpath = a\n\turl = https://code.example.net/lib/a.git\n\
                   [submodule \"b\"]\n\tpath = b\n\turl = ../b.git\n";
    for name in ["one", "two"] {
        project(
            &world,
            name,
            &[("test.sh", "true\n"), (".gitmodules", modules)],
        );
        for path in ["a", "b"] {
            let linked = format!("160000,{},{path}", "1".repeat(40));
            world.git(name, &["update-index", "--add", "--cacheinfo", &linked]);
        }
        let who = ["-c", "user.name=Ann", "-c", "user.email=ann@orch.invalid"];
        world.git(
            name,
            &[&who[..], &["commit", "--quiet", "-m", "Link"]].concat(),
        );
        let own = format!("https://forge.example.org/acme/{name}.git");
        world.git(name, &["remote", "add", "origin", &own]);
        let project = world.path(name);
        let project = project.to_str().unwrap();
        let report = match name {
            "one" => set_up(&world, &["init", project, "--no-check", "--agent", &agent]),
            _ => set_up(&world, &["repo", "add", project]),
        };
        let notes = report["notes"].to_string();
        assert!(
            notes.contains("https://code.example.net/lib/a.git"),
            "{notes}"
        );
        let config = fs::read_to_string(world.path("orch.yaml")).unwrap();
        let entry = &config[config.find(&format!("{name}.git")).unwrap()..];
        for said in [
            "submodules",
            "address",
            &own,
            "from",
            "https://code.example.net/lib/a.git",
        ] {
            assert!(entry.contains(said), "{said}: {config}");
        }
    }
}

fn begin(world: &World, repo: &str) -> String {
    let new = ["task", "new", "--repo", repo, "--title", "A line"];
    let begun = world.json(&new);
    begun["work_item"].as_str().unwrap().to_owned()
}

#[test]
fn task_lands_at_the_address_that_a_host_was_set_up_for() {
    let world = bare_world();
    project(&world, "sum", &[("Makefile", MAKEFILE), ("sum.c", SUM)]);
    world.git("sum", &["clone", "--quiet", "--bare", ".", "../remote.git"]);
    let address = format!("file://{}", world.path("remote.git").display());
    let agent = format!("command:{}", world.path("writer.sh").display());
    let report = set_up(
        &world,
        &["init", &address, "--name", "sum", "--agent", &agent],
    );
    assert_eq!(report["base"], "trunk");
    // It ends with a look at the machine and with the tests of the base.
    assert_eq!(report["doctor"]["held"], true, "{report:#}");
    assert_eq!(
        report["doctor"]["repository"]["state"], "passed",
        "{report:#}"
    );
    let next = report["next"].as_array().unwrap();
    assert!(next[0].as_str().unwrap().ends_with(" serve"), "{report:#}");
    assert_eq!(report["languages"][0]["name"], "C");
    assert_eq!(report["preset"], "solo");
    assert!(
        report["proposed"]
            .as_str()
            .unwrap()
            .contains("\"make test\"")
    );

    let _host = world.serve();
    let item = begin(&world, "sum");
    let view = world.follow(&item, |view| view["status"] == "ended");
    assert_eq!(view["stage"], "done");
    let landed = world.git("remote.git", &["rev-parse", "trunk"]);
    assert_eq!(
        view["merged_commit"], landed,
        "what landed is at the remote"
    );
    let file = world.git("remote.git", &["show", "trunk:notes.txt"]);
    assert_eq!(file, "a line");
    let listed = world.json(&["repo", "list"]);
    assert_eq!(listed["items"][0]["base_state"], "passed");

    // Another one is added to the host while it runs.
    project(&world, "till", &[("test.sh", "true\n")]);
    let till = world.path("till");
    set_up(&world, &["repo", "add", till.to_str().unwrap()]);
    until("the host knows the repository", || {
        let new = [
            "task", "new", "--repo", "till", "--title", "A line", "--id", "TILL-7",
        ];
        let done = world.orch(&new);
        done.status.success().then_some(())
    });
    let view = world.follow("TILL-7", |view| view["status"] == "ended");
    assert_eq!(view["stage"], "done");
    let status = world.git("till", &["status", "--porcelain"]);
    assert_eq!(status, "", "nothing of the person's clone is touched");
}

#[test]
fn init_knows_projects_by_their_files_and_leaves_the_clone_as_it_was() {
    let cases: [(&str, Files<'_>, &str, &str); 5] = [
        (
            "python",
            &[
                (
                    "pyproject.toml",
                    "[project]\nname = \"x\"\nversion = \"1\"\n[dependency-groups]\ntests = [\"pytest\"]\n",
                ),
                ("tests/test_x.py", "def test_x():\n    assert True\n"),
            ],
            "Python",
            ".venv/bin/python -m pytest",
        ),
        (
            "node",
            &[
                ("package.json", "{\"scripts\": {\"test\": \"node --test\"}}"),
                ("index.js", ""),
            ],
            "JavaScript",
            "npm test",
        ),
        (
            "rust",
            &[
                ("Cargo.toml", "[package]\nname = \"x\"\n"),
                ("src/lib.rs", ""),
            ],
            "Rust",
            "cargo test --offline",
        ),
        (
            "go",
            &[("go.mod", "module x\n"), ("x.go", "package x\n")],
            "Go",
            "go test ./...",
        ),
        (
            "sum",
            &[("Makefile", MAKEFILE), ("sum.c", SUM)],
            "C",
            "make test",
        ),
    ];
    let world = bare_world();
    let agent = format!("command:{}", world.path("writer.sh").display());
    for (name, files, language, test) in cases {
        project(&world, name, files);
        let before = world.git(name, &["for-each-ref"]);
        let done = Command::new(orch_program())
            .args(["init", "--json", "--no-check", "--agent", &agent])
            .current_dir(world.path(name))
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&done.stderr).into_owned();
        assert!(done.status.success(), "{said}");
        let report: Value = serde_json::from_slice(&done.stdout).unwrap();
        assert_eq!(report["languages"][0]["name"], language, "{report:#}");
        let proposed = report["proposed"].as_str().unwrap();
        assert!(
            proposed.contains(&format!("test: \"{test}\"")),
            "{proposed}"
        );
        assert_eq!(report["branch"], "setup/orch");
        let home = world.path(&format!("{name}-orch"));
        assert!(home.join("orch.yaml").is_file());
        assert_eq!(world.git(name, &["for-each-ref"]), before);
        assert_eq!(world.git(name, &["status", "--porcelain"]), "");
    }
}

/// A world whose tasks go on to a developer at once, and whose agent leaves a mark.
fn solo(test: &str, setup: &str) -> World {
    let mut world = World::new();
    world.config["pipeline"] = json!({"preset": "solo"});
    world.config["gates"] = json!({"security": {"mode": "off"}});
    let shop = &mut world.config["repositories"]["shop"];
    shop["require_green_base"] = json!(true);
    // The tests look at what lies in the world's folder.
    shop["sandbox"] = json!({"read": ["."]});
    world.write_config();
    let mark = world.path("started").display().to_string();
    let agent = format!(
        "#!/bin/sh\ncat > /dev/null\ntouch {mark}\necho a line >> notes.txt\nprintf '{{\"is_error\":false,\"result\":\"done\"}}\\n'\n"
    );
    world.write("agent.sh", &agent, 0o755);
    let file = json!({"ci": {"setup": setup, "test": test}}).to_string();
    world.write("seed/.orch.yaml", &file, 0o644);
    world.push_seed("Say how it is tested");
    world
}

fn blocked(world: &World, item: &str) -> Value {
    until("the task is blocked", || {
        let view = world.task(item);
        (view["status"] == "blocked").then_some(view)
    })
}

#[test]
fn base_that_fails_its_own_tests_starts_no_agent_and_is_told_once() {
    let world = solo("echo 1 of 3 failed; exit 3", "true");
    let _host = world.serve();
    let items = [begin(&world, "shop"), begin(&world, "shop")];
    for item in &items {
        let view = blocked(&world, item);
        let why = view["why"].as_str().unwrap();
        for part in [
            "base-red",
            "`main` fails its own tests",
            "1 of 3 failed",
            "require_green_base",
        ] {
            assert!(why.contains(part), "{part}: {why}");
        }
        assert_eq!(view["rework_rounds"], 0);
    }
    assert!(!world.path("started").exists(), "no agent was started");
    let told = || world.log().matches("repository shop: `main` fails").count();
    until("a person is told", || (told() > 0).then_some(()));
    assert_eq!(told(), 1, "once for the repository:\n{}", world.log());

    // Mended on the base, and said so.
    let file = json!({"ci": {"test": "true"}}).to_string();
    world.write("seed/.orch.yaml", &file, 0o644);
    world.push_seed("Mend the tests");
    let checked = world.json(&["repo", "check", "shop"]);
    assert_eq!(checked["state"], "passed");
    world.json(&["task", "stop", &items[1]]);
    world.json(&["task", "resume", &items[0]]);
    until("the agent is started", || {
        world.path("started").exists().then_some(())
    });
}

#[test]
fn setup_that_fails_costs_no_round_and_is_run_again_on_resume() {
    let world = solo("true", "true");
    let (started, at) = (world.path("started"), world.path("mended"));
    // Down for everybody, the base as well, once the agent has worked.
    let setup = format!(
        "test ! -e {} || test -e {}",
        started.display(),
        at.display()
    );
    let file = json!({"ci": {"setup": setup, "test": "true"}}).to_string();
    world.write("seed/.orch.yaml", &file, 0o644);
    world.push_seed("Fetch what the change needs");
    let _host = world.serve();
    let item = begin(&world, "shop");
    let view = blocked(&world, &item);
    let why = view["why"].as_str().unwrap();
    for part in ["ci-unable", "could not be run (setup)", "ci.setup"] {
        assert!(why.contains(part), "{part}: {why}");
    }
    assert_eq!(view["rework_rounds"], 0, "{view:#}");

    fs::write(&at, "").unwrap();
    world.json(&["task", "resume", &item]);
    let view = world.follow(&item, |view| view["status"] == "ended");
    assert_eq!(
        (&view["stage"], &view["rework_rounds"]),
        (&json!("done"), &json!(0))
    );
}
