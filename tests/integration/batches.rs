//! Tasks that wait for one base are prepared, tested and landed together, or told apart.

use std::fs;
use std::process::Command;

use orch_kit::world::Orch;
use orch_kit::{World, sql, until};
use serde_json::{Value, json};

/// Writes one file for each task. A title with `Bad` has tests fail that its own round before landing does not run;
/// one with `Clash` writes what another of its kind writes otherwise.
const DEVELOPER: &str = r#"#!/bin/sh
set -eu
prompt=$(cat)
mkdir -p work
echo "$ORCH_WORK_ITEM, $ORCH_ATTEMPT" > "work/$ORCH_WORK_ITEM"
rm -f BAD
case "$prompt" in
*Bad*) [ "$ORCH_ATTEMPT" != 1 ] || touch BAD ;;
*Clash*) echo "$ORCH_WORK_ITEM" > shared ;;
esac
printf '%s' "$prompt" > "$PROMPTS/$ORCH_WORK_ITEM-$ORCH_ATTEMPT"
echo '{"is_error":false,"result":"done","total_cost_usd":0.0}'
"#;

/// A world in which a task is developed, approved and landed, and nothing else. Its tests write down of how many tasks
/// the tested commit has work, and can be held.
fn world() -> World {
    let mut world = World::new();
    // The tests write outside of their checkout, which the sandbox would not let them.
    world.config["sandbox"] = json!({"mode": "off"});
    world.config["concurrency"] = json!({"agents": 4, "gates": 4, "effects": 4});
    world.config["reconcile"] = json!({"interval_s": 1, "grace_s": 1});
    world.config["pipeline"] = json!({
        "analysis": [], "architecture": [], "review": [], "testing": [], "deploy": [],
        "development": ["run developer"],
        "deploy-staging": ["approval", "work merge-prepare", "gate merge", "work land"],
    });
    world.write_config();
    let developer = DEVELOPER.replace("$PROMPTS", &world.path("").display().to_string());
    world.write("agent.sh", &developer, 0o755);
    let (hold, tests) = (world.path("hold"), world.path("tests"));
    // What others pushed meanwhile has a hold of its own.
    let test = format!(
        "ls work | wc -l >> {}; pushed=$(ls NOTES* 2>/dev/null | wc -l | tr -d ' '); \
         while [ -e {}$pushed ]; do sleep 0.05; done; test ! -e BAD",
        tests.display(),
        hold.display()
    );
    let text = json!({"ci": {"test": test}}).to_string();
    world.write("seed/.orch.yaml", &text, 0o644);
    world.push_seed("Tests that can be held");
    world
}

/// How many tasks had work in each commit that was tested since `skip` runs.
fn tests_since(world: &World, skip: usize) -> Vec<usize> {
    let text = fs::read_to_string(world.path("tests")).unwrap_or_default();
    let counts = text
        .lines()
        .map(|line| line.trim().parse().expect("a number"));
    counts.skip(skip).collect()
}

fn runs(world: &World) -> usize {
    tests_since(world, 0).len()
}

/// Tasks of these titles, all approved while no host is there, so that they wait together.
fn ready(world: &World, titles: &[&str]) -> Vec<String> {
    let items: Vec<String>;
    {
        let _host = world.serve();
        items = titles.iter().map(|title| world.begin(title)).collect();
        for item in &items {
            until("it waits for approval", || {
                (world.task(item)["status"] == "awaiting-approval").then_some(())
            });
        }
        until("every pushed commit is tested", || {
            let live = "SELECT count(*) || '' FROM jobs WHERE kind = 'ci' AND state <> 'done'";
            (sql::column(&world.path("data/orch.db"), live) == ["0"]).then_some(())
        });
    }
    for item in &items {
        world.json(&["task", "approve", item]);
    }
    items
}

fn ended(world: &World, item: &str) -> Value {
    world.follow(item, |view| view["status"] == "ended")
}

