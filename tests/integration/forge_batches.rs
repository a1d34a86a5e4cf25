//! Tasks that wait for one base on a forge whose CI says what lands: they are tested together by one run of it, or told
//! apart, and nothing is left behind there.

use std::fs;

use orch_kit::forgejo::{CiRun, Forgejo, Hooks};
use orch_kit::{Orch, World, sql, until};
use serde_json::{Value, json};
use tokio::runtime::Runtime;

use crate::forge::{Forge, forge_with, requests_are_noted};

/// Where batches are shown to others.
pub(crate) const BATCHES: &str = "orch/batch/";

/// Writes one file for each task. What a title with `Bad` does is red together with the others' too.
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

pub(crate) struct Site {
    pub(crate) world: World,
    pub(crate) fake: Forgejo,
    _runtime: Runtime,
}

/// A forge on which a task is developed, approved and landed, and nothing else. Its CI has to say something of what lands;
/// no webhook tells the host anything. `own` is a test of the host's own, if it has one.
fn site(own: Option<&str>, set: impl FnOnce(&Forgejo)) -> (Site, Orch) {
    let required = match own {
        Some(test) => json!({"ci": {"test": test}, "required_contexts": ["orch/ci", "their/ci"]}),
        None => json!({"required_contexts": ["their/ci"]}),
    };
    site_of(&required, set)
}

/// [`site`], with what its `.orch.yaml` says.
pub(crate) fn site_of(required: &Value, set: impl FnOnce(&Forgejo)) -> (Site, Orch) {
    let Forge {
        world,
        fake,
        host,
        runtime,
    } = forge_with(
        |world| {
            world.config["sandbox"] = json!({"mode": "off"});
            world.config["concurrency"] = json!({"agents": 4, "gates": 4, "effects": 4});
            world.config["merge"] = json!({"batch": 10});
            world.config["pipeline"] = json!({
                "analysis": [], "architecture": [], "review": [], "testing": [], "deploy": [],
                "development": ["run developer"],
                "deploy-staging": ["approval", "work merge-prepare", "gate merge", "work land"],
            });
            let tests = world.path("tests").display().to_string();
            let required = required.to_string().replace("$TESTS", &tests);
            let developer = DEVELOPER.replace("$PROMPTS", &world.path("").display().to_string());
            world.write("agent.sh", &developer, 0o755);
            world.write("seed/.orch.yaml", &required, 0o644);
            world.commit_seed("Ask for a status of their CI");
            push_base(world);
        },
        |fake| {
            fake.rule(|rules| rules.hooks = Hooks::Lost);
            fake.start_ci("their/ci");
            set(fake);
        },
    );
    let site = Site {
        world,
        fake,
        _runtime: runtime,
    };
    (site, host)
}

/// A person puts what the seed has onto the base.
pub(crate) fn push_base(world: &World) {
    world.git(
        "seed",
        &["push", "--quiet", "../forge/acme/shop.git", "HEAD:main"],
    );
}

/// Tasks of these titles, all approved while no host is there, so that they wait together.
pub(crate) fn ready(site: &Site, host: Orch, titles: &[&str]) -> Vec<String> {
    let Site { world, .. } = site;
    let items: Vec<String> = titles.iter().map(|title| world.begin(title)).collect();
    for item in &items {
        until("it waits for approval", || {
            (world.task(item)["status"] == "awaiting-approval").then_some(())
        });
    }
    requests_are_noted(world, items.len());
    drop(host);
    for item in &items {
        world.json(&["task", "approve", item]);
    }
    items
}

