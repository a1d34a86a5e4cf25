//! Changes that are known to be bad go through the real gates, and nothing of them lands, is told or stays behind.

use orch_kit::world::root;
use orch_kit::{World, sql, until};
use serde_json::{Value, json};

const SHOP: &str = "def remove(user, cart):\n    if not user.is_admin:\n        raise PermissionError()\n    cart.clear()\n";
const TEST_SHOP: &str = "import unittest\n\n\nclass ShopTest(unittest.TestCase):\n    def test_sum(self):\n        \
                         self.assertEqual(sum([1, 2]), 3)\n";
const SUM_TEST: &str = "[ \"$(./cart.sh 1 2)\" = 3 ] || exit 1\n";
const WORKFLOW: &str = "on: [push]\njobs:\n  test:\n    steps:\n      - run: tests/run.sh\n";

/// A repository of which every class can be made, with a pipeline that has these gates.
fn world(gates: &[&str], enforced: bool) -> World {
    let mut world = World::new();
    world.write("seed/shop.py", SHOP, 0o644);
    world.write("seed/test_shop.py", TEST_SHOP, 0o644);
    world.write("seed/tests/sum_test.sh", SUM_TEST, 0o644);
    world.write(
        "seed/tests/run.sh",
        "#!/bin/sh\n. tests/sum_test.sh\n",
        0o755,
    );
    world.write("seed/.github/workflows/test.yml", WORKFLOW, 0o644);
    world.write("seed/.coveragerc", "[report]\nfail_under = 80\n", 0o644);
    world.push_seed("A shop");
    let mut development = vec!["run developer".to_owned()];
    development.extend(gates.iter().map(|gate| format!("gate {gate}")));
    world.config["pipeline"] = json!({
        "analysis": [],
        "architecture": [],
        "development": development,
        "review": ["run reviewer"],
        "testing": [],
        "deploy-staging": ["approval", "work merge-prepare", "gate merge", "work land"],
        "deploy": ["work deploy"],
    });
    let gitleaks = root().join(".tools/bin/gitleaks");
    world.config["tools"] = json!({
        "gitleaks-history": {"program": gitleaks},
        "gitleaks-files": {"program": gitleaks},
    });
    if !enforced {
        world.config["gates"] = json!({"protected-paths": {"mode": "observe"}});
    }
    world.write_config();
    world
}

fn class<'a>(drill: &'a Value, name: &str) -> &'a Value {
    let classes = drill["classes"].as_array().unwrap();
    let found = classes.iter().find(|class| class["class"] == name);
    found.unwrap_or_else(|| panic!("no class {name}: {drill:#}"))
}

/// Runs `orch drill … --json` to its end, whatever it found.
fn drilled(world: &World, args: &[&str]) -> (Option<i32>, Value) {
    let done = world.orch(&[&["drill"], args, &["--json"]].concat());
    let text = String::from_utf8_lossy(&done.stdout).into_owned();
    let view = serde_json::from_str(&text).unwrap_or_else(|e| {
        panic!(
            "{e}: {text}{}\n{}",
            String::from_utf8_lossy(&done.stderr),
            world.log()
        )
    });
    (done.status.code(), view)
}

/// Waits until every task of drills is over, and says what is left behind of them.
fn nothing_is_left(world: &World, base: &str) {
    let db = world.path("data/orch.db");
    until("every drill is over", || {
        let live = sql::column(
            &db,
            "SELECT work_item FROM tasks WHERE stage <> 'cancelled'",
        );
        live.is_empty().then_some(())
    });
    assert_eq!(
        world.git("shop.git", &["rev-parse", "main"]),
        base,
        "the base stands"
    );
    let branches = world.git("shop.git", &["branch", "--list", "orch/*"]);
    assert_eq!(branches, "", "no branch stays");
    for (what, query) in [
        (
            "jobs",
            "SELECT kind FROM jobs WHERE state IN ('scheduled', 'ready', 'running')",
        ),
        (
            "leases",
            "SELECT resource FROM leases WHERE holder IS NOT NULL",
        ),
        ("runs", "SELECT agent FROM runs"),
        ("alerts", "SELECT kind FROM alerts"),
        ("issues", "SELECT state FROM issues"),
        ("pull requests", "SELECT branch FROM pull_requests"),
        ("messages", "SELECT kind FROM outbox WHERE done_ms IS NULL"),
    ] {
        assert_eq!(sql::column(&db, query), Vec::<String>::new(), "{what}");
    }
    let workspaces = std::fs::read_dir(world.path("data/workspaces/shop"));
    assert_eq!(
        workspaces.map_or(0, Iterator::count),
        0,
        "no workspace stays"
    );
}

