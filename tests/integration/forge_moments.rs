//! What others do between the pass of the last gate and the landing, and in the very instant of the landing: what lands
//! is what was judged, and whoever came in between is heard.

use std::sync::{Arc, Mutex};

use orch_kit::forgejo::{Fault, Forgejo};
use orch_kit::{Orch, until};
use serde_json::{Value, json};

use crate::forge::requests_are_noted;
use crate::forge_batches::{BATCHES, Site, landed, ready, site_of};

/// What its CI posts, and what the repository requires.
const CI: &str = "their/ci";

/// A repository whose landings need a word of the forge's CI.
fn site(set: impl FnOnce(&Forgejo)) -> (Site, Orch) {
    site_of(&json!({"required_contexts": [CI]}), set)
}

/// A task that lands as soon as somebody approves it, and the number of its pull request.
fn about_to_land(site: &Site, title: &str) -> (String, u64) {
    let Site { world, fake, .. } = site;
    let before = fake.pulls();
    let item = world.begin(title);
    until("it waits for approval", || {
        (world.task(&item)["status"] == "awaiting-approval").then_some(())
    });
    requests_are_noted(world, before + 1);
    (item, before as u64 + 1)
}

fn branch(site: &Site, item: &str) -> String {
    let own = site.fake.branches(&format!("orch/{item}-"));
    own.into_iter().next().expect("it has a branch")
}

/// Follows a task to its landing; answers what landed.
fn done(site: &Site, item: &str) -> Value {
    let view = site.world.follow(item, |view| view["status"] == "ended");
    assert_eq!(view["stage"], "done", "{view:#}\n{}", site.world.log());
    let commit = view["merged_commit"].as_str().expect("it landed");
    // What landed was green when it did.
    let said = site.fake.statuses(commit);
    let last = said.iter().rfind(|(context, _)| context == CI);
    assert!(
        last.is_some_and(|(_, state)| state == "success"),
        "{said:?}"
    );
    view
}

/// Follows a task until it waits for the context of its commit; nothing has landed meanwhile.
fn held_back(site: &Site, item: &str, base: Option<&String>) {
    let Site { world, fake, .. } = site;
    world.follow(item, |view| {
        let why = view["why"].as_str().unwrap_or_default();
        view["status"] == "waiting" && why.contains("contexts of the commit to land")
    });
    assert_eq!(fake.tip("main").as_ref(), base, "{}", world.log());
}

#[test]
fn commit_whose_context_turns_or_is_gone_after_the_pass_waits_or_goes_back_and_does_not_land() {
    let (site, _host) = site(|fake| fake.start_ci(CI));
    let fake = &site.fake;
    for word in [
        "pending", "failure", "error", "warning", "skipped", "", "gone",
    ] {
        let (item, _) = about_to_land(&site, &format!("Turns {word}"));
        let (base, name) = (fake.tip("main"), branch(&site, &item));
        let (of, to) = (name.clone(), word.to_owned());
        fake.once_seen_green(CI, move |fake| {
            let head = fake.tip(&of).expect("it is pushed");
            match to.as_str() {
                "gone" => fake.forget_statuses(&head),
                word => fake.post_status(&head, CI, word, "ci-bot"),
            }
        });
        if matches!(word, "failure" | "error") {
            let back = site.world.follow(&item, |view| view["rework_rounds"] == 1);
            assert_eq!(fake.tip("main"), base, "{back:#}");
            done(&site, &item);
            continue;
        }
        held_back(&site, &item, base.as_ref());
        let head = fake.tip(&name).expect("it is pushed");
        fake.post_status(&head, CI, "success", "ci-bot");
        done(&site, &item);
    }
}