/// Follows tasks to their landing. The base had each of their commits by a run of their CI that passed with it.
pub(crate) fn landed(site: &Site, items: &[String]) -> Vec<Value> {
    let Site { world, fake, .. } = site;
    let follow = |item: &String| world.follow(item, |view| view["status"] == "ended");
    let views: Vec<Value> = items.iter().map(follow).collect();
    for view in &views {
        let tell = format!("{view:#}\n{}", world.log());
        assert_eq!(view["stage"], "done", "{tell}");
        let commit = view["merged_commit"].as_str().expect(&tell);
        world.git(
            "forge/acme/shop.git",
            &["merge-base", "--is-ancestor", commit, "main"],
        );
        let batch = &view["batch"];
        if batch["state"] == "landed" && batch["part"] == "ready" {
            assert_eq!(batch["tip"], *commit, "{tell}");
            let runs = batch["runs"].as_array().expect("runs");
            let with = |run: &&Value| {
                run["passed"] == true && run["first"].as_u64() >= batch["position"].as_u64()
            };
            let pass = runs.iter().find(with).expect(&tell);
            let tested = pass["commit"].as_str().expect("a commit");
            let said = fake.statuses(tested);
            let green = ("their/ci".to_owned(), "success".to_owned());
            assert!(said.contains(&green), "{said:?}\n{tell}");
        }
    }
    until("the pull requests are told, and no branch is left", || {
        let told = (1..=fake.pulls() as u64).filter(|n| fake.pull(*n).0 != "open");
        (told.count() >= items.len() && fake.branches(BATCHES).is_empty()).then_some(())
    });
    views
}

/// The commits of batches that their CI took up.
fn runs(site: &Site) -> Vec<CiRun> {
    site.fake.ci_runs(BATCHES)
}

/// Waits until the CI works on so many commits of batches.
fn taken_up(site: &Site, count: usize) -> Vec<CiRun> {
    until("their CI works on a batch", || {
        (runs(site).len() == count).then(|| runs(site))
    })
}

#[test]
fn tasks_that_wait_land_as_the_commit_that_one_run_of_the_forges_ci_was_green_on() {
    let (site, host) = site(None, |_| {});
    let items = ready(&site, host, &["One", "Clash", "Two", "Clash too"]);
    let before = site.fake.pulls();
    let _host = site.world.serve();
    let views = landed(&site, &items[..3]);
    let first = views[0]["batch"]["id"].clone();
    for view in &views {
        assert_eq!(
            (&view["batch"]["id"], &view["rework_rounds"]),
            (&first, &json!(0))
        );
        let verdict = view["verdicts"].to_string();
        assert!(verdict.contains("the host has no test to run"), "{verdict}");
    }
    let runs = runs(&site);
    assert_eq!(runs.len(), 1, "{runs:?}");
    let merged = views[2]["merged_commit"].as_str();
    assert_eq!(merged, Some(runs[0].commit.as_str()), "the tested commit");
    assert_eq!(site.fake.pulls(), before, "no pull request of a batch");
    // What it conflicts with is in the base now: it is told when its own turn comes.
    let late = site
        .world
        .follow(&items[3], |view| view["rework_rounds"] == 1);
    assert_eq!(late["rework_rounds"], 1);
}

#[test]
fn task_alone_lands_as_the_commit_that_the_forges_ci_saw_first_with_what_the_host_wrote() {
    let (site, host) = site(None, |_| {});
    let items = ready(&site, host, &["One"]);
    let _host = site.world.serve();
    let views = landed(&site, &items);
    let runs = site.fake.ci_runs("orch/");
    assert_eq!(runs.len(), 1, "{runs:?}");
    assert_eq!(views[0]["merged_commit"], runs[0].commit);
    let folder = format!("main:docs/work-items/{}", items[0]);
    let files = site
        .world
        .git("forge/acme/shop.git", &["ls-tree", "--name-only", &folder]);
    assert_eq!(files, "00-business-request.md");
}

