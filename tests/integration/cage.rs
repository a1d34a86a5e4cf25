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
        // It stands in quotes.
        let name = name.replace('\'', "");
        script.push_str(&format!(
            "    if ( {command} ) >/dev/null 2>&1 </dev/null; then echo '{name}' >> {note}; fi; echo '{name}' >> {tried}\n"
        ));
    }
    // What an attempt leaves would be a finding of its own.
    script.push_str("    rm -f leads named device\n");
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
        approves by the address: {orch} task approve SHOP-1
        reads the token through a link: ln -sfn {data}/token leads && cat leads
        reads the token by another name: ln {data}/token named
        reads the token through its first process: cat /proc/1/root{data}/token
        reads the token through the host's own root: cat /proc/{host}/root{data}/token
        sees what the host works in: ls /proc/{host}/cwd/ /proc/{host}/fd/
        reads the memory of the host: head -c 1 /proc/{host}/mem
        reads the work of another task: ls -d {data}/workspaces/*/* | grep -v \"${{ORCH_WORK_ITEM:-none}}\"
        has its host's git run a program: git config --file {data}/mirrors/shop.git/config core.hooksPath /tmp
        forges its own result: for f in {data}/runs/*/*; do echo x > $f/result.json || exit 1; done
        ends a run as the host would: for f in {data}/runs/*/*; do echo x > $f/stop.json || exit 1; done
        moves its work tree away: mv \"$PWD\" \"$PWD-moved\"
        makes a name beside its work tree: touch \"$PWD-beside\"
        makes itself root: unshare --user --map-root-user true
        mounts over the configuration: mount --bind . /etc
        changes the kernel: echo x > /proc/sys/kernel/core_pattern
        presses the kernel's keys: echo h > /proc/sysrq-trigger
        is spared by a kernel without memory: echo -1000 > /proc/self/oom_score_adj
        makes a device: mknod device c 1 1
        reads the machine's memory: head -c 1 /dev/mem || head -c 1 /dev/kmsg || head -c 1 /proc/kcore
        reads passwords: grep -q . /etc/shadow
        reads keys of a home: cat /root/.ssh/* || cat /home/*/.ssh/*
        finds a container engine: test -e /run/docker.sock || test -e /var/run/docker.sock || test -e /run/containerd/containerd.sock || test -e /run/podman/podman.sock
        talks to the system's services: test -e /run/systemd/private || test -e /run/dbus/system_bus_socket
        raises a limit of its own: ulimit -n 1048577",
        config = at("orch.yaml"),
        gates = orch_kit::world::gates().display(),
        secret = at("secret"),
        planted = at("planted"),
    )
}

fn assert_nothing_reached(world: &World) {
    let tried = fs::read_to_string(world.path("seen/tried")).unwrap();
    assert!(tried.lines().count() >= 46, "all were tried: {tried}");
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
fn probe_that_runs_a_file_of_the_branch_is_judged_as_the_branch_is() {
    let mut world = world();
    world.config["repositories"]["shop"]["post_deploy"] =
        json!({"probe": "./ops/probe.sh", "window_s": 1, "probes": 1});
    world.write_config();
    let host = world.serve();
    let tries = attempts(&world, &at_the_host(&world, host.id()));
    let probe = format!("#!/bin/sh\n{tries}exit 0\n");
    world.write("seed/ops/probe.sh", &probe, 0o755);
    world.push_seed("A probe of the branch");
    let item = world.begin("Watched by itself");
    world.follow(&item, |view| view["status"] == "ended");
    orch_kit::until("the probe was made", || {
        let tried = fs::read_to_string(world.path("seen/tried")).unwrap_or_default();
        (tried.lines().count() >= 46).then_some(())
    });
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

#[test]
fn agent_that_runs_away_is_ended_for_what_it_used_and_why_says_so() {
    for (limit, limits, runaway) in [
        (
            "processes",
            json!({"processes": 100}),
            // One that is refused a further process and goes on: a shell gives up by itself.
            "/usr/bin/python3 -c 'import os, time\nwhile True:\n try:\n  if os.fork() == 0: time.sleep(600)\n except OSError: time.sleep(0.01)'",
        ),
        (
            "memory",
            json!({"memory_mib": 100}),
            "for i in 1 2 3 4 5 6; do /usr/bin/python3 -c 'import time; x = bytearray(40 << 20); time.sleep(600)' & done; wait",
        ),
    ] {
        let mut world = world();
        world.config["sandbox"] = json!({"limits": limits});
        world.write_config();
        let script = format!("    {runaway}\n    say \"writing the analysis\"\n");
        let agent = AGENT.replacen("    say \"writing the analysis\"\n", &script, 1);
        assert_ne!(agent, AGENT);
        world.write("agent.sh", &agent, 0o755);
        let _host = world.serve();
        let item = world.begin("Runs away");
        let ended = |view: &serde_json::Value| !view["runs"][0]["outcome"].is_null();
        let view = world.follow(&item, ended);
        let run = &view["runs"][0];
        assert_eq!(run["outcome"], "killed", "{view:#}");
        let told = format!("killed({limit})");
        assert!(run["detail"].to_string().contains(&told), "{view:#}");
    }
}

#[test]
fn what_a_developer_leaves_in_its_home_reaches_nobody_who_judges_its_work() {
    let world = world();
    let seen = world.path("seen").display().to_string();
    // The same agent in every role, as most operators have it.
    let look = format!(
        "prompt=$(cat)\n\
         if [ \"$ORCH_ROLE\" = developer ]; then echo x > \"$HOME/planted\"; echo x > \"$TMPDIR/planted\"\n\
         elif [ -e \"$HOME/planted\" ] || [ -e \"$TMPDIR/planted\" ]; then echo \"$ORCH_ROLE\" >> {seen}/reached\n\
         else echo \"$ORCH_ROLE\" >> {seen}/tried; fi\n"
    );
    let agent = AGENT.replacen("prompt=$(cat)\n", &look, 1);
    assert_ne!(agent, AGENT);
    world.write("agent.sh", &agent, 0o755);
    let _host = world.serve();
    let item = world.begin("Leaves advice");
    let view = world.follow(&item, |view| view["status"] == "ended");
    assert_eq!(view["stage"], "done", "{view:#}");
    let tried = fs::read_to_string(world.path("seen/tried")).unwrap();
    assert!(
        tried.contains("reviewer") && tried.contains("tester"),
        "{tried}"
    );
    let reached = fs::read_to_string(world.path("seen/reached")).unwrap_or_default();
    assert_eq!(reached, "");
}