/// Follows tasks to their landing; each is in the base with a run of the tests that tells of it.
fn landed(world: &World, items: &[String]) -> Vec<Value> {
    let views: Vec<Value> = items.iter().map(|item| ended(world, item)).collect();
    for view in &views {
        let tell = format!("{view:#}\n{}", world.log());
        assert_eq!(view["stage"], "done", "{tell}");
        let commit = view["merged_commit"].as_str().expect(&tell);
        world.git("shop.git", &["merge-base", "--is-ancestor", commit, "main"]);
        // Each landed as the last of its own commits.
        let item = view["work_item"].as_str().expect("an item");
        let work = world.git("shop.git", &["show", &format!("{commit}:work/{item}")]);
        assert!(work.starts_with(item), "{work}");
        let batch = &view["batch"];
        let tip = batch["tip"].as_str();
        if batch["state"] == "landed" && batch["part"] == "ready" {
            assert_eq!(tip, Some(commit), "{tell}");
            assert!(passes_with(batch), "{tell}");
        }
    }
    views
}

/// Whether a green run was of a commit with the task's own in it.
fn passes_with(batch: &Value) -> bool {
    let runs = batch["runs"].as_array().expect("runs");
    let with = |run: &&Value| run["first"].as_u64() >= batch["position"].as_u64();
    runs.iter().filter(with).any(|run| run["passed"] == true)
}

/// Who a task's batch was formed of, the lowest of the stack first.
fn members(view: &Value) -> Vec<String> {
    let members = view["batch"]["members"].as_array().expect("a batch");
    let names = members.iter().map(|name| name.as_str().expect("a name"));
    names.map(str::to_owned).collect()
}

fn batch_of(view: &Value) -> Option<i64> {
    view["batch"]["id"].as_i64()
}

#[test]
fn tasks_that_wait_land_by_one_run_of_the_tests_without_the_one_that_conflicts() {
    let world = world();
    let items = ready(&world, &["One", "Clash", "Clash too", "Two", "Three"]);
    let before = runs(&world);
    let _host = world.serve();
    let together: Vec<String> = [0, 1, 3, 4].map(|at| items[at].clone()).into();
    let views = landed(&world, &together);
    let batch = batch_of(&views[0]);
    for view in &views {
        assert_eq!((batch_of(view), &view["rework_rounds"]), (batch, &json!(0)));
        assert_eq!(members(view), together, "{view:#}");
    }
    // What it conflicts with is in the base now, and so it learns of it when its own turn comes.
    let late = ended(&world, &items[2]);
    assert_eq!(
        (&late["stage"], &late["rework_rounds"]),
        (&json!("done"), &json!(1))
    );
    let prompt = fs::read_to_string(world.path(&format!("{}-2", items[2]))).expect("a prompt");
    assert!(prompt.contains("conflicts with"), "{prompt}");
    let tests = tests_since(&world, before);
    let of_four = tests.iter().filter(|count| **count == 4).count();
    assert_eq!(of_four, 1, "one run for the four: {tests:?}");
    let shown = world.orch(&["task", "show", &together[1]]);
    let shown = String::from_utf8_lossy(&shown.stdout).into_owned();
    assert!(shown.contains("the first 4 passed together as"), "{shown}");
}

#[test]
fn bad_one_of_ten_alone_goes_back_and_all_land_by_at_most_seven_runs_of_the_tests() {
    let world = world();
    let titles = ["1", "2", "3", "4", "5", "Bad", "7", "8", "9", "10"];
    let items = ready(&world, &titles);
    let before = runs(&world);
    let _host = world.serve();
    let good: Vec<String> = (0..10)
        .filter(|at| *at != 5)
        .map(|at| items[at].clone())
        .collect();
    for view in landed(&world, &good) {
        assert_eq!(view["rework_rounds"], 0, "{view:#}");
    }
    let tests = tests_since(&world, before);
    // Commits with work of one task alone are those of its own rounds.
    let of_batches = tests.iter().filter(|count| **count > 1).count();
    assert!(of_batches <= 7, "{tests:?}");
    let bad = world.follow(&items[5], |view| {
        view["rework_rounds"] == 1 && view["status"] == "awaiting-approval"
    });
    assert_eq!(bad["batch"]["part"], "bad", "{bad:#}");
    let prompt = fs::read_to_string(world.path(&format!("{}-2", items[5]))).expect("a prompt");
    assert!(
        prompt.contains("which are about to land before it and pass without it"),
        "{prompt}"
    );
    let views = landed(&world, &items[5..6]);
    assert_eq!(views[0]["rework_rounds"], 1, "{views:#?}");
}

