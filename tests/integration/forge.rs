//! A whole task on a repository that lies on a forge, whatever becomes of its webhooks and answers.

use std::net::TcpListener;

use orch_kit::forgejo::{Fault, Forgejo, Hooks, OwnReview};
use orch_kit::{Orch, World};
use serde_json::json;
use tokio::runtime::Runtime;

pub(crate) struct Forge {
    pub(crate) world: World,
    pub(crate) fake: Forgejo,
    pub(crate) host: Orch,
    pub(crate) runtime: Runtime,
}

/// A host whose repository lies on a forge that sends it webhooks.
pub(crate) fn forge(set: impl FnOnce(&Forgejo)) -> Forge {
    forge_with(|_| {}, set)
}

/// [`forge`], with more in its configuration.
pub(crate) fn forge_with(configure: impl FnOnce(&mut World), set: impl FnOnce(&Forgejo)) -> Forge {
    orch_kit::choose_tls();
    let mut world = World::new();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap();
    std::fs::create_dir(world.path("forge")).unwrap();
    world.git(
        ".",
        &[
            "clone",
            "--quiet",
            "--bare",
            "shop.git",
            "forge/acme/shop.git",
        ],
    );
    let fake = runtime.block_on(Forgejo::start(&world.path("forge"), "acme/shop"));
    let free = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    world.write("token", "fake-token-of-the-bot\n", 0o600);
    world.write("hook.secret", "between us\n", 0o600);
    let shop = &mut world.config["repositories"]["shop"];
    shop.as_object_mut().unwrap().remove("path");
    shop["forge"] = json!({"name": "hub", "repo": "acme/shop"});
    world.config["http"] = json!({"listen": free.to_string()});
    world.config["forges"] = json!({"hub": {"url": fake.url(), "token": {"file": "token"}}});
    let target = format!("http://{free}/webhook/gitea");
    world.config["webhooks"] = json!({"gitea": {
        "kind": "gitea", "url": target, "secrets": [{"file": "hook.secret"}], "repositories": ["shop"],
    }});
    world.config["reconcile"] = json!({"interval_s": 1, "grace_s": 1, "webhooks_s": 1});
    configure(&mut world);
    world.write_config();
    fake.rule(|rules| rules.target = Some((target, "between us".to_owned())));
    set(&fake);
    let host = world.serve();
    Forge {
        world,
        fake,
        host,
        runtime,
    }
}

/// Waits until the host has noted the numbers of so many pull requests: from then on it goes by what becomes of them.
pub(crate) fn requests_are_noted(world: &World, count: usize) {
    let noted = "SELECT pull_request FROM task_branches WHERE pull_request IS NOT NULL";
    orch_kit::until("the pull requests are noted", || {
        let noted = orch_kit::sql::column(&world.path("data/orch.db"), noted);
        (noted.len() == count).then_some(())
    });
}

/// Carries a task to its end and looks at what is left of it on the forge; answers the commit that landed.
pub(crate) fn done_once(forge: &Forge) -> String {
    let Forge { world, fake, .. } = forge;
    let item = world.begin("Round to cents");
    let done = world.follow(&item, |view| view["status"] == "ended");
    assert_eq!(done["stage"], "done", "{done:#}");
    let landed = fake.tip("main").unwrap();
    assert_eq!(
        done["merged_commit"].as_str(),
        Some(landed.as_str()),
        "{done:#}"
    );
    orch_kit::until("the pull request is settled", || {
        (fake.pull(1).0 != "open").then_some(())
    });
    assert_eq!(fake.pulls(), 1);
    // The script's reviewer asks for a change in the first round: each round that goes back is reviewed once.
    let rounds = usize::try_from(done["rework_rounds"].as_u64().unwrap()).unwrap();
    assert!(rounds > 0, "{done:#}");
    let reviews = fake.own_reviews(1);
    assert_eq!(reviews.len(), rounds, "{reviews:?}");
    let OwnReview { text, lines } = &reviews[0];
    let said = lines.iter().map(|(_, _, text)| text.as_str());
    let all: String = std::iter::once(text.as_str()).chain(said).collect();
    assert!(
        text.starts_with("Round 1, commit ") && all.contains("the discount is not checked"),
        "{reviews:?}"
    );
    let (title, text) = fake.pull_text(1);
    assert_eq!(title, format!("{item}: Round to cents"));
    assert!(
        text.contains("The task is ") && text.ends_with(" -->"),
        "{text}"
    );
    orch_kit::until("the statuses of the landed commit are posted", || {
        let posted = fake.statuses(&landed);
        let last = |name: &str| {
            let of = posted.iter().rfind(|(context, _)| context == name);
            of.is_some_and(|(_, state)| state == "success")
        };
        ["orch/ci", "orch/merge", "orch/gates"]
            .into_iter()
            .all(last)
            .then_some(())
    });
    let log = world.log();
    assert!(
        !log.contains("fake-token-of-the-bot"),
        "no token in the log"
    );
    landed
}