#[test]
fn every_class_is_caught_by_a_gate_that_lets_the_harmless_change_through() {
    let world = world(&["ci-green", "protected-paths"], true);
    let base = world.git("shop.git", &["rev-parse", "main"]);
    let _host = world.serve();
    let (code, drill) = drilled(&world, &["shop"]);
    for name in [
        "test-deleted",
        "assertion-deleted",
        "test-skipped",
        "test-vacuous",
        "permission-removed",
        "ci-weakened",
        "coverage-lowered",
        "scanner-silenced",
        "gates-loosened",
        "agents-misled",
        "hidden-direction",
        "hidden-width",
        "look-alike",
    ] {
        let class = class(&drill, name);
        assert_eq!(class["fate"], "caught", "{class:#}");
        let answers = class["answers"].as_array().unwrap();
        let of =
            |entry: &str| answers.iter().find(|a| a["entry"] == entry).unwrap()["answer"].clone();
        assert_eq!(of("protected-paths"), "caught", "{class:#}");
    }
    assert_eq!(class(&drill, "broken")["fate"], "caught", "{drill:#}");
    // No gate of this pipeline looks for keys: it escapes, and the report says what would help.
    let secret = class(&drill, "secret");
    assert_eq!(secret["fate"], "escaped", "{secret:#}");
    let remedy = secret["remedy"].as_str().unwrap();
    assert!(
        remedy.contains("orch gate enable security --stage development"),
        "{remedy}"
    );
    assert_eq!(code, Some(1), "something escaped");
    let gates = drill["gates"].as_array().unwrap();
    let names: Vec<&Value> = gates.iter().map(|gate| &gate["entry"]).collect();
    assert_eq!(
        names,
        ["ci-green", "protected-paths"],
        "no gate of deployments"
    );
    assert!(
        gates.iter().all(|gate| gate["holds_all"] == false),
        "{gates:#?}"
    );
    for gate in gates {
        let all = ["caught", "let_through", "undecided"].map(|key| gate[key].as_u64().unwrap());
        assert_eq!(
            all.iter().sum::<u64>(),
            15,
            "it judged every change: {gate:#}"
        );
    }
    nothing_is_left(&world, &base);
    // Shown as what it is, and never as work.
    let board = world.json(&["task", "list", "--all"]);
    let tasks = board["items"].as_array().unwrap();
    assert!(
        tasks.iter().all(|task| task["is_drill"] == true),
        "{board:#}"
    );
    let inbox = world.json(&["inbox"]);
    assert_eq!(inbox["total"], 0, "{inbox:#}");
    let stats = world.json(&["gate", "stats"]);
    assert_eq!(
        stats["total"], 0,
        "drills say nothing of everyday work: {stats:#}"
    );
}

#[test]
fn gate_that_only_watches_lets_a_drill_escape_and_is_named() {
    let world = world(&["protected-paths"], false);
    let _host = world.serve();
    let (code, drill) = drilled(&world, &["shop", "--class", "test-deleted"]);
    assert_eq!(code, Some(1));
    let [only] = drill["classes"].as_array().unwrap().as_slice() else {
        panic!("{drill:#}");
    };
    assert_eq!(only["fate"], "escaped", "{drill:#}");
    let remedy = only["remedy"].as_str().unwrap();
    assert!(
        remedy.contains("`protected-paths` noticed it") && remedy.contains("enforce"),
        "{remedy}"
    );
}

#[test]
fn key_is_caught_by_the_scanner_and_never_told_as_a_leak() {
    let world = world(&["security"], true);
    let _host = world.serve();
    let (code, drill) = drilled(&world, &["shop", "--class", "secret"]);
    assert_eq!(class(&drill, "secret")["fate"], "caught", "{drill:#}");
    assert_eq!(code, Some(0));
    let alerts = world.json(&["alerts", "--all"]);
    assert_eq!(alerts["total"], 0, "{alerts:#}");
}

#[test]
fn class_that_cannot_be_made_is_said_and_a_second_drill_waits_for_the_first() {
    let mut world = World::new();
    world.write("agent.sh", "#!/bin/sh\nexit 9\n", 0o755);
    world.config["pipeline"] = json!({
        "analysis": [], "architecture": [], "testing": [], "review": [],
        "development": ["run developer", "gate ci-green"],
        "deploy-staging": ["work merge-prepare", "gate merge", "work land"], "deploy": [],
    });
    world.write_config();
    let _host = world.serve();
    world.json(&["pause", "lane:agents"]);
    let begun = world.json(&["drill", "shop", "--detach"]);
    let number = begun["drill"].to_string();
    let said = world.refused(&["drill", "shop"]);
    assert!(
        said.contains(&format!("orch drill --show {number}")),
        "{said}"
    );
    world.json(&["unpause", "lane:agents"]);
    let drill = until("it is over", || {
        let (_, view) = drilled(&world, &["--show", &number]);
        (view["is_over"] == true).then_some(view)
    });
    for name in [
        "permission-removed",
        "ci-weakened",
        "coverage-lowered",
        "look-alike",
    ] {
        let class = class(&drill, name);
        assert_eq!(class["fate"], "not-applicable", "{class:#}");
        assert_ne!(class["note"], "", "it says why");
    }
    let said = world.refused(&["drill", "nope", "--detach"]);
    assert!(said.contains("nope"), "{said}");
}

#[test]
fn drill_outlives_a_host_that_is_killed_in_the_middle() {
    let world = world(&["ci-green", "protected-paths"], true);
    let base = world.git("shop.git", &["rev-parse", "main"]);
    let host = world.serve();
    let begun = world.json(&["drill", "shop", "--detach"]);
    let number = begun["drill"].to_string();
    let db = world.path("data/orch.db");
    until("a gate has judged", || {
        let judged = sql::column(&db, "SELECT entry FROM evaluations");
        (!judged.is_empty()).then_some(())
    });
    drop(host);
    let _host = world.serve();
    let drill = until("it is over", || {
        let (_, view) = drilled(&world, &["--show", &number]);
        (view["is_over"] == true).then_some(view)
    });
    assert_eq!(
        (&drill["undecided"], &drill["escaped"]),
        (&json!(0), &json!(1)),
        "{drill:#}"
    );
    nothing_is_left(&world, &base);
}
