//! Claims about the store, on real files: what is written lasts, one host writes, an error takes nothing with it.

#[path = "store/fixture.rs"]
mod fixture;
#[path = "store/jobs.rs"]
mod jobs;
#[path = "store/migrations.rs"]
mod migrations;
#[path = "store/tasks.rs"]
mod tasks;

use std::sync::Arc;

use crate::fixture::{enqueue, job, new_task, open, owner, store, task};
use orch_domain::id::TaskId;
use orch_store::{EnqueueOutcome, Store, StoreError};

/// An error of a caller's own, as use cases have them.
#[derive(Debug)]
enum NotToday {
    Tired,
    Store(StoreError),
}

impl From<StoreError> for NotToday {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

#[tokio::test]
async fn acknowledged_write_is_there_after_reopening() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("orch.db");
    let store = open(&path).await;
    let id = task(&store, "S-1").await.id;
    drop(store);
    // The writer ends after its last handle; the lock says when.
    let store = loop {
        match Store::open(&path, owner("next")).await {
            Ok(store) => break store,
            Err(StoreError::LockedByAnotherHost { .. }) => tokio::task::yield_now().await,
            Err(error) => panic!("{error}"),
        }
    };
    let record = store
        .read(|tx| Box::pin(tx.task(id)))
        .await
        .expect("it is there");
    assert_eq!(record.task.work_item.as_str(), "S-1");
    assert_eq!(record.branch, "orch/S-1");
}

#[tokio::test]
async fn second_host_is_refused_while_the_first_lives() {
    let (folder, _store) = store().await;
    let refused = Store::open(&folder.path().join("orch.db"), owner("other")).await;
    let Err(StoreError::LockedByAnotherHost { holder, .. }) = refused else {
        panic!("two hosts")
    };
    assert_eq!(holder, "me");
}

#[tokio::test]
async fn failing_and_panicking_commands_take_nothing_with_them() {
    let (_folder, store) = store().await;
    let fails = store.write_or(|tx| {
        Box::pin(async move {
            tx.insert_task(new_task("S-1"), 1).await?;
            Err::<(), _>(NotToday::Tired)
        })
    });
    let panics = store.write(|tx| {
        Box::pin(async move {
            tx.insert_task(new_task("S-2"), 1).await?;
            let listed = tx.task_page(true, None, 1).await?;
            assert!(listed.is_empty(), "a defect");
            Ok(())
        })
    });
    let works = task(&store, "S-3");
    let (fails, panics, _) = tokio::join!(fails, panics, works);
    assert!(matches!(fails, Err(NotToday::Tired)));
    assert!(matches!(panics, Err(StoreError::Panicked)));
    let items = store
        .read(|tx| Box::pin(tx.task_page(true, None, 10)))
        .await
        .expect("listed");
    assert_eq!(
        items
            .iter()
            .map(|r| r.task.work_item.as_str())
            .collect::<Vec<_>>(),
        ["S-3"]
    );
}

#[tokio::test]
async fn errors_of_the_store_reach_a_caller_as_its_own() {
    let (_folder, store) = store().await;
    let written = store
        .write_or::<(), NotToday, _>(|tx| {
            Box::pin(async move {
                tx.task(TaskId(7)).await?;
                Ok(())
            })
        })
        .await;
    let expected = StoreError::NotFound {
        what: "task",
        id: "7".into(),
    };
    let said = |error: NotToday| match error {
        NotToday::Store(error) => error.to_string(),
        NotToday::Tired => panic!("it was not tired"),
    };
    let error = written.expect_err("there is no such task");
    assert_eq!(said(error), expected.to_string());
    let read = store.read_or::<(), NotToday, _>(|tx| {
        Box::pin(async move {
            tx.task(TaskId(7)).await?;
            Ok(())
        })
    });
    let error = read.await.expect_err("there is no such task");
    assert_eq!(said(error), expected.to_string());
}

#[tokio::test]
async fn many_callers_share_a_flush() {
    let (_folder, store) = store().await;
    let before = store.stats();
    let store = Arc::new(store);
    let writes = (0..200).map(|n| {
        let store = store.clone();
        tokio::spawn(async move { enqueue(&store, job(n, 0), 1).await })
    });
    for write in writes.collect::<Vec<_>>() {
        assert!(matches!(
            write.await.expect("no panic"),
            EnqueueOutcome::Enqueued(_)
        ));
    }
    let after = store.stats();
    assert_eq!(after.commands - before.commands, 200);
    assert!(
        after.commits - before.commits < 100,
        "{} commits",
        after.commits - before.commits
    );
}
