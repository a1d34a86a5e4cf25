//! Claims about history: it goes long after a task's end, and of no other task.

use orch_domain::event::EventKind;
use orch_domain::id::{RepoName, TaskId, WorkItem};
use orch_domain::imports::CheckState;
use orch_domain::stage::Stage;
use orch_domain::task::Status;
use orch_store::{CasOutcome, NewTask, Owner, StatusRow, Store};

async fn task(store: &Store, item: &str, ended_ms: Option<i64>) -> TaskId {
    let new = NewTask {
        work_item: WorkItem::new(item).expect("a work item"),
        repo: RepoName::new("shop").expect("a repository"),
        title: "t".into(),
        body: "b".into(),
        author: "a".into(),
        branch: format!("orch/{item}"),
        base_branch: "main".into(),
        config: "{}".into(),
        config_digest: "d".into(),
        rework_rounds_max: 3,
    };
    let green = StatusRow {
        context: "ci".into(),
        state: CheckState::Success,
        description: "ok".into(),
        url: None,
        reporter: None,
    };
    let sha = item.chars().last().expect("a digit").to_string().repeat(40);
    store
        .write(move |tx| {
            Box::pin(async move {
                let mut task = tx.insert_task(new, 1).await?;
                let id = task.id;
                task.head = orch_domain::id::ObjectId::new(sha.clone()).ok();
                task.version = 1;
                if ended_ms.is_some() {
                    (task.stage, task.status) = (Stage::Done, Status::Ended);
                }
                let at = ended_ms.unwrap_or(2);
                let moved = tx.update_task(&task, 0, at).await?;
                assert_eq!(moved, CasOutcome::Applied);
                tx.append_event(Some(id), EventKind::Created, "a", "{}", 1)
                    .await?;
                tx.add_comment(id, &format!("c{id}"), "ann", "hello", 1)
                    .await?;
                tx.set_status("shop", &sha, &green, 1).await?;
                tx.put_host_artefact(id, "00-business-request.md", "text", 1)
                    .await?;
                Ok(id)
            })
        })
        .await
        .expect("a task")
}

async fn left(store: &Store, id: TaskId) -> (usize, usize, usize) {
    store
        .read(move |tx| {
            Box::pin(async move {
                Ok((
                    tx.events(id, 0, 9).await?.len(),
                    tx.comments(id).await?.len(),
                    tx.host_artefacts(id).await?.len(),
                ))
            })
        })
        .await
        .expect("read")
}

#[tokio::test]
async fn history_of_a_task_goes_long_after_its_end_and_of_no_other() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = Store::open(&folder.path().join("orch.db"), Owner("h".into()))
        .await
        .expect("opened");
    let old = task(&store, "S-1", Some(100)).await;
    let late = task(&store, "S-2", Some(5_000)).await;
    let live = task(&store, "S-3", None).await;
    let sweep = async |before| {
        store
            .write(move |tx| Box::pin(tx.sweep_history(before, 10, 10)))
            .await
            .expect("swept")
    };
    let whole = (1, 1, 1);
    // Statuses of commits at which no task under way stands go by their own age.
    assert_eq!(sweep(1).await, 0);
    assert_eq!(
        sweep(100).await,
        2,
        "the two statuses of ended tasks, and no history yet"
    );
    assert_eq!(left(&store, old).await, whole);
    assert_eq!(sweep(101).await, 3);
    assert_eq!(left(&store, old).await, (0, 0, 0));
    assert_eq!(left(&store, late).await, whole);
    assert_eq!(left(&store, live).await, whole);
    assert_eq!(sweep(i64::MAX).await, 3);
    assert_eq!(left(&store, live).await, whole);
    let record = store.read(move |tx| Box::pin(tx.task(old))).await;
    assert_eq!(record.expect("it stays").task.stage, Stage::Done);
}

#[tokio::test]
async fn event_of_a_task_that_has_not_ended_cannot_be_removed() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("orch.db");
    let store = Store::open(&path, Owner("h".into())).await.expect("opened");
    task(&store, "S-1", None).await;
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(&path);
    let mut raw = <sqlx::SqliteConnection as sqlx::Connection>::connect_with(&options)
        .await
        .expect("connected");
    let refused = sqlx::query("DELETE FROM events").execute(&mut raw).await;
    let said = refused.expect_err("it is kept").to_string();
    assert!(said.contains("has not ended"), "{said}");
}
