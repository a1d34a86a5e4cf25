//! What a deploy comes to: production says what it runs, a hook that hangs or tells too much harms nobody, and a host that
//! its own hook ends goes on.

use orch_kit::{World, until};
use serde_json::{Value, json};

/// A world whose production says of itself what it runs, from a file.
fn telling(hook: &str) -> World {
    let mut world = World::new();
    let live = world.path("live").display().to_string();
    world.write("live", "old\n", 0o666);
    let hook = hook.replace("LIVE", &live);
    world.config["rules"]["rework_rounds_max"] = json!(1);
    world.config["repositories"]["shop"]["deploy"] =
        json!({"hook": hook, "revision": format!("cat {live}"), "settle_s": 4, "timeout_s": 20});
    world.write_config();
    world
}

fn stands(view: &Value) -> bool {
    matches!(view["status"].as_str(), Some("ended" | "blocked"))
}

/// Carries a task to its end, or to where a person has to act.
fn carry(world: &World, title: &str) -> Value {
    let item = world.begin(title);
    world.follow(&item, stands)
}

fn deploy_log(world: &World, item: &str) -> String {
    let branches = world.git(
        "shop.git",
        &["branch", "--list", "orch-docs/*", "--format=%(refname)"],
    );
    let branch = branches.lines().find(|b| b.contains(item)).unwrap();
    let path = format!("{branch}:docs/work-items/{item}/14-deploy-log.md");
    world.git("shop.git", &["show", &path])
}

#[test]
fn deploy_is_done_when_production_runs_the_commit_and_not_when_the_hook_ends_well() {
    let world = telling("false | true");
    let _host = world.serve();
    let view = carry(&world, "Deployed in words");
    assert_eq!(view["status"], "blocked", "{view:#}");
    let item = view["work_item"].as_str().unwrap();
    let log = deploy_log(&world, item);
    assert!(log.contains("deploy_status: FAILED"), "{log}");
    assert!(log.contains("production runs `old` and not"), "{log}");
    assert!(log.contains("hook_exit_code: 0"), "{log}");
}

#[test]
fn production_that_wavers_while_traffic_moves_over_is_waited_for() {
    let mut world = telling("true");
    let looks = world.path("looks").display().to_string();
    // The first look sees the old version, and so does one in the middle.
    let revision = format!(
        "n=$(cat {looks}); echo $((n + 1)) > {looks}; case $n in 0|3) echo old;; *) echo $EXPECTED_REVISION;; esac"
    );
    world.write("looks", "0\n", 0o666);
    let deploy = &mut world.config["repositories"]["shop"]["deploy"];
    deploy["revision"] = json!(revision);
    deploy["settle_s"] = json!(60);
    world.write_config();
    let _host = world.serve();
    let view = carry(&world, "Moves over slowly");
    assert_eq!(view["stage"], "done", "{view:#}");
    let log = deploy_log(&world, view["work_item"].as_str().unwrap());
    assert!(log.contains("deploy_status: SUCCESS"), "{log}");
    let looks = std::fs::read_to_string(world.path("looks")).unwrap();
    assert_eq!(
        looks.trim(),
        "7",
        "three running, after the one in the middle"
    );
}

#[test]
fn probe_counts_only_while_production_runs_what_was_deployed() {
    let mut world = telling("echo $EXPECTED_REVISION > LIVE");
    world.config["repositories"]["shop"]["post_deploy"] =
        json!({"probe": "true", "window_s": 4, "probes": 8});
    world.write_config();
    let _host = world.serve();
    let view = carry(&world, "Overwritten");
    assert_eq!(view["stage"], "done", "{view:#}");
    // Somebody deploys an older version by hand, which answers every probe.
    world.write("live", "old\n", 0o666);
    let item = view["work_item"].as_str().unwrap();
    until("people are told", || {
        world
            .log()
            .contains("production is degraded after")
            .then_some(())
    });
    let alerts = world.log().matches("production is degraded after").count();
    assert_eq!(alerts, 1, "{item}: once, at the end");
}