#[test]
fn bad_leader_alone_goes_back_and_those_it_led_land_without_it() {
    let world = world();
    let items = ready(&world, &["Bad", "Two", "Three", "Four"]);
    let _host = world.serve();
    let views = landed(&world, &items[1..]);
    for view in &views {
        assert_eq!(view["rework_rounds"], 0, "{view:#}");
        assert_eq!(members(view), items[1..], "{view:#}");
    }
    let bad = world.follow(&items[0], |view| {
        view["rework_rounds"] == 1 && view["status"] == "awaiting-approval"
    });
    assert_eq!(bad["batch"]["part"], "bad", "{bad:#}");
    assert_eq!(members(&bad), items, "it led all of them: {bad:#}");
    let why = &bad["batch"]["why"];
    assert_eq!(*why, "first-bad", "{bad:#}");
    let views = landed(&world, &items[..1]);
    assert_eq!(views[0]["rework_rounds"], 1, "{views:#?}");
}

/// Moves an issue to `stop` in the tracker alone: nothing tells the host.
const STOP_UNHEARD: &str = "INSERT INTO issue_moves (task_id, state, actor, at_ms) \
    SELECT task_id, 'stop', 'ann', at_ms + 1 FROM issue_moves \
    WHERE task_id = (SELECT id FROM tasks WHERE title = 'Stopped') ORDER BY id DESC LIMIT 1";

/// A world in which the host looks at its tracker at its start, and then not for an hour.
fn deaf_world() -> World {
    let mut world = world();
    world.config["people"] = json!({"ann": {"role": "approver"}});
    world.config["reconcile"] = json!({"interval_s": 3600, "grace_s": 3600});
    world.write_config();
    world
}

/// Waits until the host has looked at its tracker once.
fn looked(world: &World) {
    until("the tracker was looked at", || {
        let looks = world.json(&["queue"])["reconcile"]["looks_total"].as_u64();
        (looks >= Some(1)).then_some(())
    });
}

#[test]
fn stop_of_an_issue_before_the_landing_wins_though_no_notice_told_the_host() {
    let world = deaf_world();
    let items = ready(&world, &["Stopped"]);
    let base = world.git("shop.git", &["rev-parse", "main"]);
    let before = runs(&world);
    world.write("hold0", "", 0o644);
    // What would land is another commit than the one that was tested.
    world.write("seed/MOVED", "Elsewhere\n", 0o644);
    world.push_seed("Move the base on before");
    let moved = world.git("shop.git", &["rev-parse", "main"]);
    assert_ne!(base, moved);
    let _host = world.serve();
    looked(&world);
    until("it is tested before its landing", || {
        (runs(&world) > before).then_some(())
    });
    assert_eq!(sql::execute(&world.path("data/orch.db"), STOP_UNHEARD), 1);
    fs::remove_file(world.path("hold0")).expect("held");
    let view = ended(&world, &items[0]);
    assert_eq!(view["stage"], "cancelled", "{view:#}");
    assert_eq!(world.git("shop.git", &["rev-parse", "main"]), moved);
}

#[test]
fn stop_of_a_members_issue_before_the_landing_keeps_it_out_and_the_others_land() {
    let world = deaf_world();
    let (items, _host) = held(&world, &["One", "Stopped", "Three"]);
    looked(&world);
    assert_eq!(sql::execute(&world.path("data/orch.db"), STOP_UNHEARD), 1);
    fs::remove_file(world.path("hold0")).expect("held");
    let view = ended(&world, &items[1]);
    assert_eq!(view["stage"], "cancelled", "{view:#}");
    for view in landed(&world, &[items[0].clone(), items[2].clone()]) {
        assert_eq!(view["rework_rounds"], 0, "{view:#}");
    }
    let work = world.git("shop.git", &["ls-tree", "-r", "--name-only", "main"]);
    assert!(!work.contains(&format!("work/{}", items[1])), "{work}");
}

