//! An agent in an ordinary run, and what a branch brings along, reach nothing of what judges them.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;

use orch_kit::World;
use orch_kit::world::{AGENT, orch_program};
use serde_json::json;

/// A world in which judged processes may write to the folder `seen` and nowhere else of the host's.
fn world() -> World {
    let mut world = World::new();
    fs::create_dir(world.path("seen")).unwrap();
    fs::set_permissions(world.path("seen"), Permissions::from_mode(0o777)).unwrap();
    world.config["agents"]["script"]["sandbox"] = json!({"write": ["seen"]});
    world.config["repositories"]["shop"]["sandbox"] = json!({"write": ["seen"]});
    world.write("secret", "the operator's", 0o644);
    world.write_config();
    world
}

/// A script that makes each attempt and notes the names of those that succeed; every line is `name: command`.
fn attempts(world: &World, list: &str) -> String {
    let note = world.path("seen/reached").display().to_string();
    let tried = world.path("seen/tried").display().to_string();
    let mut script = String::new();
    for line in list.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let (name, command) = line.split_once(": ").unwrap();
        script.push_str(&format!(
            "    if ( {command} ) >/dev/null 2>&1 </dev/null; then echo '{name}' >> {note}; fi; echo '{name}' >> {tried}\n"
        ));
    }
    script
}

/// Attempts at everything of the host's, from wherever a judged process runs.
fn at_the_host(world: &World, host: u32) -> String {
    let at = |name: &str| world.path(name).display().to_string();
    let (data, forge) = (at("data"), at("shop.git"));
    let orch = orch_program().display().to_string();
    format!(
        "reads the token: cat {data}/token
        reads the database: head -c 16 {data}/orch.db
        writes the database: echo x >> {data}/orch.db
        finds more in the data folder than the way to its own: ls -A {data} | grep -v -x -e workspaces -e runs -e checkouts
        sees the socket: test -e {data}/orch.sock
        talks to the socket: /usr/bin/python3 -c 'import socket; socket.socket(socket.AF_UNIX).connect(\"{data}/orch.sock\")'
        reads the mirror: ls {data}/mirrors/shop.git
        writes a ref of the mirror: echo x > {data}/mirrors/shop.git/refs/heads/x
        finds more in its run folder than its prompt: find {data}/runs -type f | grep -v prompt.md
        reads the forge: ls {forge}
        writes a ref of the forge: git push {forge} HEAD:refs/heads/planted
        writes a hook of the forge: echo x > {forge}/hooks/update
        fetches from where it was cloned: git fetch origin
        reads the configuration: cat {config}
        writes the configuration: echo x >> {config}
        reads the gates: ls {gates}
        writes a gate: echo x > {gates}/planted.wasm
        reads a secret of the operator: cat {secret}
        writes beside it: echo x > {planted}
        reads the environment of the host: cat /proc/{host}/environ
        signals the host: kill -0 {host}
        stops its task: {orch} --config {config} task stop \"${{ORCH_WORK_ITEM:-SHOP-1}}\"
        approves by the address: {orch} task approve SHOP-1",
        config = at("orch.yaml"),
        gates = orch_kit::world::gates().display(),
        secret = at("secret"),
        planted = at("planted"),
    )
}

fn assert_nothing_reached(world: &World) {
    let tried = fs::read_to_string(world.path("seen/tried")).unwrap();
    assert!(tried.lines().count() >= 23, "all were tried: {tried}");
    let reached = fs::read_to_string(world.path("seen/reached")).unwrap_or_default();
    assert_eq!(reached, "");
    assert!(!world.path("planted").exists());
    assert!(!orch_kit::world::gates().join("planted.wasm").exists());
    assert!(
        world
            .git("shop.git", &["branch", "--list", "planted"])
            .is_empty()
    );
}

