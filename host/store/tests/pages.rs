//! Claims about pages: each follows the one before, in the list's order, and says how much there is.

use orch_domain::id::{RepoName, TaskId, WorkItem};
use orch_domain::job::{JobKind, Lane};
use orch_domain::stage::Stage;
use orch_domain::task::Status;
use orch_store::{NewJob, NewTask, Owner, Store, TaskTally};

async fn store() -> (tempfile::TempDir, Store) {
    let folder = tempfile::tempdir().expect("a folder");
    let store = Store::open(&folder.path().join("orch.db"), Owner("me".to_owned())).await;
    (folder, store.expect("the store opens"))
}

async fn task(store: &Store, item: &str, status: Status) -> TaskId {
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
    let write = store.write(move |tx| {
        Box::pin(async move {
            let mut task = tx.insert_task(new, 1).await?;
            task.version = 1;
            if status == Status::Ended {
                task.stage = Stage::Done;
            }
            task.status = status;
            let moved = tx.update_task(&task, 0, 2).await?;
            assert_eq!(moved, orch_store::CasOutcome::Applied);
            Ok(task.id)
        })
    });
    write.await.expect("accepted")
}

async fn job(store: &Store, kind: JobKind, priority: i64, run_at_ms: i64) -> i64 {
    let new = NewJob {
        kind,
        task: None,
        repo: "shop".into(),
        payload: "{}".into(),
        priority,
        run_at_ms,
        name: None,
        put_off: None,
    };
    let write = store.write(move |tx| {
        Box::pin(async move {
            let queued = tx.enqueue(&new, 10).await?;
            match queued {
                orch_store::EnqueueOutcome::Enqueued(id)
                | orch_store::EnqueueOutcome::AlreadyQueued(id) => Ok(id.0),
            }
        })
    });
    write.await.expect("queued")
}

#[tokio::test]
async fn waiting_jobs_come_in_the_order_in_which_they_begin() {
    let (_folder, store) = store().await;
    // Of every lane, ready and due later, queued in no order.
    let later = job(&store, JobKind::Agent, 1, 500).await;
    let usual = job(&store, JobKind::Gate, 5, 3).await;
    let older = job(&store, JobKind::Ci, 5, 2).await;
    let urgent = job(&store, JobKind::Agent, 1, 9).await;
    let soon = job(&store, JobKind::Gate, 9, 400).await;
    let order = [urgent, older, usual, soon, later];
    for size in 1..=6 {
        let (mut seen, mut after) = (Vec::new(), None);
        loop {
            let page = store
                .read(move |tx| Box::pin(tx.waiting_jobs(after, size)))
                .await
                .expect("listed");
            let Some(last) = page.last() else { break };
            after = Some(last.place());
            assert!(page.len() <= size as usize);
            seen.extend(page.iter().map(|job| job.id));
        }
        assert_eq!(seen, order, "in pages of {size}");
    }
}

#[tokio::test]
async fn job_at_work_is_listed_and_waits_no_more() {
    let (_folder, store) = store().await;
    let id = job(&store, JobKind::Gate, 5, 1).await;
    let me = store.owner().clone();
    let claim = store
        .write(move |tx| Box::pin(async move { tx.claim(Lane::Gates, 1, &me, 20, 1_000).await }));
    assert_eq!(claim.await.expect("claimed").len(), 1);
    let read = store.read(|tx| {
        Box::pin(async move { Ok((tx.jobs_at_work(9).await?, tx.waiting_jobs(None, 9).await?)) })
    });
    let (at_work, waiting) = read.await.expect("listed");
    assert_eq!(at_work.iter().map(|j| j.id).collect::<Vec<_>>(), [id]);
    assert_eq!(waiting, []);
}

#[tokio::test]
async fn tasks_are_counted_and_paged_with_and_without_those_that_ended() {
    let (_folder, store) = store().await;
    let active = task(&store, "S-1", Status::Active).await;
    let ended = task(&store, "S-2", Status::Ended).await;
    let stopping = task(&store, "S-3", Status::Stopping).await;
    let input = Status::NeedsInput {
        detail: "what?".into(),
    };
    let asking = task(&store, "S-4", input).await;
    let tally = store.read(|tx| Box::pin(tx.task_tally())).await;
    let expected = TaskTally {
        all: 4,
        live: 3,
        need_person: 1,
        stopping: 1,
    };
    assert_eq!(tally.expect("counted"), expected);
    let page = async |all, before| {
        let read = store.read(move |tx| Box::pin(tx.task_page(all, before, 2)));
        let records = read.await.expect("listed");
        records.iter().map(|r| r.task.id).collect::<Vec<_>>()
    };
    assert_eq!(page(false, None).await, [asking, stopping]);
    assert_eq!(page(false, Some(stopping)).await, [active]);
    assert_eq!(page(true, Some(stopping)).await, [ended, active]);
    let names = store
        .read(move |tx| Box::pin(async move { tx.work_items(&[ended, active]).await }))
        .await
        .expect("looked up");
    assert_eq!(names[&ended], "S-2");
    assert_eq!(names.len(), 2);
    let none = store.read(|tx| Box::pin(async move { tx.work_items(&[]).await }));
    assert!(none.await.expect("looked up").is_empty());
}

#[tokio::test]
async fn latest_comments_are_shown_in_their_order_with_how_many_there_are() {
    let (_folder, store) = store().await;
    let id = task(&store, "S-1", Status::Active).await;
    let write = store.write(move |tx| {
        Box::pin(async move {
            for n in 1..=5 {
                let (key, at) = (format!("c{n}"), n);
                tx.add_comment(id, &key, "ann", &key, at).await?;
            }
            Ok(())
        })
    });
    write.await.expect("written");
    let read = store.read(move |tx| Box::pin(tx.latest_comments(id, 2)));
    let (comments, total) = read.await.expect("listed");
    let bodies: Vec<&str> = comments.iter().map(|c| c.body.as_str()).collect();
    assert_eq!((bodies, total), (vec!["c4", "c5"], 5));
    let read = store.read(move |tx| Box::pin(tx.latest_runs(id, 2)));
    let (runs, total) = read.await.expect("listed");
    assert_eq!((runs.len(), total), (0, 0));
}
