//! Claims about questions, places of progress and intents, on real files.

use orch_domain::id::{DoorName, ObjectId, RepoName, WorkItem};
use orch_domain::prompt::{Choice, PromptId};
use orch_domain::task::Task;
use orch_store::{BoxFuture, NewTask, Owner, Store, StoreError, Tx};

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

    async fn write<T, F>(&self, work: F) -> T
    where
        T: Send + 'static,
        F: for<'t> FnOnce(&'t mut Tx) -> BoxFuture<'t, Result<T, StoreError>> + Send + 'static,
    {
        self.store.write(work).await.expect("written")
    }

    async fn task(&self) -> Task {
        let new = NewTask {
            work_item: WorkItem::new("S-1").expect("an item"),
            repo: RepoName::new("shop").expect("a name"),
            title: "t".into(),
            body: "b".into(),
            author: "ann".into(),
            branch: "orch/S-1".into(),
            base_branch: "main".into(),
            config: "{}".into(),
            config_digest: "d".into(),
            rework_rounds_max: 3,
        };
        let task = self.write(|tx| Box::pin(async move { tx.insert_task(new, 1).await }));
        Task {
            head: Some(ObjectId::new("a".repeat(40)).expect("an id")),
            ..task.await
        }
    }
}

fn chat() -> DoorName {
    DoorName::new("chat").expect("a name")
}

#[tokio::test]
async fn question_is_answered_once_and_only_where_it_was_asked() {
    let site = Site::new().await;
    let task = site.task().await;
    let asked = task.clone();
    let (first, second) = site
        .write(move |tx| {
            Box::pin(async move {
                let first = tx.add_prompt(&chat(), &asked, 5).await?;
                Ok((first, tx.add_prompt(&chat(), &asked, 5).await?))
            })
        })
        .await;
    assert!(first < second);
    // A host that begins anew does not use the numbers of an older one again.
    assert!(first >= PromptId(5_000));
    let answers = site.write(move |tx| {
        Box::pin(async move {
            let once = tx.answer_prompt(first, Choice::Approve, "ann", 6).await?;
            let twice = tx.answer_prompt(first, Choice::Reject, "bob", 7).await?;
            Ok((once, twice))
        })
    });
    assert_eq!(answers.await, (true, false));
    let (of_chat, of_other, open) = site
        .write(move |tx| {
            Box::pin(async move {
                let other = DoorName::new("other").expect("a name");
                Ok((
                    tx.prompt(&chat(), first).await?,
                    tx.prompt(&other, first).await?,
                    tx.prompt(&chat(), second).await?,
                ))
            })
        })
        .await;
    let of_chat = of_chat.expect("it was asked");
    assert_eq!(of_chat.answer, Some((Choice::Approve, "ann".to_owned())));
    assert!(of_chat.is_about(&task));
    assert_eq!(of_other, None);
    assert_eq!(open.expect("it was asked").answer, None);
}

#[tokio::test]
async fn progress_has_one_place_in_each_window_the_latest() {
    let site = Site::new().await;
    let task = site.task().await.id;
    let places = site.write(move |tx| {
        Box::pin(async move {
            let mut places = vec![tx.progress_shown(&chat(), task).await?];
            for receipt in ["-1:7", "-1:9"] {
                tx.note_progress_shown(&chat(), task, receipt).await?;
                places.push(tx.progress_shown(&chat(), task).await?);
            }
            Ok(places)
        })
    });
    let seen = |text: &str| Some(text.to_owned());
    assert_eq!(places.await, [None, seen("-1:7"), seen("-1:9")]);
}

#[tokio::test]
async fn intent_is_noted_once_and_read_back_from_then_on() {
    let site = Site::new().await;
    let notes = site.write(|tx| {
        Box::pin(async move {
            let first = tx.tracker_intent("k", "100", 1).await?;
            let again = tx.tracker_intent("k", "200", 2).await?;
            Ok((first, again, tx.tracker_intent("other", "300", 3).await?))
        })
    });
    assert_eq!(notes.await, (None, Some("100".to_owned()), None));
}
