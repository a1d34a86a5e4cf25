//! People are told where they look, and answer there: a chat with buttons, a signed address, a program.

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use orch_kit::telegram::{CHAT, ChatFault, ChatMessage, TOKEN};
use orch_kit::{Telegram, World, until};
use serde_json::{Value, json};

/// A user whom the configuration names `ann`.
const ANN: i64 = 700_100;

fn world(chat: &Telegram) -> World {
    let mut world = World::new();
    world.write("token", TOKEN, 0o600);
    world.config["people"] = json!({"ann": {"role": "approver", "telegram": [ANN]}});
    world.config["notifiers"] = json!({"team": {"telegram": {
        "token": {"file": "token"}, "chat": CHAT,
        "url": chat.url(), "poll_s": 1,
    }}});
    world.write_config();
    world
}

/// Waits for a question with buttons that nobody has answered.
fn question(chat: &Telegram, at: &str) -> ChatMessage {
    until(&format!("a question at {at}"), || {
        let asked = chat.with("waits for an approval");
        asked
            .into_iter()
            .find(|m| m.text.contains(at) && !m.buttons.is_empty())
    })
}

fn buttons(chat: &Telegram, id: i64) -> Vec<String> {
    let messages = chat.messages();
    let message = messages.iter().find(|m| m.id == id).unwrap();
    message
        .buttons
        .iter()
        .map(|(label, _)| label.clone())
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn task_is_carried_by_buttons_of_people_and_shown_in_one_message() {
    let chat = Telegram::start().await;
    tokio::task::spawn_blocking(move || {
        let world = world(&chat);
        let host = world.serve();
        let item = world.begin("Discount & <more>");
        let asked = question(&chat, "analysis");
        // Whoever is not named decides nothing, and is told so.
        chat.tap(666, asked.id, "Approve");
        until("the stranger is told", || {
            let answers = chat.answers();
            answers
                .iter()
                .any(|a| a.contains("nobody whom the host knows"))
                .then_some(())
        });
        assert_eq!(world.task(&item)["stage"], "analysis");
        assert_eq!(buttons(&chat, asked.id)[0], "Approve");
        // One who is asked again, and may take it back.
        chat.tap(ANN, asked.id, "Approve");
        until("she is asked again", || {
            (buttons(&chat, asked.id) == ["Yes, approve", "No"]).then_some(())
        });
        assert_eq!(world.task(&item)["stage"], "analysis");
        chat.tap(ANN, asked.id, "No");
        until("the choices are back", || {
            (buttons(&chat, asked.id).len() == 3).then_some(())
        });
        let sure = "o:{}:!approve";
        chat.tap(ANN, asked.id, "Approve");
        until("she is asked again", || {
            (buttons(&chat, asked.id).len() == 2).then_some(())
        });
        let data = chat
            .messages()
            .iter()
            .find(|m| m.id == asked.id)
            .unwrap()
            .buttons[0]
            .1
            .clone();
        assert_eq!(data.len(), sure.len() - 2 + 16, "{data}");
        // What is tapped while the host is down counts at its next start, and once.
        drop(host);
        chat.tap(ANN, asked.id, "Yes, approve");
        chat.press(ANN, asked.id, &data);
        let _host = world.serve();
        until("the task goes on", || {
            (world.task(&item)["stage"] != "analysis").then_some(())
        });
        until("it is shown who approved", || {
            let shown = chat.with("approved by ann");
            (shown.len() == 1 && shown[0].buttons.is_empty()).then_some(())
        });
        let deploy = question(&chat, "deploy-staging");
        chat.tap(ANN, deploy.id, "Approve");
        until("she is asked again", || {
            (buttons(&chat, deploy.id).len() == 2).then_some(())
        });
        chat.tap(ANN, deploy.id, "Yes, approve");
        until("the task is done", || {
            (world.task(&item)["stage"] == "done").then_some(())
        });
        until("the live message says so", || {
            let live = chat.with("shop: done");
            (live.len() == 1 && live[0].edits > 3).then_some(())
        });
        let live = chat.with("Discount & <more>");
        assert_eq!(live.len(), 1, "{live:#?}");
        // A button that was answered is an old one.
        chat.press(ANN, deploy.id, &data);
        until("it is told", || {
            let answers = chat.answers();
            (answers.last()? == "approved by ann").then_some(())
        });
    })
    .await
    .unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn chat_that_throttles_loses_nothing_and_one_that_is_shut_is_told_elsewhere() {
    let chat = Telegram::start().await;
    tokio::task::spawn_blocking(move || {
        let mut world = world(&chat);
        world.config["notifiers"]["team"]["tells"] = json!(["needs-person"]);
        world.write_config();
        chat.fail(ChatFault::Throttled(1, 1));
        let host = world.serve();
        let item = world.begin("Throttled");
        question(&chat, "analysis");
        let calls = chat.calls();
        let sends = calls.iter().filter(|call| *call == "sendMessage");
        assert_eq!(sends.count(), 2, "{calls:?}");
        chat.fail(ChatFault::Kicked);
        world.json(&["task", "approve", &item]);
        let told = "could not be delivered to notifier `team` after 1 tries";
        until("the log tells it", || {
            let log = world.log();
            log.lines()
                .any(|line| {
                    line.contains("ALERT: ") && line.contains(told) && line.contains("kicked")
                })
                .then_some(())
        });
        drop(host);
        assert!(!world.log().contains("TEST-token"));
    })
    .await
    .unwrap();
}

type Received = Arc<Mutex<Vec<(HeaderMap, Bytes)>>>;

async fn receive(State(received): State<Received>, headers: HeaderMap, body: Bytes) -> StatusCode {
    let mut received = received.lock().unwrap();
    received.push((headers, body));
    // The first try is lost.
    match received.len() {
        1 => StatusCode::BAD_GATEWAY,
        _ => StatusCode::NO_CONTENT,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn address_and_program_are_told_what_they_ask_for_and_nothing_is_put_into_a_shell() {
    let received = Received::default();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/hook", listener.local_addr().unwrap());
    let routes = Router::new()
        .route("/hook", post(receive))
        .with_state(received.clone());
    tokio::spawn(async move { axum::serve(listener, routes).await });
    tokio::task::spawn_blocking(move || {
        let mut world = World::new();
        world.write("secret", "It's a secret\n", 0o600);
        world.write("note.sh", "#!/bin/sh\n{ env; cat; echo; } >> noted\n", 0o755);
        world.config["notifiers"] = json!({
            "hook": {"webhook": {"url": url, "secret": {"file": "secret"}}, "tells": ["done"]},
            "pager": {"command": {"program": "./note.sh", "args": ["'; touch x #"]}, "tells": ["needs-person", "stages"]},
        });
        world.write_config();
        let _host = world.serve();
        let item = world.begin("'; touch x #");
        world.follow(&item, |view| view["status"] == "ended");
        until("the second try is taken", || {
            (received.lock().unwrap().len() >= 2).then_some(())
        });
        let received = received.lock().unwrap();
        assert_eq!(received.len(), 2, "once, and once more after a failure");
        let [(first, body), (again, second)] = &received[..] else {
            panic!("two tries")
        };
        assert_eq!(body, second);
        for name in ["x-orch-delivery", "x-orch-signature-256"] {
            assert_eq!(first[name], again[name]);
        }
        assert!(first["x-orch-signature-256"].to_str().unwrap().starts_with("sha256="));
        let event: Value = serde_json::from_slice(body).unwrap();
        assert_eq!((&event["event"], &event["work_item"]), (&json!("done"), &json!(item)));
        until("the program is told the end", || {
            let noted = std::fs::read_to_string(world.path("noted")).ok()?;
            noted.contains("\"stage\":\"done\"").then_some(())
        });
        let noted = std::fs::read_to_string(world.path("noted")).unwrap();
        assert!(noted.contains(&format!("ORCH_WORK_ITEM={item}")), "{noted}");
        assert!(noted.contains("approval-needed") && !noted.contains("\"event\":\"done\""));
        assert!(!noted.contains("HOME="), "it gets nothing of the host's environment");
        assert!(!world.path("x").exists());
    })
    .await
    .unwrap();
}
