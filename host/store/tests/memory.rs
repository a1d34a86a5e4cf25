//! Claims about what gates remember: staged by a task, in force with its landing, never over another's value.

use orch_domain::id::{RepoName, TaskId, WorkItem};
use orch_store::{MemoryApplied, NewTask, Owner, Store};

async fn store(folder: &tempfile::TempDir) -> Store {
    let path = folder.path().join("orch.db");
    Store::open(&path, Owner("me".to_owned()))
        .await
        .expect("the store opens")
}

async fn task(store: &Store, item: &str) -> TaskId {
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
    let task = store
        .write(|tx| Box::pin(async move { tx.insert_task(new, 1).await }))
        .await;
    task.expect("accepted").id
}

async fn stage(store: &Store, task: TaskId, value: impl Into<Option<&'static str>>, read: i64) {
    let value = value.into();
    store
        .write(move |tx| {
            Box::pin(async move {
                tx.stage_memory(task, "coverage", "baseline", value, read)
                    .await
            })
        })
        .await
        .expect("staged");
}

async fn land(store: &Store, task: TaskId) -> MemoryApplied {
    store
        .write(move |tx| Box::pin(async move { tx.apply_memory(task, "shop").await }))
        .await
        .expect("applied")
}

async fn overtaken(store: &Store, task: TaskId) -> Vec<String> {
    store
        .read(|tx| Box::pin(async move { tx.overtaken_gates(task, "shop").await }))
        .await
        .expect("read")
}

async fn in_force(store: &Store) -> Vec<(String, i64)> {
    let kept = store
        .read(|tx| Box::pin(async move { tx.gate_memory("shop", "coverage").await }))
        .await
        .expect("read");
    kept.into_iter().map(|m| (m.value, m.version)).collect()
}

#[tokio::test]
async fn staged_value_is_in_force_only_with_the_landing() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = store(&folder).await;
    let first = task(&store, "SHOP-1").await;
    stage(&store, first, "80", 0).await;
    assert!(in_force(&store).await.is_empty());
    let applied = land(&store, first).await;
    assert_eq!(applied.applied, ["coverage/baseline"]);
    assert_eq!(in_force(&store).await, [("80".to_owned(), 1)]);
    // Landed once: asking again applies nothing.
    assert_eq!(land(&store, first).await, MemoryApplied::default());
}

#[tokio::test]
async fn overtaken_value_is_known_before_the_landing_and_never_written() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = store(&folder).await;
    let (first, second) = (task(&store, "SHOP-1").await, task(&store, "SHOP-2").await);
    stage(&store, first, "90", 0).await;
    stage(&store, second, "81", 0).await;
    assert!(overtaken(&store, second).await.is_empty());
    assert_eq!(land(&store, first).await.applied.len(), 1);
    assert_eq!(overtaken(&store, second).await, ["coverage"]);
    let late = land(&store, second).await;
    assert_eq!(
        (late.applied.len(), late.overtaken.as_slice()),
        (0, ["coverage/baseline".to_owned()].as_slice())
    );
    assert_eq!(in_force(&store).await, [("90".to_owned(), 1)]);
}

#[tokio::test]
async fn value_staged_over_the_present_version_replaces_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = store(&folder).await;
    let (first, second) = (task(&store, "SHOP-1").await, task(&store, "SHOP-2").await);
    stage(&store, first, "80", 0).await;
    assert_eq!(land(&store, first).await.applied.len(), 1);
    stage(&store, second, "85", 0).await;
    assert_eq!(overtaken(&store, second).await, ["coverage"]);
    // The gate judged again and read version 1.
    stage(&store, second, "86", 1).await;
    assert!(overtaken(&store, second).await.is_empty());
    assert_eq!(land(&store, second).await.applied.len(), 1);
    assert_eq!(in_force(&store).await, [("86".to_owned(), 2)]);
}

#[tokio::test]
async fn value_that_was_only_read_is_overtaken_too_and_writes_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = store(&folder).await;
    let (first, second) = (task(&store, "SHOP-1").await, task(&store, "SHOP-2").await);
    stage(&store, second, None, 0).await;
    stage(&store, first, "90", 0).await;
    assert_eq!(land(&store, first).await.applied.len(), 1);
    assert_eq!(overtaken(&store, second).await, ["coverage"]);
    assert_eq!(land(&store, second).await, MemoryApplied::default());
    assert_eq!(in_force(&store).await, [("90".to_owned(), 1)]);
}
