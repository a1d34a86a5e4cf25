//! A worker that slept through the loss of its claim tries every write there is; none of them is accepted.

use orch_domain::id::{JobId, RunId, TaskId};
use orch_domain::outcome::RunEnding;
use orch_domain::stage::{Role, RunRole, Stage};
use orch_store::{
    AcquireOutcome, CountsAsTry, FinishOutcome, JobKey, NewJob, NewRun, Owner, RenewOutcome, RunEnd,
};

use crate::fixture::{LEASE_MS, Shop, job, merge_lease, waiting};

fn run_of(job: JobId, task: TaskId) -> NewRun {
    NewRun {
        job,
        task,
        role: RunRole::Role(Role::Developer),
        agent: "script".into(),
        stage: Stage::Development,
        attempt: 1,
        folder: "/runs/1".into(),
        reserved_usd: 0.0,
    }
}

async fn acquire(shop: &Shop, task: TaskId, key: JobKey, owner: &str, now: i64) -> AcquireOutcome {
    let owner = Owner(owner.to_owned());
    let acquired = shop.store.write(move |tx| {
        Box::pin(async move {
            tx.acquire_lease(&merge_lease(), task, key.id, &owner, now, 60_000)
                .await
        })
    });
    acquired.await.expect("answered")
}

async fn renew_lease(shop: &Shop, key: JobKey, now: i64) -> bool {
    let renewed = shop.store.write(move |tx| {
        Box::pin(async move { tx.renew_lease(&merge_lease(), key, now, 90_000).await })
    });
    renewed.await.expect("answered")
}

/// Every write that names its claim, and the compositions in which the engine makes the others.
async fn is_refused_everything(shop: &Shop, key: JobKey, task: TaskId, run: RunId, now: i64) {
    let complete = shop.store.write(move |tx| Box::pin(tx.complete(key, now)));
    assert_eq!(complete.await.expect("answered"), FinishOutcome::Fenced);
    let bury = shop
        .store
        .write(move |tx| Box::pin(async move { tx.bury(key, "late", now).await }));
    assert_eq!(bury.await.expect("answered"), FinishOutcome::Fenced);
    for counts in [CountsAsTry::No, CountsAsTry::Yes] {
        let put_off = shop.store.write(move |tx| {
            Box::pin(async move { tx.put_off(key, now, &waiting("late"), counts).await })
        });
        assert_eq!(put_off.await.expect("answered"), FinishOutcome::Fenced);
    }
    let renew = shop
        .store
        .write(move |tx| Box::pin(tx.renew(key, now, LEASE_MS)));
    assert_eq!(renew.await.expect("answered"), RenewOutcome::Lost);
    assert!(!renew_lease(shop, key, now).await);
    // A run is recorded only under a claim that holds.
    let launch = shop.store.write(move |tx| {
        Box::pin(async move {
            if !tx.holds(key).await? {
                return Ok(None);
            }
            tx.insert_run(&run_of(key.id, task), now).await.map(Some)
        })
    });
    assert_eq!(launch.await.expect("answered"), None);
    // A result is taken in and a lease given back together with the end of the job.
    let finish = shop.store.write(move |tx| {
        Box::pin(async move {
            if tx.complete(key, now).await? == FinishOutcome::Fenced {
                return Ok(false);
            }
            let end = RunEnd::of(RunEnding::Completed, "");
            Ok(tx.finalise_run(run, &end, now).await?
                | tx.release_lease(&merge_lease(), task).await?)
        })
    });
    assert!(!finish.await.expect("answered"));
}

async fn everything(shop: &Shop) -> Vec<Vec<String>> {
    let mut all = Vec::new();
    for table in ["jobs", "runs", "leases", "tasks", "events", "outbox"] {
        all.push(shop.rows(table).await);
    }
    all
}

