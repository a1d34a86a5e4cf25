//! What is shipped beside the program says what the host and its cage depend on.

use std::collections::BTreeMap;

use orch_kit::world::root;

fn unit() -> BTreeMap<String, String> {
    let text = std::fs::read_to_string(root().join("packaging/systemd/orch.service")).unwrap();
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    let pairs = lines.filter_map(|line| line.split_once('='));
    pairs
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .collect()
}

#[test]
fn unit_keeps_agents_alive_and_forbids_nothing_that_the_cage_is_made_of() {
    let unit = unit();
    for (key, value) in [
        ("KillMode", "process"),
        ("Delegate", "yes"),
        ("DelegateSubgroup", "host"),
        ("User", "orch"),
        ("NoNewPrivileges", "yes"),
    ] {
        assert_eq!(unit.get(key).map(String::as_str), Some(value), "{key}");
    }
    for key in [
        "RestrictNamespaces",
        "PrivateUsers",
        "ProtectProc",
        "ProcSubset",
        "ProtectKernelTunables",
        "SystemCallFilter",
        "DynamicUser",
    ] {
        assert!(!unit.contains_key(key), "{key} would take the cage away");
    }
    assert!(unit["ExecStart"].contains("orch serve"), "{unit:#?}");
}

#[test]
fn profile_allows_user_namespaces_to_the_program_of_the_unit() {
    let text = std::fs::read_to_string(root().join("packaging/apparmor/orch")).unwrap();
    assert!(text.lines().any(|line| line.trim() == "userns,"), "{text}");
    let program = unit()["ExecStart"].split(' ').next().unwrap().to_owned();
    let named = text.lines().find(|line| line.starts_with("@{orch}"));
    assert!(
        named.unwrap().split(' ').any(|path| path == program),
        "{text}"
    );
}
