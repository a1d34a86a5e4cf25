//! Forge and tracker are asked again and again: what no notice told is made good, and the host's own doing is no
//! news to it.

use orch_kit::{World, sql, until};
use serde_json::{Value, json};

/// A world that looks every second and waits a second before it acts.
fn world() -> World {
    let mut world = World::new();
    world.config["reconcile"] = json!({"interval_s": 1, "grace_s": 1});
    world.write_config();
    world
}

/// A world whose tasks wait at CI for a status that nobody posts.
fn waiting_at_ci() -> World {
    let world = world();
    world.write(
        "seed/.orch.yaml",
        "ci:\n  test: tests/run.sh\nrequired_contexts: [local/ci, somebody/else]\n",
        0o644,
    );
    world.push_seed("Ask for a second status");
    world
}

fn at_ci(view: &Value) -> bool {
    view["step"] == "ci-green" && view["status"] == "waiting"
}

fn reconcile(world: &World) -> Value {
    world.json(&["queue"])["reconcile"].clone()
}

/// Waits until the reconciler has looked at everything `count` more times.
fn looks(world: &World, count: u64) {
    let of = || reconcile(world)["looks_total"].as_u64().unwrap();
    let before = of();
    until("the reconciler looks", || {
        (of() >= before + count).then_some(())
    });
}

fn made_good(world: &World, what: &str) {
    until(&format!("`{what}` is made good"), || {
        let block = reconcile(world);
        let last = &block["last_made_good"]["what"];
        (block["made_good_total"] == 1 && last == what).then_some(())
    });
}

fn issue(world: &World, item: &str) -> Value {
    let issues = world.json(&["issue", "list", "--all"]);
    let of = |row: &&Value| row["work_item"] == item;
    issues["items"]
        .as_array()
        .unwrap()
        .iter()
        .find(of)
        .unwrap()
        .clone()
}

/// Waits until a person is told something with `what` in it.
fn told(world: &World, what: &str) {
    until(&format!("a person is told of `{what}`"), || {
        let is_it = |line: &str| line.contains("ALERT: ") && line.contains(what);
        world.log().lines().any(is_it).then_some(())
    });
}

#[test]
fn issue_moved_while_no_host_ran_stops_its_task_at_the_next_start() {
    let mut world = world();
    world.call_me("ann", "operator");
    let host = world.serve();
    world.json(&["pause", "lane:agents"]);
    let item = world.begin("Held");
    drop(host);
    world.json(&["issue", "move", &item, "stop"]);
    assert_eq!(issue(&world, &item)["moved_by"], "ann");
    let _host = world.serve();
    until("the task is stopped", || {
        (world.task(&item)["stage"] == "cancelled").then_some(())
    });
    made_good(&world, "stop");
    told(&world, "stop by ann");
    assert_eq!(issue(&world, &item)["state"], "stop");
}

#[test]
fn approval_without_a_notice_is_found_and_counts_once() {
    let mut world = world();
    world.config["people"] = json!({"ann": {"role": "approver"}});
    world.write_config();
    let _host = world.serve();
    let item = world.begin("Approved on the board");
    until("the analysis waits for a person", || {
        (issue(&world, &item)["state"] == "needs-input").then_some(())
    });
    // The tracker has it, and nothing told the host.
    let moved = "INSERT INTO issue_moves (task_id, state, actor, at_ms) \
                 SELECT task_id, 'approved', 'ann', at_ms + 1 FROM issue_moves ORDER BY id DESC LIMIT 1";
    assert_eq!(sql::execute(&world.path("data/orch.db"), moved), 1);
    until("the deploy waits for a person", || {
        (world.task(&item)["status"] == "awaiting-approval").then_some(())
    });
    made_good(&world, "approval");
    looks(&world, 3);
    assert_eq!(world.task(&item)["status"], "awaiting-approval");
    world.json(&["issue", "move", &item, "approved"]);
    until("the task is done", || {
        (world.task(&item)["stage"] == "done").then_some(())
    });
    // A move with its notice is nothing to be made good.
    made_good(&world, "approval");
}

