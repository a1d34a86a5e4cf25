//! What other people, their CI and the proxies in between do to a task whose repository lies on a forge.

use std::fs;

use orch_kit::forgejo::{Fault, Forgejo, Hooks};
use orch_kit::{World, until};
use serde_json::{Value, json};

use crate::forge::{Forge, done_once, forge, forge_with, requests_are_noted};

/// A task whose branch waits for a status of somebody else's CI, described as `required`.
fn waiting_for_ci(required: &Value, set: impl FnOnce(&Forgejo)) -> (Forge, String) {
    let forge = forge_with(
        |world| {
            let text =
                json!({"ci": {"test": "tests/run.sh"}, "required_contexts": ["orch/ci", required]});
            world.write("seed/.orch.yaml", &text.to_string(), 0o644);
            world.commit_seed("Ask for a status of their CI");
            world.git(
                "seed",
                &["push", "--quiet", "../forge/acme/shop.git", "HEAD:main"],
            );
        },
        set,
    );
    let item = forge.world.begin("Round to cents");
    forge.world.follow(&item, |view| {
        view["step"] == "ci-green" && view["status"] == "waiting"
    });
    requests_are_noted(&forge.world, 1);
    (forge, item)
}

fn head(world: &World, item: &str) -> String {
    world.task(item)["head"].as_str().unwrap().to_owned()
}

/// Waits until the task is blocked; answers why.
fn blocked(world: &World, item: &str) -> String {
    let view = world.follow(item, |view| view["status"] == "blocked");
    view["why"].as_str().unwrap().to_owned()
}

/// Waits until the task is past the gate that asks its CI.
fn goes_on(world: &World, item: &str) {
    until("the branch is green", || {
        (world.task(item)["stage"] != "development").then_some(())
    });
}

#[test]
fn change_that_somebody_else_merges_is_alerted_and_not_deployed() {
    let (forge, item) = waiting_for_ci(&json!("their/ci"), |_| {});
    let Forge { world, fake, .. } = &forge;
    let landed = head(world, &item);
    fake.merge_by_others(1);
    let why = blocked(world, &item);
    assert!(
        why.contains(&landed) && why.contains("somebody else"),
        "{why}"
    );
    let alerts = world.json(&["alerts"]).to_string();
    assert!(alerts.contains("somebody else put"), "{alerts}");
    let deploys = "SELECT role FROM runs WHERE role = 'deploy-hook'";
    assert!(orch_kit::sql::column(&world.path("data/orch.db"), deploys).is_empty());
    // What helps is said, and works: what landed stays where it is.
    let remedies = world.task(&item)["remedies"].to_string();
    assert!(
        remedies.contains("revert it on the base") && !remedies.contains("resume"),
        "{remedies}"
    );
    world.json(&["task", "stop", &item]);
    world.follow(&item, |view| view["stage"] == "cancelled");
    assert_eq!(fake.tip("main"), Some(landed));
}

#[test]
fn change_that_lands_by_others_while_nobody_tells_is_found_before_anything_is_prepared() {
    let forge = forge(|fake| fake.rule(|rules| rules.hooks = Hooks::Lost));
    let Forge { world, fake, .. } = &forge;
    let item = world.begin("Round to cents");
    world.follow(&item, |view| view["status"] == "awaiting-approval");
    fake.merge_by_others(1);
    let tip = fake.tip("main");
    world.json(&["task", "approve", &item]);
    let why = blocked(world, &item);
    assert!(why.contains("somebody else"), "{why}");
    assert_eq!(fake.tip("main"), tip, "nothing is put on top");
    assert!(world.task(&item)["merged_commit"].is_null());
}

#[test]
fn pull_request_that_a_person_closes_blocks_its_task_and_no_other_is_opened() {
    let (forge, item) = waiting_for_ci(&json!("their/ci"), |_| {});
    let Forge { world, fake, .. } = &forge;
    fake.set_open(1, false);
    let why = blocked(world, &item);
    assert!(
        why.contains("was closed on the forge by somebody else"),
        "{why}"
    );
    fake.post_status(&head(world, &item), "their/ci", "success", "ci-bot");
    assert_eq!(world.task(&item)["status"], "blocked");
    fake.set_open(1, true);
    world.json(&["task", "resume", &item]);
    goes_on(world, &item);
    assert_eq!(fake.pulls(), 1);
}

#[test]
fn pull_request_that_is_aimed_elsewhere_blocks_its_task_until_it_is_aimed_back() {
    let (forge, item) = waiting_for_ci(&json!("their/ci"), |_| {});
    let Forge { world, fake, .. } = &forge;
    fake.retarget(1, "release");
    let why = blocked(world, &item);
    assert!(why.contains("aimed at another base"), "{why}");
    fake.post_status(&head(world, &item), "their/ci", "success", "ci-bot");
    fake.retarget(1, "main");
    world.json(&["task", "resume", &item]);
    goes_on(world, &item);
}

#[test]
fn commit_that_is_taken_out_of_the_base_while_ci_is_waited_for_does_not_come_back() {
    let (forge, item) = waiting_for_ci(&json!("their/ci"), |_| {});
    let Forge { world, fake, .. } = &forge;
    let taken_out = fake.tip("main").unwrap();
    world.git(
        "forge/acme/shop.git",
        &["branch", "--force", "main", "main~1"],
    );
    // Its review asks for rework, which begins on the base as it is now.
    until("it has landed", || {
        let view = world.task(&item);
        // Every commit of the task is green there.
        let head = view["head"].as_str().unwrap_or_default();
        fake.post_status(head, "their/ci", "success", "ci-bot");
        if view["status"] == "awaiting-approval" {
            world.orch(&["task", "approve", &item]);
        }
        (view["stage"] == "done").then_some(())
    });
    let landed = world.git("forge/acme/shop.git", &["log", "--format=%H", "main"]);
    assert!(!landed.contains(&taken_out), "{landed}");
}