#[test]
fn log_of_the_watch_goes_on_top_of_what_somebody_put_onto_its_branch() {
    let mut world = World::new();
    world.config["repositories"]["shop"]["post_deploy"] =
        json!({"probe": "true", "window_s": 6, "probes": 2});
    world.write_config();
    let _host = world.serve();
    let view = carry(&world, "Spoken of");
    let item = view["work_item"].as_str().unwrap();
    let listed = ["branch", "--list", "orch-docs/*", "--format=%(refname)"];
    let branch = world.git("shop.git", &listed);
    world.git("seed", &["fetch", "--quiet", "../shop.git", &branch]);
    let who = ["-c", "user.name=Ann", "-c", "user.email=ann@orch.invalid"];
    let commit = [
        "commit-tree",
        "FETCH_HEAD^{tree}",
        "-p",
        "FETCH_HEAD",
        "-m",
        "A word of mine",
    ];
    let word = world.git("seed", &[&who[..], &commit].concat());
    let to = format!("{word}:{branch}");
    world.git("seed", &["push", "--quiet", "../shop.git", &to]);
    let folder = format!("docs/work-items/{item}/");
    until("the watch is written down", || {
        let names = ["ls-tree", "--name-only", &branch, &folder];
        let names = world.git("shop.git", &names);
        names.contains("16-post-deploy-log.md").then_some(())
    });
    world.git("shop.git", &["merge-base", "--is-ancestor", &word, &branch]);
}

#[test]
fn hook_that_hangs_is_ended_and_the_next_task_is_deployed() {
    let mut world = World::new();
    let first = world.path("first").display().to_string();
    world.config["rules"]["rework_rounds_max"] = json!(1);
    world.config["repositories"]["shop"]["deploy"] = json!({
        "hook": format!("test -e {first} || {{ touch {first}; sleep 600; }}"), "timeout_s": 2,
    });
    world.write_config();
    let _host = world.serve();
    let view = carry(&world, "Hangs");
    assert_eq!(view["status"], "blocked", "{view:#}");
    let log = deploy_log(&world, view["work_item"].as_str().unwrap());
    assert!(log.contains("ended by the"), "{log}");
    let next = carry(&world, "Goes on");
    assert_eq!(next["stage"], "done", "{next:#}");
}

#[test]
fn credential_that_a_hook_prints_is_masked_in_the_log_and_wherever_it_is_told() {
    let mut world = World::new();
    let secret = "hook-s3cret/of+orch";
    world.write("secret", &format!("{secret}\n"), 0o600);
    world.write("note.sh", "#!/bin/sh\n{ cat; echo; } >> noted\n", 0o755);
    world.config["webhooks"] = json!({"ci": {"kind": "generic", "secrets": [{"file": "secret"}],
        "repositories": ["shop"]}});
    world.config["notifiers"] = json!({
        "pager": {"command": {"program": "./note.sh"}, "tells": ["alerts", "needs-person", "done"]},
    });
    world.config["rules"]["rework_rounds_max"] = json!(1);
    // A program of the operator's own, which nothing confines, and which may see what is the host's.
    world.config["sandbox"]["trusted"] = json!("open");
    let path = world.path("secret").display().to_string();
    let program =
        format!("#!/bin/sh\nset -x\ncurl -H \"token $(cat {path})\" http://127.0.0.1:1/\nexit 1\n");
    world.write("ops.sh", &program, 0o755);
    let hook = world.path("ops.sh").display().to_string();
    world.config["repositories"]["shop"]["deploy"] = json!({"hook": hook});
    world.write_config();
    let _host = world.serve();
    let view = carry(&world, "Tells too much");
    assert_eq!(view["status"], "blocked", "{view:#}");
    let log = deploy_log(&world, view["work_item"].as_str().unwrap());
    assert!(log.contains("[masked]") && !log.contains(secret), "{log}");
    assert!(!view.to_string().contains(secret));
    until("the program is told", || {
        let noted = std::fs::read_to_string(world.path("noted")).ok()?;
        noted.contains("blocked").then_some(())
    });
    let noted = std::fs::read_to_string(world.path("noted")).unwrap();
    assert!(!noted.contains(secret) && !world.log().contains(secret));
}

