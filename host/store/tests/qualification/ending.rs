//! Who may end a job, and how often.

use orch_domain::job::{JobState, Lane};
use orch_store::{CountsAsTry, FinishOutcome, JobKey, RenewOutcome};

use crate::fixture::{LEASE_MS, Shop, job, waiting};

async fn complete(shop: &Shop, key: JobKey, now: i64) -> FinishOutcome {
    let done = shop.store.write(move |tx| Box::pin(tx.complete(key, now)));
    done.await.expect("answered")
}

async fn renew(shop: &Shop, key: JobKey, now: i64) -> RenewOutcome {
    let done = shop
        .store
        .write(move |tx| Box::pin(tx.renew(key, now, LEASE_MS)));
    done.await.expect("answered")
}

#[tokio::test]
async fn late_completion_leaves_the_successor_as_it_is() {
    let shop = Shop::open().await;
    shop.queue(vec![job(0)], 1).await;
    let old = shop.claim("one", 1, 2).await.remove(0);
    let seen = shop.running().await.remove(0);
    assert!(shop.reap(&seen, 3).await.is_some());
    let new = shop.claim("two", 1, 4).await.remove(0);
    let before = shop.rows("jobs").await;
    assert_eq!(complete(&shop, old.key, 5).await, FinishOutcome::Fenced);
    assert_eq!(shop.rows("jobs").await, before);
    assert_eq!(complete(&shop, new.key, 6).await, FinishOutcome::Finished);
}

#[tokio::test]
async fn worker_that_takes_a_name_again_cannot_end_the_claim_before() {
    let shop = Shop::open().await;
    shop.queue(vec![job(0)], 1).await;
    let old = shop.claim("worker", 1, 2).await.remove(0);
    let seen = shop.running().await.remove(0);
    shop.reap(&seen, 3).await.expect("it is as it was seen");
    let new = shop.claim("worker", 1, 4).await.remove(0);
    assert_eq!(complete(&shop, old.key, 5).await, FinishOutcome::Fenced);
    assert_eq!(renew(&shop, old.key, 5).await, RenewOutcome::Lost);
    assert_eq!(complete(&shop, new.key, 6).await, FinishOutcome::Finished);
}

#[tokio::test]
async fn failed_try_is_claimed_again_as_soon_as_its_back_off_is_over() {
    let shop = Shop::open().await;
    shop.queue(vec![job(0)], 1).await;
    for attempt in 1..=3 {
        let now = attempt * 100;
        let claimed = shop.claim("host", 1, now).await.remove(0);
        assert_eq!(claimed.attempt, attempt, "a failure counts");
        let key = claimed.key;
        let put_off = shop.store.write(move |tx| {
            Box::pin(async move {
                tx.put_off(key, now + 100, &waiting("exit code 1"), CountsAsTry::Yes)
                    .await
            })
        });
        let put_off = put_off.await.expect("answered");
        assert_eq!(put_off, FinishOutcome::Finished);
        let due = async |at| {
            let due = shop.store.read(|tx| Box::pin(tx.has_due(Lane::Gates, at)));
            due.await.expect("answered")
        };
        assert!(!due(now + 99).await);
        assert!(due(now + 100).await);
    }
}

#[tokio::test]
async fn expired_claim_is_not_renewed_and_ends_its_job_only_while_nobody_took_it() {
    let shop = Shop::open().await;
    shop.queue(vec![job(0), job(0)], 1).await;
    let [kept, taken] = &shop.claim("host", 2, 2).await[..] else {
        panic!("two are claimed")
    };
    let late = 2 + LEASE_MS + 1;
    assert_eq!(renew(&shop, kept.key, late).await, RenewOutcome::Lost);
    let running = shop.running().await;
    let seen = running.iter().find(|j| j.key == taken.key);
    shop.reap(seen.expect("it runs"), late)
        .await
        .expect("it is as it was seen");
    // Nobody else has the work of the first: its result is worth keeping.
    assert_eq!(
        complete(&shop, kept.key, late).await,
        FinishOutcome::Finished
    );
    assert_eq!(
        complete(&shop, taken.key, late).await,
        FinishOutcome::Fenced
    );
}

#[tokio::test]
async fn job_that_ends_well_and_badly_at_once_has_one_ending() {
    let shop = Shop::open().await;
    shop.queue((0..50).map(|_| job(0)).collect(), 1).await;
    for claimed in shop.claim("host", 50, 2).await {
        let key = claimed.key;
        let bury = || {
            shop.store
                .write(move |tx| Box::pin(async move { tx.bury(key, "it failed", 3).await }))
        };
        let (done, dead) = if key.id.0 % 2 == 0 {
            tokio::join!(complete(&shop, key, 3), bury())
        } else {
            let (dead, done) = tokio::join!(bury(), complete(&shop, key, 3));
            (done, dead)
        };
        let dead = dead.expect("answered");
        assert_ne!(done, dead, "one of them ended it");
        let jobs = shop.store.read(|tx| Box::pin(tx.recent_jobs(50))).await;
        let jobs = jobs.expect("listed");
        let row = jobs
            .iter()
            .find(|row| row.id == key.id)
            .expect("it is there");
        let expected = match done {
            FinishOutcome::Finished => (JobState::Done, None),
            FinishOutcome::Fenced => (JobState::Dead, Some("it failed")),
        };
        assert_eq!((row.state, row.last_error.as_deref()), expected);
    }
}
