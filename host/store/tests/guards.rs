//! Guards that stand in one condition of one statement: for each, what happens at its border and beyond.

#[expect(dead_code, reason = "the fixture has more than these tests need")]
#[path = "qualification/fixture.rs"]
mod fixture;

use orch_domain::id::TaskId;
use orch_domain::job::{JobKind, Lane};
use orch_domain::stage::{Role, RunRole, Stage};
use orch_store::{
    AcquireOutcome, CountsAsTry, FinishOutcome, JobKey, NewJob, NewRun, Owner, Pause,
};

use fixture::{Shop, job, merge_lease, waiting};

/// How long a lease holds that [`hold`] takes or [`renews`] renews.
const HOLDS_MS: i64 = 100;

/// A task and the claim of its one job, taken at 2.
async fn claimed(shop: &Shop, item: &str) -> (TaskId, JobKey) {
    let task = shop.task(item).await;
    let queued = NewJob {
        task: Some(task),
        ..job(0)
    };
    shop.queue(vec![queued], 1).await;
    (task, shop.claim("host", 1, 2).await[0].key)
}

/// Takes the lease, which must be possible; answers its epoch.
async fn hold(shop: &Shop, task: TaskId, key: JobKey, now: i64) -> i64 {
    let owner = Owner("host".to_owned());
    let acquired = shop.store.write(move |tx| {
        Box::pin(async move {
            tx.acquire_lease(&merge_lease(), task, key.id, &owner, now, HOLDS_MS)
                .await
        })
    });
    match acquired.await.expect("answered") {
        AcquireOutcome::Held { epoch, .. } => epoch,
        AcquireOutcome::Busy { holder, .. } => panic!("task {holder} holds it"),
    }
}

async fn renews(shop: &Shop, key: JobKey, now: i64) -> bool {
    let renewed = shop.store.write(move |tx| {
        Box::pin(async move { tx.renew_lease(&merge_lease(), key, now, HOLDS_MS).await })
    });
    renewed.await.expect("answered")
}

#[tokio::test]
async fn lease_is_renewed_until_its_time_is_over_and_not_after() {
    let shop = Shop::open().await;
    let (task, key) = claimed(&shop, "S-1").await;
    hold(&shop, task, key, 10).await;
    assert!(renews(&shop, key, 110).await);
    assert!(!renews(&shop, key, 211).await);
}

#[tokio::test]
async fn lease_is_not_renewed_by_a_claim_that_was_put_off() {
    let shop = Shop::open().await;
    let (task, key) = claimed(&shop, "S-1").await;
    hold(&shop, task, key, 10).await;
    // The row keeps its epoch, and the task its lease.
    let put_off = shop.store.write(move |tx| {
        Box::pin(async move { tx.put_off(key, 900, &waiting("CI"), CountsAsTry::No).await })
    });
    assert_eq!(put_off.await.expect("answered"), FinishOutcome::Finished);
    let before = shop.rows("leases").await;
    assert!(!renews(&shop, key, 20).await);
    assert_eq!(shop.rows("leases").await, before);
}

#[tokio::test]
async fn lease_is_not_renewed_by_the_claim_of_another_task() {
    let shop = Shop::open().await;
    let (one, holder) = claimed(&shop, "S-1").await;
    let (_, other) = claimed(&shop, "S-2").await;
    hold(&shop, one, holder, 10).await;
    assert!(!renews(&shop, other, 20).await);
    assert!(renews(&shop, holder, 20).await);
}

#[tokio::test]
async fn lease_that_was_acquired_again_is_not_freed_by_what_was_seen_before() {
    let shop = Shop::open().await;
    let (task, key) = claimed(&shop, "S-1").await;
    let seen = hold(&shop, task, key, 10).await;
    let present = hold(&shop, task, key, 20).await;
    let free = async |epoch| {
        let freed = shop.store.write(move |tx| {
            Box::pin(async move { tx.free_lease(&merge_lease(), task, epoch).await })
        });
        freed.await.expect("answered")
    };
    assert!(!free(seen).await);
    assert!(free(present).await);
}

#[tokio::test]
async fn claim_takes_of_its_lane_only_and_no_more_than_it_asks_for() {
    let shop = Shop::open().await;
    let agent = NewJob {
        kind: JobKind::Agent,
        priority: 0,
        ..job(0)
    };
    let ids = shop.queue(vec![agent, job(0), job(0), job(0)], 1).await;
    let mut taken = Vec::new();
    for (count, expected) in [(2, 2), (10, 1), (10, 0)] {
        let claimed = shop.claim("host", count, 2).await;
        assert_eq!(claimed.len(), expected);
        taken.extend(claimed.iter().map(|job| job.key.id));
    }
    assert_eq!(taken, ids[1..]);
}

#[tokio::test]
async fn nothing_is_claimed_of_what_is_paused_until_the_pause_is_over() {
    for scope in ["lane:gates", "repo:shop"] {
        let shop = Shop::open().await;
        shop.queue(vec![job(0)], 1).await;
        let pause = Pause {
            scope: scope.to_owned(),
            until_ms: Some(100),
            reason: "a look".to_owned(),
            set_by: "ann".to_owned(),
            set_ms: 1,
        };
        let paused = shop
            .store
            .write(move |tx| Box::pin(async move { tx.pause(&pause).await }));
        paused.await.expect("paused");
        let due = async |now| {
            let due = shop.store.read(|tx| Box::pin(tx.has_due(Lane::Gates, now)));
            due.await.expect("answered")
        };
        assert!(!due(99).await, "{scope}");
        assert!(shop.claim("host", 1, 99).await.is_empty(), "{scope}");
        assert!(due(100).await, "{scope}");
        assert_eq!(shop.claim("host", 1, 100).await.len(), 1, "{scope}");
    }
}

#[tokio::test]
async fn position_of_a_source_only_rises() {
    let shop = Shop::open().await;
    let advance = async |position| {
        let advanced = shop
            .store
            .write(move |tx| Box::pin(tx.advance_source("issues", position)));
        advanced.await.expect("answered")
    };
    for (position, is_new) in [(5, true), (5, false), (3, false), (6, true)] {
        assert_eq!(advance(position).await, is_new, "{position}");
    }
    let position = shop
        .store
        .read(|tx| Box::pin(tx.source_position("issues")))
        .await;
    assert_eq!(position.expect("read"), 6);
}

#[tokio::test]
async fn job_has_one_run_that_is_not_taken_in() {
    let shop = Shop::open().await;
    let (task, key) = claimed(&shop, "S-1").await;
    let launch = async || {
        let run = NewRun {
            job: key.id,
            task,
            role: RunRole::Role(Role::Developer),
            agent: "script".into(),
            stage: Stage::Development,
            attempt: 1,
            folder: "/runs/1".into(),
            reserved_usd: 0.0,
        };
        let launched = shop
            .store
            .write(move |tx| Box::pin(async move { tx.insert_run(&run, 3).await }));
        launched.await
    };
    launch().await.expect("recorded");
    assert!(launch().await.is_err());
    assert_eq!(shop.rows("runs").await.len(), 1);
}