#[test]
fn move_that_asks_for_nothing_or_is_not_allowed_is_put_back_with_the_reason() {
    let mut world = world();
    world.call_me("ann", "approver");
    let _host = world.serve();
    let item = world.begin("Guarded");
    let asked = || issue(&world, &item)["state"] == "needs-input";
    until("the analysis waits for a person", || asked().then_some(()));
    let says = |why: &str, times: usize| {
        until("it says why", || {
            let comments = world.task(&item)["comments"].to_string();
            (comments.matches(why).count() == times && asked()).then_some(())
        });
    };
    // As a tracker has it whose issues others can move too.
    let moves = [
        "INSERT INTO issue_moves (task_id, state, actor, at_ms) \
         SELECT task_id, 'approved', 'bob', at_ms + 1 FROM issue_moves ORDER BY id DESC LIMIT 1",
        "INSERT INTO issue_moves (task_id, state, actor, at_ms) \
         SELECT task_id, 'stop', 'bob', at_ms + 1 FROM issue_moves ORDER BY id DESC LIMIT 1",
    ];
    for (before, moved) in moves.into_iter().enumerate() {
        assert_eq!(sql::execute(&world.path("data/orch.db"), moved), 1);
        says("`bob` is nobody whom the host knows", before + 1);
    }
    world.json(&["issue", "move", &item, "done"]);
    says("the host moves issues", 1);
    assert_eq!(world.task(&item)["stage"], "analysis");
    world.json(&["issue", "move", &item, "approved"]);
    until("the task goes on", || {
        (world.task(&item)["stage"] != "analysis").then_some(())
    });
    let said = world.refused(&["issue", "move", &item, "started"]);
    assert!(
        said.contains("`started`") && said.contains("in-progress"),
        "{said}"
    );
}

#[test]
fn nothing_that_the_host_does_itself_is_news_to_it() {
    let world = world();
    let _host = world.serve();
    let item = world.begin("Undisturbed");
    let done = world.follow(&item, |view| view["status"] == "ended");
    assert_eq!(done["stage"], "done");
    looks(&world, 3);
    let block = reconcile(&world);
    assert_eq!(block["made_good_total"], 0, "{block:#}");
    assert_eq!(block["failing"], json!({}), "{block:#}");
    assert!(!done["comments"].to_string().contains("not carried out"));
}

#[test]
fn push_by_somebody_else_restarts_at_ci_though_nothing_told_the_host() {
    let world = waiting_at_ci();
    let _host = world.serve();
    let item = world.begin("Pushed over");
    let view = world.follow(&item, at_ci);
    looks(&world, 3);
    assert_eq!(reconcile(&world)["made_good_total"], 0);
    let branch = view["branch"].as_str().unwrap();
    world.git(
        ".",
        &["clone", "--quiet", "--branch", branch, "shop.git", "ann"],
    );
    world.write("ann/README.md", "# Cart, by Ann\n", 0o644);
    let who = ["-c", "user.name=Ann", "-c", "user.email=ann@orch.invalid"];
    let commit = ["commit", "--quiet", "--all", "-m", "Say more"];
    world.git("ann", &[&who[..], &commit[..]].concat());
    world.git("ann", &["push", "--quiet", "origin", branch]);
    let pushed = world.git("ann", &["rev-parse", "HEAD"]);
    made_good(&world, "branch-moved");
    let view = until("the new commit is tested", || {
        let view = world.task(&item);
        let tested = "SELECT sha FROM commit_statuses WHERE state = 'success'";
        let tested = sql::column(&world.path("data/orch.db"), tested);
        (view["head"] == pushed.as_str() && tested.contains(&pushed)).then_some(view)
    });
    assert_eq!(view["stage"], "development");
    assert!(view["comments"].to_string().contains(&pushed), "{view:#}");
    told(&world, &pushed);
}

