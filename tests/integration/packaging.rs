//! What is shipped beside the program says what the host and its cage depend on.

use std::collections::BTreeMap;

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;

use orch_kit::world::{orch_program, root};

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

fn ran(command: &mut Command) -> String {
    let out = command.output().unwrap();
    let said = String::from_utf8_lossy(&out.stderr);
    assert!(out.status.success(), "{command:?}: {said}");
    String::from_utf8(out.stdout).unwrap()
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

/// The package as `packaging/debian/build` makes it, taken apart: its files and what says what it is.
fn unpacked(into: &Path) -> String {
    let package = into.join("orch.deb");
    let build = root().join("packaging/debian/build");
    let mut make = Command::new(build);
    make.arg(orch_program()).arg(&package);
    ran(make.env("ORCH_DEB_COMPRESSION", "none"));
    ran(Command::new("dpkg-deb")
        .arg("-x")
        .arg(&package)
        .arg(into.join("root")));
    ran(Command::new("dpkg-deb")
        .arg("-e")
        .arg(&package)
        .arg(into.join("control")));
    ran(Command::new("dpkg-deb").arg("-c").arg(&package))
}

#[test]
fn package_holds_what_the_unit_and_the_documents_name_and_its_program_runs() {
    let folder = tempfile::tempdir().unwrap();
    let listed = unpacked(folder.path());
    let (tree, control) = (folder.path().join("root"), folder.path().join("control"));
    let program = unit()["ExecStart"].split(' ').next().unwrap().to_owned();
    let program = tree.join(program.trim_start_matches('/'));
    let version = ran(Command::new(&program).arg("--version"));
    let said = read(&control.join("control"));
    let of_package = said.lines().find_map(|line| line.strip_prefix("Version: "));
    assert_eq!(version.trim().strip_prefix("orch "), of_package, "{said}");
    for (shipped, from) in [
        (
            "usr/lib/systemd/system/orch.service",
            "systemd/orch.service",
        ),
        ("etc/apparmor.d/orch", "apparmor/orch"),
        // As docs/operators/monitoring.md names it.
        (
            "usr/share/orch/prometheus/alerts.yaml",
            "prometheus/alerts.yaml",
        ),
        ("usr/share/orch/grafana/orch.json", "grafana/orch.json"),
    ] {
        let source = read(&root().join("packaging").join(from));
        assert_eq!(read(&tree.join(shipped)), source, "{shipped}");
    }
    assert!(tree.join("usr/share/doc/orch/LICENSE-MIT").exists());
    // Everything is root's, and nobody else may write to it.
    for line in listed.lines() {
        let mut words = line.split_whitespace();
        let (mode, owner) = (words.next().unwrap(), words.next().unwrap());
        assert_eq!(owner, "root/root", "{line}");
        assert_eq!((&mode[5..6], &mode[8..9]), ("-", "-"), "{line}");
    }
}

#[test]
fn scripts_of_the_package_are_shell_and_make_the_user_of_the_unit() {
    let folder = root().join("packaging/debian");
    for name in ["build", "postinst", "prerm", "postrm"] {
        let script = folder.join(name);
        ran(Command::new("sh").arg("-n").arg(&script));
        let mode = std::fs::metadata(&script).unwrap().permissions().mode();
        assert_eq!(mode & 0o111, 0o111, "{name} can be run");
    }
    let user = unit()["User"].clone();
    let made = read(&folder.join("postinst"));
    let line = made.lines().find(|line| line.contains("useradd")).unwrap();
    assert!(line.trim_end().ends_with(&format!(" {user}")), "{line}");
    let home = format!("--home-dir {}", unit()["WorkingDirectory"]);
    assert!(line.contains(&home), "{line}");
}

#[test]
fn image_is_built_by_the_toolchain_of_the_project_and_is_no_root() {
    let text = read(&root().join("packaging/Dockerfile"));
    let toolchain = read(&root().join("rust-toolchain.toml"));
    let channel = toolchain
        .lines()
        .find_map(|line| line.strip_prefix("channel = "));
    let channel = channel.unwrap().trim_matches('"');
    assert!(text.contains(&format!("FROM rust:{channel}-")), "{text}");
    let lines: Vec<&str> = text.lines().collect();
    let at = |start: &str| lines.iter().rposition(|line| line.starts_with(start));
    assert!(at("USER orch") < at("ENTRYPOINT") && at("USER orch").is_some());
    // What it copies out of the source is there.
    assert!(root().join("packaging/Dockerfile.dockerignore").exists());
}