#[test]
fn task_on_a_forge_whose_webhooks_are_lost_ends_with_its_commit_landed_by_push() {
    let forge = forge(|fake| fake.rule(|rules| rules.hooks = Hooks::Lost));
    let landed = done_once(&forge);
    let fake = &forge.fake;
    assert_eq!(
        fake.requests("POST", "/pulls/1/merge"),
        1,
        "it is only told what landed"
    );
    // The server looks for no landings and takes no word of them, as servers do that nobody set up otherwise.
    assert_eq!(fake.pull(1).0, "closed");
    let comments = fake.comments(1);
    assert!(
        comments.len() == 1 && comments[0].contains(&landed),
        "{comments:?}"
    );
}

#[test]
fn commits_that_landed_in_a_batch_carry_what_gates_said_of_them() {
    let Forge {
        world,
        fake,
        host,
        runtime: _runtime,
    } = forge(|fake| fake.rule(|rules| rules.hooks = Hooks::Lost));
    let items = ["One", "Two"].map(|title| world.begin(title));
    for item in &items {
        world.follow(item, |view| view["status"] == "awaiting-approval");
    }
    drop(host);
    for item in &items {
        world.json(&["task", "approve", item]);
    }
    let _host = world.serve();
    for item in &items {
        let view = world.follow(item, |view| view["status"] == "ended");
        assert_eq!(view["batch"]["state"], "landed", "{view:#}");
        let landed = view["merged_commit"].as_str().unwrap();
        orch_kit::until("the landed commit carries its gates", || {
            let posted = fake.statuses(landed);
            let is_green = |name: &str| {
                let of = posted.iter().rfind(|(context, _)| context == name);
                of.is_some_and(|(_, state)| state == "success")
            };
            (is_green("orch/merge") && is_green("orch/gates")).then_some(())
        });
    }
}

#[test]
fn task_ends_alike_though_the_forge_answers_500_after_it_merged_and_tells_everything_three_times() {
    let forge = forge(|fake| {
        fake.rule(|rules| {
            rules.hooks = Hooks::Doubled;
            rules.may_push = false;
        });
        fake.fail("POST /merge", Fault::FailsAfterwards);
        fake.fail("POST /pulls", Fault::FailsAfterwards);
        fake.fail("POST /statuses", Fault::FailsAfterwards);
    });
    let landed = done_once(&forge);
    assert_eq!(forge.fake.requests("POST", "/pulls/1/merge"), 1);
    assert_eq!(forge.fake.pull(1), ("merged".to_owned(), Some(landed)));
    let question = "SELECT state FROM deliveries GROUP BY source, delivery_id HAVING count(*) = 1";
    let kept = orch_kit::sql::column(&forge.world.path("data/orch.db"), question);
    assert!(kept.iter().any(|state| state == "looked"), "{kept:?}");
}

#[test]
fn pull_request_of_a_task_that_is_stopped_is_closed_with_a_word() {
    let forge = forge(|fake| fake.rule(|rules| rules.hooks = Hooks::Lost));
    let Forge { world, fake, .. } = &forge;
    let item = world.begin("Given up");
    world.follow(&item, |_| fake.pulls() == 1);
    world.json(&["task", "stop", &item]);
    orch_kit::until("the pull request is closed", || {
        (fake.pull(1).0 == "closed" && !fake.comments(1).is_empty()).then_some(())
    });
    let comments = fake.comments(1);
    assert!(
        comments.len() == 1 && comments[0].contains("the task was cancelled"),
        "{comments:?}"
    );
    assert_eq!(fake.pulls(), 1);
}

#[test]
fn webhook_that_is_not_there_is_alerted_and_registered_by_a_command_that_can_be_repeated() {
    let forge = forge(|fake| {
        fake.rule(|rules| {
            rules.admin = true;
            rules.target = None;
        });
    });
    let Forge { world, fake, .. } = &forge;
    orch_kit::until("people are told", || {
        let alerts = world.json(&["alerts"]);
        alerts
            .to_string()
            .contains("is not registered there")
            .then_some(())
    });
    let gone = world.orch(&["webhook", "check"]);
    assert_eq!(gone.status.code(), Some(1));
    for (time, says) in [(1, "registered"), (2, "is as it should be")] {
        let views = world.json(&["webhook", "register", "gitea"]);
        assert_eq!(views[0]["says"][0], says, "{time}: {views}");
    }
    assert_eq!(fake.registered().len(), 1);
    assert!(world.orch(&["webhook", "check", "gitea"]).status.success());
    // What it is told now comes in.
    let item = world.begin("Told by the new one");
    world.follow(&item, |_| fake.pulls() == 1);
    orch_kit::until("deliveries come in", || {
        let question = "SELECT state FROM deliveries WHERE state = 'looked'";
        let kept = orch_kit::sql::column(&world.path("data/orch.db"), question);
        (!kept.is_empty()).then_some(())
    });
    fake.change_registered(|hooks| hooks[0].is_active = false);
    orch_kit::until("people are told again", || {
        let alerts = world.json(&["alerts"]);
        alerts
            .to_string()
            .contains("is switched off there")
            .then_some(())
    });
}

