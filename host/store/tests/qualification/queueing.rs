//! What is queued is there, and what cannot be done by us or now harms nothing else.

use orch_domain::id::TaskId;
use orch_domain::job::Lane;
use orch_domain::names::JobName;
use orch_store::{EnqueueOutcome, FinishOutcome, NewJob, Owner, StoreError};

use crate::fixture::{Shop, job};

#[tokio::test]
async fn job_queued_in_a_command_that_fails_was_never_there() {
    let shop = Shop::open().await;
    let fails = shop.store.write(|tx| {
        Box::pin(async move {
            assert!(matches!(
                tx.enqueue(&job(0), 1).await?,
                EnqueueOutcome::Enqueued(_)
            ));
            let (what, id) = ("rest of it", "1".to_owned());
            Err::<(), _>(StoreError::NotFound { what, id })
        })
    });
    // In one batch: the neighbour's job stays.
    let (failed, kept) = tokio::join!(fails, shop.queue(vec![job(0)], 1));
    assert!(failed.is_err());
    let claimed = shop.claim("host", 10, 2).await;
    let claimed: Vec<_> = claimed.iter().map(|job| job.key.id).collect();
    assert_eq!(claimed, kept);
}

#[tokio::test]
async fn database_that_others_write_to_is_waited_for_and_no_caller_is_told_busy() {
    let shop = Shop::open().await;
    let mut other = shop.beside().await;
    for round in 0..20 {
        sqlx::raw_sql("BEGIN IMMEDIATE")
            .execute(&mut other)
            .await
            .expect("it waits for its turn too");
        let store = shop.store.clone();
        let write = tokio::spawn(async move {
            let me = store.owner().clone();
            let works = store.write(move |tx| {
                Box::pin(async move {
                    let queued = tx.enqueue(&job(0), round).await?;
                    let claimed = tx.claim(Lane::Gates, 1, &me, round, 1_000).await?;
                    let done = tx.complete(claimed[0].key, round).await?;
                    Ok((queued, done))
                })
            });
            works.await
        });
        tokio::task::yield_now().await;
        let seen = shop.store.read(|tx| Box::pin(tx.job_counts())).await;
        seen.expect("readers are not held up");
        sqlx::raw_sql("COMMIT")
            .execute(&mut other)
            .await
            .expect("committed");
        let written = write.await.expect("no panic");
        let (_, done) = written.expect("it waited for the lock");
        assert_eq!(done, FinishOutcome::Finished);
    }
}

#[tokio::test]
async fn job_of_an_unknown_kind_is_left_to_a_host_that_knows_it() {
    let shop = Shop::open().await;
    let ids = shop.queue(vec![job(0), job(0)], 1).await;
    let mut conn = shop.beside().await;
    let newer = "UPDATE jobs SET kind = 'polish' WHERE id = (SELECT min(id) FROM jobs)";
    sqlx::query(newer)
        .execute(&mut conn)
        .await
        .expect("written");
    let claimed = shop.claim("host", 10, 2).await;
    assert_eq!(claimed.len(), 1, "the first in the line holds nobody up");
    assert_eq!(claimed[0].key.id, ids[1]);
    let due = shop.store.read(|tx| Box::pin(tx.has_due(Lane::Gates, 3)));
    assert!(!due.await.expect("answered"), "there is nothing to claim");
    let unknown =
        "UPDATE jobs SET kind = 'gate' WHERE kind = 'polish' AND state = 'ready' AND attempt = 0";
    let kept = sqlx::query(unknown).execute(&mut conn).await;
    assert_eq!(kept.expect("written").rows_affected(), 1);
    assert_eq!(shop.claim("newer host", 10, 4).await[0].key.id, ids[0]);
}

#[tokio::test]
async fn unique_key_that_is_asked_for_again_keeps_nobody_from_being_taken_up() {
    let shop = Shop::open().await;
    let keyed = |n: i64| NewJob {
        name: Some(JobName::Step(TaskId(n))),
        ..job(0)
    };
    shop.queue((0..40).map(keyed).collect(), 1).await;
    assert_eq!(shop.claim("dead host", 40, 2).await.len(), 40);
    // While a job runs its key is taken, so that giving it back can never meet another one.
    let again = shop.store.write(move |tx| {
        Box::pin(async move {
            let mut refused = 0;
            for n in 0..40 {
                let outcome = tx.enqueue(&keyed(n), 3).await?;
                refused += u32::from(matches!(outcome, EnqueueOutcome::AlreadyQueued(_)));
            }
            Ok(refused)
        })
    });
    assert_eq!(again.await.expect("answered"), 40);
    let host = Owner("host".into());
    let taken = shop
        .store
        .write(move |tx| Box::pin(async move { tx.recover(&host, 4).await }));
    assert_eq!(taken.await.expect("answered").len(), 40);
    assert_eq!(shop.claim("host", 40, 5).await.len(), 40);
}