#[test]
fn hook_that_ends_the_host_itself_is_waited_for_by_the_next_one_and_runs_once() {
    let mut world = World::new();
    let folder = world.path(".").display().to_string();
    world.config["repositories"]["shop"]["deploy"] = json!({
        "hook": format!("cd {folder} && echo run >> runs && kill -9 $(cat host.pid) && sleep 2 && touch swapped"),
    });
    world.write_config();
    let host = world.serve();
    world.write("host.pid", &host.id().to_string(), 0o644);
    let item = world.begin("Restarts its own host");
    until("the hook runs", || {
        if std::fs::exists(world.path("runs")).unwrap() {
            return Some(());
        }
        let view = world.orch(&["task", "show", &item, "--json"]);
        let view: Value = serde_json::from_slice(&view.stdout).unwrap_or_default();
        if view["status"] == "awaiting-approval" || view["step"] == "analysis-approved" {
            world.orch(&["task", "approve", &item]);
        }
        None
    });
    drop(host);
    let _host = world.serve();
    let view = world.follow(&item, stands);
    assert_eq!(view["stage"], "done", "{view:#}");
    assert!(world.path("swapped").exists());
    let runs = std::fs::read_to_string(world.path("runs")).unwrap();
    assert_eq!(runs, "run\n", "once");
}

#[test]
fn hook_that_says_that_it_changed_nothing_is_run_again_and_costs_no_round() {
    let mut world = World::new();
    let folder = world.path(".").display().to_string();
    // Its first run finds another image than the one that it was told of.
    world.config["repositories"]["shop"]["deploy"] = json!({
        "hook": format!("cd {folder} && echo run >> runs && test $(wc -l < runs) -gt 1 || exit 3"),
    });
    world.write_config();
    let _host = world.serve();
    let view = carry(&world, "Refused once");
    assert_eq!(view["stage"], "done", "{view:#}");
    // One is for the review of the scripted agent.
    assert_eq!(view["rework_rounds"], 1, "{view:#}");
    let runs = std::fs::read_to_string(world.path("runs")).unwrap();
    assert_eq!(runs, "run\nrun\n");
}

#[test]
fn snapshot_is_taken_before_the_hook_and_without_one_nothing_is_deployed() {
    let mut world = World::new();
    let folder = world.path(".").display().to_string();
    world.config["repositories"]["shop"]["deploy"] = json!({
        "snapshot": format!("cd {folder} && echo snapshot $EXPECTED_REVISION >> order && test -e room"),
        "hook": format!("echo hook $EXPECTED_REVISION >> {folder}/order"),
    });
    world.write_config();
    let order = || std::fs::read_to_string(world.path("order")).unwrap_or_default();
    let _host = world.serve();
    let item = world.begin("Kept before");
    let view = world.follow(&item, |view| view["status"] == "blocked");
    let why = view["why"].as_str().unwrap();
    assert!(
        why.contains("the snapshot failed with exit code 1"),
        "{why}"
    );
    assert!(!order().contains("hook"), "{}", order());
    world.write("room", "", 0o644);
    world.json(&["task", "resume", &item]);
    let view = world.follow(&item, stands);
    assert_eq!(view["stage"], "done", "{view:#}");
    let lines = order();
    let last: Vec<&str> = lines.lines().rev().take(2).collect();
    let landed = view["merged_commit"].as_str().unwrap();
    assert_eq!(
        last,
        [format!("hook {landed}"), format!("snapshot {landed}")]
    );
}

