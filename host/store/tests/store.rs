//! Claims about the store, on real files.

use std::path::Path;
use std::sync::Arc;

use orch_domain::commit_test::TestState;
use orch_domain::id::{ItemPrefix, JobId, ObjectId, RepoName, TaskId, WorkItem};
use orch_domain::issue::TrackerState;
use orch_domain::job::{JobKind, JobState, Lane, PutOff, PutOffKind};
use orch_domain::message::{Destination, Message};
use orch_domain::names::{ItemRef, JobName, LeaseName};
use orch_domain::notice::{NoticeKind, Subject};
use orch_domain::stage::Stage;
use orch_domain::task::{Status, Task};
use orch_store::{
    AcquireOutcome, Cancel, CasOutcome, ClaimedJob, CountsAsTry, EnqueueOutcome, FinishOutcome,
    JobKey, MergeMark, NewJob, NewTask, Owner, RenewOutcome, Store, StoreError,
};

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

fn owner(name: &str) -> Owner {
    Owner(name.to_owned())
}

async fn open(path: &Path) -> Store {
    Store::open(path, owner("me"))
        .await
        .expect("the store opens")
}

/// A store in a folder of its own; the folder lives as long as the test holds it.
async fn store() -> (tempfile::TempDir, Store) {
    let folder = tempfile::tempdir().expect("a folder");
    let store = open(&folder.path().join("orch.db")).await;
    (folder, store)
}

fn new_task(item: &str) -> NewTask {
    NewTask {
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
    }
}

async fn task(store: &Store, item: &str) -> Task {
    let new = new_task(item);
    store
        .write(|tx| Box::pin(async move { tx.insert_task(new, 1).await }))
        .await
        .expect("accepted")
}

fn merge_lease() -> LeaseName {
    LeaseName::Merge(RepoName::new("shop").expect("a name"))
}

/// A job for the step of task `n`, which need not be there.
fn job(n: i64, run_at_ms: i64) -> NewJob {
    NewJob {
        kind: JobKind::Gate,
        task: None,
        repo: String::new(),
        payload: "{}".into(),
        priority: 5,
        run_at_ms,
        name: Some(JobName::Step(TaskId(n))),
        put_off: None,
    }
}

async fn enqueue(store: &Store, job: NewJob, now: i64) -> EnqueueOutcome {
    store
        .write(move |tx| Box::pin(async move { tx.enqueue(&job, now).await }))
        .await
        .expect("queued")
}

/// Queues a job that must be new.
async fn queue(store: &Store, job: NewJob, now: i64) {
    let outcome = enqueue(store, job, now).await;
    assert!(
        matches!(outcome, EnqueueOutcome::Enqueued(_)),
        "{outcome:?}"
    );
}

async fn claim_at(store: &Store, now: i64) -> Vec<ClaimedJob> {
    let me = store.owner().clone();
    let claim = store
        .write(move |tx| Box::pin(async move { tx.claim(Lane::Gates, 10, &me, now, 1_000).await }));
    claim.await.expect("claimed")
}

async fn complete(store: &Store, key: JobKey) -> FinishOutcome {
    store
        .write(move |tx| Box::pin(tx.complete(key, 50)))
        .await
        .expect("answered")
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
    let error = again.expect_err("doubled").to_string();
    assert!(
        error.contains("S-1") && error.contains("stop it first"),
        "{error}"
    );
    first.stage = Stage::Cancelled;
    first.version = 1;
    let ended = store
        .write(move |tx| Box::pin(async move { tx.update_task(&first, 0, 2).await }))
        .await;
    assert_eq!(ended.expect("answered"), CasOutcome::Applied);
    assert_eq!(task(&store, "S-1").await.id, TaskId(2));
}

#[tokio::test]
async fn name_lets_one_live_job_in_until_it_ends() {
    let (_folder, store) = store().await;
    let EnqueueOutcome::Enqueued(id) = enqueue(&store, job(1, 0), 1).await else {
        panic!("not queued")
    };
    assert_eq!(
        enqueue(&store, job(1, 0), 1).await,
        EnqueueOutcome::AlreadyQueued(id)
    );
    let claimed = claim_at(&store, 2).await;
    assert_eq!(
        enqueue(&store, job(1, 0), 2).await,
        EnqueueOutcome::AlreadyQueued(id)
    );
    assert_eq!(
        complete(&store, claimed[0].key).await,
        FinishOutcome::Finished
    );
    assert!(matches!(
        enqueue(&store, job(1, 0), 3).await,
        EnqueueOutcome::Enqueued(_)
    ));
}

#[tokio::test]
async fn scheduled_job_is_not_claimed_before_it_is_due() {
    let (_folder, store) = store().await;
    queue(&store, job(1, 100), 1).await;
    assert!(claim_at(&store, 99).await.is_empty());
    assert_eq!(claim_at(&store, 100).await.len(), 1);
}

