//! Claims about messages that wait to be delivered, on real files.

use orch_domain::id::{DoorName, IssueId, RepoName, TaskId, WorkItem};
use orch_domain::issue::TrackerState;
use orch_domain::message::{Destination, Message, MessageKind, Remark};
use orch_domain::notice::{Notice, NoticeKind, Progress, Subject};
use orch_domain::port::tracker::{IssueAt, Voice};
use orch_domain::stage::Stage;
use orch_store::{NewTask, Owner, Store, WaitingMessage};

struct Site {
    folder: tempfile::TempDir,
    store: Store,
}

impl Site {
    async fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let store = Store::open(&folder.path().join("orch.db"), Owner("me".to_owned())).await;
        let store = store.expect("the store opens");
        Self { folder, store }
    }

    async fn task(&self, item: &str) -> TaskId {
        let new = NewTask {
            work_item: WorkItem::new(item).expect("an item"),
            repo: RepoName::new("shop").expect("a name"),
            title: "t".into(),
            body: "b".into(),
            author: "ann".into(),
            branch: format!("orch/{item}"),
            base_branch: "main".into(),
            config: "{}".into(),
            config_digest: "d".into(),
            rework_rounds_max: 3,
        };
        let made = self
            .store
            .write(|tx| Box::pin(async move { tx.insert_task(new, 1).await }));
        made.await.expect("accepted").id
    }

    async fn push(&self, task: Option<TaskId>, message: Message, key: &'static str) {
        let pushed = self.store.write(move |tx| {
            Box::pin(async move { tx.push_message(task, &message, key, 1).await })
        });
        pushed.await.expect("pushed");
    }

    async fn due(&self, destination: &str, now: i64) -> Vec<WaitingMessage> {
        let destination: Destination = destination.parse().expect("a destination");
        let read = self
            .store
            .read(|tx| Box::pin(async move { tx.due_messages(&destination, now, 10).await }));
        read.await.expect("read")
    }

    async fn keys(&self, destination: &str, now: i64) -> Vec<String> {
        let due = self.due(destination, now).await;
        due.into_iter().map(|w| w.key).collect()
    }

    async fn done(&self, id: i64) -> bool {
        let done = self
            .store
            .write(move |tx| Box::pin(tx.message_done(id, Some("17"), 5)));
        done.await.expect("answered")
    }

    async fn failed(&self, id: i64, next_ms: i64) -> bool {
        let failed = self
            .store
            .write(move |tx| Box::pin(tx.message_failed(id, next_ms, "it is down")));
        failed.await.expect("answered")
    }

    async fn bury(&self, id: i64) -> bool {
        let buried = self
            .store
            .write(move |tx| Box::pin(tx.bury_message(id, "no", 5)));
        buried.await.expect("answered")
    }

    /// Changes rows behind the store's back, as another version of the host may have written them.
    async fn execute(&self, sql: &'static str) {
        let path = self.folder.path().join("orch.db");
        let options = sqlx::sqlite::SqliteConnectOptions::new().filename(path);
        let conn = <sqlx::SqliteConnection as sqlx::Connection>::connect_with(&options).await;
        let done = sqlx::query(sql)
            .execute(&mut conn.expect("connected"))
            .await;
        assert_eq!(done.expect("written").rows_affected(), 1);
    }
}

/// Keys of views of where tasks are.
const VIEWS: [&str; 12] = [
    "v0", "v1", "v2", "v3", "v4", "v5", "v6", "v7", "v8", "v9", "v10", "v11",
];

fn at() -> IssueAt {
    IssueAt {
        tracker: DoorName::new("local").expect("a name"),
        issue: IssueId::new("1").expect("an id"),
    }
}

fn state(state: TrackerState) -> Message {
    Message::IssueState { at: at(), state }
}

fn comment(why: &str) -> Message {
    Message::Comment {
        at: at(),
        voice: Voice::Host,
        remark: Remark::MoveRefused {
            state: TrackerState::Done,
            by: "bob".to_owned(),
            why: why.to_owned(),
        },
    }
}

