//! Claims about the rows of tasks and of their pull requests.

use orch_domain::id::TaskId;
use orch_domain::stage::Stage;
use orch_domain::task::{Status, Task};
use orch_store::{CasOutcome, MergeMark};

use crate::fixture::{new_task, store, task};

#[tokio::test]
async fn stale_version_does_not_move_a_task() {
    let (_folder, store) = store().await;
    let mut task = task(&store, "S-1").await;
    task.stage = Stage::Analysis;
    task.version = 1;
    let moved = task.clone();
    let first = store
        .write(move |tx| Box::pin(async move { tx.update_task(&moved, 0, 2).await }))
        .await;
    assert_eq!(first.expect("answered"), CasOutcome::Applied);
    let stale = Task {
        stage: Stage::Done,
        ..task
    };
    let second = store
        .write(move |tx| Box::pin(async move { tx.update_task(&stale, 0, 3).await }))
        .await;
    assert_eq!(second.expect("answered"), CasOutcome::Stale);
    let record = store
        .read(|tx| Box::pin(tx.task(TaskId(1))))
        .await
        .expect("read");
    assert_eq!(
        (record.task.stage, record.task.version),
        (Stage::Analysis, 1)
    );
}

#[tokio::test]
async fn every_status_reads_back_as_itself() {
    let (_folder, store) = store().await;
    let mut task = task(&store, "S-1").await;
    for status in [
        Status::Active,
        Status::Waiting {
            reason: "CI".into(),
            since_ms: 3,
            deadline_ms: 9,
        },
        Status::AwaitingApproval { since_ms: 4 },
        Status::NeedsInput {
            detail: "more".into(),
        },
        Status::Blocked {
            reason: orch_domain::task::BlockReason::Unknown,
            detail: "d".into(),
        },
        Status::Stopping,
        Status::Ended,
    ] {
        let before = task.version;
        task.status = status.clone();
        task.version += 1;
        let written = task.clone();
        let cas = store
            .write(move |tx| Box::pin(async move { tx.update_task(&written, before, 2).await }));
        assert_eq!(cas.await.expect("answered"), CasOutcome::Applied);
        let record = store
            .read(|tx| Box::pin(tx.task(TaskId(1))))
            .await
            .expect("read");
        assert_eq!(record.task.status, status);
    }
}

#[tokio::test]
async fn item_that_is_worked_on_cannot_be_doubled_but_may_start_afresh() {
    let (_folder, store) = store().await;
    let mut first = task(&store, "S-1").await;
    let again = store
        .write(|tx| Box::pin(async move { tx.insert_task(new_task("S-1"), 2).await }))
        .await;
    let error = again.expect_err("doubled");
    assert!(error.to_string().contains("S-1"), "{error}");
    let remedy = error.remedy().expect("it can be helped");
    assert!(remedy.contains("`orch task stop S-1`"), "{remedy}");
    first.stage = Stage::Cancelled;
    first.version = 1;
    let ended = store
        .write(move |tx| Box::pin(async move { tx.update_task(&first, 0, 2).await }))
        .await;
    assert_eq!(ended.expect("answered"), CasOutcome::Applied);
    assert_eq!(task(&store, "S-1").await.id, TaskId(2));
}

#[tokio::test]
async fn pull_request_merges_at_most_once() {
    let (_folder, store) = store().await;
    let id = task(&store, "S-1").await.id;
    let open = async || {
        store
            .write(move |tx| Box::pin(tx.open_pull_request("shop", id, "b", "main", 1)))
            .await
            .expect("opened")
    };
    assert_eq!(open().await, open().await, "opening again finds the same");
    let (one, two) = ("1".repeat(40), "2".repeat(40));
    let merge = async |sha: String| {
        store
            .write(move |tx| Box::pin(async move { tx.mark_merged("shop", "b", &sha, 2).await }))
            .await
            .expect("answered")
    };
    assert_eq!(merge(one.clone()).await, MergeMark::Merged);
    assert_eq!(merge(two).await, MergeMark::AlreadyMerged(one));
}

#[tokio::test]
async fn unknown_text_in_a_state_column_names_table_row_and_value() {
    let (folder, store) = store().await;
    task(&store, "S-1").await;
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(folder.path().join("orch.db"));
    let mut other = <sqlx::SqliteConnection as sqlx::Connection>::connect_with(&options)
        .await
        .expect("connected");
    sqlx::query("UPDATE tasks SET stage = 'polishing'")
        .execute(&mut other)
        .await
        .expect("written");
    let error = store
        .read(|tx| Box::pin(tx.task(TaskId(1))))
        .await
        .expect_err("decoded")
        .to_string();
    assert!(
        error.contains("tasks") && error.contains("polishing") && error.contains("row 1"),
        "{error}"
    );
}