#[test]
fn hook_of_the_host_itself_is_started_where_the_end_of_the_host_does_not_reach() {
    let mut world = World::new();
    let folder = world.path(".").display().to_string();
    // Starts what follows as nobody's child, as a unit of its own does.
    let elsewhere =
        format!("#!/bin/sh\necho started >> {folder}/units\nsetsid \"$@\" > /dev/null 2>&1 &\n");
    world.write("elsewhere.sh", &elsewhere, 0o755);
    // Who would go with the host is whoever descends from it.
    let swap = format!(
        "#!/bin/sh\ncd {folder}\np=$$\nwhile [ \"$p\" -gt 1 ]; do\n  echo \"$p\" >> chain.new\n  \
         p=$(sed 's/.*) . //' \"/proc/$p/stat\" | cut -d' ' -f1)\ndone\nmv chain.new chain\n\
         kill -9 \"$(cat host.pid)\"\nsleep 1\ntouch swapped\n"
    );
    // A program of the operator's own, which nothing confines.
    world.write("swap.sh", &swap, 0o755);
    let (through, hook) = ([world.path("elsewhere.sh")], world.path("swap.sh"));
    let shop = &mut world.config["repositories"]["shop"];
    shop["self_hosting"] = json!(true);
    shop["deploy"] = json!({"through": through, "hook": hook});
    world.write_config();
    let host = world.serve();
    let pid = host.id().to_string();
    world.write("host.pid", &pid, 0o644);
    let item = world.begin("Swaps its own host");
    until("the hook runs", || {
        if std::fs::exists(world.path("chain")).unwrap() {
            return Some(());
        }
        let view = world.orch(&["task", "show", &item, "--json"]);
        let view: Value = serde_json::from_slice(&view.stdout).unwrap_or_default();
        if view["status"] == "awaiting-approval" || view["step"] == "analysis-approved" {
            world.orch(&["task", "approve", &item]);
        }
        None
    });
    drop(host);
    let _host = world.serve();
    let view = world.follow(&item, stands);
    assert_eq!(view["stage"], "done", "{view:#}");
    assert!(world.path("swapped").exists());
    let chain = std::fs::read_to_string(world.path("chain")).unwrap();
    assert!(!chain.lines().any(|one| one == pid), "{chain}");
    let units = std::fs::read_to_string(world.path("units")).unwrap();
    assert_eq!(units, "started\n", "once");
}

#[test]
fn commands_of_the_operators_own_see_nothing_of_the_hosts() {
    let mut world = World::new();
    let told = world.path("told").display().to_string();
    let own = ["data", "shop.git", "orch.yaml"].map(|name| world.path(name).display().to_string());
    world.write("told", "", 0o666);
    // Where it works is there, and nothing beside it.
    let look = format!(
        "ls cart.sh >/dev/null 2>&1 || test \"$0\" = revision || exit 1; for own in {}; do find \"$own\" -type f -size +0 -not -path \"$HOME/*\" -not -path \"${{PWD%/tree}}/*\" >> {told}; done; echo \"$0\" >> {told}",
        own.join(" ")
    );
    let shop = &mut world.config["repositories"]["shop"];
    let of = |name: &str| {
        let script = format!("look-{name}");
        (script, look.replace("$0", name))
    };
    let mut scripts = Vec::new();
    let mut line = |name: &str, end: &str| {
        let (script, text) = of(name);
        scripts.push((script.clone(), format!("#!/bin/sh\n{text}\n{end}\n")));
        world_path(&told, &script)
    };
    shop["staging"] = json!({
        "hook": line("staging", ""), "suite": [{"name": "check", "run": line("check", "")}],
    });
    shop["deploy"] = json!({
        "snapshot": line("snapshot", ""), "hook": line("deploy", ""),
        "revision": line("revision", "echo $EXPECTED_REVISION"), "settle_s": 20,
    });
    shop["post_deploy"] = json!({"probe": line("probe", ""), "window_s": 2, "probes": 2});
    // A notifier has no checkout.
    let own = own.join(" ");
    let all = format!(
        "#!/bin/sh\ncat > /dev/null\nfind {own} -type f -size +0 >> {told}; echo notifier >> {told}\n"
    );
    scripts.push(("look-notifier".to_owned(), all));
    let program = world_path(&told, "look-notifier");
    world.config["notifiers"] =
        json!({"pager": {"command": {"program": program}, "tells": ["done"]}});
    for (name, text) in scripts {
        world.write(&name, &text, 0o755);
    }
    world.write_config();
    let _host = world.serve();
    let view = carry(&world, "Looked around");
    assert_eq!(view["stage"], "done", "{view:#}");
    until("the watch is over and people are told", || {
        let text = std::fs::read_to_string(world.path("told")).unwrap();
        (text.contains("probe") && text.contains("notifier")).then_some(())
    });
    let text = std::fs::read_to_string(world.path("told")).unwrap();
    let mut said: Vec<&str> = text.lines().collect();
    said.sort_unstable();
    said.dedup();
    assert_eq!(
        said,
        [
            "check", "deploy", "notifier", "probe", "revision", "snapshot", "staging"
        ]
    );
}

/// A file beside another one.
fn world_path(beside: &str, name: &str) -> String {
    let folder = std::path::Path::new(beside).parent().unwrap();
    folder.join(name).display().to_string()
}
