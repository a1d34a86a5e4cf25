//! A red branch is held against its base, and what sets a base up is kept for branches.

use std::fs;
use std::process::Command;

use orch_kit::sql;
use orch_kit::world::{World, until};
use serde_json::{Value, json};

/// Prints which tests failed as many programs do; `adds` fails on a branch that has `notes.txt`, `pays` always.
const TESTS: &str = "#!/bin/sh\necho 1..2\nif test -e notes.txt; then echo 'not ok 1 adds'; else echo 'ok 1 adds'; fi\necho 'not ok 2 pays'\nexit 1\n";
/// The same where only `pays` fails, and may be mended.
const PAYS: &str = "#!/bin/sh\necho 1..2\necho 'ok 1 adds'\ntest -e mended.txt || { echo 'not ok 2 pays'; exit 1; }\necho 'ok 2 pays'\n";
/// Stands for a package manager: it leaves a line, and installs something that holds its own place.
const NPM: &str = "#!/bin/sh\necho ran >> LOG\nmkdir -p node_modules\necho \"$PWD\" > node_modules/place\nln -s \"$PWD/package.json\" node_modules/link\necho cached > \"$HOME/cache\"\n";

/// A world whose tasks go on to a developer at once, who does what `work` says, and of whose tests a base may fail some.
fn solo(ci: &Value, work: &str) -> World {
    let mut world = World::new();
    world.config["pipeline"] = json!({"preset": "solo"});
    world.config["gates"] = json!({"security": {"mode": "off"}});
    world.config["rules"]["rework_rounds_max"] = json!(1);
    world.config["repositories"]["shop"]["sandbox"] = json!({"write": ["marks"]});
    fs::create_dir(world.path("marks")).unwrap();
    let open = std::os::unix::fs::PermissionsExt::from_mode(0o777);
    fs::set_permissions(world.path("marks"), open).unwrap();
    world.write_config();
    let agent = format!(
        "#!/bin/sh\ncat > /dev/null\n{work}\nprintf '{{\"is_error\":false,\"result\":\"done\"}}\\n'\n"
    );
    world.write("agent.sh", &agent, 0o755);
    seed(&world, ci);
    world
}

fn seed(world: &World, ci: &Value) {
    let file = json!({"ci": ci}).to_string();
    world.write("seed/.orch.yaml", &file, 0o644);
    world.push_seed("Say how it is tested");
}