fn news() -> Message {
    Message::Notice {
        to: DoorName::new("log").expect("a name"),
        notice: Notice {
            subject: Subject::Host,
            at_ms: 1,
            kind: NoticeKind::Done,
        },
        prompt: None,
    }
}

#[tokio::test]
async fn message_is_taken_once_per_key() {
    let site = Site::new().await;
    for _ in 0..3 {
        site.push(None, news(), "k").await;
    }
    let due = site.due("notifier:log", 2).await;
    assert_eq!(due.len(), 1);
    assert_eq!(*due[0].message.as_ref().expect("readable"), news());
    assert!(site.done(due[0].id).await);
    site.push(None, news(), "k").await;
    assert!(site.keys("notifier:log", 2).await.is_empty());
}

#[tokio::test]
async fn messages_of_one_task_keep_their_order_and_hold_up_nobody_else() {
    let site = Site::new().await;
    let (first, second) = (site.task("S-1").await, site.task("S-2").await);
    site.push(Some(first), comment("a"), "1a").await;
    site.push(Some(first), comment("b"), "1b").await;
    site.push(Some(second), comment("a"), "2a").await;
    site.push(Some(first), news(), "1n").await;
    let due = site.due("tracker:local", 2).await;
    let keys: Vec<&str> = due.iter().map(|w| w.key.as_str()).collect();
    assert_eq!(keys, ["1a", "2a"]);
    // What failed is not due, and what comes after it waits for it.
    assert!(site.failed(due[0].id, 100).await);
    assert_eq!(site.keys("tracker:local", 50).await, ["2a"]);
    // Another destination knows nothing of it.
    assert_eq!(site.keys("notifier:log", 50).await, ["1n"]);
    let again = site.due("tracker:local", 100).await;
    assert_eq!((again[0].key.as_str(), again[0].tries), ("1a", 1));
    // Given up is settled too.
    assert!(site.bury(again[0].id).await);
    assert_eq!(site.keys("tracker:local", 100).await, ["1b", "2a"]);
}

#[tokio::test]
async fn newest_state_of_an_issue_replaces_those_that_wait() {
    let site = Site::new().await;
    let (task, other) = (site.task("S-1").await, site.task("S-2").await);
    site.push(Some(task), state(TrackerState::InProgress), "s1")
        .await;
    site.push(Some(other), state(TrackerState::InProgress), "o1")
        .await;
    site.push(Some(task), comment("a"), "c1").await;
    site.push(Some(task), state(TrackerState::InReview), "s2")
        .await;
    site.push(Some(task), comment("b"), "c2").await;
    // The same transition written once more takes nothing back.
    site.push(Some(task), state(TrackerState::InProgress), "s1")
        .await;
    let mut order = Vec::new();
    loop {
        let due = site.due("tracker:local", 2).await;
        let Some(first) = due.into_iter().find(|w| w.task == Some(task)) else {
            break;
        };
        assert!(site.done(first.id).await);
        order.push(first.key);
    }
    assert_eq!(order, ["c1", "s2", "c2"]);
    assert_eq!(site.keys("tracker:local", 2).await, ["o1"]);
}

#[tokio::test]
async fn what_is_told_of_a_task_waits_for_no_view_of_where_tasks_are() {
    let site = Site::new().await;
    let mut tasks = Vec::new();
    for number in 0..12 {
        tasks.push(site.task(&format!("S-{number}")).await);
    }
    let view = |task: TaskId| Message::Progress {
        to: DoorName::new("log").expect("a name"),
        progress: Progress {
            task,
            work_item: WorkItem::new("S-1").expect("an item"),
            repo: RepoName::new("shop").expect("a name"),
            title: "t".to_owned(),
            stage: Stage::Development,
            status: "active".to_owned(),
            at_ms: 1,
        },
    };
    for (key, task) in VIEWS.into_iter().zip(&tasks) {
        site.push(Some(*task), view(*task), key).await;
    }
    site.push(Some(tasks[3]), news(), "told").await;
    site.push(Some(tasks[3]), news(), "told next").await;
    let keys = site.keys("notifier:log", 2).await;
    assert_eq!(keys.len(), 10, "as many as are asked for");
    assert_eq!(keys[0], "told", "{keys:?}");
    // In its own order for all that.
    assert!(!keys.contains(&"told next".to_owned()), "{keys:?}");
    assert_eq!(keys[1..], VIEWS[..9]);
}