#[test]
fn caged_agent_reaches_nothing_of_what_judges_it() {
    let world = world();
    // The agent is written once the host's process is known.
    let host = world.serve();
    let tries = attempts(&world, &at_the_host(&world, host.id()));
    let script = format!("{tries}    say \"writing the analysis\"\n");
    let agent = AGENT.replacen("    say \"writing the analysis\"\n", &script, 1);
    world.write("agent.sh", &agent, 0o755);
    let item = world.begin("Looks around");
    let view = world.follow(&item, |view| view["stage"] == "architecture");
    assert_eq!(view["runs"][0]["outcome"], "completed", "{view:#}");
    assert_nothing_reached(&world);
}

#[test]
fn caged_agent_is_told_where_it_is_and_works_as_nobody_of_the_hosts() {
    let world = world();
    let seen = world.path("seen").display().to_string();
    let script = format!(
        "    cp $ORCH_SANDBOX {seen}/told; id -u > {seen}/user; env > {seen}/env\n    say \"writing the analysis\"\n"
    );
    let agent = AGENT.replacen("    say \"writing the analysis\"\n", &script, 1);
    world.write("agent.sh", &agent, 0o755);
    let mut command = world.command(&["serve"]);
    command.env("FORGE_TOKEN", "very-secret");
    let _host = world.serve_by(command);
    let item = world.begin("Curious");
    world.follow(&item, |view| view["stage"] == "architecture");
    let told: serde_json::Value =
        serde_json::from_str(&fs::read_to_string(world.path("seen/told")).unwrap()).unwrap();
    let writes = told["write"].to_string();
    assert!(
        writes.contains("/tree") && writes.contains("/home") && writes.contains("/seen"),
        "{told:#}"
    );
    assert_ne!(
        fs::read_to_string(world.path("seen/user")).unwrap().trim(),
        "0"
    );
    let env = fs::read_to_string(world.path("seen/env")).unwrap();
    assert!(
        !env.contains("very-secret") && !env.contains("ORCH_CONFINEMENT"),
        "{env}"
    );
}

#[test]
fn agent_that_cannot_be_confined_is_not_started_and_says_why() {
    let mut world = world();
    world.config["agents"]["script"]["sandbox"] = json!({"write": ["not-there"]});
    world.config["rules"]["infra_failures_max"] = json!(1);
    world.write_config();
    let _host = world.serve();
    let item = world.begin("Cannot be confined");
    let view = world.follow(&item, |view| view["status"] == "blocked");
    let run = &view["runs"][0];
    assert_eq!(run["outcome"], "launch_failed", "{view:#}");
    let why = run["detail"].as_str().unwrap();
    assert!(
        why.contains("not-there") && why.contains("make it"),
        "{why}"
    );
}

#[test]
fn hook_that_runs_a_file_of_the_branch_is_judged_as_the_branch_is() {
    let mut world = world();
    world.config["repositories"]["shop"]["staging"]["hook"] = json!("./ops/stage.sh");
    world.write_config();
    let host = world.serve();
    let tries = attempts(&world, &at_the_host(&world, host.id()));
    world.write(
        "seed/ops/stage.sh",
        &format!("#!/bin/sh\n{tries}exit 0\n"),
        0o755,
    );
    world.push_seed("A hook of the branch");
    let item = world.begin("Staged by itself");
    let view = world.follow(&item, |view| view["status"] == "ended");
    assert_eq!(view["stage"], "done", "{view:#}");
    assert_nothing_reached(&world);
}

#[test]
fn hook_of_the_operators_own_works_outside() {
    let mut world = world();
    let mark = world.path("staged");
    world.config["repositories"]["shop"]["staging"]["hook"] =
        json!(format!("cp cart.sh {}", mark.display()));
    world.write_config();
    let _host = world.serve();
    let item = world.begin("Staged by the operator");
    let view = world.follow(&item, |view| view["status"] == "ended");
    assert_eq!(view["stage"], "done", "{view:#}");
    assert!(mark.exists());
}