#[test]
fn bad_one_of_ten_is_told_by_the_forges_ci_and_nine_land_by_at_most_six_runs() {
    let (site, host) = site(None, |_| {});
    let titles = ["1", "2", "3", "4", "5", "6", "Bad", "8", "9", "10"];
    let items = ready(&site, host, &titles);
    let _host = site.world.serve();
    let good: Vec<String> = (0..10)
        .filter(|at| *at != 6)
        .map(|at| items[at].clone())
        .collect();
    let bad = site.world.follow(&items[6], |view| {
        view["rework_rounds"] == 1 && view["status"] == "awaiting-approval"
    });
    assert_eq!(bad["batch"]["part"], "bad", "{bad:#}");
    let prompt = fs::read_to_string(site.world.path(&format!("{}-2", items[6]))).expect("a prompt");
    assert!(
        prompt.contains("which are about to land before it and pass without it")
            && prompt.contains("red is their/ci"),
        "{prompt}"
    );
    for view in landed(&site, &good) {
        assert_eq!(view["rework_rounds"], 0, "{view:#}");
    }
    let runs = runs(&site);
    assert!(runs.len() <= 6, "{runs:?}");
}

#[test]
fn host_that_is_killed_while_their_ci_works_goes_on_with_the_same_batch_and_tests_nothing_twice() {
    // How many tasks have work in each commit that the host tests itself.
    let own = "ls work | wc -l >> \"$TESTS\"";
    let (site, host) = site(Some(own), |fake| fake.hold_ci(BATCHES));
    let items = ready(&site, host, &["One", "Two", "Three"]);
    let host = site.world.serve();
    let taken = taken_up(&site, 1);
    let id = |item: &String| site.world.task(item)["batch"]["id"].clone();
    let before = id(&items[0]);
    until("its own tests of the batch have passed", || {
        let why = "SELECT count(*) || '' FROM evidence WHERE name = 'tests/batch'";
        (sql::column(&site.world.path("data/orch.db"), why) == ["1"]).then_some(())
    });
    drop(host);
    let _host = site.world.serve();
    site.fake.release_ci();
    for view in landed(&site, &items) {
        assert_eq!(view["batch"]["id"], before, "{view:#}");
    }
    assert_eq!(runs(&site), taken, "one run of their CI");
    let tested = fs::read_to_string(site.world.path("tests")).expect("it was tested");
    let whole = tested.lines().filter(|line| line.trim() == "3").count();
    assert_eq!(whole, 1, "one run of its own tests: {tested}");
}

#[test]
fn member_whose_pull_request_a_person_closes_or_aims_elsewhere_while_their_ci_works_does_not_land()
{
    let (site, host) = site(None, |fake| fake.hold_ci(BATCHES));
    let items = ready(&site, host, &["One", "Two", "Three"]);
    let Site { world, fake, .. } = &site;
    let number = |item: &String| {
        let is_it = |n: &u64| fake.pull_text(*n).0.starts_with(&format!("{item}:"));
        (1..=fake.pulls() as u64).find(is_it).expect("it is open")
    };
    let (shut, aimed) = (number(&items[1]), number(&items[2]));
    let _host = world.serve();
    taken_up(&site, 1);
    fake.set_open(shut, false);
    fake.retarget(aimed, "release");
    fake.release_ci();
    let done = world.follow(&items[0], |view| view["status"] == "ended");
    assert_eq!(done["stage"], "done", "{done:#}");
    for (item, says) in [(&items[1], "was closed"), (&items[2], "another base")] {
        let view = world.follow(item, |view| view["status"] == "blocked");
        let why = view["why"].as_str().expect("a reason");
        assert!(why.contains(says), "{why}");
        assert!(view["merged_commit"].is_null(), "{view:#}");
    }
    let there = world.git(
        "forge/acme/shop.git",
        &["ls-tree", "-r", "--name-only", "main"],
    );
    assert!(there.contains(&format!("work/{}", items[0])), "{there}");
    for item in &items[1..] {
        assert!(!there.contains(&format!("work/{item}")), "{there}");
    }
}

