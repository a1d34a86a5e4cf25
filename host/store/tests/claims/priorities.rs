//! Rows are claimed by priority, and waiting raises it.

use orch_domain::id::JobId;
use orch_store::{CountsAsTry, FinishOutcome, NewJob};

use crate::fixture::{Shop, job, waiting};

const MINUTE_MS: i64 = 60_000;
/// When the rows of these tests are due.
const DUE_MS: i64 = 1_000_000;
/// The first time at which they rise.
const AGES_MS: i64 = DUE_MS + 10 * MINUTE_MS;

fn of(priority: i64, run_at_ms: i64) -> NewJob {
    NewJob {
        priority,
        ..job(run_at_ms)
    }
}

/// Ages until nothing more is due, as the reaper does; answers in how many batches.
async fn age(shop: &Shop, now: i64) -> u32 {
    let mut batches = 1;
    loop {
        let more = shop.store.write(move |tx| Box::pin(tx.age_ready(now)));
        if !more.await.expect("answered") {
            return batches;
        }
        batches += 1;
    }
}

/// Priority of each row, by id.
async fn priorities(shop: &Shop) -> Vec<i64> {
    let mut conn = shop.beside().await;
    let rows = sqlx::query_scalar("SELECT priority FROM jobs ORDER BY id")
        .fetch_all(&mut conn)
        .await;
    rows.expect("read")
}

/// Claims one by one; the order of the ids.
async fn order(shop: &Shop, now: i64) -> Vec<JobId> {
    let mut order = Vec::new();
    while let Some(claimed) = shop.claim("host", 1, now).await.pop() {
        order.push(claimed.key.id);
    }
    order
}

#[tokio::test]
async fn claims_go_by_priority_then_due_time_then_age_of_the_row() {
    let shop = Shop::open().await;
    let jobs = [of(9, 1), of(5, 3), of(5, 2), of(0, 4), of(5, 2)];
    let ids = shop.queue(jobs.to_vec(), 5).await;
    let expected = [3, 2, 4, 1, 0].map(|index: usize| ids[index]);
    assert_eq!(order(&shop, 5).await, expected);
}

#[tokio::test]
async fn row_that_waits_long_is_claimed_before_newer_ones_of_better_priority() {
    let shop = Shop::open().await;
    let old = shop.queue(vec![of(9, DUE_MS)], DUE_MS).await[0];
    // Minute by minute somebody queues what is more urgent than the old row was.
    for minute in 0..7 {
        age(&shop, AGES_MS + minute * MINUTE_MS).await;
    }
    assert_eq!(priorities(&shop).await, [2]);
    let now = AGES_MS + 7 * MINUTE_MS;
    let newer = shop.queue(vec![of(3, now)], now).await[0];
    assert_eq!(order(&shop, now).await, [old, newer]);
}

#[tokio::test]
async fn waiting_never_overtakes_the_first_priority() {
    let shop = Shop::open().await;
    let jobs = [2, 1, 0].map(|priority| of(priority, DUE_MS));
    let ids = shop.queue(jobs.to_vec(), DUE_MS).await;
    for minute in 0..30 {
        age(&shop, AGES_MS + minute * MINUTE_MS).await;
    }
    assert_eq!(priorities(&shop).await, [1, 1, 0]);
    let now = AGES_MS + 30 * MINUTE_MS;
    let urgent = shop.queue(vec![of(0, now)], now).await[0];
    let expected = [ids[2], urgent, ids[0], ids[1]];
    assert_eq!(order(&shop, now).await, expected);
}

#[tokio::test]
async fn row_rises_once_a_minute_however_often_and_by_whom_it_is_asked() {
    let shop = Shop::open().await;
    shop.queue(vec![of(9, DUE_MS)], DUE_MS).await;
    age(&shop, AGES_MS - 1).await;
    assert_eq!(priorities(&shop).await, [9], "ten minutes are not over");
    // What a restarted host does: it asks again at once. The row knows when it last rose.
    for wait in [0, 1, MINUTE_MS - 1] {
        age(&shop, AGES_MS + wait).await;
        assert_eq!(priorities(&shop).await, [8], "after {wait} ms");
    }
    age(&shop, AGES_MS + MINUTE_MS).await;
    assert_eq!(priorities(&shop).await, [7]);
    // A host that was down for an hour makes up for nothing.
    age(&shop, AGES_MS + 60 * MINUTE_MS).await;
    age(&shop, AGES_MS + 60 * MINUTE_MS).await;
    assert_eq!(priorities(&shop).await, [6]);
}

#[tokio::test]
async fn claim_takes_back_what_waiting_earned() {
    let shop = Shop::open().await;
    shop.queue(vec![of(9, DUE_MS)], DUE_MS).await;
    age(&shop, AGES_MS).await;
    age(&shop, AGES_MS + 2 * MINUTE_MS).await;
    assert_eq!(priorities(&shop).await, [7]);
    let now = AGES_MS + 3 * MINUTE_MS;
    let key = shop.claim("host", 1, now).await[0].key;
    assert_eq!(priorities(&shop).await, [9]);
    let later = now + 60 * MINUTE_MS;
    let put_off = shop.store.write(move |tx| {
        Box::pin(async move {
            tx.put_off(key, later, &waiting("CI"), CountsAsTry::No)
                .await
        })
    });
    assert_eq!(put_off.await.expect("answered"), FinishOutcome::Finished);
    age(&shop, later + 9 * MINUTE_MS).await;
    assert_eq!(priorities(&shop).await, [9], "it begins to wait anew");
}

#[tokio::test]
async fn only_what_is_ready_rises() {
    let shop = Shop::open().await;
    let jobs = [of(3, DUE_MS), of(4, DUE_MS), of(5, DUE_MS), of(6, AGES_MS)];
    shop.queue(jobs.to_vec(), DUE_MS).await;
    let [done, _runs] = &shop.claim("host", 2, DUE_MS).await[..] else {
        panic!("two are claimed")
    };
    let key = done.key;
    let done = shop.store.write(move |tx| Box::pin(tx.complete(key, 9)));
    assert_eq!(done.await.expect("answered"), FinishOutcome::Finished);
    age(&shop, AGES_MS).await;
    assert_eq!(priorities(&shop).await, [3, 4, 4, 6]);
}

#[tokio::test]
async fn rows_past_the_first_batch_rise_like_the_first() {
    let shop = Shop::open().await;
    shop.queue((0..1_100).map(|_| of(5, DUE_MS)).collect(), DUE_MS)
        .await;
    assert_eq!(age(&shop, AGES_MS).await, 3);
    assert!(priorities(&shop).await.iter().all(|p| *p == 4));
}