/// Holds the tests of the next batch and waits for the first of them.
fn held(world: &World, titles: &[&str]) -> (Vec<String>, Orch) {
    let items = ready(world, titles);
    let before = runs(world);
    world.write("hold0", "", 0o644);
    let host = world.serve();
    until("the batch is tested", || {
        (tests_since(world, before).last() == Some(&items.len())).then_some(())
    });
    (items, host)
}

#[test]
fn base_that_is_pushed_to_during_the_test_of_a_batch_has_it_tested_again_on_top() {
    let world = world();
    let (items, _host) = held(&world, &["One", "Two", "Three"]);
    let first = batch_of(&world.task(&items[0]));
    world.write("seed/NOTES.md", "Elsewhere\n", 0o644);
    world.push_seed("Move the base on under the batch");
    fs::remove_file(world.path("hold0")).expect("held");
    let views = landed(&world, &items);
    let second = batch_of(&views[0]);
    assert_ne!(first, second, "formed anew");
    for view in &views {
        assert_eq!(
            (batch_of(view), &view["rework_rounds"]),
            (second, &json!(0))
        );
        assert_eq!(view["batch"]["state"], "landed", "{view:#}");
    }
    let notes = world.git("shop.git", &["show", "main:NOTES.md"]);
    assert_eq!(notes, "Elsewhere", "what was pushed meanwhile is there");
    let why = "SELECT state || ' ' || coalesce(why, '') FROM merge_batches ORDER BY id";
    let states = sql::column(&world.path("data/orch.db"), why);
    assert_eq!(states, ["dissolved base-moved", "landed "]);
}

#[test]
fn member_that_is_stopped_and_one_that_is_pushed_to_leave_and_the_others_land() {
    let world = world();
    let (items, _host) = held(&world, &["One", "Stopped", "Pushed", "Four"]);
    world.json(&["task", "stop", &items[1]]);
    let branch = world.task(&items[2])["branch"]
        .as_str()
        .expect("a branch")
        .to_owned();
    world.git("seed", &["fetch", "--quiet", "../shop.git", &branch]);
    world.git("seed", &["checkout", "--quiet", "--detach", "FETCH_HEAD"]);
    world.write("seed/theirs", "by a person\n", 0o644);
    world.commit_seed("A person's own");
    world.git(
        "seed",
        &["push", "--quiet", "../shop.git", &format!("HEAD:{branch}")],
    );
    until("the stop is carried out and the push is seen", || {
        let pushed = world.task(&items[2]);
        let seen = pushed["status"] == "awaiting-approval";
        (seen && world.task(&items[1])["stage"] == "cancelled").then_some(())
    });
    fs::remove_file(world.path("hold0")).expect("held");
    let views = landed(&world, &[items[0].clone(), items[3].clone()]);
    for view in &views {
        assert_eq!(
            (&view["rework_rounds"], &view["batch"]["state"]),
            (&json!(0), &json!("landed"))
        );
        // Whoever held the lease when the others were let go stands first.
        let mut together = members(view);
        together.sort_unstable();
        assert_eq!(together, [items[0].clone(), items[3].clone()]);
    }
    for gone in [&items[1], &items[2]] {
        let work = format!("main:work/{gone}");
        let git = Command::new("git")
            .arg("-C")
            .arg(world.path("shop.git"))
            .args(["cat-file", "-e", &work])
            .output();
        assert!(!git.expect("git runs").status.success(), "{gone} landed");
    }
    // What the person pushed lands when it is approved.
    let views = landed(&world, &items[2..3]);
    let commit = views[0]["merged_commit"].as_str().expect("a commit");
    world.git("shop.git", &["cat-file", "-e", &format!("{commit}:theirs")]);
}

#[test]
fn host_that_is_killed_during_the_test_of_a_batch_goes_on_with_the_same_batch() {
    let world = world();
    let (items, host) = held(&world, &["One", "Two", "Three"]);
    let before = batch_of(&world.task(&items[0]));
    drop(host);
    fs::remove_file(world.path("hold0")).expect("held");
    let _host = world.serve();
    for view in landed(&world, &items) {
        assert_eq!(
            (batch_of(&view), &view["rework_rounds"]),
            (before, &json!(0))
        );
    }
}

