//! Bad input gets an error that names the thing, the reason and the remedy, and loses nothing.

use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::net::TcpListener;

use orch_kit::world::gates;
use orch_kit::{World, until};
use serde_json::json;

fn says(text: &str, parts: &[&str]) {
    for part in parts {
        assert!(text.contains(part), "`{part}` is missing in: {text}");
    }
}

#[test]
fn missing_configuration_names_the_path_and_the_remedy() {
    let world = World::new();
    fs::remove_file(world.path("orch.yaml")).unwrap();
    says(
        &world.refused(&["serve"]),
        &["no configuration at", "orch.yaml", "--config"],
    );
}

#[test]
fn unreadable_configuration_names_the_path() {
    let world = World::new();
    fs::remove_file(world.path("orch.yaml")).unwrap();
    fs::create_dir(world.path("orch.yaml")).unwrap();
    says(
        &world.refused(&["serve"]),
        &["orch.yaml` cannot be read", "permissions"],
    );
}

#[test]
fn shown_configuration_names_what_the_environment_changed() {
    let world = World::new();
    let mut command = world.command(&["config", "show", "--sources", "--json"]);
    let done = command.env("ORCH_MAX_CONCURRENCY", "7").output().unwrap();
    let view: serde_json::Value = serde_json::from_slice(&done.stdout).unwrap();
    assert_eq!(view["concurrency"]["agents"], 7);
    assert_eq!(view["sources"][0]["variable"], "ORCH_MAX_CONCURRENCY");
}

#[test]
fn unknown_key_names_the_nearest() {
    let mut world = World::new();
    world.config["concurency"] = json!({});
    world.write_config();
    says(
        &world.refused(&["config", "check"]),
        &["unknown key `concurency`", "did you mean `concurrency`?"],
    );
}

#[test]
fn unknown_gate_is_named_with_what_there_is() {
    let mut world = World::new();
    world.config["gates"] = json!({"ci-green": {"gate": "cii"}});
    world.write_config();
    says(
        &world.refused(&["config", "check"]),
        &["ci-green", "no gate `cii`", "analysis"],
    );
}

#[test]
fn watch_that_could_never_find_production_degraded_is_named_with_what_would_help() {
    let mut world = World::new();
    world.config["repositories"]["shop"]["post_deploy"] =
        json!({"probe": "false", "window_s": 4, "probes": 2});
    world.write_config();
    says(
        &world.refused(&["config", "check"]),
        &[
            "never found degraded",
            "2 probes are made, and 3 have to fail",
            "`degraded_after`",
        ],
    );
}

#[test]
fn valid_configuration_passes_its_check() {
    let world = World::new();
    let done = world.orch(&["config", "check"]);
    assert!(
        done.status.success(),
        "{}",
        String::from_utf8_lossy(&done.stderr)
    );
}

#[test]
fn gate_file_of_garbage_is_reported_and_the_others_serve() {
    let mut world = World::new();
    world.expected_errors = vec!["gate file not loaded", "is not in force"];
    let folder = world.path("gates");
    fs::create_dir(&folder).unwrap();
    for name in ["analysis", "review"] {
        fs::copy(
            gates().join(format!("{name}.wasm")),
            folder.join(format!("{name}.wasm")),
        )
        .unwrap();
    }
    fs::write(folder.join("ci.wasm"), "not a component").unwrap();
    world.config["gates_dir"] = json!("gates");
    world.config["gates"] = json!({"architecture-done": {"gate": "absent"}});
    world.write_config();
    let _host = world.serve();
    let list = world.json(&["gate", "list"]);
    let of = |name: &str| {
        list["items"]
            .as_array()
            .unwrap()
            .iter()
            .find(|g| g["name"] == name)
            .cloned()
            .unwrap()
    };
    assert!(of("analysis")["error"].is_null() && of("review")["error"].is_null());
    says(
        of("ci")["error"].as_str().unwrap(),
        &["not a WebAssembly component", "wasm32-wasip2"],
    );
    // The file is there: what would help is another one.
    says(
        &world.refused(&["config", "check"]),
        &["put another file in the place of", "ci.wasm"],
    );
    let item = world.begin("Needs a missing gate");
    let view = world.follow(&item, |view| view["status"] == "blocked");
    assert!(view["why"].as_str().unwrap().contains("absent"), "{view:#}");
    assert_eq!(
        view["verdicts"].as_array().unwrap().last().unwrap()["reason"],
        "load"
    );
}