#[test]
fn commit_whose_context_somebody_else_posts_anew_after_the_pass_waits_for_the_listed_reporter() {
    let required = json!({"name": CI, "from": [Forgejo::account("ci-bot")]});
    let (site, _host) = site_of(&json!({"required_contexts": [required]}), |fake| {
        fake.start_ci(CI);
    });
    let fake = &site.fake;
    let (item, _) = about_to_land(&site, "Overwritten");
    let (base, name) = (fake.tip("main"), branch(&site, &item));
    let of = name.clone();
    fake.once_seen_green(CI, move |fake| {
        let head = fake.tip(&of).expect("it is pushed");
        fake.post_status(&head, CI, "success", "mallory");
    });
    held_back(&site, &item, base.as_ref());
    let why = site.world.task(&item)["why"].to_string();
    assert!(why.contains("posted by account"), "{why}");
    let head = fake.tip(&name).expect("it is pushed");
    fake.post_status(&head, CI, "success", "ci-bot");
    done(&site, &item);
}

#[test]
fn commit_of_which_the_ci_posts_under_another_name_since_the_pass_waits_and_says_for_what() {
    let (site, _host) = site(|fake| fake.start_ci(CI));
    let fake = &site.fake;
    let (item, _) = about_to_land(&site, "Renamed");
    fake.once_seen_green(CI, |fake| {
        fake.start_ci("their/ci (push)");
        fake.push_by_others("main");
    });
    until("it waits for the name that it was told", || {
        let view = site.world.task(&item);
        if view["status"] == "awaiting-approval" {
            site.world.orch(&["task", "approve", &item]);
        }
        let why = view["why"].as_str().unwrap_or_default();
        (view["status"] == "waiting" && why.contains(&format!(": {CI}"))).then_some(())
    });
    let head = fake.tip(&branch(&site, &item)).expect("it is pushed");
    fake.post_status(&head, CI, "success", "ci-bot");
    done(&site, &item);
}

#[test]
fn batch_whose_context_turns_red_after_the_pass_does_not_land_as_it_was() {
    let (site, host) = site(|fake| fake.start_ci(CI));
    let items = ready(&site, host, &["One", "Two", "Three"]);
    let red = Arc::new(Mutex::new(Vec::new()));
    let seen = red.clone();
    site.fake.once_seen_green(CI, move |fake| {
        for branch in fake.branches(BATCHES) {
            let tip = fake.tip(&branch).expect("it is pushed");
            fake.post_status(&tip, CI, "failure", "ci-bot");
            seen.lock().unwrap().push(tip);
        }
    });
    let _host = site.world.serve();
    let is_red = until("a batch is red", || red.lock().unwrap().first().cloned());
    // Its CI is run once more.
    until("it is prepared anew, or waits for its CI", || {
        let batch = site.world.task(&items[0])["batch"].clone();
        (batch["state"] != "passed").then_some(())
    });
    site.fake.post_status(&is_red, CI, "success", "ci-bot");
    for view in landed(&site, &items) {
        assert_eq!(view["rework_rounds"], 0, "{view:#}");
    }
    let tip = site.fake.tip("main").expect("it is there");
    let said = site.fake.statuses(&tip);
    let last = said.iter().rfind(|(context, _)| context == CI);
    assert!(
        last.is_some_and(|(_, state)| state == "success"),
        "{said:?}"
    );
}

#[test]
fn change_that_somebody_else_lands_between_the_pass_and_the_landing_is_alerted_and_not_deployed() {
    let (site, _host) = site(|fake| fake.start_ci(CI));
    let (item, number) = about_to_land(&site, "Overtaken");
    site.fake
        .once_seen_green(CI, move |fake| fake.merge_by_others(number));
    let view = site.world.follow(&item, |view| view["status"] == "blocked");
    let why = view["why"].as_str().expect("a reason");
    assert!(why.contains("somebody else put"), "{why}");
    assert!(view["merged_commit"].is_null(), "{view:#}");
}