#[test]
fn context_of_others_counts_from_listed_reporters_and_says_whose_word_does_not() {
    let ci_bot = Forgejo::account("ci-bot");
    let (forge, item) = waiting_for_ci(&json!({"name": "their/ci", "from": [ci_bot]}), |_| {});
    let Forge { world, fake, .. } = &forge;
    let head = head(world, &item);
    fake.post_status(&head, "their/ci", "success", "eve");
    let eve = format!("posted by account {}", Forgejo::account("eve"));
    let view = world.follow(&item, |view| {
        view["why"].as_str().is_some_and(|why| why.contains(&eve))
    });
    assert!(view["why"].as_str().unwrap().contains(&head), "{view:#}");
    assert_eq!(view["stage"], "development");
    fake.post_status(&head, "their/ci", "success", "ci-bot");
    goes_on(world, &item);
}

#[test]
fn skipped_and_absent_contexts_hold_a_task_back_unless_the_repository_says_that_they_will_do() {
    let strict = json!("their/docs");
    let (forge, item) = waiting_for_ci(&strict, |_| {});
    let Forge { world, fake, .. } = &forge;
    fake.post_status(&head(world, &item), "their/docs", "skipped", "ci-bot");
    let view = world.follow(&item, |view| {
        view["why"]
            .as_str()
            .is_some_and(|why| why.contains("their/docs (skipped;"))
    });
    assert_eq!(view["stage"], "development", "{view:#}");
    drop(forge);
    let lenient = json!({"name": "their/docs", "skipped_passes": true});
    let (forge, item) = waiting_for_ci(&lenient, |_| {});
    let Forge { world, fake, .. } = &forge;
    fake.post_status(&head(world, &item), "their/docs", "skipped", "ci-bot");
    goes_on(world, &item);
    drop(forge);
    let absent = json!({"name": "their/docs", "absent_passes_after_s": 1});
    let (forge, item) = waiting_for_ci(&absent, |_| {});
    goes_on(&forge.world, &item);
}

#[test]
fn host_that_starts_while_its_forge_is_down_goes_on_when_it_is_back() {
    let Forge {
        world,
        fake,
        host,
        runtime: _runtime,
    } = forge(|fake| fake.rule(|rules| rules.hooks = Hooks::Lost));
    let item = world.begin("Round to cents");
    world.follow(&item, |_| fake.pulls() == 1);
    drop(host);
    fake.rule(|rules| rules.down = true);
    let _host = world.serve();
    assert_ne!(world.task(&item)["status"], "ended");
    fake.rule(|rules| rules.down = false);
    let done = world.follow(&item, |view| view["status"] == "ended");
    assert_eq!(done["stage"], "done", "{done:#}");
    assert_eq!(fake.pulls(), 1);
}

#[test]
fn task_ends_alike_though_connections_are_cut_when_the_server_has_done_what_was_asked() {
    let forge = forge(|fake| {
        fake.rule(|rules| rules.hooks = Hooks::Lost);
        for order in [
            "POST /pulls",
            "POST /statuses",
            "POST /comments",
            "POST git-receive-pack",
        ] {
            fake.fail(order, Fault::Cut);
        }
    });
    done_once(&forge);
    assert_eq!(forge.fake.comments(1).len(), 1);
}

#[test]
fn push_that_a_proxy_cuts_is_told_with_the_setting_and_done_when_it_lets_it_through() {
    let forge = forge(|fake| {
        for _ in 0..2 {
            fake.fail("POST git-receive-pack", Fault::TooLarge);
        }
    });
    let Forge { world, .. } = &forge;
    done_once(&forge);
    let log = world.log();
    assert!(log.contains("client_max_body_size"), "the setting is named");
}

#[test]
fn hooks_and_lfs_of_the_machine_have_no_say_in_what_the_host_pushes() {
    let Forge {
        world,
        fake,
        host,
        runtime,
    } = forge(|fake| fake.rule(|rules| rules.hooks = Hooks::Lost));
    drop(host);
    world.write("machine/hooks/pre-push", "#!/bin/sh\nexit 1\n", 0o755);
    let config = format!(
        "[core]\n\thooksPath = {}\n[lfs]\n\tlocksverify = true\n",
        world.path("machine/hooks").display()
    );
    world.write("machine/.gitconfig", &config, 0o644);
    let mut command = world.command(&["serve"]);
    command.env("HOME", world.path("machine"));
    let host = world.serve_by(command);
    let forge = Forge {
        world,
        fake,
        host,
        runtime,
    };
    done_once(&forge);
    let asked = forge.fake.all_requests();
    assert!(
        !asked.iter().any(|line| line.contains("/info/lfs")),
        "{asked:?}"
    );
}

#[test]
fn webhooks_that_name_the_repository_otherwise_are_known_by_its_number() {
    let forge = forge(|fake| {
        fake.rule(|rules| {
            let url = "https://HUB.example.org:8443/ACME/Shop".to_owned();
            rules.told_as = Some(("ACME/Shop".to_owned(), url));
        });
    });
    done_once(&forge);
    let states = "SELECT DISTINCT state FROM deliveries";
    let states = orch_kit::sql::column(&forge.world.path("data/orch.db"), states);
    assert!(states.iter().any(|state| state == "looked"), "{states:?}");
    let status = fs::read_to_string(forge.world.path("host.log")).unwrap();
    assert!(!status.contains("strange"), "{status}");
}
