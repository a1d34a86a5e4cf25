//! Claims about jobs that wait for others to be done.

#[expect(dead_code, reason = "the fixture has more than these tests need")]
#[path = "qualification/fixture.rs"]
mod fixture;

use orch_domain::id::TaskId;
use orch_domain::job::{JobState, PutOff, PutOffKind};
use orch_domain::stage::Stage;
use orch_domain::task::Status;
use orch_store::{CasOutcome, NewJob};

use fixture::{Shop, job, waiting};

#[tokio::test]
async fn end_of_a_task_wakes_whom_it_kept_waiting_whatever_the_words_say() {
    let shop = Shop::open().await;
    let (ended, waits, looks) = (
        shop.task("S-1").await,
        shop.task("S-2").await,
        shop.task("S-3").await,
    );
    let put_off = |kind, reason: &str, task| NewJob {
        task: Some(task),
        put_off: Some(PutOff::new(kind, reason)),
        ..job(90)
    };
    let turn = put_off(PutOffKind::Turn, "S-1 goes first", waits);
    let prose = put_off(PutOffKind::Waiting, "its turn: S-1 comes first", looks);
    shop.queue(vec![turn, prose], 1).await;
    let woken = shop
        .store
        .write(move |tx| Box::pin(async move { tx.wake_turns(ended, "shop", 2).await }));
    assert_eq!(woken.await.expect("answered"), 1);
    let jobs = shop.store.read(|tx| Box::pin(tx.recent_jobs(5))).await;
    let mut jobs: Vec<_> = jobs
        .expect("listed")
        .into_iter()
        .map(|job| (job.task, job.state, job.put_off_kind))
        .collect();
    jobs.reverse();
    assert_eq!(
        jobs,
        [
            (Some(waits), JobState::Ready, Some(PutOffKind::Turn)),
            (Some(looks), JobState::Scheduled, Some(PutOffKind::Waiting)),
        ]
    );
}

#[tokio::test]
async fn claim_forgets_why_a_job_was_put_off() {
    let shop = Shop::open().await;
    let queued = NewJob {
        put_off: Some(PutOff::new(PutOffKind::Retry, "exit code 1")),
        ..job(0)
    };
    shop.queue(vec![queued], 1).await;
    shop.claim("host", 1, 2).await;
    let jobs = shop.store.read(|tx| Box::pin(tx.recent_jobs(5))).await;
    let jobs = jobs.expect("listed");
    assert_eq!(
        (jobs[0].put_off_kind, jobs[0].reason.as_deref()),
        (None, None)
    );
}

/// A task that waits on its way to production, with a job that is due at 90.
async fn waits_to_land(shop: &Shop, task: TaskId, stage: Stage, status: Status) {
    let moved = shop.store.write(move |tx| {
        Box::pin(async move {
            let mut task = tx.task(task).await?.task;
            let before = task.version;
            (task.stage, task.status, task.version) = (stage, status, before + 1);
            tx.update_task(&task, before, 1).await
        })
    });
    assert_eq!(moved.await.expect("answered"), CasOutcome::Applied);
    let queued = NewJob {
        task: Some(task),
        put_off: Some(waiting("the lease is taken")),
        ..job(90)
    };
    shop.queue(vec![queued], 1).await;
}

async fn wake(shop: &Shop, repo: &'static str, by: TaskId) -> Option<TaskId> {
    let woken = shop
        .store
        .write(move |tx| Box::pin(async move { tx.wake_oldest_waiter(repo, by, 2).await }));
    woken.await.expect("answered")
}

#[tokio::test]
async fn release_wakes_the_oldest_waiter_and_nobody_else() {
    let shop = Shop::open().await;
    let waits = || Status::Waiting {
        reason: "the lease is taken".into(),
        since_ms: 1,
        deadline_ms: 1_000,
    };
    let landing = Stage::DeployStaging;
    let gave_back = shop.task("S-1").await;
    waits_to_land(&shop, gave_back, landing, waits()).await;
    let reviews = shop.task("S-2").await;
    waits_to_land(&shop, reviews, Stage::Review, waits()).await;
    let works = shop.task("S-3").await;
    waits_to_land(&shop, works, landing, Status::Active).await;
    let oldest = shop.task("S-4").await;
    waits_to_land(&shop, oldest, landing, waits()).await;
    let younger = shop.task("S-5").await;
    waits_to_land(&shop, younger, landing, waits()).await;

    assert_eq!(wake(&shop, "elsewhere", gave_back).await, None);
    assert_eq!(wake(&shop, "shop", gave_back).await, Some(oldest));
    let jobs = shop.store.read(|tx| Box::pin(tx.recent_jobs(9))).await;
    let due: Vec<_> = jobs
        .expect("listed")
        .into_iter()
        .filter(|job| job.state == JobState::Ready)
        .map(|job| (job.task, job.run_at_ms))
        .collect();
    assert_eq!(due, [(Some(oldest), 2)]);

    // The next one to give back wakes who waits longest then, whoever was woken before.
    assert_eq!(wake(&shop, "shop", oldest).await, Some(gave_back));
}

#[tokio::test]
async fn oldest_waiter_is_found_behind_any_number_of_younger_tasks() {
    let shop = Shop::open().await;
    let oldest = shop.task("S-1").await;
    let waits = Status::Waiting {
        reason: "the lease is taken".into(),
        since_ms: 1,
        deadline_ms: 1_000,
    };
    waits_to_land(&shop, oldest, Stage::DeployStaging, waits).await;
    let mut beside = shop.beside().await;
    let many = "INSERT INTO tasks (work_item, repo, title, body, author, branch, base_branch, config_digest, stage, \
        step, status, status_detail, status_since_ms, status_deadline_ms, version, attempts, rework_rounds, \
        rework_rounds_max, early_rounds, infra_failures, stop_requested, created_ms, updated_ms) \
        WITH RECURSIVE n(i) AS (SELECT 2 UNION ALL SELECT i + 1 FROM n WHERE i < 2000) \
        SELECT 'S-' || i, repo, title, body, author, branch || i, base_branch, config_digest, stage, step, status, \
        status_detail, status_since_ms, status_deadline_ms, version, attempts, rework_rounds, rework_rounds_max, \
        early_rounds, infra_failures, stop_requested, created_ms, updated_ms FROM tasks, n";
    sqlx::raw_sql(many)
        .execute(&mut beside)
        .await
        .expect("written");
    assert_eq!(wake(&shop, "shop", TaskId(2_000)).await, Some(oldest));
}