#[tokio::test]
async fn settled_message_stays_as_it_ended() {
    let site = Site::new().await;
    site.push(None, news(), "k").await;
    let id = site.due("notifier:log", 2).await[0].id;
    assert!(site.done(id).await);
    assert!(!site.done(id).await && !site.failed(id, 3).await && !site.bury(id).await);
    assert!(site.keys("notifier:log", 1_000).await.is_empty());
}

#[tokio::test]
async fn destination_that_is_held_back_gets_nothing_until_then() {
    let site = Site::new().await;
    let task = site.task("S-1").await;
    site.push(Some(task), comment("a"), "a").await;
    site.push(None, news(), "n").await;
    let held: Destination = "tracker:local".parse().expect("a destination");
    let done = site.store.write(move |tx| {
        Box::pin(async move {
            tx.hold_messages(&held, 50).await?;
            let (next, waits) = (
                tx.next_message_ms(&held).await?,
                tx.is_message_waiting(task, MessageKind::Comment).await?,
            );
            Ok((next, waits, tx.waiting_destinations(10).await?))
        })
    });
    let (next, waits, destinations) = done.await.expect("answered");
    assert_eq!((next, waits), (Some(50), true));
    assert_eq!(destinations, ["notifier:log", "tracker:local"]);
    assert!(site.keys("tracker:local", 49).await.is_empty());
    assert_eq!(site.keys("notifier:log", 49).await, ["n"]);
    assert_eq!(site.keys("tracker:local", 50).await, ["a"]);
}

#[tokio::test]
async fn message_that_is_not_known_names_table_row_and_value_and_holds_up_no_other() {
    let site = Site::new().await;
    for key in ["a", "b", "c", "d"] {
        site.push(None, news(), key).await;
    }
    site.execute("UPDATE outbox SET kind = 'telegram' WHERE key = 'a'")
        .await;
    site.execute(
        "UPDATE outbox SET payload = replace(payload, 'done', 'finished') WHERE key = 'b'",
    )
    .await;
    site.execute("UPDATE outbox SET kind = 'comment' WHERE key = 'c'")
        .await;
    let due = site.due("notifier:log", 2).await;
    let said: Vec<String> = due
        .iter()
        .filter_map(|w| w.message.as_ref().err())
        .map(ToString::to_string)
        .collect();
    assert_eq!(said.len(), 3);
    for (text, (row, value)) in said.iter().zip([
        ("row 1", "`telegram`"),
        ("row 2", "finished"),
        ("row 3", "notice in a row of kind comment"),
    ]) {
        assert!(
            text.contains("`outbox`") && text.contains(row) && text.contains(value),
            "{text}"
        );
    }
    assert!(due[3].message.is_ok());
}

#[tokio::test]
async fn settled_messages_go_after_their_time_and_waiting_ones_never() {
    let site = Site::new().await;
    for key in ["told", "given up", "waits"] {
        site.push(None, news(), key).await;
    }
    let due = site.due("notifier:log", 2).await;
    assert!(site.done(due[0].id).await && site.bury(due[1].id).await);
    let sweep = async |before| {
        let swept = site
            .store
            .write(move |tx| Box::pin(tx.sweep_messages(before, 10)));
        swept.await.expect("swept")
    };
    assert_eq!(sweep(5).await, 0, "they ended at 5");
    assert_eq!(sweep(1_000).await, 2);
    assert_eq!(site.keys("notifier:log", 2).await, ["waits"]);
}