#[test]
fn repository_without_a_test_command_is_refused_before_anything_begins() {
    let world = World::new();
    fs::write(world.path("seed/.orch.yaml"), "").unwrap();
    world.push_seed("no tests");
    let said = world.refused(&["task", "new", "--repo", "shop", "--title", "x"]);
    says(&said, &["no test command", "required_contexts: []"]);
    let list = world.json(&["task", "list", "--all"]);
    assert_eq!((&list["items"], &list["total"]), (&json!([]), &json!(0)));
}

#[test]
fn base_branch_that_is_not_there_is_named() {
    let mut world = World::new();
    world.config["repositories"]["shop"]["base"] = json!("trunk");
    world.write_config();
    let said = world.refused(&["task", "new", "--repo", "shop", "--title", "x"]);
    says(
        &said,
        &["`shop` has no branch `trunk`", "repositories.shop.base"],
    );
}

#[test]
fn unknown_repository_and_unknown_task_are_named() {
    let world = World::new();
    says(
        &world.refused(&["task", "new", "--repo", "shp", "--title", "x"]),
        &["no repository `shp`", "shop"],
    );
    says(&world.refused(&["task", "show", "SHOP-9"]), &["SHOP-9"]);
}

#[test]
fn port_in_use_names_the_address_and_the_remedy() {
    let mut world = World::new();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    world.config["http"] = json!({"listen": address});
    world.write_config();
    says(
        &world.refused(&["serve"]),
        &["cannot listen on", &address, "http.listen"],
    );
}

#[test]
fn database_of_another_host_is_left_alone() {
    let world = World::new();
    let _host = world.serve();
    says(
        &world.refused(&["serve"]),
        &["in use by another host", "stop that host"],
    );
}

#[test]
fn host_that_starts_while_a_command_has_the_database_waits_for_it() {
    let world = World::new();
    // As a command does that finds no host.
    world.orch(&["task", "new", "--repo", "shop", "--title", "x"]);
    let command = File::options()
        .write(true)
        .open(world.path("data/orch.lock"))
        .unwrap();
    command.try_lock().unwrap();
    std::thread::scope(|scope| {
        let starting = scope.spawn(|| world.serve());
        until("the host meets the command", || {
            let waits = world
                .log()
                .contains("the start waits for whoever has the database");
            waits.then_some(())
        });
        drop(command);
        let _host = starting.join().unwrap();
    });
}

#[test]
fn command_that_comes_while_a_host_starts_waits_for_it_and_leaves_the_store_alone() {
    let world = World::new();
    // As a command does that finds no host.
    world.orch(&["task", "new", "--repo", "shop", "--title", "x"]);
    let starting = File::options()
        .create(true)
        .append(true)
        .open(world.path("data/starting.lock"))
        .unwrap();
    starting.try_lock().unwrap();
    let mut asks = world.command(&["whoami", "--json"]);
    let asks = asks
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped());
    let mut asks = asks.spawn().unwrap();
    let mut said = String::new();
    let mut stderr = BufReader::new(asks.stderr.take().unwrap());
    stderr.read_line(&mut said).unwrap();
    says(&said, &["a host starts here; waiting until it answers"]);
    // It comes to nothing after all.
    drop(starting);
    let answer = asks.wait_with_output().unwrap();
    assert!(answer.status.success());
    let who: serde_json::Value = serde_json::from_slice(&answer.stdout).unwrap();
    assert_eq!(who["channel"], "offline", "{who}");
}