#[tokio::test]
async fn job_taken_over_by_a_new_claim_cannot_be_ended_by_the_old_one() {
    let (folder, store) = store().await;
    queue(&store, job(1, 0), 1).await;
    let old = claim_at(&store, 2).await.remove(0);
    let dead = Owner("dead".into());
    let recovered = store
        .write(move |tx| Box::pin(async move { tx.recover(&dead, 3).await }))
        .await
        .expect("recovered");
    assert_eq!(recovered.len(), 1);
    let new = claim_at(&store, 4).await.remove(0);
    assert!(new.key.epoch > old.key.epoch);
    assert_eq!(
        (new.attempt, new.crashes),
        (1, 1),
        "a dead host costs no try"
    );
    assert_eq!(complete(&store, old.key).await, FinishOutcome::Fenced);
    let key = old.key;
    let put_off = store
        .write(move |tx| {
            Box::pin(async move {
                tx.put_off(
                    key,
                    9,
                    &PutOff::new(PutOffKind::Retry, "late"),
                    CountsAsTry::No,
                )
                .await
            })
        })
        .await;
    assert_eq!(put_off.expect("answered"), FinishOutcome::Fenced);
    assert_eq!(complete(&store, new.key).await, FinishOutcome::Finished);
    assert_eq!(
        complete(&store, new.key).await,
        FinishOutcome::Fenced,
        "an ended job does not change"
    );
    drop(folder);
}

#[tokio::test]
async fn claim_cannot_be_renewed_after_it_ran_out() {
    let (_folder, store) = store().await;
    queue(&store, job(1, 0), 1).await;
    let key = claim_at(&store, 10).await[0].key;
    let renew = async |now| {
        store
            .write(move |tx| Box::pin(tx.renew(key, now, 1_000)))
            .await
            .expect("answered")
    };
    assert_eq!(renew(1_010).await, RenewOutcome::Renewed);
    assert_eq!(renew(2_011).await, RenewOutcome::Lost);
}

#[tokio::test]
async fn cancelling_a_task_fences_its_running_job() {
    let (_folder, store) = store().await;
    let id = task(&store, "S-1").await.id;
    queue(
        &store,
        NewJob {
            task: Some(id),
            ..job(1, 0)
        },
        1,
    )
    .await;
    let key = claim_at(&store, 2).await[0].key;
    let cancelled = store
        .write(move |tx| Box::pin(tx.cancel_jobs(id, 3, Cancel::Everything)))
        .await
        .expect("cancelled");
    assert_eq!(cancelled, [key.id]);
    assert_eq!(complete(&store, key).await, FinishOutcome::Fenced);
    let jobs = store
        .read(|tx| Box::pin(tx.recent_jobs(5)))
        .await
        .expect("listed");
    assert_eq!(jobs[0].state, JobState::Cancelled);
}

#[tokio::test]
async fn hint_reaches_a_job_that_is_running() {
    let (_folder, store) = store().await;
    let id = task(&store, "S-1").await.id;
    queue(
        &store,
        NewJob {
            task: Some(id),
            ..job(1, 0)
        },
        1,
    )
    .await;
    let key = claim_at(&store, 2).await[0].key;
    let hinted = async || {
        store
            .read(|tx| Box::pin(tx.was_hinted(key)))
            .await
            .expect("answered")
    };
    assert!(!hinted().await);
    store
        .write(move |tx| Box::pin(tx.make_due(id, 3)))
        .await
        .expect("marked");
    assert!(hinted().await);
}

