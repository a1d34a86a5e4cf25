//! Gates that judge what the host ran itself: coverage, the staging image, probes of production, and the change's
//! own paths.

use std::fs;

use orch_kit::World;
use orch_kit::world::AGENT;
use serde_json::{Value, json};

/// Begins a task and follows it, approving what waits for a person, until `stop` says so.
fn carry(world: &World, title: &str, stop: impl FnMut(&Value) -> bool) -> Value {
    let item = world.begin(title);
    world.follow(&item, stop)
}

fn ended(view: &Value) -> bool {
    view["status"] == "ended" || view["status"] == "blocked"
}

/// Verdicts of an entry: decision and summary.
fn verdicts(view: &Value, entry: &str) -> Vec<(String, String)> {
    let text = |v: &Value, key: &str| v[key].as_str().unwrap_or_default().to_owned();
    view["verdicts"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|v| v["entry"] == entry)
        .map(|v| (text(v, "decision"), text(v, "summary")))
        .collect()
}

fn extra(world: &mut World, gate: &str, stage: &str) {
    world.config["extra_gates"] = json!([{"gate": gate, "stage": stage}]);
    world.write_config();
}

/// Commits how much the tests cover; they leave it as their report.
fn covered(world: &World, percent: &str) {
    let test = "tests/run.sh && cp covered.txt report.txt";
    let config = json!({"ci": {"test": test, "coverage": "report.txt"}}).to_string();
    world.write("seed/.orch.yaml", &config, 0o644);
    world.write("seed/covered.txt", percent, 0o644);
    world.push_seed("What the tests cover");
}

#[test]
fn coverage_that_falls_below_what_landed_before_sends_the_task_back() {
    let mut world = World::new();
    world.config["rules"]["rework_rounds_max"] = json!(1);
    extra(&mut world, "coverage", "deploy-staging");
    covered(&world, "81.5\n");
    let _host = world.serve();
    let first = carry(&world, "First", ended);
    assert_eq!(first["stage"], "done", "{first:#}");
    assert_eq!(verdicts(&first, "coverage")[0].0, "pass");
    // The base itself covers less now, so whatever is built on it does.
    world.git("seed", &["pull", "--quiet", "../shop.git", "main"]);
    world.write("seed/covered.txt", "80.1\n", 0o644);
    world.push_seed("Cover less");
    let second = carry(&world, "Second", ended);
    assert_eq!(second["status"], "blocked", "{second:#}");
    let judged = verdicts(&second, "coverage");
    assert!(
        judged.iter().all(|(decision, _)| decision == "fail"),
        "{judged:?}"
    );
    let findings = second["findings"].as_str().unwrap();
    assert!(
        findings.contains("81.5") && findings.contains("80.1"),
        "{findings}"
    );
}

#[test]
fn ratchet_that_another_landing_moved_is_judged_again_before_the_landing() {
    let mut world = World::new();
    world.config["rules"]["rework_rounds_max"] = json!(1);
    world.call_me("ann", "approver");
    world.config["extra_gates"] = json!([
        {"gate": "coverage", "stage": "review"},
        {"gate": "protected-paths", "stage": "testing", "settings": {"paths": ["*.sh"]}},
    ]);
    world.write_config();
    covered(&world, "70\n");
    let _host = world.serve();
    let held = world.begin("Held");
    let waits = |view: &Value| view["step"] == "protected-paths" && view["status"] == "waiting";
    let approve = |item: &str, view: &Value| {
        if view["status"] == "waiting" || view["status"] == "awaiting-approval" {
            // Refused if an approval before is still on its way: the next look decides.
            world.orch(&["task", "approve", item]);
        }
    };
    let view = world.follow(&held, |view| {
        if !waits(view) {
            approve(&held, view);
        }
        waits(view)
    });
    assert_eq!(verdicts(&view, "coverage").last().unwrap().0, "pass");
    // Meanwhile the base covers more, and a task lands that records it.
    world.write("seed/covered.txt", "90\n", 0o644);
    world.push_seed("Cover more");
    let quick = world.begin("Quick");
    let landed = world.follow(&quick, |view| {
        approve(&quick, view);
        ended(view)
    });
    assert_eq!(landed["stage"], "done", "{landed:#}");
    // Then less again: what the held task would bring to production is below what landed.
    world.git("seed", &["pull", "--quiet", "../shop.git", "main"]);
    world.write("seed/covered.txt", "80\n", 0o644);
    world.push_seed("Cover less");
    let done = world.follow(&held, |view| {
        approve(&held, view);
        ended(view)
    });
    assert_eq!(done["status"], "blocked", "{done:#}");
    let findings = done["findings"].as_str().unwrap();
    assert!(
        findings.contains("90") && findings.contains("80"),
        "{findings}"
    );
    assert!(done["merged_commit"].is_null());
    let log = world.log();
    assert!(log.contains("another landing changed what this gate judged by"));
}

