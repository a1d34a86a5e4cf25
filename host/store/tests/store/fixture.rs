//! A store on a real file, with tasks, jobs and claims for it.

use std::path::Path;

use orch_domain::id::{RepoName, TaskId, WorkItem};
use orch_domain::job::{JobKind, Lane};
use orch_domain::names::{JobName, LeaseName};
use orch_domain::task::Task;
use orch_store::{
    ClaimedJob, EnqueueOutcome, FinishOutcome, JobKey, NewJob, NewTask, Owner, Store,
};

pub(crate) fn owner(name: &str) -> Owner {
    Owner(name.to_owned())
}

pub(crate) async fn open(path: &Path) -> Store {
    Store::open(path, owner("me"))
        .await
        .expect("the store opens")
}

/// A store in a folder of its own; the folder lives as long as the test holds it.
pub(crate) async fn store() -> (tempfile::TempDir, Store) {
    let folder = tempfile::tempdir().expect("a folder");
    let store = open(&folder.path().join("orch.db")).await;
    (folder, store)
}

pub(crate) fn new_task(item: &str) -> NewTask {
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

pub(crate) async fn task(store: &Store, item: &str) -> Task {
    let new = new_task(item);
    store
        .write(|tx| Box::pin(async move { tx.insert_task(new, 1).await }))
        .await
        .expect("accepted")
}

pub(crate) fn merge_lease() -> LeaseName {
    LeaseName::Merge(RepoName::new("shop").expect("a name"))
}

/// A job for the step of task `n`, which need not be there.
pub(crate) fn job(n: i64, run_at_ms: i64) -> NewJob {
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

pub(crate) async fn enqueue(store: &Store, job: NewJob, now: i64) -> EnqueueOutcome {
    store
        .write(move |tx| Box::pin(async move { tx.enqueue(&job, now).await }))
        .await
        .expect("queued")
}

/// Queues a job that must be new.
pub(crate) async fn queue(store: &Store, job: NewJob, now: i64) {
    let outcome = enqueue(store, job, now).await;
    assert!(
        matches!(outcome, EnqueueOutcome::Enqueued(_)),
        "{outcome:?}"
    );
}

pub(crate) async fn claim_at(store: &Store, now: i64) -> Vec<ClaimedJob> {
    let me = store.owner().clone();
    let claim = store
        .write(move |tx| Box::pin(async move { tx.claim(Lane::Gates, 10, &me, now, 1_000).await }));
    claim.await.expect("claimed")
}

pub(crate) async fn complete(store: &Store, key: JobKey) -> FinishOutcome {
    store
        .write(move |tx| Box::pin(tx.complete(key, 50)))
        .await
        .expect("answered")
}
