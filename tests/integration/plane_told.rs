//! What Plane tells of while the host would not look by itself for an hour: its notice comes sooner than the tracker can
//! be asked for the move in its order, and sometimes while it does not answer.

use std::net::TcpListener;

use orch_kit::plane::{PROJECT, PlaneFault};
use orch_kit::until;
use reqwest::Client;
use serde_json::json;

use crate::plane::{ANN, EVE, Site, run};

/// Has the host listen for notices and look by itself hardly ever; answers how to send one.
fn told(site: &mut Site) -> impl Fn(&str) + use<> {
    let free = TcpListener::bind("127.0.0.1:0").unwrap();
    let free = free.local_addr().unwrap().to_string();
    site.world.config["http"] = json!({"listen": free});
    site.world.config["reconcile"] = json!({"interval_s": 3600, "grace_s": 3600});
    site.world.config["webhooks"] = json!({"plane": {"kind": "plane", "unsigned": true,
        "tracker": "plane", "projects": [PROJECT]}});
    site.world.write_config();
    orch_kit::choose_tls();
    let url = format!("http://{free}/webhook/plane");
    move |item: &str| {
        // What a notice says is not believed; no two of them have one body.
        let now = std::time::SystemTime::now();
        let body = json!({"event": "issue", "action": "updated", "at": format!("{now:?}"),
            "data": {"id": item, "project": PROJECT}});
        let sent = Client::new()
            .post(&url)
            .header("x-plane-event", "issue")
            .json(&body)
            .send();
        let answer = tokio::runtime::Handle::current().block_on(sent).unwrap();
        assert_eq!(answer.status().as_u16(), 202);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn move_is_heard_soon_after_its_notice_though_it_is_too_young_to_be_told_then() {
    run(|mut site| {
        let told = told(&mut site);
        let _host = site.serve();
        let (item, work_item) = site.ask(ANN, "Told at once");
        told(&item);
        site.stands(&item, "Needs Input");
        // Some time later, so that nobody has answered before they could see the question.
        let approved = site.states["approved"].clone();
        site.plane.board().pass(2);
        site.plane.board().move_item(EVE, &item, &approved);
        told(&item);
        site.stands(&item, "Needs Input");
        site.plane.board().pass(2);
        site.plane.board().move_item(ANN, &item, &approved);
        told(&item);
        site.stands(&item, "Confirm Deploy");
        assert_eq!(site.task(&work_item)["status"], "awaiting-approval");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn notice_that_comes_while_the_tracker_does_not_answer_is_followed_when_it_does() {
    run(|mut site| {
        site.world.expected_errors = vec!["plane"];
        let told = told(&mut site);
        let _host = site.serve();
        let (item, work_item) = site.ask(ANN, "Told in an outage");
        told(&item);
        site.stands(&item, "Needs Input");
        site.moves(ANN, &item, "stop");
        site.plane.board().fail(PlaneFault::Down);
        told(&item);
        until("the source fails", || {
            let queue = site.world.json(&["queue"]);
            queue["reconcile"]["failing"]["tracker:plane"]
                .as_str()
                .map(drop)
        });
        site.plane.board().heal();
        until("the task is stopped", || {
            (site.task(&work_item)["stage"] == "cancelled").then_some(())
        });
    })
    .await;
}
