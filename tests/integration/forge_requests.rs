//! Which pull request is the task's? The host's own, of this branch of this repository, whatever else has the same name.

use orch_kit::until;
use serde_json::json;

use crate::forge::requests_are_noted;
use crate::forge_batches::{Site, site_of};

fn pulls(site: &Site) -> Vec<(String, String)> {
    let fake = &site.fake;
    let of = 1..=fake.pulls() as u64;
    of.map(|n| (fake.pull_text(n).0, fake.pull(n).0)).collect()
}

#[test]
fn pull_requests_of_others_with_the_branch_of_a_task_are_left_alone_and_stop_nothing() {
    let (site, host) = site_of(&json!({"required_contexts": ["their/ci"]}), |fake| {
        fake.start_ci("their/ci");
    });
    let Site { world, fake, .. } = &site;
    world.git("forge/acme/shop.git", &["branch", "release", "main"]);
    let item = world.begin("Crowded");
    until("it waits for approval", || {
        (world.task(&item)["status"] == "awaiting-approval").then_some(())
    });
    requests_are_noted(world, 1);
    let branch = fake.branches(&format!("orch/{item}-")).remove(0);
    let head = fake.tip(&branch).unwrap();
    let to_release = fake.open("ann", &branch, "release");
    let from_fork = fake.open_from_fork("eve", &branch, "main", &head);
    let shut_fork = fake.open_from_fork("eve", &branch, "main", &head);
    fake.set_open(shut_fork, false);
    // Somebody who works with the host's own account, such as the operator's scripts.
    let in_its_name = fake.open("orch-bot", &branch, "release");
    let shut_in_its_name = fake.open("orch-bot", &branch, "release");
    fake.set_open(shut_in_its_name, false);
    // A host that starts anew remembers no number.
    drop(host);
    let _host = world.serve();
    let done = world.follow(&item, |view| view["status"] == "ended");
    assert_eq!(done["stage"], "done", "{done:#}");
    until("its own is told", || {
        (fake.pull(1).0 != "open").then_some(())
    });
    for (number, state) in [
        (to_release, "open"),
        (from_fork, "open"),
        (shut_fork, "closed"),
        (in_its_name, "open"),
        (shut_in_its_name, "closed"),
    ] {
        let (title, is) = &pulls(&site)[usize::try_from(number).unwrap() - 1];
        assert_eq!(is, state, "{title}");
        assert!(!title.starts_with(&item), "{title}");
        assert_eq!(fake.comments(number), Vec::<String>::new(), "{title}");
    }
}

#[test]
fn pull_request_that_a_stranger_opened_first_is_told_and_the_host_opens_its_own_when_it_is_closed()
{
    let (site, _host) = site_of(&json!({"required_contexts": ["their/ci"]}), |fake| {
        fake.start_ci("their/ci");
        fake.meanwhile("POST /pulls", |fake| {
            let branch = fake.branches("orch/").remove(0);
            fake.open("eve", &branch, "main");
        });
    });
    let Site { world, fake, .. } = &site;
    let item = world.begin("Taken");
    until("people are told", || {
        let alerts = world.json(&["alerts"]).to_string();
        alerts
            .contains("somebody else opened it: close it")
            .then_some(())
    });
    assert_eq!(fake.pulls(), 1);
    fake.set_open(1, false);
    until("the host opens its own", || {
        (fake.pulls() == 2).then_some(())
    });
    let done = world.follow(&item, |view| view["status"] == "ended");
    assert_eq!(done["stage"], "done", "{done:#}");
    until("its own is told", || {
        (fake.pull(2).0 != "open").then_some(())
    });
    assert_eq!(fake.comments(1), Vec::<String>::new());
}
