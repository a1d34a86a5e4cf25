//! Claims about alerts: alike ones are one, whoever has seen them is noted once, and they go some day.

use orch_domain::id::{RepoName, TaskId, UnixMs, WorkItem};
use orch_domain::message::Message;
use orch_domain::notice::{Notice, NoticeKind, NoticeName, Subject};
use orch_domain::stage::Stage;
use orch_domain::task::BlockReason;
use orch_store::{Acknowledged, AlertRow, NewTask, Owner, Store};

struct Site {
    _folder: tempfile::TempDir,
    store: Store,
}

impl Site {
    async fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let store = Store::open(&folder.path().join("orch.db"), Owner("me".to_owned())).await;
        Self {
            _folder: folder,
            store: store.expect("the store opens"),
        }
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

    /// Announces under a key of its own.
    async fn announce(&self, task: Option<TaskId>, kind: NoticeKind, at_ms: UnixMs) {
        self.announce_as(&format!("{at_ms}"), task, kind, at_ms)
            .await;
    }

    async fn announce_as(&self, key: &str, task: Option<TaskId>, kind: NoticeKind, at_ms: UnixMs) {
        let key = key.to_owned();
        let told = self.store.write(move |tx| {
            Box::pin(async move {
                let subject = tx.subject(task).await?;
                let notice = Notice {
                    subject,
                    at_ms,
                    kind,
                };
                tx.push_message(task, &Message::Announcement { notice }, &key, at_ms)
                    .await
            })
        });
        told.await.expect("announced");
    }

    async fn open(&self) -> Vec<AlertRow> {
        let read = self.store.read(|tx| Box::pin(tx.alerts(false, None, 50)));
        read.await.expect("read")
    }

    async fn acknowledge(&self, ids: Vec<i64>, by: &'static str) -> Acknowledged {
        let done = self
            .store
            .write(move |tx| Box::pin(async move { tx.acknowledge_alerts(&ids, by, 90).await }));
        done.await.expect("answered")
    }

    async fn sweep(&self, seen_ms: UnixMs, unseen_ms: UnixMs) -> u64 {
        let swept = self
            .store
            .write(move |tx| Box::pin(tx.sweep_alerts(seen_ms, unseen_ms, 50)));
        swept.await.expect("swept")
    }
}

fn blocked(reason: BlockReason, detail: &str) -> NoticeKind {
    NoticeKind::Blocked {
        stage: Stage::Review,
        reason,
        detail: detail.to_owned(),
    }
}

fn fails(source: &str) -> NoticeKind {
    NoticeKind::SourceFails {
        source: source.to_owned(),
        error: "down".to_owned(),
        is_credential: false,
    }
}

#[tokio::test]
async fn alike_ones_are_one_with_its_first_and_last_time_and_others_stand_apart() {
    let site = Site::new().await;
    let (first, second) = (site.task("S-1").await, site.task("S-2").await);
    site.announce(Some(first), blocked(BlockReason::Config, "line 3"), 10)
        .await;
    site.announce(Some(first), blocked(BlockReason::Config, "line 4"), 20)
        .await;
    site.announce(Some(second), blocked(BlockReason::Config, "line 3"), 30)
        .await;
    site.announce(None, fails("forge"), 40).await;
    site.announce(None, NoticeKind::Done, 50).await;
    // A message that is written again is the same one.
    site.announce_as("40", None, fails("forge"), 60).await;
    let open = site.open().await;
    let seen: Vec<_> = open
        .iter()
        .map(|a| {
            (
                a.kind,
                a.notice.subject.task(),
                a.count,
                a.first_ms,
                a.last_ms,
            )
        })
        .collect();
    assert_eq!(
        seen,
        [
            (NoticeName::SourceFails, None, 1, 40, 40),
            (NoticeName::Blocked, Some(second), 1, 30, 30),
            (NoticeName::Blocked, Some(first), 2, 10, 20),
        ]
    );
    assert_eq!(open[2].notice.kind, blocked(BlockReason::Config, "line 4"));
    assert_eq!(open[2].repo.as_deref(), Some("shop"));
    assert_eq!(open[0].repo, None);
    assert!(matches!(open[0].notice.subject, Subject::Host));
}

#[tokio::test]
async fn who_was_first_to_see_it_stays_and_what_comes_again_is_a_new_one() {
    let site = Site::new().await;
    site.announce(None, fails("forge"), 10).await;
    let id = site.open().await[0].id;
    let unknown = site.acknowledge(vec![id, 77], "ann").await;
    assert_eq!(unknown, Acknowledged::Unknown(vec![77]));
    assert_eq!(site.open().await.len(), 1, "nothing was written");
    let done = site.acknowledge(vec![id], "ann").await;
    assert_eq!(done, Acknowledged::All { were_open: 1 });
    let again = site.acknowledge(vec![id], "bob").await;
    assert_eq!(again, Acknowledged::All { were_open: 0 });
    let all = site.store.read(|tx| Box::pin(tx.alerts(true, None, 9)));
    let all = all.await.expect("read");
    assert_eq!(all[0].acknowledged, Some(("ann".to_owned(), 90)));
    site.announce(None, fails("forge"), 100).await;
    let open = site.open().await;
    assert_eq!((open.len(), open[0].count), (1, 1));
    assert_ne!(open[0].id, id);
}

#[tokio::test]
async fn whoever_moves_a_task_on_has_seen_why_it_stood_and_nothing_else() {
    let site = Site::new().await;
    let (task, other) = (site.task("S-1").await, site.task("S-2").await);
    let secret = NoticeKind::StopFails {
        error: "x".to_owned(),
    };
    site.announce(Some(task), blocked(BlockReason::Config, "x"), 10)
        .await;
    site.announce(Some(task), secret, 11).await;
    site.announce(Some(other), blocked(BlockReason::Config, "x"), 12)
        .await;
    let settled = site
        .store
        .write(move |tx| Box::pin(async move { tx.acknowledge_alerts_of(task, "ann", 20).await }));
    assert_eq!(settled.await.expect("written"), 1);
    let left: Vec<_> = site.open().await.into_iter().map(|a| a.kind).collect();
    assert_eq!(left, [NoticeName::Blocked, NoticeName::StopFails]);
}

#[tokio::test]
async fn seen_ones_go_before_unseen_ones_and_young_ones_stay() {
    let site = Site::new().await;
    site.announce(None, fails("seen"), 10).await;
    let id = site.open().await[0].id;
    let seen = site.acknowledge(vec![id], "ann").await;
    assert_eq!(seen, Acknowledged::All { were_open: 1 });
    site.announce(None, fails("unseen"), 11).await;
    site.announce(None, fails("young"), 100).await;
    assert_eq!(site.sweep(10, 10).await, 0);
    assert_eq!(site.sweep(50, 5).await, 1, "the one that was seen");
    let about = |open: Vec<AlertRow>| -> Vec<String> {
        open.iter().map(|a| a.notice.kind.about()).collect()
    };
    assert_eq!(about(site.open().await), ["young", "unseen"]);
    assert_eq!(site.sweep(50, 50).await, 1);
    assert_eq!(about(site.open().await), ["young"]);
}
