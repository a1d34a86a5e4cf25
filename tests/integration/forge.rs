//! A whole task on a repository that lies on a forge, whatever becomes of its webhooks and answers.

use std::net::TcpListener;

use orch_kit::forgejo::{Fault, Forgejo, Hooks};
use orch_kit::{Orch, World};
use serde_json::{Value, json};
use tokio::runtime::Runtime;

struct Forge {
    world: World,
    fake: Forgejo,
    _host: Orch,
    _runtime: Runtime,
}

/// A host whose repository lies on a forge that sends it webhooks.
fn forge(set: impl FnOnce(&Forgejo)) -> Forge {
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
    world.config["webhooks"] = json!({
        "gitea": {"kind": "gitea", "secrets": [{"file": "hook.secret"}], "repositories": ["shop"]},
    });
    world.config["reconcile"] = json!({"interval_s": 1, "grace_s": 1});
    world.write_config();
    let target = format!("http://{free}/webhook/gitea");
    fake.rule(|rules| rules.target = Some((target, "between us".to_owned())));
    set(&fake);
    let host = world.serve();
    Forge {
        world,
        fake,
        _host: host,
        _runtime: runtime,
    }
}

/// Carries a task to its end and looks at what is left of it on the forge.
fn done_once(forge: &Forge) {
    let Forge { world, fake, .. } = forge;
    let item = world.begin("Round to cents");
    let done = world.follow(&item, |view| view["status"] == "ended");
    assert_eq!(done["stage"], "done", "{done:#}");
    let landed = fake.tip("main").unwrap();
    let merged = ("merged".to_owned(), Some(landed.clone()));
    orch_kit::until("the pull request shows as merged", || {
        (fake.pull(1) == merged).then_some(())
    });
    // The other one brings what was written after the landing, if there is any.
    let work: Vec<String> = (1..=fake.pulls() as u64)
        .filter_map(|n| fake.pull(n).1)
        .collect();
    assert_eq!(work.iter().filter(|commit| **commit == landed).count(), 1);
    orch_kit::until("the status of the landed commit is green", || {
        let posted = fake.statuses(&landed);
        let last = posted
            .iter()
            .rfind(|(context, _)| context == "local/ci" || context == "orch/ci");
        last.is_some_and(|(_, state)| state == "success")
            .then_some(())
    });
    let log = world.log();
    assert!(
        !log.contains("fake-token-of-the-bot"),
        "no token in the log"
    );
}

#[test]
fn task_on_a_forge_ends_with_its_pull_request_merged() {
    let forge = forge(|_| {});
    done_once(&forge);
    let kept: Value = forge.world.json(&["task", "list", "--all"]);
    assert_eq!(kept["total"], 1);
    let question = "SELECT count(*) || '' FROM deliveries WHERE state = 'looked'";
    let looked = orch_kit::sql::column(&forge.world.path("data/orch.db"), question);
    assert_ne!(looked, ["0"], "webhooks came in");
}

#[test]
fn task_on_a_forge_whose_webhooks_are_lost_ends_alike() {
    done_once(&forge(|fake| fake.rule(|rules| rules.hooks = Hooks::Lost)));
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
    done_once(&forge);
    assert_eq!(forge.fake.requests("POST", "/pulls/1/merge"), 1);
}