/// Why a task stands still, on one line.
fn why(view: &Value) -> String {
    let why = view["why"].as_str().unwrap();
    why.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn stands(world: &World, item: &str) -> Value {
    until("the task stands still", || {
        let view = world.task(item);
        let is_still = view["status"] == "blocked" || view["status"] == "ended";
        is_still.then_some(view)
    })
}

#[test]
fn failure_that_the_base_has_as_well_is_no_finding_and_goes_to_a_person() {
    let world = solo(&json!({"test": "tests/run.sh"}), "echo a line >> notes.txt");
    world.write("seed/tests/run.sh", PAYS, 0o755);
    world.push_seed("Fail one");
    let _host = world.serve();
    let item = world.begin("A line");
    let view = stands(&world, &item);
    let why = why(&view);
    for part in [
        "base-red",
        "fails the tests that its base fails, and no others",
        "Failed on the base as well, and no matter of this change: - pays",
    ] {
        assert!(why.contains(part), "{part}: {why}");
    }
    assert_eq!(view["rework_rounds"], 0, "{view:#}");

    // Whoever mends it on the branch goes on: the same names say nothing against an exit code.
    world.json(&["task", "stop", &item]);
    world.write(
        "agent.sh",
        "#!/bin/sh\ncat > /dev/null\ntouch mended.txt\nprintf '{\"is_error\":false,\"result\":\"done\"}\\n'\n",
        0o755,
    );
    let item = world.begin("Mend it");
    let view = stands(&world, &item);
    assert_eq!(
        (&view["status"], &view["stage"]),
        (&json!("ended"), &json!("done")),
        "{view:#}"
    );
}

#[test]
fn re_test_whose_base_fails_goes_to_a_person_at_once() {
    let mut world = solo(&json!({"test": "tests/run.sh"}), "echo a line >> notes.txt");
    world.config["repositories"]["shop"]["require_green_base"] = json!(false);
    world.config["pipeline"] = json!({
        "analysis": [], "architecture": [], "review": [], "testing": [], "deploy": [],
        "development": ["run developer"],
        "deploy-staging": ["approval", "work merge-prepare", "gate merge", "work land"],
    });
    world.write_config();
    world.write("seed/tests/run.sh", "#!/bin/sh\nexit 0\n", 0o755);
    world.push_seed("Pass");
    let _host = world.serve();
    let item = world.begin("A line");
    until("it waits for approval", || {
        (world.task(&item)["status"] == "awaiting-approval").then_some(())
    });
    world.write("seed/tests/run.sh", PAYS, 0o755);
    world.push_seed("Fail one on the base");
    world.json(&["task", "approve", &item]);
    let why = why(&stands(&world, &item));
    for part in [
        "base-red",
        "fails the tests that its base fails, and no others",
    ] {
        assert!(why.contains(part), "{part}: {why}");
    }
    let tried = "SELECT CAST(infra_failures AS TEXT) FROM tasks";
    let tried = sql::column(&world.path("data/orch.db"), tried);
    assert_eq!(tried, ["0"], "tried once: {}", world.log());
}

#[test]
fn failure_that_is_new_is_the_branchs_and_is_named_before_those_of_the_base() {
    let world = solo(&json!({"test": "tests/run.sh"}), "echo a line >> notes.txt");
    world.write("seed/tests/run.sh", TESTS, 0o755);
    world.push_seed("Fail one");
    let _host = world.serve();
    let item = world.begin("A line");
    let view = stands(&world, &item);
    let why = why(&view);
    for part in [
        "rework-exhausted",
        "Failed tests: - adds Failed on the base as well, and no matter of this change: - pays",
    ] {
        assert!(why.contains(part), "{part}: {why}");
    }
    assert_eq!(view["rework_rounds"], 1, "{view:#}");
}

#[test]
fn branch_that_prints_failures_of_a_base_that_passes_excuses_nothing() {
    let test = "test ! -e notes.txt || { echo 1..1; echo 'not ok 1 pays'; exit 1; }; echo 1..1; echo 'not ok 1 pays'";
    let world = solo(&json!({"test": test}), "echo a line >> notes.txt");
    let _host = world.serve();
    let item = world.begin("A line");
    let view = stands(&world, &item);
    let why = why(&view);
    assert!(
        why.contains("rework-exhausted") && why.contains("Failed tests: - pays"),
        "{why}"
    );
}

#[test]
fn failures_are_read_from_the_report_that_the_repository_names() {
    let junit =
        "<testsuite><testcase classname='cart' name='pays'><failure/></testcase></testsuite>";
    let test =
        format!("test ! -e notes.txt || {{ mkdir -p out; echo \"{junit}\" > out/a.xml; exit 1; }}");
    let world = solo(
        &json!({"test": test, "report": "out/*.xml"}),
        "echo a line >> notes.txt",
    );
    let _host = world.serve();
    let item = world.begin("A line");
    let view = stands(&world, &item);
    let why = why(&view);
    assert!(why.contains("Failed tests: - cart::pays"), "{why}");
}

#[test]
fn setup_that_a_branch_breaks_is_its_own_finding() {
    let work = "if test -e notes.txt; then echo true > setup.sh; else echo a line > notes.txt; echo exit 3 > setup.sh; fi";
    let world = solo(&json!({"setup": "sh setup.sh", "test": "true"}), work);
    world.write("seed/setup.sh", "true\n", 0o644);
    world.push_seed("Set it up");
    let _host = world.serve();
    let item = world.begin("A line");
    let view = stands(&world, &item);
    assert_eq!(
        (&view["status"], &view["stage"]),
        (&json!("ended"), &json!("done")),
        "{view:#}"
    );
    assert_eq!(view["rework_rounds"], 1, "{view:#}");
}

#[test]
fn setup_of_the_base_is_kept_for_branches_that_would_come_to_the_same() {
    // What is taken is the branch's own: each run spoils it, and finds it whole.
    let test = "test \"$(cat node_modules/place)\" = \"$PWD\" && test \"$(readlink node_modules/link)\" = \"$PWD/package.json\" && test -e \"$HOME/cache\" && echo bad >> node_modules/place";
    let work = "if test -e next; then echo '{\"name\":\"y\"}' > package.json; fi\necho a line >> notes.txt\ntouch next";
    let mut world = solo(&json!({"setup": "npm ci", "test": test}), work);
    world.config["repositories"]["shop"]["require_green_base"] = json!(true);
    // Nobody tests the base meanwhile.
    world.config["reconcile"] = json!({"interval_s": 3600});
    world.write_config();
    world.write("seed/package.json", "{}", 0o644);
    world.write("seed/package-lock.json", "{}", 0o644);
    world.push_seed("Name what it needs");
    let log = world.path("marks/ran");
    let npm = NPM.replace("LOG", log.to_str().unwrap());
    world.write("bin/npm", &npm, 0o755);
    let serve = || -> Command {
        let mut command = world.command(&["serve"]);
        let path = std::env::var("PATH").unwrap();
        command.env("PATH", format!("{}:{path}", world.path("bin").display()));
        command
    };
    let ran = || fs::read_to_string(&log).unwrap_or_default().lines().count();
    let _host = world.serve_by(serve());
    // The base, once for both tests of the first branch. What the second branch changes is set up for each of its own.
    for (title, expected) in [("One", 1), ("Two", 3)] {
        let item = world.begin(title);
        let view = stands(&world, &item);
        assert_eq!(
            (&view["status"], &view["stage"]),
            (&json!("ended"), &json!("done")),
            "{view:#}"
        );
        assert_eq!(ran(), expected, "{}", world.log());
    }
    let kept = fs::read_dir(world.path("data/setups/shop"))
        .unwrap()
        .count();
    assert_eq!(kept, 1, "a branch keeps nothing");
    // Somebody who asks for it gets everything anew.
    let checked = world.json(&["repo", "check", "shop"]);
    assert_eq!(checked["state"], "passed", "{checked:#}");
    assert_eq!(ran(), 4);
}

#[test]
fn base_is_tested_again_when_what_is_run_changes_without_it() {
    let mut world = solo(&json!({"test": "exit 1"}), "echo a line >> notes.txt");
    world.config["repositories"]["shop"]["require_green_base"] = json!(true);
    world.write_config();
    let _host = world.serve();
    let item = world.begin("A line");
    let view = stands(&world, &item);
    assert!(
        view["why"].as_str().unwrap().contains("base-red"),
        "{view:#}"
    );
    world.config["repositories"]["shop"]["orch_yaml"] = json!({"ci": {"test": "true"}});
    world.write_config();
    let view = until("a task gets through", || {
        // Blocked as well as long as the old command is in force.
        let item = world.begin("A line");
        let view = stands(&world, &item);
        (view["status"] == "ended").then_some(view)
    });
    assert_eq!(
        (&view["status"], &view["stage"]),
        (&json!("ended"), &json!("done")),
        "{view:#}"
    );
}

/// Fails `syncs` the first time it is run on this machine, and on a branch whenever `marks/flake` is there. A branch that
/// has `new.txt` fails `new` the same way.
const FLAKY: &str = "#!/bin/sh\necho ran >> LOG/runs\necho 1..2\nif test ! -e LOG/first; then touch LOG/first; echo 'not ok 1 syncs'; exit 1; fi\nif test -e notes.txt && test -e LOG/flake; then rm LOG/flake; echo 'not ok 1 syncs'; test ! -e new.txt || echo 'not ok 2 new'; exit 1; fi\necho 'ok 1 syncs'\n";

/// A world whose base fails one test now and then, which the host has seen.
fn flaky(work: &str) -> (World, orch_kit::world::Orch) {
    let world = solo(&json!({"test": "tests/run.sh"}), work);
    let tests = FLAKY.replace("LOG", world.path("marks").to_str().unwrap());
    world.write("seed/tests/run.sh", &tests, 0o755);
    world.push_seed("Fail now and then");
    let host = world.serve();
    let checked = world.json(&["repo", "check", "shop"]);
    assert_eq!(checked["state"], "passed", "{checked:#}");
    let output = checked["output"].as_str().unwrap();
    assert!(
        output.contains("fail now and then on the base, and had failed:\n- syncs"),
        "{output}"
    );
    fs::write(world.path("marks/flake"), "").unwrap();
    let open = std::os::unix::fs::PermissionsExt::from_mode(0o666);
    fs::set_permissions(world.path("marks/flake"), open).unwrap();
    (world, host)
}

#[test]
fn test_that_failed_now_and_then_on_the_base_costs_a_branch_no_round_and_is_marked() {
    let (world, _host) = flaky("echo a line >> notes.txt");
    let item = world.begin("A line");
    let view = stands(&world, &item);
    assert_eq!(
        (&view["status"], &view["stage"], &view["rework_rounds"]),
        (&json!("ended"), &json!("done"), &json!(0)),
        "{view:#}"
    );
    // The landed commit is the tested one, and its status says how it came to pass.
    let question = "SELECT description FROM commit_statuses WHERE context = 'orch/ci'";
    let expected = "passed when run again; 1 known to fail now and then had failed";
    until("the status is posted", || {
        let said = sql::column(&world.path("data/orch.db"), question);
        said.iter().any(|text| text == expected).then_some(())
    });
}

#[test]
fn test_that_is_new_on_the_branch_is_never_excused_as_one_that_fails_now_and_then() {
    let (world, _host) = flaky("echo a line >> notes.txt; touch new.txt");
    let item = world.begin("A line");
    let view = until("a round is used", || {
        let view = world.task(&item);
        (view["rework_rounds"] == 1).then_some(view)
    });
    assert!(
        !view.to_string().contains("known to fail now and then"),
        "{view:#}"
    );
}
