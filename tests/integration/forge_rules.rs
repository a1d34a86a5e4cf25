//! Rules of a forge that change under way, or refuse what the host does: each stops the task with the server's own words
//! and with what helps, and helps when it is done.

use orch_kit::forgejo::Forgejo;
use orch_kit::{Orch, until};
use serde_json::{Value, json};

use crate::forge_batches::{Site, site_of};

fn site(set: impl FnOnce(&Forgejo)) -> (Site, Orch) {
    site_of(&json!({"required_contexts": ["their/ci"]}), |fake| {
        fake.start_ci("their/ci");
        set(fake);
    })
}

/// Waits until the task is blocked; answers why.
fn blocked(site: &Site, item: &str) -> Value {
    let view = site.world.follow(item, |view| view["status"] == "blocked");
    assert!(view["merged_commit"].is_null(), "{view:#}");
    view
}

/// What a server says of pushes to a branch and of merges into it, and which of it people read.
const RULES: [(&str, u16, &str); 5] = [
    (
        "Forgejo: Not allowed to push to protected branch main",
        405,
        "not allowed to merge [reason: Does not have enough approvals]",
    ),
    (
        "Forgejo: branch main is protected from unverified commit 9550c46443e51246070a9ebecc2761ebcac86821",
        405,
        "won't sign: nokey",
    ),
    (
        "Forgejo: branch main is protected from changing file work/x",
        405,
        "not allowed to merge [reason: Changed protected files]",
    ),
    (
        "no pushes on a Friday",
        409,
        "PushRejected with remote message: no pushes on a Friday",
    ),
    (
        "Forgejo: Not allowed to push to protected branch main",
        422,
        "unprocessable",
    ),
];

#[test]
fn landing_that_rules_forbid_since_the_pass_is_blocked_in_the_servers_words_and_lands_when_they_go()
{
    let (site, _host) = site(|_| {});
    let Site { world, fake, .. } = &site;
    let item = world.begin("Forbidden");
    until("it waits for approval", || {
        (world.task(&item)["status"] == "awaiting-approval").then_some(())
    });
    let base = fake.tip("main");
    // The rule comes between the pass of the last gate and the landing.
    let forbid = |(says, status, merge): (&'static str, u16, &'static str)| {
        move |fake: &Forgejo| {
            fake.rule(|rules| {
                rules.denies = Some(("main".to_owned(), says.to_owned()));
                rules.refuses_merge = Some((status, merge.to_owned()));
            });
        }
    };
    for (at, rule) in RULES.into_iter().enumerate() {
        match at {
            0 => fake.once_seen_green("their/ci", forbid(rule)),
            _ => {
                forbid(rule)(fake);
                world.json(&["task", "resume", &item]);
            }
        }
        let (_, _, says) = rule;
        let view = until("it is blocked by this rule", || {
            let view = blocked(&site, &item);
            let why = view["why"].as_str().unwrap_or_default();
            why.contains(says).then_some(view)
        });
        let why = view["why"].as_str().unwrap_or_default();
        assert!(why.contains("look at the protection"), "{why}");
        let remedies = view["remedies"].to_string();
        assert!(remedies.contains("resume"), "{remedies}");
        assert_eq!(fake.tip("main"), base);
        let asked = fake.requests("POST", "/merge");
        assert!(asked <= 6 * (at + 1), "{asked}");
    }
    fake.rule(|rules| {
        rules.denies = None;
        rules.refuses_merge = None;
    });
    world.json(&["task", "resume", &item]);
    let done = world.follow(&item, |view| view["status"] == "ended");
    assert_eq!(done["stage"], "done", "{done:#}");
    assert_eq!(done["merged_commit"].as_str(), fake.tip("main").as_deref());
}

#[test]
fn landing_that_rules_forbid_and_a_person_does_instead_has_landed_when_the_task_is_resumed() {
    let (site, _host) = site(|_| {});
    let Site { world, fake, .. } = &site;
    let item = world.begin("Done by hand");
    until("it waits for approval", || {
        (world.task(&item)["status"] == "awaiting-approval" && fake.pulls() == 1).then_some(())
    });
    fake.rule(|rules| {
        rules.denies = Some(("main".to_owned(), "a hook says no".to_owned()));
        rules.refuses_merge = Some((405, "not allowed to merge".to_owned()));
    });
    let head = blocked(&site, &item)["head"].clone();
    fake.merge_by_others(1);
    world.json(&["task", "resume", &item]);
    let done = world.follow(&item, |view| view["status"] == "ended");
    assert_eq!(
        (&done["stage"], &done["merged_commit"]),
        (&json!("done"), &head)
    );
}

#[test]
fn branch_that_rules_close_to_the_host_blocks_its_task_and_takes_its_commits_when_they_go() {
    let (site, _host) = site(|_| {});
    let Site { world, fake, .. } = &site;
    let deny = |says: Option<&str>| {
        fake.rule(|rules| rules.denies = says.map(|says| ("orch/*".to_owned(), says.to_owned())));
    };
    // Before anything of the task is there.
    let says = "Forgejo: Not allowed to push to protected branch orch/x";
    deny(Some(says));
    let item = world.begin("Closed branch");
    let why = blocked(&site, &item)["why"].to_string();
    assert!(why.contains(says) && why.contains("allow it"), "{why}");
    deny(None);
    world.json(&["task", "resume", &item]);
    until("it waits for approval", || {
        (world.task(&item)["status"] == "awaiting-approval").then_some(())
    });
    // And when what would land has to be put on a base that moved.
    let says = "Forgejo: branch orch/x is protected from force push";
    deny(Some(says));
    fake.push_by_others("main");
    let why = blocked(&site, &item)["why"].to_string();
    assert!(why.contains(says), "{why}");
    deny(None);
    world.json(&["task", "resume", &item]);
    let done = world.follow(&item, |view| view["status"] == "ended");
    assert_eq!(done["stage"], "done", "{done:#}");
}

#[test]
fn repository_that_is_archived_or_closed_to_the_host_before_the_landing_is_waited_for() {
    let (site, _host) = site(|_| {});
    let Site { world, fake, .. } = &site;
    for (says, close) in [("out of the archive", true), ("may not write", false)] {
        let item = world.begin(says);
        until("it waits for approval", || {
            (world.task(&item)["status"] == "awaiting-approval").then_some(())
        });
        let base = fake.tip("main");
        let shut = move |fake: &Forgejo, is_shut: bool| {
            fake.rule(|rules| match close {
                true => rules.archived = is_shut,
                false => rules.may_write = !is_shut,
            });
        };
        fake.once_seen_green("their/ci", move |fake| shut(fake, true));
        until("it waits, and people are told what helps", || {
            let view = world.task(&item);
            if view["status"] == "awaiting-approval" {
                world.orch(&["task", "approve", &item]);
            }
            let alerts = world.json(&["alerts"]).to_string();
            alerts.contains(says).then_some(())
        });
        assert_ne!(world.task(&item)["status"], "blocked");
        assert_eq!(fake.tip("main"), base, "{}", world.log());
        shut(fake, false);
        let done = world.follow(&item, |view| view["status"] == "ended");
        assert_eq!(done["stage"], "done", "{done:#}");
    }
}
