//! A chat that behaves as chats do: old buttons, late presses, a second reader, a group that moves, text that it does
//! not take. No decision is lost or taken by the wrong person, and nothing is told nowhere.

use orch_kit::telegram::{CHAT, ChatFault, ChatMessage, TOKEN};
use orch_kit::{Telegram, World, until};
use serde_json::{Value, json};

/// Users whom the configuration names: an approver and a viewer.
const ANN: i64 = 700_100;
const VIC: i64 = 700_200;

fn world(chat: &Telegram) -> World {
    let mut world = World::new();
    world.write("token", TOKEN, 0o600);
    world.config["people"] = json!({
        "ann": {"role": "approver", "telegram": [ANN]},
        "vic": {"role": "viewer", "telegram": [VIC]},
    });
    world.config["notifiers"] = json!({"team": {"telegram": {
        "token": {"file": "token"}, "chat": CHAT,
        "url": chat.url(), "poll_s": 1, "topic": 5,
    }}});
    world.write_config();
    world
}

async fn run(test: impl FnOnce(Telegram, World) + Send + 'static) {
    let chat = Telegram::start().await;
    let test = tokio::task::spawn_blocking(move || {
        let world = world(&chat);
        test(chat, world);
    });
    test.await.unwrap();
}

/// The newest question with buttons.
fn question(chat: &Telegram, at: &str) -> ChatMessage {
    until(&format!("a question at {at}"), || {
        let asked = chat.with("waits for an approval");
        asked
            .into_iter()
            .rfind(|m| m.text.contains(at) && !m.buttons.is_empty())
    })
}

fn told(chat: &Telegram, words: &str) {
    until(&format!("somebody is told `{words}`"), || {
        let answers = chat.answers();
        answers.iter().any(|a| a.contains(words)).then_some(())
    });
}

fn data(chat: &Telegram, id: i64, label: &str) -> Option<String> {
    let messages = chat.messages();
    let message = messages.iter().find(|m| m.id == id)?;
    let mut buttons = message.buttons.iter();
    let found = buttons.find(|(text, _)| text == label)?;
    Some(found.1.clone())
}

#[tokio::test(flavor = "multi_thread")]
async fn who_may_not_decide_changes_no_button_and_a_press_that_is_too_old_to_answer_still_decides()
{
    run(|chat, world| {
        let _host = world.serve();
        let item = world.begin("Pressed");
        let asked = question(&chat, "analysis");
        // Known, and not an approver: told to that one only.
        chat.tap(VIC, asked.id, "Approve");
        told(&chat, "takes `approver`");
        assert_eq!(question(&chat, "analysis").buttons, asked.buttons);
        // The app was closed for long: nothing can be answered to the press.
        chat.fail(ChatFault::QueryTooOld);
        chat.tap(ANN, asked.id, "Approve");
        let sure = until("she is asked again", || {
            data(&chat, asked.id, "Yes, approve")
        });
        chat.press(ANN, asked.id, &sure);
        chat.press(ANN, asked.id, &sure);
        until("the question shows who approved", || {
            let shown = chat.with("approved by ann");
            (shown.len() == 1 && shown[0].buttons.is_empty()).then_some(())
        });
        chat.heal();
        let view = world.follow(&item, |view| view["status"] == "ended");
        let approvals = view["decisions"].as_array().unwrap();
        let of_ann = approvals.iter().filter(|d| d["person"] == "ann");
        assert_eq!(of_ann.count(), 1, "{view:#}");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn button_of_an_earlier_round_is_expired_and_decides_nothing() {
    run(|chat, world| {
        let _host = world.serve();
        let item = world.begin("Asked twice");
        let first = question(&chat, "analysis");
        world.json(&["task", "reject", &item, "--comment", "once more"]);
        let second = until("it is asked again", || {
            let asked = chat.with("waits for an approval");
            let newer = |m: &ChatMessage| m.id > first.id && !m.buttons.is_empty();
            asked.into_iter().find(newer)
        });
        chat.tap(ANN, first.id, "Approve");
        told(&chat, "expired");
        assert_eq!(world.task(&item)["stage"], "analysis");
        chat.tap(ANN, second.id, "Approve");
        let sure = until("she is asked again", || {
            data(&chat, second.id, "Yes, approve")
        });
        chat.press(ANN, second.id, &sure);
        until("it goes on", || {
            (world.task(&item)["stage"] != "analysis").then_some(())
        });
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn second_reader_of_the_same_token_is_named_in_an_alert_and_telling_goes_on() {
    run(|chat, mut world| {
        world.expected_errors = vec!["another program asks with the same token"];
        world.write_config();
        chat.fail(ChatFault::Polled);
        let _host = world.serve();
        until("people are told of it", || {
            let told = chat.with("another program asks with the same token");
            (!told.is_empty()).then_some(())
        });
        let item = world.begin("Told all the same");
        let asked = question(&chat, "analysis");
        chat.heal();
        chat.tap(ANN, asked.id, "Approve");
        let sure = until("presses count again", || {
            data(&chat, asked.id, "Yes, approve")
        });
        chat.press(ANN, asked.id, &sure);
        until("it goes on", || {
            (world.task(&item)["stage"] != "analysis").then_some(())
        });
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn text_topic_and_chat_that_are_not_taken_cost_no_message() {
    run(|chat, world| {
        chat.fail(ChatFault::MarkupRefused);
        chat.fail(ChatFault::TopicGone);
        let _host = world.serve();
        let item = world.begin("Plain & <simple>");
        let asked = question(&chat, "analysis");
        assert_eq!(asked.topic, None, "told outside of the topic that is gone");
        until("its live message is there", || {
            (chat.with("Plain & <simple>").len() == 1).then_some(())
        });
        chat.heal();
        // The group becomes a supergroup: its messages stay behind, the live one comes anew and goes on.
        chat.fail(ChatFault::Moved(-100_777));
        world.json(&["task", "approve", &item]);
        until("it is shown where the group is now", || {
            let live = chat.with("Plain & <simple>");
            (live.len() == 2 && live[1].edits > 0).then_some(())
        });
        assert_eq!(chat.with("Plain & <simple>").len(), 2);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn window_that_never_answers_is_told_and_shown_and_heard_again_when_it_does() {
    run(|chat, mut world| {
        world.expected_errors = vec!["window `team`"];
        chat.fail(ChatFault::Mute);
        let _host = world.serve();
        let item = world.begin("Asked in silence");
        let asked = question(&chat, "analysis");
        chat.tap(ANN, asked.id, "Approve");
        until("people are told of it", || {
            (!chat.with("window `team`").is_empty()).then_some(())
        });
        let done = world.orch(&["doctor", "--json"]);
        let view: Value = serde_json::from_slice(&done.stdout).unwrap();
        let mute = &view["windows"][0];
        assert_eq!(mute["name"], "team", "{mute}");
        assert!(
            mute["failing"].is_string() && mute["answered_s_ago"].is_null(),
            "{mute}"
        );
        chat.heal();
        let sure = until("presses count again", || {
            data(&chat, asked.id, "Yes, approve")
        });
        chat.press(ANN, asked.id, &sure);
        until("it goes on", || {
            (world.task(&item)["stage"] != "analysis").then_some(())
        });
    })
    .await;
}