#[test]
fn base_that_a_stranger_moves_while_their_ci_works_has_the_batch_tested_again_on_top() {
    let (site, host) = site(None, |fake| fake.hold_ci(BATCHES));
    let items = ready(&site, host, &["One", "Two"]);
    let _host = site.world.serve();
    let first = taken_up(&site, 1);
    site.world.write("seed/NOTES.md", "Elsewhere\n", 0o644);
    site.world.commit_seed("Move the base on under the batch");
    push_base(&site.world);
    let both = taken_up(&site, 2);
    assert_ne!(first[0].branch, both[1].branch, "formed anew");
    // As often as it moves under a run of theirs it is counted, so that one that never stands still is not chased.
    let counted = "SELECT CAST(SUM(overtaken) AS TEXT) FROM tasks";
    let counted = sql::column(&site.world.path("data/orch.db"), counted);
    assert_eq!(counted, ["1"], "{}", site.world.log());
    // What the first one is said to be is of no use to anybody.
    site.fake.release_ci();
    let views = landed(&site, &items);
    for view in &views {
        assert_eq!(view["rework_rounds"], 0, "{view:#}");
    }
    let merged = views[1]["merged_commit"].as_str();
    assert_eq!(merged, Some(both[1].commit.as_str()));
    let notes = site
        .world
        .git("forge/acme/shop.git", &["show", "main:NOTES.md"]);
    assert_eq!(notes, "Elsewhere");
}

#[test]
fn task_whose_pull_request_a_person_aimed_elsewhere_lands_with_nobody() {
    let (site, host) = site(None, |_| {});
    let items = ready(&site, host, &["One", "Two", "Three"]);
    site.fake.retarget(2, "release");
    let _host = site.world.serve();
    let stands = |status: &str| -> Vec<String> {
        let mut with = items.clone();
        with.retain(|item| site.world.task(item)["status"] == status);
        with
    };
    let aside = until("one stands still, and two have landed", || {
        let aside = stands("blocked");
        (aside.len() == 1 && stands("ended").len() == 2).then_some(aside)
    });
    landed(&site, &stands("ended"));
    let view = site.world.task(&aside[0]);
    let why = view["why"].as_str().expect("a reason");
    assert!(why.contains("aimed at another base"), "{why}");
    assert_eq!(site.fake.pull(2).0, "open");
    let files = site.world.git(
        "forge/acme/shop.git",
        &["ls-tree", "--name-only", "main:work"],
    );
    assert!(!files.lines().any(|file| file == aside[0]), "{files}");
}

#[test]
fn branch_that_a_killed_host_left_is_removed_by_the_next_though_its_batch_is_over() {
    let (site, host) = site(None, |fake| fake.hold_ci(BATCHES));
    let items = ready(&site, host, &["One", "Two"]);
    let mut command = site.world.command(&["serve"]);
    command.env("ORCH_CRASH_AT", "push: after#1");
    let host = site.world.serve_by(command);
    until("the host is gone", || {
        let stat = fs::read_to_string(format!("/proc/{}/stat", host.id())).unwrap_or_default();
        (stat.is_empty() || stat.contains(") Z ")).then_some(())
    });
    drop(host);
    let left = site.fake.branches(BATCHES);
    assert_eq!(left.len(), 1, "{left:?}");
    for item in &items {
        site.world.json(&["task", "stop", item]);
    }
    let _host = site.world.serve();
    until("nothing is left of it", || {
        site.fake.branches(BATCHES).is_empty().then_some(())
    });
    let known = "SELECT branch FROM batch_branches";
    until("it is forgotten", || {
        let known = sql::column(&site.world.path("data/orch.db"), known);
        known.is_empty().then_some(())
    });
}

#[test]
fn tasks_of_a_forge_that_takes_no_branch_of_batches_land_one_by_one() {
    let (site, host) = site(None, |fake| {
        fake.rule(|rules| rules.refuses = Some(BATCHES.to_owned()));
    });
    let items = ready(&site, host, &["One", "Two"]);
    let _host = site.world.serve();
    for view in landed(&site, &items) {
        assert_eq!(view["rework_rounds"], 0, "{view:#}");
        let why = &view["batch"]["why"];
        assert_eq!(*why, "untested", "{view:#}");
    }
    assert_eq!(runs(&site), []);
}
