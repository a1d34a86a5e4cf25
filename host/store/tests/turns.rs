//! Claims about jobs that wait for others to be done.

#[expect(dead_code, reason = "the fixture has more than these tests need")]
#[path = "qualification/fixture.rs"]
mod fixture;

use orch_domain::job::{JobState, PutOff, PutOffKind};
use orch_store::NewJob;

use fixture::{Shop, job};

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