#[test]
fn coverage_that_nobody_measures_takes_no_task_and_names_the_setting_to_make() {
    let mut world = World::new();
    extra(&mut world, "coverage", "deploy-staging");
    let said = world.refused(&["task", "new", "--repo", "shop", "--title", "Unmeasured"]);
    for part in ["could come to its end", "coverage", "ci.coverage"] {
        assert!(said.contains(part), "{part}: {said}");
    }
}

/// A world with a staging image: `label` is its revision, `rebuild` the command that makes it anew.
fn with_image(rebuild: &str) -> World {
    let mut world = World::new();
    let (label, rebuilds) = (world.path("label"), world.path("rebuilds"));
    let rebuild = format!("echo once >> {}; {rebuild}", rebuilds.display());
    world.config["repositories"]["shop"]["staging"]["image"] = json!({
        "label": format!("cat {}", label.display()),
        "rebuild": rebuild.replace("LABEL", &label.display().to_string()),
        "health": "./cart.sh 1",
    });
    world.config["rules"]["rework_rounds_max"] = json!(1);
    world.write("label", "0000000000000000000000000000000000000000", 0o644);
    extra(&mut world, "image-freshness", "deploy-staging");
    world
}

#[test]
fn stale_staging_image_is_rebuilt_once_for_the_commit_and_then_lands() {
    let world = with_image("echo $EXPECTED_REVISION > LABEL");
    let _host = world.serve();
    let view = carry(&world, "Fresh", ended);
    assert_eq!(view["stage"], "done", "{view:#}");
    assert_eq!(verdicts(&view, "image-freshness")[0].0, "pass");
    assert_eq!(
        fs::read_to_string(world.path("rebuilds")).unwrap(),
        "once\n"
    );
    let label = fs::read_to_string(world.path("label")).unwrap();
    assert_eq!(view["merged_commit"], label.trim());
}

#[test]
fn staging_image_that_stays_stale_does_not_land() {
    let world = with_image("true");
    let _host = world.serve();
    let view = carry(&world, "Stale", ended);
    assert_eq!(view["status"], "blocked", "{view:#}");
    assert_eq!(verdicts(&view, "image-freshness")[0].0, "fail");
    assert!(view["merged_commit"].is_null());
    let findings = view["findings"].as_str().unwrap();
    assert!(
        findings.contains("after a rebuild the image says `0000"),
        "{findings}"
    );
}

#[test]
fn image_of_the_very_code_that_lands_is_fresh_and_production_is_given_its_revision() {
    let mut world = with_image("exit 3");
    let label = world.path("label").display().to_string();
    let shop = &mut world.config["repositories"]["shop"];
    shop["staging"]["hook"] = json!(format!("echo $EXPECTED_REVISION > {label}"));
    shop["deploy"]["hook"] = json!(format!("test $EXPECTED_REVISION = $(cat {label})"));
    world.write_config();
    let _host = world.serve();
    let view = carry(&world, "Artefacts only", ended);
    assert_eq!(view["stage"], "done", "{view:#}");
    let (decision, summary) = &verdicts(&view, "image-freshness")[0];
    assert!(
        decision == "pass" && summary.contains("very code"),
        "{summary}"
    );
    let seen = fs::read_to_string(&label).unwrap();
    assert_ne!(view["merged_commit"], seen.trim(), "artefacts came since");
    assert!(
        !world.path("rebuilds").exists(),
        "nothing had to be made anew"
    );
}

/// Carries a task to production, which answers its probes while the file `up` is there.
fn watched(up: bool) -> (World, Value) {
    let mut world = World::new();
    let probe = format!(
        "test -e {} || {{ echo no answer; exit 7; }}",
        world.path("up").display()
    );
    world.config["repositories"]["shop"]["post_deploy"] =
        json!({"probe": probe, "window_s": 1, "probes": 4});
    world.write_config();
    if up {
        world.write("up", "", 0o644);
    }
    let host = world.serve();
    let ended = carry(&world, "Watched", ended);
    let item = ended["work_item"].as_str().unwrap().to_owned();
    let view = orch_kit::until("the probes are judged", || {
        let view = world.task(&item);
        (!verdicts(&view, "post-deploy").is_empty()).then_some(view)
    });
    drop(host);
    (world, view)
}

