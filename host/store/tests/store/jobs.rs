//! Claims about the queue: who may claim, hold and end a job, and who holds a lease.

use orch_domain::id::JobId;
use orch_domain::job::{JobState, PutOff, PutOffKind};
use orch_store::{
    AcquireOutcome, Cancel, CountsAsTry, EnqueueOutcome, FinishOutcome, NewJob, Owner, RenewOutcome,
};

use crate::fixture::{claim_at, complete, enqueue, job, merge_lease, queue, store, task};

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