#[test]
fn what_a_person_pushes_between_the_pass_and_the_landing_is_judged_before_anything_lands() {
    let (site, _host) = site(|fake| fake.start_ci(CI));
    let (item, number) = about_to_land(&site, "Pushed to");
    let name = branch(&site, &item);
    site.fake.once_seen_green(CI, move |fake| {
        fake.push_by_others(&name);
    });
    let view = done(&site, &item);
    let commit = view["merged_commit"].as_str().expect("it landed");
    let landed = site
        .world
        .git("forge/acme/shop.git", &["log", "--format=%s", commit]);
    assert!(landed.contains("By Ann"), "{landed}\n{view:#}");
    until("the pull request is told", || {
        (site.fake.pull(number).0 != "open").then_some(())
    });
    let comments = site.fake.comments(number).join("\n");
    assert!(!comments.contains("has not landed"), "{comments}");
}

/// The landing goes by push, or by the server's own merge where the host may not push.
fn ways() -> [(bool, &'static str); 2] {
    [(true, "push"), (false, "merge")]
}

/// Somebody does this while the landing is on its way.
fn in_the_instant(site: &Site, by_push: bool, doing: impl FnOnce(&Forgejo) + Send + 'static) {
    match by_push {
        true => site.fake.meanwhile_pushed("main", doing),
        false => site.fake.meanwhile("POST /merge", doing),
    }
}

#[test]
fn base_that_somebody_moves_in_the_instant_of_the_landing_is_landed_on_after_another_test() {
    for (by_push, way) in ways() {
        let (site, _host) = site(|fake| {
            fake.start_ci(CI);
            fake.rule(|rules| rules.may_push = by_push);
        });
        let (item, _) = about_to_land(&site, "Raced");
        let theirs = Arc::new(Mutex::new(None));
        let seen = theirs.clone();
        in_the_instant(&site, by_push, move |fake| {
            *seen.lock().unwrap() = Some(fake.push_by_others("main"));
        });
        let view = done(&site, &item);
        let theirs = theirs.lock().unwrap().clone().expect("somebody pushed");
        let commit = view["merged_commit"].as_str().expect("it landed");
        let below = site.world.git("forge/acme/shop.git", &["rev-list", commit]);
        assert!(below.contains(&theirs), "{way}: {view:#}");
        assert_eq!(view["rework_rounds"], 0, "{way}");
    }
}

#[test]
fn what_a_person_pushes_in_the_instant_of_a_landing_by_push_is_told_to_be_outside() {
    let (site, _host) = site(|fake| fake.start_ci(CI));
    let (item, number) = about_to_land(&site, "Pushed too late");
    let name = branch(&site, &item);
    let pushed = Arc::new(Mutex::new(None));
    let seen = pushed.clone();
    in_the_instant(&site, true, move |fake| {
        let judged = fake.tip(&name).expect("it is pushed");
        *seen.lock().unwrap() = Some((judged, fake.push_by_others(&name)));
    });
    let view = done(&site, &item);
    let (judged, later) = pushed.lock().unwrap().clone().expect("somebody pushed");
    assert_eq!(view["merged_commit"], judged);
    until("the pull request says what is outside", || {
        let said = site.fake.comments(number).join("\n");
        (said.contains(&later) && said.contains("has not landed")).then_some(())
    });
    assert_eq!(site.fake.pull(number).0, "open");
}

#[test]
fn what_a_person_pushes_in_the_instant_of_a_merge_is_judged_before_anything_lands() {
    let (site, _host) = site(|fake| {
        fake.start_ci(CI);
        fake.rule(|rules| rules.may_push = false);
    });
    let (item, _) = about_to_land(&site, "Pushed to");
    let name = branch(&site, &item);
    in_the_instant(&site, false, move |fake| {
        fake.push_by_others(&name);
    });
    let view = done(&site, &item);
    let commit = view["merged_commit"].as_str().expect("it landed");
    let landed = site
        .world
        .git("forge/acme/shop.git", &["log", "--format=%s", commit]);
    assert!(landed.contains("By Ann"), "{landed}\n{view:#}");
}

#[test]
fn pull_request_that_a_person_closes_in_the_instant_of_a_merge_blocks_its_task_until_it_is_open() {
    let (site, _host) = site(|fake| {
        fake.start_ci(CI);
        fake.rule(|rules| rules.may_push = false);
    });
    let (item, number) = about_to_land(&site, "Closed");
    in_the_instant(&site, false, move |fake| fake.set_open(number, false));
    let view = site.world.follow(&item, |view| view["status"] == "blocked");
    let why = view["why"].as_str().expect("a reason");
    assert!(why.contains("was closed on the forge"), "{why}");
    site.fake.set_open(number, true);
    site.world.json(&["task", "resume", &item]);
    done(&site, &item);
}

#[test]
fn landing_whose_answer_is_lost_or_false_happens_once_and_is_told_as_it_was() {
    for (by_push, way) in ways() {
        let mut faults = vec![Fault::Cut, Fault::FailsAfterwards, Fault::FailsBefore];
        if !by_push {
            faults.push(Fault::HalfMerged);
        }
        let (site, _host) = site(|fake| {
            fake.start_ci(CI);
            fake.rule(|rules| rules.may_push = by_push);
        });
        let Site { world, fake, .. } = &site;
        for fault in faults {
            let (item, number) = about_to_land(&site, &format!("{way} {fault:?}"));
            let before = fake.tip("main").expect("it is there");
            match by_push {
                true => fake.fail_push("main", fault),
                false => fake.fail("POST /merge", fault),
            }
            let view = done(&site, &item);
            let commit = view["merged_commit"].as_str().expect("it landed");
            assert_eq!(fake.tip("main").as_deref(), Some(commit), "{way} {fault:?}");
            let between = format!("{before}..main");
            let merges = world.git(
                "forge/acme/shop.git",
                &["rev-list", "--count", "--merges", &between],
            );
            assert_eq!(merges, "0", "{way} {fault:?}");
            until("the pull request is told", || {
                (fake.pull(number).0 != "open").then_some(())
            });
            let (state, as_what) = fake.pull(number);
            let comments = fake.comments(number);
            match state.as_str() {
                "merged" => assert_eq!(as_what.as_deref(), Some(commit), "{way} {fault:?}"),
                _ => assert!(
                    comments.len() == 1 && comments[0].contains(commit),
                    "{way} {fault:?}: {comments:?}"
                ),
            }
        }
    }
}

#[test]
fn word_about_a_landing_that_is_refused_or_lost_on_the_way_is_said_once() {
    let (site, _host) = site(|fake| {
        fake.start_ci(CI);
        fake.rule(|rules| rules.manual = true);
    });
    let fake = &site.fake;
    for (order, fault) in [
        ("POST /merge", Fault::FailsAfterwards),
        ("POST /merge", Fault::Cut),
        ("POST /merge", Fault::FailsBefore),
        ("POST /comments", Fault::Cut),
        ("PATCH /pulls", Fault::FailsAfterwards),
        ("PATCH /pulls", Fault::FailsBefore),
    ] {
        let (item, number) = about_to_land(&site, &format!("{order} {fault:?}"));
        if order != "POST /merge" {
            fake.rule(|rules| rules.manual = false);
        }
        until("nothing is written to it any more", || {
            let (title, _) = fake.pull_text(number);
            title.starts_with(&item).then_some(())
        });
        fake.meanwhile_pushed("main", move |fake| fake.fail(order, fault));
        let view = done(&site, &item);
        let commit = view["merged_commit"].as_str().expect("it landed");
        until("the pull request is told", || {
            (fake.pull(number).0 != "open").then_some(())
        });
        let (state, as_what) = fake.pull(number);
        let comments = fake.comments(number);
        let says_so = comments.iter().filter(|text| text.contains(commit)).count();
        match state.as_str() {
            "merged" => assert_eq!((as_what.as_deref(), says_so), (Some(commit), 0)),
            _ => assert_eq!(says_so, 1, "{order} {fault:?}: {comments:?}"),
        }
    }
}