#[test]
fn probes_after_the_deploy_are_written_down_and_move_nothing() {
    let (world, view) = watched(true);
    assert_eq!(
        (view["stage"].as_str(), view["status"].as_str()),
        (Some("done"), Some("ended"))
    );
    let (decision, summary) = &verdicts(&view, "post-deploy")[0];
    assert_eq!(
        (decision.as_str(), summary.as_str()),
        ("pass", "0 of 4 probes failed")
    );
    let item = view["work_item"].as_str().unwrap();
    let branches = world.git(
        "shop.git",
        &["branch", "--list", "orch-docs/*", "--format=%(refname)"],
    );
    let folder = format!("{}:docs/work-items/{item}", branches.trim());
    let log = world.git(
        "shop.git",
        &["show", &format!("{folder}/16-post-deploy-log.md")],
    );
    for line in [
        "post_deploy_status: HEALTHY",
        "action_taken: ALERT_ONLY",
        "checks_total: 4",
    ] {
        assert!(log.contains(line), "{log}");
    }
    // The earlier log of the deploy is on the same branch.
    world.git("shop.git", &["show", &format!("{folder}/14-deploy-log.md")]);
}

#[test]
fn production_that_does_not_answer_is_alerted_and_the_task_stays_done() {
    let (world, view) = watched(false);
    assert_eq!(view["stage"], "done");
    assert_eq!(verdicts(&view, "post-deploy")[0].0, "fail");
    assert!(
        world.log().contains("production is degraded after"),
        "{}",
        world.log()
    );
}

/// An agent whose developer also weakens a test.
fn weakening(world: &World) {
    let agent = AGENT.replace(
        "done_with \"discounts implemented\"",
        "rm -f tests/old_test.py\n    done_with \"discounts implemented\"",
    );
    assert_ne!(agent, AGENT);
    world.write("agent.sh", &agent, 0o755);
    world.write(
        "seed/tests/old_test.py",
        "def test_one():\n    assert True\n",
        0o644,
    );
    world.push_seed("An old test");
}

#[test]
fn deleted_test_waits_for_a_person_who_is_named_in_the_verdict() {
    let mut world = World::new();
    weakening(&world);
    world.call_me("ann", "approver");
    extra(&mut world, "protected-paths", "review");
    let _host = world.serve();
    let item = world.begin("Weaken");
    let mut refused = None;
    let done = world.follow(&item, |view| {
        if view["status"] == "waiting" && view["step"] == "protected-paths" && refused.is_none() {
            refused = Some(world.refused(&["task", "approve", &item, "--seen", &"0".repeat(40)]));
            let why = view["why"].as_str().unwrap();
            assert!(why.contains("protected"), "{why}");
        }
        if view["status"] == "waiting" || view["status"] == "awaiting-approval" {
            // Refused if an approval before is still on its way: the next look decides.
            world.orch(&["task", "approve", &item]);
        }
        ended(view)
    });
    assert_eq!(done["stage"], "done", "{done:#}");
    let refused = refused.unwrap();
    assert!(refused.contains("has moved since"), "{refused}");
    let judged = verdicts(&done, "protected-paths");
    let (decision, summary) = judged.last().unwrap();
    assert_eq!(decision, "pass");
    assert!(summary.contains("ann"), "{summary}");
}

#[test]
fn gate_that_observes_holds_nobody_up_and_is_counted() {
    let mut world = World::new();
    // Nobody answers it: enforced, the task would wait for ever.
    world.config["extra_gates"] = json!([
        {"gate": "protected-paths", "stage": "testing", "mode": "observe", "settings": {"paths": ["*.sh"]}},
    ]);
    world.write_config();
    let _host = world.serve();
    let view = carry(&world, "Discount", ended);
    assert_eq!(view["stage"], "done", "{view:#}");
    let stats = world.json(&["gate", "stats"]);
    let rows = stats["items"].as_array().unwrap();
    let of = |entry: &str| {
        let row = rows.iter().find(|row| row["entry"] == entry).unwrap();
        let words = ["mode", "proposal"].map(|key| row[key].as_str().unwrap());
        let counts = ["changes", "held", "waited"].map(|key| row[key].as_u64().unwrap());
        (words, counts)
    };
    assert_eq!(of("protected-paths"), (["observe", "watch-on"], [1, 1, 1]));
    assert_eq!(of("merge"), (["enforce", "nothing"], [1, 0, 0]));
    let ran = rows
        .iter()
        .all(|row| row["p50_us"].as_u64() <= row["p99_us"].as_u64());
    assert!(ran, "{stats:#}");
}