/// Has the host abort at a crash point in the landing of a batch of three, and starts another.
fn crashed_at(point: &str) -> (World, Vec<String>, String) {
    let world = world();
    let items = ready(&world, &["One", "Two", "Three"]);
    let base = world.git("shop.git", &["rev-parse", "main"]);
    let mut command = world.command(&["serve"]);
    command.env("ORCH_CRASH_AT", point);
    let host = world.serve_by(command);
    until("the host is gone", || {
        let stat = fs::read_to_string(format!("/proc/{}/stat", host.id())).unwrap_or_default();
        (stat.is_empty() || stat.contains(") Z ")).then_some(())
    });
    drop(host);
    (world, items, base)
}

#[test]
fn host_that_is_killed_between_the_branches_of_a_batch_lands_all_of_it_once() {
    let (world, items, base) = crashed_at("push: after#2");
    assert_eq!(world.git("shop.git", &["rev-parse", "main"]), base);
    let _host = world.serve();
    let views = landed(&world, &items);
    assert_eq!(views[2]["batch"]["state"], "landed", "{:#}", views[2]);
}

#[test]
fn host_that_is_killed_when_the_base_has_just_moved_knows_that_all_of_the_batch_landed() {
    // Two of the three are stacked on others, each by a ref of its own; then the base moves.
    let (world, items, base) = crashed_at("ref: after#3");
    let tip = world.git("shop.git", &["rev-parse", "main"]);
    assert_ne!(tip, base, "the base has moved");
    let tested = runs(&world);
    let _host = world.serve();
    let views = landed(&world, &items);
    let last = views.iter().find(|view| view["batch"]["position"] == 3);
    assert_eq!(last.map(|view| &view["merged_commit"]), Some(&json!(tip)));
    assert_eq!(world.git("shop.git", &["rev-parse", "main"]), tip);
    for view in &views {
        assert_eq!(view["batch"]["state"], "landed", "{view:#}");
    }
    assert_eq!(runs(&world), tested, "nothing was tested again");
}

/// Pushes the seed's commit to a branch; answers what git says if it is refused.
fn pushed(world: &World, branch: &str) -> Result<(), String> {
    let done = Command::new("git")
        .arg("-C")
        .arg(world.path("seed"))
        .args(["push", "--quiet", "../shop.git", &format!("HEAD:{branch}")])
        .output()
        .expect("git runs");
    match done.status.success() {
        true => Ok(()),
        false => Err(String::from_utf8_lossy(&done.stderr).into_owned()),
    }
}

#[test]
fn base_that_moves_in_every_run_is_held_once_and_let_go_with_the_landing() {
    let mut world = world();
    world.config["merge"] = json!({"hold_s": 600});
    world.write_config();
    let (items, _host) = held(&world, &["One", "Two"]);
    world.write("hold1", "", 0o644);
    world.write("seed/NOTES.md", "Elsewhere\n", 0o644);
    world.push_seed("Move the base on under the batch");
    let before = runs(&world);
    fs::remove_file(world.path("hold0")).expect("held");
    until("it is tested again", || {
        (runs(&world) > before).then_some(())
    });
    world.write("seed/MORE.md", "And again\n", 0o644);
    world.commit_seed("Move the base on once more");
    let refused = pushed(&world, "main").expect_err("the base is held");
    let told = refused.contains("`main` is held for at most") && refused.contains("is tested");
    assert!(told, "{refused}");
    pushed(&world, "elsewhere").expect("other branches are not held");
    fs::remove_file(world.path("hold1")).expect("held");
    for view in landed(&world, &items) {
        assert_eq!(view["batch"]["state"], "landed", "{view:#}");
    }
    assert_eq!(runs(&world), before + 1, "no run was lost any more");
    world.git("seed", &["fetch", "--quiet", "../shop.git", "main"]);
    world.git("seed", &["reset", "--quiet", "--hard", "FETCH_HEAD"]);
    world.write("seed/MORE.md", "And again\n", 0o644);
    world.commit_seed("Move the base on at last");
    pushed(&world, "main").expect("the base is let go");
}
