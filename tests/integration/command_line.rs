//! What the command line does with a wrong configuration, with `--json`, and with what is piped into it.

use std::io::Write;
use std::process::Stdio;

use orch_kit::World;
use serde_json::Value;

#[test]
fn host_that_never_was_is_said_and_nothing_is_made() {
    let world = World::new();
    for args in [
        &["task", "list"][..],
        &["queue"],
        &["gate", "list"],
        &["task", "show", "SHOP-1"],
        &["pause", "lane:agents"],
    ] {
        let said = world.refused(args);
        for part in ["no host of", "orch.yaml", "orch serve", "--config"] {
            assert!(said.contains(part), "{args:?}: {said}");
        }
    }
    world.json(&["config", "check"]);
    assert!(!world.path("data").exists(), "nothing was made");
}

#[test]
fn configuration_that_is_not_there_is_named_and_nothing_is_made() {
    let world = World::new();
    std::fs::remove_file(world.path("orch.yaml")).unwrap();
    let said = world.refused(&["task", "list"]);
    assert!(said.contains("orch.yaml"), "{said}");
    assert!(!world.path("data").exists(), "nothing was made");
}

/// What a failing command prints for programs.
fn problem(world: &World, args: &[&str]) -> Value {
    let done = world.orch(args);
    assert!(!done.status.success(), "{args:?}");
    let text = String::from_utf8(done.stdout).unwrap();
    let said: Value =
        serde_json::from_str(&text).unwrap_or_else(|e| panic!("{args:?}: {e}: {text}"));
    said["error"].clone()
}

#[test]
fn failures_are_json_where_json_is_asked_for() {
    let world = World::new();
    let never = problem(&world, &["task", "list", "--json"]);
    assert_eq!(never["code"], "failed", "{never}");
    let _host = world.serve();
    let missing = problem(&world, &["task", "show", "NOPE-1", "--json"]);
    assert_eq!(missing["code"], "not-found", "{missing}");
    assert!(
        missing["message"].as_str().unwrap().contains("NOPE-1"),
        "{missing}"
    );
    let usage = problem(&world, &["task", "shw", "--json"]);
    assert_eq!(usage["code"], "invalid", "{usage}");
    assert!(
        usage["message"].as_str().unwrap().contains("shw"),
        "{usage}"
    );
}

#[test]
fn request_is_read_from_standard_input() {
    let world = World::new();
    let _host = world.serve();
    world.json(&["pause", "lane:agents"]);
    let args = [
        "task",
        "new",
        "--repo",
        "shop",
        "--title",
        "Piped",
        "--body-file",
        "-",
        "--json",
    ];
    let mut child = world
        .command(&args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let body = "Customers with a voucher should pay less.\n";
    child
        .stdin
        .take()
        .unwrap()
        .write_all(body.as_bytes())
        .unwrap();
    let done = child.wait_with_output().unwrap();
    assert!(done.status.success());
    let column = "SELECT body FROM tasks";
    let stored = orch_kit::sql::column(&world.path("data/orch.db"), column);
    assert_eq!(stored, [body]);
}

#[test]
fn name_of_a_task_cannot_lead_to_another_endpoint() {
    let world = World::new();
    let _host = world.serve();
    for name in ["..", "../queue", "x/../../queue", "%2e%2e", ""] {
        let said = world.refused(&["task", "show", name]);
        assert!(!said.contains("another form"), "{name:?}: {said}");
    }
}

#[test]
fn title_that_acts_on_a_terminal_is_shown_as_what_it_is() {
    let world = World::new();
    let _host = world.serve();
    world.json(&["pause", "lane:agents"]);
    let title = "\u{1b}[2J\u{7}gone\u{202e}kcab";
    let item = world.begin(title);
    for args in [
        &["task", "list"][..],
        &["task", "show", &item],
        &["issue", "list"],
    ] {
        for json in [&[][..], &["--json"]] {
            let done = world.orch(&[args, json].concat());
            let page = String::from_utf8(done.stdout).unwrap();
            assert!(page.contains("gone"), "{args:?}: {page}");
            let acts = |c: char| c != '\n' && (c.is_control() || c == '\u{202e}');
            assert!(!page.contains(acts), "{args:?}: {page:?}");
        }
    }
    assert_eq!(world.json(&["task", "show", &item])["title"], title);
}