#[test]
fn branch_that_is_gone_blocks_its_task_which_is_then_left_alone() {
    let world = waiting_at_ci();
    let _host = world.serve();
    let item = world.begin("Unbranched");
    let view = world.follow(&item, at_ci);
    let (branch, head) = (
        view["branch"].as_str().unwrap(),
        view["head"].as_str().unwrap(),
    );
    let name = format!("refs/heads/{branch}");
    // Kept under another name, as somebody's clone would have it.
    world.git("shop.git", &["update-ref", "refs/keep/it", head]);
    world.git("shop.git", &["update-ref", "-d", &name]);
    let blocked = until("the task is blocked", || {
        let view = world.task(&item);
        (view["status"] == "blocked").then_some(view)
    });
    let why = blocked["why"].as_str().unwrap();
    assert!(why.contains(branch) && why.contains(head), "{why}");
    looks(&world, 3);
    assert_eq!(world.task(&item)["updated"], blocked["updated"]);
    world.git("shop.git", &["update-ref", &name, head]);
    world.json(&["task", "resume", &item]);
    until("it waits again", || at_ci(&world.task(&item)).then_some(()));
    looks(&world, 3);
    assert_eq!(reconcile(&world)["made_good_total"], 1);
}

#[test]
fn step_whose_job_is_lost_begins_anew_though_another_repository_is_broken() {
    let mut world = world();
    world.git("seed", &["clone", "--quiet", "--bare", ".", "../other.git"]);
    let mut other = world.config["repositories"]["shop"].clone();
    other["path"] = json!("other.git");
    other["prefix"] = json!("OTHER");
    world.config["repositories"]["other"] = other;
    world.write_config();
    let _host = world.serve();
    world.json(&["pause", "lane:agents"]);
    world.json(&["task", "new", "--repo", "other", "--title", "Poisoned"]);
    let item = world.begin("Lost");
    std::fs::remove_dir_all(world.path("other.git")).expect("it is there");
    let lost = "DELETE FROM jobs WHERE task_id = (SELECT id FROM tasks WHERE repo = 'shop')";
    assert_eq!(sql::execute(&world.path("data/orch.db"), lost), 1);
    made_good(&world, "job-lost");
    let failing = reconcile(&world)["failing"].clone();
    let why = failing["forge:other"].as_str().unwrap_or_default();
    assert!(why.contains("`other`"), "{failing:#}");
    world.json(&["unpause", "lane:agents"]);
    let done = world.follow(&item, |view| view["status"] == "ended");
    assert_eq!(done["stage"], "done");
    assert_eq!(reconcile(&world)["made_good_total"], 1);
}

#[test]
fn test_that_nobody_runs_is_asked_for_again() {
    let world = world();
    let _host = world.serve();
    let item = world.begin("Untested");
    world.json(&["pause", "lane:effects"]);
    world.follow(&item, at_ci);
    let lost = "DELETE FROM jobs WHERE kind = 'ci'";
    assert_eq!(sql::execute(&world.path("data/orch.db"), lost), 1);
    world.json(&["unpause", "lane:effects"]);
    made_good(&world, "ci");
    let done = world.follow(&item, |view| view["status"] == "ended");
    assert_eq!(done["stage"], "done");
}

#[test]
fn reconciler_that_is_switched_off_touches_nothing() {
    let mut world = world();
    world.config["reconcile"] = json!({"enabled": false});
    world.write_config();
    let _host = world.serve();
    let item = world.begin("By itself");
    let done = world.follow(&item, |view| view["status"] == "ended");
    assert_eq!(done["stage"], "done");
    let block = reconcile(&world);
    assert_eq!(
        (&block["enabled"], &block["looks_total"]),
        (&json!(false), &json!(0))
    );
}