#[tokio::test]
async fn zombie_that_wakes_beside_and_after_its_successor_changes_nothing() {
    let shop = Shop::open().await;
    let task = shop.task("S-1").await;
    let queued = NewJob {
        task: Some(task),
        ..job(0)
    };
    shop.queue(vec![queued], 1).await;
    let zombie = shop.claim("zombie", 1, 2).await[0].key;
    let launch = shop
        .store
        .write(move |tx| Box::pin(async move { tx.insert_run(&run_of(zombie.id, task), 3).await }));
    let run = launch.await.expect("recorded");
    let held = acquire(&shop, task, zombie, "zombie", 4).await;
    assert!(matches!(held, AcquireOutcome::Held { epoch: 1, .. }));
    // It sleeps past its lease, and its job goes to somebody else, who goes on with its run.
    let seen = shop.running().await.remove(0);
    assert!(shop.reap(&seen, 2_000).await.is_some());
    let successor = shop.claim("successor", 1, 2_001).await[0].key;
    let held = acquire(&shop, task, successor, "successor", 2_002).await;
    assert!(matches!(held, AcquireOutcome::Held { epoch: 2, .. }));

    let before = everything(&shop).await;
    is_refused_everything(&shop, zombie, task, run, 2_003).await;
    assert_eq!(everything(&shop).await, before, "its successor works");
    assert!(renew_lease(&shop, successor, 2_004).await);

    let finish = shop.store.write(move |tx| {
        Box::pin(async move {
            let done = tx.complete(successor, 2_005).await?;
            let end = RunEnd::of(RunEnding::Completed, "");
            let taken_in = tx.finalise_run(run, &end, 2_005).await?;
            Ok((
                done,
                taken_in,
                tx.release_lease(&merge_lease(), task).await?,
            ))
        })
    });
    let all = (FinishOutcome::Finished, true, true);
    assert_eq!(finish.await.expect("answered"), all);

    let before = everything(&shop).await;
    is_refused_everything(&shop, zombie, task, run, 2_006).await;
    is_refused_everything(&shop, successor, task, run, 2_006).await;
    // What names no claim finds nothing left to write.
    let bare = shop.store.write(move |tx| {
        Box::pin(async move {
            let again = tx
                .finalise_run(run, &RunEnd::of(RunEnding::Completed, ""), 2_007)
                .await?;
            Ok(again | tx.release_lease(&merge_lease(), task).await?)
        })
    });
    assert!(!bare.await.expect("answered"));
    assert_eq!(shop.reap(&seen, 2_008).await, None);
    assert_eq!(everything(&shop).await, before, "its successor has ended");
}

#[tokio::test]
async fn boot_id_that_changed_makes_every_claim_and_lease_stale_at_once() {
    let shop = Shop::open().await;
    let task = shop.task("S-1").await;
    let queued = NewJob {
        task: Some(task),
        ..job(0)
    };
    shop.queue(vec![queued], 1).await;
    // The same pid and start: only the boot tells them apart.
    let (before, after) = ("boot-1:77:1234", "boot-2:77:1234");
    let old = shop.claim(before, 1, 2).await[0].key;
    let held = acquire(&shop, task, old, before, 3).await;
    assert!(matches!(held, AcquireOutcome::Held { epoch: 1, .. }));
    // Both would hold for long yet.
    let now = 4;
    let owner = Owner(after.to_owned());
    let taken = shop
        .store
        .write(move |tx| Box::pin(async move { tx.recover(&owner, now).await }));
    assert_eq!(taken.await.expect("answered").len(), 1);
    let renew = shop
        .store
        .write(move |tx| Box::pin(tx.renew(old, now, LEASE_MS)));
    assert_eq!(renew.await.expect("answered"), RenewOutcome::Lost);
    assert!(!renew_lease(&shop, old, now).await);
    let new = shop.claim(after, 1, now).await[0].key;
    let held = acquire(&shop, task, new, after, now).await;
    let expected = AcquireOutcome::Held {
        epoch: 2,
        reclaimed_from: None,
    };
    assert_eq!(held, expected);
    assert!(renew_lease(&shop, new, now).await);
}
