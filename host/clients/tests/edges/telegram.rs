//! Claims about Telegram: one message per task that changes, alerts that arrive, buttons that count once and for people.

use super::sites::{ANN_CHATS, chat};
use orch_domain::id::{RepoName, TaskId, WorkItem};
use orch_domain::notice::{Notice, NoticeKind, Progress, Subject};
use orch_domain::port::PortFailure;
use orch_domain::port::notifier::Notifier;
use orch_domain::port::window::{Buttons, Press, Shown, Window};
use orch_domain::prompt::{Choice, PromptId};
use orch_domain::stage::Stage;
use orch_kit::telegram::{CHAT, ChatFault};

fn progress(stage: Stage) -> Progress {
    Progress {
        task: TaskId(1),
        work_item: WorkItem::new("SHOP-1").expect("a name"),
        repo: RepoName::new("shop").expect("a name"),
        title: "Discount <b>& more".to_owned(),
        stage,
        status: "active".to_owned(),
        at_ms: 1,
    }
}

fn question() -> Notice {
    Notice {
        subject: Subject::Task {
            id: TaskId(1),
            work_item: WorkItem::new("SHOP-1").expect("a name"),
            repo: RepoName::new("shop").expect("a name"),
        },
        at_ms: 1,
        kind: NoticeKind::ApprovalNeeded {
            stage: Stage::DeployStaging,
            step: "approval".to_owned(),
        },
    }
}

#[tokio::test]
async fn task_has_one_message_that_changes_and_a_deleted_one_comes_anew() {
    let site = chat().await;
    let mut place = None;
    for stage in [Stage::Analysis, Stage::Development, Stage::Development] {
        let now = progress(stage);
        let shown = site.telegram.show(&now, place.as_deref(), "k").await;
        place = shown.unwrap();
    }
    let messages = site.server.messages();
    assert_eq!(messages.len(), 1);
    assert_eq!(
        messages[0].text,
        "SHOP-1 Discount <b>& more\nshop: at `development`"
    );
    assert_eq!((messages[0].edits, messages[0].topic), (1, Some(5)));
    site.server.delete(messages[0].id);
    let now = progress(Stage::Review);
    let shown = site.telegram.show(&now, place.as_deref(), "k").await;
    assert_ne!(shown.unwrap(), place);
    assert_eq!(site.server.with("review").len(), 1);
}

#[tokio::test]
async fn refusals_of_the_chat_say_what_can_be_done() {
    let site = chat().await;
    site.server.fail(ChatFault::Throttled(1, 17));
    let limited = site.telegram.tell(&question(), "k").await.unwrap_err();
    assert!(matches!(
        limited.failure,
        PortFailure::RateLimited { until_ms: Some(_) }
    ));
    site.telegram.tell(&question(), "k").await.unwrap();
    site.server.fail(ChatFault::Moved(-100_999));
    site.telegram.tell(&question(), "k").await.unwrap();
    site.telegram.tell(&question(), "k").await.unwrap();
    assert_eq!(site.server.messages().len(), 3);
    site.server.heal();
    site.server.fail(ChatFault::Kicked);
    let kicked = site.telegram.tell(&question(), "k").await.unwrap_err();
    assert_eq!(kicked.failure, PortFailure::Refused);
    site.server.fail(ChatFault::Polled);
    let polled = site.telegram.taps(0).await.unwrap_err();
    assert!(polled.to_string().contains("another program"), "{polled}");
    for error in [limited, kicked, polled] {
        assert!(
            !format!("{error:?} {error}").contains("TEST-token"),
            "{error}"
        );
    }
}

#[tokio::test]
async fn press_is_taken_from_people_and_stays_until_it_is_confirmed() {
    let site = chat().await;
    let prompt = PromptId(1_795_764_928_000_001);
    site.telegram.ask(&question(), prompt, "k").await.unwrap();
    let message = site.server.messages()[0].id;
    site.server.tap(ANN_CHATS, message, "Approve");
    site.server.tap(666, message, "Approve");
    site.server.press(ANN_CHATS, message, "1");
    let says = Some((prompt, Press::Wants(Choice::Approve)));
    for _ in 0..2 {
        let taps = site.telegram.taps(0).await.unwrap();
        let seen: Vec<_> = taps
            .iter()
            .map(|t| (t.says, t.account.as_deref()))
            .collect();
        assert_eq!(
            seen,
            [
                (says, Some("700100")),
                (says, Some("666")),
                (None, Some("700100"))
            ]
        );
    }
    let first = site.telegram.taps(0).await.unwrap().swap_remove(0);
    let shown = |buttons, settled: Option<&str>| Shown {
        said: String::new(),
        buttons,
        settled: settled.map(str::to_owned),
    };
    let sure = shown(Buttons::Sure(Choice::Approve), None);
    site.telegram.reply(&first, &sure).await.unwrap();
    let labels = |id: i64| -> Vec<String> {
        let messages = site.server.messages();
        let message = messages.iter().find(|m| m.id == id).unwrap();
        message
            .buttons
            .iter()
            .map(|(label, _)| label.clone())
            .collect()
    };
    assert_eq!(labels(message), ["Yes, approve", "No"]);
    let settled = shown(Buttons::None, Some("approved by ann"));
    for _ in 0..2 {
        site.telegram.reply(&first, &settled).await.unwrap();
    }
    assert_eq!(labels(message), [""; 0]);
    let text = &site.server.messages()[0].text;
    assert!(text.ends_with("→ approved by ann"), "{text}");
    // Only what was confirmed is gone.
    let rest = site.telegram.taps(first.position).await.unwrap();
    assert_eq!(rest.len(), 2);
    assert!(first.message.unwrap().starts_with(&CHAT.to_string()));
}

#[tokio::test]
async fn many_alerts_are_one_message_that_fits() {
    let site = chat().await;
    let alerts: Vec<Notice> = (0..40)
        .map(|n| Notice {
            kind: NoticeKind::StopFails {
                error: format!("{n} {}", "\u{1f980}<".repeat(900)),
            },
            ..question()
        })
        .collect();
    site.telegram.tell_together(&alerts, "k").await.unwrap();
    let messages = site.server.messages();
    assert_eq!(messages.len(), 1);
    assert!(messages[0].text.starts_with("40 alerts at once"));
    assert_eq!(messages[0].text.matches("SHOP-1").count(), 40);
}