#[test]
fn full_disk_under_the_database_refuses_loudly_loses_nothing_and_goes_on_when_there_is_room() {
    let mut world = World::new();
    world.expected_errors = vec![
        "database or disk is full",
        "disk I/O error",
        "a failure cannot be recorded",
        "nothing was written",
    ];
    world.config["disk"] = json!({"floor_mib": 0});
    world.write_config();
    let data = world.path("data");
    fs::create_dir(&data).unwrap();
    // A small file system in a mount namespace of the host's own; commands enter it to reach the host.
    let pid = world.path("pid");
    let script = format!(
        "mount -t tmpfs -o size=96m tmpfs {} && echo $$ > {} && exec \"$0\" \"$@\"",
        data.display(),
        pid.display()
    );
    let plain = world.command(&["serve"]);
    let log = fs::File::create(world.path("host.log")).unwrap();
    let _host = Ended(
        std::process::Command::new("unshare")
            .args(["--user", "--map-root-user", "--mount", "sh", "-c", &script])
            .arg(plain.get_program())
            .args(plain.get_args())
            .current_dir(world.path("."))
            .stdout(std::process::Stdio::null())
            .stderr(log)
            .spawn()
            .unwrap(),
    );
    let inside = |program: &std::ffi::OsStr, args: &[&std::ffi::OsStr]| {
        let target = fs::read_to_string(&pid).unwrap_or_default();
        std::process::Command::new("nsenter")
            .args([
                "--user",
                "--mount",
                "--preserve-credentials",
                "--target",
                target.trim(),
            ])
            .arg(program)
            .args(args)
            .current_dir(world.path("."))
            .output()
            .unwrap()
    };
    let orch = |args: &[&str]| {
        let command = world.command(&[args, &["--json"]].concat());
        let args: Vec<_> = command.get_args().collect();
        let done = inside(command.get_program(), &args);
        // A refusal is on standard output with `--json`; what keeps the program from starting is on the other one.
        let said = [&done.stdout[..], &done.stderr[..]].concat();
        let said = String::from_utf8_lossy(&said).into_owned();
        let answer = serde_json::from_slice::<serde_json::Value>(&done.stdout);
        answer.ok().filter(|_| done.status.success()).ok_or(said)
    };
    let sh = |line: &str| {
        let done = inside("sh".as_ref(), &["-c".as_ref(), line.as_ref()]);
        String::from_utf8_lossy(&done.stdout).into_owned()
    };
    until("the host answers", || orch(&["queue"]).ok());
    let new = ["task", "new", "--repo", "shop", "--title", "Filled up"];
    let item = until("a task begins", || orch(&new).ok())["work_item"].clone();
    let item = item.as_str().unwrap();
    let view = || orch(&["task", "show", item]).unwrap_or_default();
    until("it waits for a person", || {
        (view()["step"] == "analysis-approved" && view()["status"] == "waiting").then_some(())
    });
    sh(&format!("cat /dev/zero > {}/ballast", data.display()));
    // What is left in the log's last page may hold a write or two.
    let refused = until("a command is refused", || orch(&new).err());
    says(&refused, &["disk", "full"]);
    let before = view();
    assert_eq!(before["stage"], "analysis", "reading goes on: {before:#}");
    sh(&format!("rm {}/ballast", data.display()));
    until("the task ends", || {
        let view = view();
        let waits = view["status"] == "awaiting-approval"
            || (view["status"] == "waiting" && view["step"] == "analysis-approved");
        if waits {
            orch(&["task", "approve", item]).ok();
        }
        (view["status"] == "ended").then_some(())
    });
    assert_eq!(view()["stage"], "done");
}

/// A process that ends with the test.
struct Ended(std::process::Child);

impl Drop for Ended {
    fn drop(&mut self) {
        // It may have ended by itself.
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

#[test]
fn full_disk_under_the_run_folder_starts_nothing_and_is_named() {
    let mut world = World::new();
    world.config["rules"] = json!({"infra_failures_max": 1, "backoff_base_ms": 10});
    world.write_config();
    let runs = world.path("data/runs/shop");
    fs::create_dir_all(&runs).unwrap();
    // A file system of 64 KiB that is full, in a mount namespace of the host's own.
    let script = format!(
        "mount -t tmpfs -o size=64k tmpfs {0} && (head -c 65536 /dev/zero > {0}/ballast || true) && exec \"$0\" \"$@\"",
        runs.display()
    );
    let plain = world.command(&["serve"]);
    let mut command = std::process::Command::new("unshare");
    command
        .args(["--user", "--map-root-user", "--mount", "sh", "-c", &script])
        .arg(plain.get_program());
    command.args(plain.get_args()).current_dir(world.path("."));
    let _host = world.serve_by(command);
    let item = world.begin("No room");
    let view = world.follow(&item, |view| view["status"] == "blocked");
    assert!(
        view["why"].as_str().unwrap().contains("run folder"),
        "{view:#}\n{}",
        world.log()
    );
    assert_eq!(view["runs"], json!([]), "nothing was started");
}
