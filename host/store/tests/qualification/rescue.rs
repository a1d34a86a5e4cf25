//! What is taken from a dead worker, and what is not.

use orch_domain::job::JobState;
use orch_store::{Cancel, FinishOutcome, NewJob, Owner, RenewOutcome};

use crate::fixture::{LEASE_MS, Shop, job};

#[tokio::test]
async fn finished_job_is_not_overwritten_by_a_late_rescue() {
    let shop = Shop::open().await;
    shop.queue(vec![job(0), job(0)], 1).await;
    let [done, dead] = &shop.claim("host", 2, 2).await[..] else {
        panic!("two are claimed")
    };
    let seen = shop.running().await;
    let (done, dead) = (done.key, dead.key);
    let ended = shop.store.write(move |tx| {
        Box::pin(async move {
            let first = tx.complete(done, 3).await?;
            Ok((first, tx.bury(dead, "it failed", 3).await?))
        })
    });
    let both = (FinishOutcome::Finished, FinishOutcome::Finished);
    assert_eq!(ended.await.expect("answered"), both);
    let before = shop.rows("jobs").await;
    for seen in &seen {
        assert_eq!(shop.reap(seen, 9_000).await, None);
    }
    let other = Owner("other host".into());
    let taken = shop
        .store
        .write(move |tx| Box::pin(async move { tx.recover(&other, 9_000).await }));
    assert!(taken.await.expect("answered").is_empty());
    assert_eq!(shop.rows("jobs").await, before);
}

#[tokio::test]
async fn claim_that_was_renewed_meanwhile_is_not_rescued() {
    let shop = Shop::open().await;
    shop.queue(vec![job(0)], 1).await;
    let key = shop.claim("host", 1, 2).await[0].key;
    let seen = shop.running().await.remove(0);
    let renewed = shop
        .store
        .write(move |tx| Box::pin(tx.renew(key, 500, LEASE_MS)));
    assert_eq!(renewed.await.expect("answered"), RenewOutcome::Renewed);
    assert_eq!(shop.reap(&seen, 1_400).await, None);
}

#[tokio::test]
async fn rows_past_the_first_page_become_ready_and_are_rescued_like_the_first() {
    const COUNT: usize = 1_300;
    let shop = Shop::open().await;
    // More than one claim makes ready at once.
    shop.queue((0..COUNT).map(|_| job(10)).collect(), 1).await;
    let mut claimed = Vec::new();
    for now in 10..20 {
        claimed.extend(shop.claim("dead host", 500, now).await);
    }
    assert_eq!(claimed.len(), COUNT);
    let seen = shop.running().await;
    // What comes first cannot be rescued: it has ended.
    for job in &claimed[..700] {
        let key = job.key;
        let done = shop.store.write(move |tx| Box::pin(tx.complete(key, 30)));
        assert_eq!(done.await.expect("answered"), FinishOutcome::Finished);
    }
    let mut rescued = 0;
    for seen in &seen {
        rescued += usize::from(shop.reap(seen, 40).await.is_some());
    }
    assert_eq!(rescued, COUNT - 700);
    let counts = shop.store.read(|tx| Box::pin(tx.job_counts())).await;
    let counts = counts.expect("counted");
    let of = |state| counts.iter().find(|(s, _)| *s == state).map(|(_, n)| *n);
    assert_eq!(of(JobState::Ready), Some(600));
    assert_eq!(of(JobState::Done), Some(700));
}

#[tokio::test]
async fn node_that_comes_back_under_its_old_name_keeps_no_claim_of_the_dead_one_alive() {
    let shop = Shop::open().await;
    shop.queue(vec![job(0), job(0)], 1).await;
    let old = shop.claim("node", 1, 2).await[0].key;
    // The next process of that name works on, and does so diligently.
    let new = shop.claim("node", 1, 3).await[0].key;
    let before = shop.running().await;
    let renewed = shop
        .store
        .write(move |tx| Box::pin(tx.renew(new, 900, LEASE_MS)));
    assert_eq!(renewed.await.expect("answered"), RenewOutcome::Renewed);
    let seen = shop.running().await;
    assert_eq!(seen[0], before[0], "no heartbeat speaks for a name");
    assert_eq!(seen[0].key, old);
    assert!(seen[0].lease_until_ms < 1_100 && seen[1].lease_until_ms > 1_100);
    assert!(shop.reap(&seen[0], 1_100).await.is_some());
    let running = shop.running().await;
    let left: Vec<_> = running.iter().map(|job| job.key).collect();
    assert_eq!(left, [new]);
}

#[tokio::test]
async fn job_of_an_owner_that_no_table_lists_is_taken_up() {
    let shop = Shop::open().await;
    shop.queue(vec![job(0), job(0)], 1).await;
    shop.claim("pruned long ago", 1, 2).await;
    shop.claim("another", 1, 2).await;
    let host = Owner("host".into());
    let taken = shop
        .store
        .write(move |tx| Box::pin(async move { tx.recover(&host, 3).await }));
    assert_eq!(taken.await.expect("answered").len(), 2);
    assert!(shop.running().await.is_empty());
}

#[tokio::test]
async fn job_of_a_stopped_task_is_not_brought_back_by_a_late_rescue() {
    let shop = Shop::open().await;
    let task = shop.task("S-1").await;
    let queued = NewJob {
        task: Some(task),
        ..job(0)
    };
    shop.queue(vec![queued], 1).await;
    shop.claim("host", 1, 2).await;
    let seen = shop.running().await.remove(0);
    let stopped = shop
        .store
        .write(move |tx| Box::pin(tx.cancel_jobs(task, 3, Cancel::Everything)));
    assert_eq!(stopped.await.expect("answered"), [seen.key.id]);
    let before = shop.rows("jobs").await;
    assert_eq!(shop.reap(&seen, 4).await, None);
    assert_eq!(shop.rows("jobs").await, before);
}