#[tokio::test]
async fn lease_names_its_holder_and_only_the_holder_gives_it_back() {
    let (_folder, store) = store().await;
    let (one, two) = (task(&store, "S-1").await.id, task(&store, "S-2").await.id);
    let acquire = async |task, now| {
        let me = store.owner().clone();
        let asked = store.write(move |tx| {
            Box::pin(async move {
                tx.acquire_lease(&merge_lease(), task, JobId(1), &me, now, 100)
                    .await
            })
        });
        asked.await.expect("answered")
    };
    assert_eq!(
        acquire(one, 10).await,
        AcquireOutcome::Held {
            epoch: 1,
            reclaimed_from: None
        }
    );
    assert_eq!(
        acquire(two, 20).await,
        AcquireOutcome::Busy {
            holder: one,
            since_ms: 10
        }
    );
    assert_eq!(
        acquire(one, 30).await,
        AcquireOutcome::Held {
            epoch: 2,
            reclaimed_from: None
        }
    );
    let release = async |task| {
        store
            .write(move |tx| Box::pin(async move { tx.release_lease(&merge_lease(), task).await }))
            .await
    };
    assert!(!release(two).await.expect("answered"));
    assert_eq!(
        acquire(two, 131).await,
        AcquireOutcome::Held {
            epoch: 3,
            reclaimed_from: Some(one)
        }
    );
    assert!(
        !release(one).await.expect("answered"),
        "a lost lease is not given back by its old holder"
    );
    assert!(release(two).await.expect("answered"));
    assert_eq!(
        acquire(one, 140).await,
        AcquireOutcome::Held {
            epoch: 4,
            reclaimed_from: None
        }
    );
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
async fn sweep_removes_what_is_old_and_over_and_nothing_else() {
    let (_folder, store) = store().await;
    queue(&store, job(1, 0), 1).await;
    let key = claim_at(&store, 2).await[0].key;
    assert_eq!(complete(&store, key).await, FinishOutcome::Finished);
    queue(&store, job(2, 0), 1).await;
    let sweep = async |before| {
        store
            .write(move |tx| Box::pin(tx.sweep_jobs(before, 10)))
            .await
            .expect("swept")
    };
    assert_eq!(sweep(50).await, 0, "it ended at 50");
    assert_eq!(sweep(51).await, 1);
    let left = store
        .read(|tx| Box::pin(tx.recent_jobs(5)))
        .await
        .expect("listed");
    assert_eq!(left.len(), 1);
    assert_eq!(left[0].state, JobState::Ready);
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

#[tokio::test]
async fn migrations_run_in_order_over_data() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("orch.db");
    let options = sqlx::sqlite::SqliteConnectOptions::new()
        .filename(&path)
        .create_if_missing(true);
    let mut raw = <sqlx::SqliteConnection as sqlx::Connection>::connect_with(&options)
        .await
        .expect("connected");
    let files = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../migrations/sqlite");
    let all = sqlx::migrate::Migrator::new(files)
        .await
        .expect("the files are there");
    let mut marks: Vec<i64> = all.iter().map(|m| m.version).collect();
    marks.sort_unstable();
    for (index, mark) in marks.iter().enumerate() {
        all.run_direct(Some(*mark), &mut raw, false)
            .await
            .expect("each mark is reached");
        if index == 0 {
            let sample = "INSERT INTO configs VALUES ('d', '{}'); INSERT INTO tasks (work_item, repo, title, body, author, \
                branch, base_branch, config_digest, stage, step, status, version, attempts, rework_rounds, \
                rework_rounds_max, early_rounds, infra_failures, stop_requested, created_ms, updated_ms) \
                VALUES ('S-1', 'shop', 't', 'b', 'a', 'br', 'main', 'd', 'review', 1, 'active', 4, '{\"review\":1}', \
                0, 3, 0, 0, 0, 1, 1), \
                ('s-41', 'toys', 't', 'b', 'a', 'br', 'main', 'd', 'done', 0, 'ended', 4, '{}', 0, 3, 0, 0, 0, 1, 1), \
                ('S-9', 'toys', 't', 'b', 'a', 'br', 'main', 'd', 'done', 0, 'ended', 4, '{}', 0, 3, 0, 0, 0, 1, 1), \
                ('S-1000000000000', 'toys', 't', 'b', 'a', 'br', 'main', 'd', 'done', 0, 'ended', 4, '{}', 0, 3, 0, 0, 0, 1, 1), \
                ('free', 'toys', 't', 'b', 'a', 'br', 'main', 'd', 'done', 0, 'ended', 4, '{}', 0, 3, 0, 0, 0, 1, 1); INSERT INTO events (task_id, at_ms, kind, actor, data) VALUES (1, 1, 'created', 'a', '{}'); \
                INSERT INTO jobs (kind, lane, state, task_id, repo, payload, priority, run_at_ms, reason, created_ms, \
                finished_ms) VALUES ('agent', 'agents', 'scheduled', 1, 'shop', '{}', 5, 9, 'its turn: S-0 comes first', 1, \
                NULL), ('gate', 'gates', 'done', 1, 'shop', '{}', 5, 9, 'its turn: S-0 comes first', 1, 2); \
                INSERT INTO outbox (task_id, kind, key, payload, created_ms, next_ms, done_ms) VALUES \
                (1, 'alert', 'a:1', 'S-1 is \"blocked\"', 7, 7, NULL), (NULL, 'alert', 'a:2', 'told', 7, 7, 8), \
                (1, 'remove-workspace', 'w:1', '{}', 7, 7, NULL);";
            sqlx::raw_sql(sample)
                .execute(&mut raw)
                .await
                .expect("sample data fits the first mark");
        }
        if *mark == 8 {
            let sample = "INSERT INTO pull_requests (repo, task_id, branch, base, state, merged_sha, created_ms, merged_ms) \
                VALUES ('shop', 1, 'b1', 'main', 'merged', 'MERGED', 2, 3), ('shop', 1, 'b2', 'main', 'open', NULL, 4, NULL); \
                INSERT INTO commit_statuses VALUES ('shop', 'LOST', 'orch/ci', 'pending', 'asked for again, time 2', 5), \
                ('shop', 'GOOD', 'orch/ci', 'success', 'exit code 0', 5), ('shop', 'GOOD', 'other', 'failure', '', 5); \
                INSERT INTO issues VALUES (1, 'needs-input', 6); INSERT INTO issue_moves (task_id, state, actor, at_ms) \
                VALUES (1, 'in-progress', 'orch', 5), (1, 'needs-input', 'orch', 6), (1, 'approved', 'ann', 7);";
            let sample = sample
                .replace("MERGED", &"1".repeat(40))
                .replace("LOST", &"2".repeat(40))
                .replace("GOOD", &"3".repeat(40));
            sqlx::raw_sql(sqlx::AssertSqlSafe(sample))
                .execute(&mut raw)
                .await
                .expect("sample data fits the mark");
        }
    }
    sqlx::Connection::close(raw).await.expect("closed");
    let store = open(&path).await;
    let item: ItemRef = "S-1".parse().expect("a name");
    let record = store
        .read(|tx| Box::pin(async move { tx.task_of_item(&item).await }))
        .await
        .expect("the data is still there");
    assert_eq!((record.task.stage, record.task.version), (Stage::Review, 4));
    assert_eq!(
        store
            .read(|tx| Box::pin(tx.events(TaskId(1), 0, 9)))
            .await
            .expect("read")
            .len(),
        1
    );
    let jobs = store.read(|tx| Box::pin(tx.recent_jobs(5))).await;
    let kinds: Vec<_> = jobs
        .expect("listed")
        .iter()
        .map(|job| (job.state, job.put_off_kind))
        .collect();
    let waits = (JobState::Scheduled, Some(PutOffKind::Turn));
    assert_eq!(kinds, [(JobState::Done, None), waits]);
    for (repo, next) in [("shop", "S-2"), ("toys", "S-42"), ("new", "S-1")] {
        let drawn = store.write(move |tx| {
            Box::pin(async move {
                let name = RepoName::new(repo).expect("a name");
                let prefix = ItemPrefix::new("S").expect("a prefix");
                tx.next_item(&name, &prefix).await
            })
        });
        assert_eq!(drawn.await.expect("drawn").as_str(), next);
    }
    let of_task = Subject::Task {
        id: TaskId(1),
        work_item: record.task.work_item.clone(),
        repo: record.task.repo.clone(),
    };
    let (alerts, removals) = (due(&store, "notifier:log").await, due(&store, "host").await);
    let Message::Notice { notice, .. } = &alerts[0] else {
        panic!("{alerts:?}");
    };
    assert_eq!(alerts.len(), 1, "the other was told before");
    assert_eq!((&notice.subject, notice.at_ms), (&of_task, 7));
    let text = "S-1 is \"blocked\"".to_owned();
    assert_eq!(notice.kind, NoticeKind::Earlier { text });
    assert!(matches!(
        removals[..],
        [Message::RemoveWorkspace {
            task: TaskId(1),
            ..
        }]
    ));
    check_own_records(&store).await;
}

/// What the host goes by stood in the tables of its local forge and tracker before it had tables of its own.
async fn check_own_records(store: &Store) {
    let (shop, [merged, lost, good]) = (
        RepoName::new("shop").expect("a name"),
        ["1", "2", "3"].map(|digit| ObjectId::new(digit.repeat(40)).expect("an id")),
    );
    let found = store.write(move |tx| {
        Box::pin(async move {
            let branches = tx.task_branches(TaskId(1)).await?;
            let landed: Vec<_> = branches.into_iter().map(|b| b.landed).collect();
            assert_eq!(landed, [Some(merged), None]);
            let (state, shown) = (
                tx.issue_state(TaskId(1)).await?,
                tx.issue_shown_at(TaskId(1)).await?,
            );
            // Ann answered at position 3 what stood there from position 2 on.
            assert_eq!((state, shown), (TrackerState::NeedsInput, Some(2)));
            let tested = tx.test_state(&shop, &good).await?;
            assert_eq!(tested, Some(TestState::Passed));
            tx.ask_test_again(&shop, &lost, 9, 8).await
        })
    });
    assert_eq!(
        found.await.expect("read"),
        Some(3),
        "it was asked for twice"
    );
}

async fn due(store: &Store, destination: &str) -> Vec<Message> {
    let destination: Destination = destination.parse().expect("a destination");
    let waiting = store
        .read(|tx| Box::pin(async move { tx.due_messages(&destination, 100, 10).await }))
        .await
        .expect("read");
    let messages = waiting.into_iter().map(|w| w.message.expect("readable"));
    messages.collect()
}