#[test]
fn webhook_that_is_registered_after_the_host_looked_first_is_not_alerted() {
    let forge = forge_with(
        |world| world.config["reconcile"] = json!({"webhooks_s": 20}),
        |fake| {
            fake.rule(|rules| {
                rules.admin = true;
                rules.target = None;
            });
        },
    );
    let Forge { world, fake, .. } = &forge;
    let looks = || fake.requests("GET", "/hooks");
    orch_kit::until("the host has looked", || (looks() > 0).then_some(()));
    world.json(&["webhook", "register", "gitea"]);
    let before = looks();
    orch_kit::until("it has looked again", || (looks() > before).then_some(()));
    let alerts = world.json(&["alerts"]).to_string();
    assert!(!alerts.contains("is not registered there"), "{alerts}");
}

/// The issues of a repository are the tracker, in which `ann` may approve.
fn with_issues(world: &mut World) {
    world.config["people"] =
        json!({"ann": {"role": "approver", "board": [Forgejo::account("ann")]}});
    world.config["trackers"] =
        json!({"board": {"issues": {"forge": "hub", "repositories": {"shop": "SHOP"}}}});
    world.config["webhooks"]["gitea"]["tracker"] = json!("board");
}

#[test]
fn issue_with_the_label_begins_a_task_and_ends_closed_with_its_commit_landed() {
    let mut issue = 0;
    let forge = forge_with(with_issues, |fake| {
        let strange = fake.issue("eve", "Give me the keys", "now");
        fake.put_label("eve", strange, "orch/start");
        issue = fake.issue("ann", "Round to cents", "Please.");
        fake.put_label("ann", issue, "orch/start");
    });
    let Forge { world, fake, .. } = &forge;
    let item = format!("SHOP-{issue}");
    let stands = |label: &str| {
        orch_kit::until(&format!("it stands in {label}"), || {
            let (labels, _) = fake.issue_state(issue);
            (labels == [label]).then_some(())
        });
    };
    for label in ["orch/needs-input", "orch/confirm-deploy"] {
        stands(label);
        fake.put_label("eve", issue, "orch/approved");
        stands(label);
        fake.put_label("ann", issue, "orch/approved");
    }
    stands("orch/done");
    // The label comes first.
    orch_kit::until("it is closed", || fake.issue_state(issue).1.then_some(()));
    let done = world.task(&item);
    assert_eq!(done["stage"], "done", "{done:#}");
    assert_eq!(done["merged_commit"].as_str(), fake.tip("main").as_deref());
    let strange = world.refused(&["task", "show", &format!("SHOP-{}", issue - 1)]);
    assert!(strange.contains("SHOP-"), "{strange}");
}

/// People answer in the second of the host's own label, before the host has heard that it is there.
#[track_caller]
fn answers_at_once_count(knows_scopes: bool, put_back: &str) {
    let mut issue = 0;
    let forge = forge_with(with_issues, |fake| {
        fake.make_label("orch/approved", knows_scopes);
        fake.answer_at_once("POST orch/needs-input", "eve", "orch/approved");
        fake.answer_at_once(put_back, "ann", "orch/approved");
        fake.answer_at_once("POST orch/confirm-deploy", "ann", "orch/approved");
        issue = fake.issue("ann", "Round to cents", "Please.");
        fake.put_label("ann", issue, "orch/start");
    });
    let Forge { world, fake, .. } = &forge;
    orch_kit::until("the issue is closed", || {
        let (labels, is_closed) = fake.issue_state(issue);
        (is_closed && labels == ["orch/done"]).then_some(())
    });
    let done = world.task(&format!("SHOP-{issue}"));
    assert_eq!(done["stage"], "done", "{done:#}");
    assert_eq!(done["merged_commit"].as_str(), fake.tip("main").as_deref());
}

#[test]
fn answer_that_comes_before_the_hosts_own_label_is_confirmed_counts() {
    answers_at_once_count(true, "POST orch/needs-input");
}

#[test]
fn answer_by_a_label_that_is_being_taken_off_counts_where_labels_know_no_scopes() {
    answers_at_once_count(false, "DELETE orch/approved");
}
