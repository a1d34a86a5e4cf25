//! What waits together is written together, and each caller is told what it would have been told alone.

#[path = "store/fixture.rs"]
#[expect(dead_code, reason = "the fixture has more than these tests need")]
mod fixture;

use fixture::{claim_at, enqueue, job, owner, queue, store};
use futures_util::FutureExt;
use futures_util::future::join_all;
use orch_domain::event::EventKind;
use orch_domain::id::{JobId, TaskId};
use orch_domain::job::{JobState, Lane, PutOff, PutOffKind};
use orch_store::{
    ClaimedJob, CountsAsTry, EnqueueOutcome, FinishOutcome, JobKey, JobRow, NewJob, RenewOutcome,
    Store, StoreError,
};
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions, Connection};

/// A job with no name.
fn nameless(payload: &str) -> NewJob {
    NewJob {
        name: None,
        payload: payload.to_owned(),
        ..job(1, 0)
    }
}

async fn rows(store: &Store) -> Vec<JobRow> {
    let rows = store.read(|tx| Box::pin(tx.recent_jobs(1_000))).await;
    let mut rows = rows.expect("listed");
    rows.reverse();
    rows
}

async fn claimed(store: &Store, jobs: usize) -> Vec<JobKey> {
    for number in 0..jobs {
        let queued = enqueue(store, nameless(&number.to_string()), 1).await;
        assert!(matches!(queued, EnqueueOutcome::Enqueued(_)), "{queued:?}");
    }
    let claimed = store.claim(Lane::Gates, 100, store.owner(), 1, 1_000).await;
    let claimed = claimed.expect("claimed");
    assert_eq!(claimed.len(), jobs);
    claimed.iter().map(|job| job.key).collect()
}

/// Asks for all of them before the writer looks; answers with how many transactions that was.
async fn together<T>(store: &Store, asked: impl IntoIterator<Item = T>) -> (Vec<T::Output>, u64)
where
    T: Future,
{
    let before = store.stats().commits;
    let answers = join_all(asked).await;
    (answers, store.stats().commits - before)
}

#[tokio::test]
async fn jobs_that_are_queued_together_are_one_flush_and_each_caller_gets_its_own() {
    let (_folder, store) = store().await;
    let payloads: Vec<String> = (0..60).map(|n| format!("{{\"n\":{n}}}")).collect();
    let asked = payloads.iter().map(|p| store.enqueue(nameless(p), 1));
    let (answers, commits) = together(&store, asked).await;
    assert_eq!(commits, 1);
    let rows = rows(&store).await;
    assert_eq!(rows.len(), payloads.len());
    for (answer, payload) in answers.into_iter().zip(payloads) {
        let Ok(EnqueueOutcome::Enqueued(id)) = answer else {
            panic!("{answer:?}");
        };
        let row = rows.iter().find(|row| row.id == id).expect("it is there");
        assert_eq!((&row.payload, row.state), (&payload, JobState::Ready));
    }
}

#[tokio::test]
async fn name_that_a_live_job_has_is_refused_and_its_neighbours_are_queued() {
    let (_folder, store) = store().await;
    let EnqueueOutcome::Enqueued(first) = enqueue(&store, job(7, 0), 1).await else {
        panic!("it is new");
    };
    let asked = [job(8, 0), job(7, 0), job(9, 500), job(8, 0)];
    let asked = asked.into_iter().map(|job| store.enqueue(job, 1));
    let (answers, commits) = together(&store, asked).await;
    let answers: Vec<_> = answers.into_iter().map(Result::unwrap).collect();
    let EnqueueOutcome::Enqueued(eighth) = answers[0] else {
        panic!("{answers:?}");
    };
    assert_eq!(answers[1], EnqueueOutcome::AlreadyQueued(first));
    assert!(matches!(answers[2], EnqueueOutcome::Enqueued(_)));
    assert_eq!(answers[3], EnqueueOutcome::AlreadyQueued(eighth));
    assert_eq!(commits, 1);
    let states: Vec<_> = rows(&store).await.iter().map(|row| row.state).collect();
    assert_eq!(
        states,
        [JobState::Ready, JobState::Ready, JobState::Scheduled]
    );
}

#[tokio::test]
async fn texts_are_stored_as_they_are() {
    let (_folder, store) = store().await;
    let controls: String = (1..=0x20_u8).map(char::from).collect();
    let texts = [
        controls.as_str(),
        "\u{7f}\u{80}\u{2028}\u{feff}\u{10ffff}",
        "a \"quoted\" \\u0000 \\ / text",
        "with a \0 in it",
        "null",
        "[1,2]",
        "",
        "12",
    ];
    let asked = texts.iter().map(|text| store.enqueue(nameless(text), 1));
    let (answers, _) = together(&store, asked).await;
    assert!(answers.iter().all(Result::is_ok), "{answers:?}");
    let (answers, _) = together(
        &store,
        texts[..3].iter().map(|t| store.enqueue(nameless(t), 1)),
    )
    .await;
    assert!(answers.iter().all(Result::is_ok), "{answers:?}");
    let stored: Vec<_> = rows(&store).await.into_iter().map(|r| r.payload).collect();
    assert_eq!(stored, [&texts[..], &texts[..3]].concat());
}

#[tokio::test]
async fn job_of_a_task_that_is_not_there_fails_alone() {
    let (_folder, store) = store().await;
    let orphan = NewJob {
        task: Some(TaskId(99)),
        ..nameless("orphan")
    };
    let asked = [nameless("a"), orphan, nameless("b")];
    let asked = asked.into_iter().map(|job| store.enqueue(job, 1));
    let (answers, commits) = together(&store, asked).await;
    assert!(answers[0].is_ok() && answers[2].is_ok(), "{answers:?}");
    assert!(
        matches!(answers[1], Err(StoreError::Database { .. })),
        "{answers:?}"
    );
    assert_eq!(commits, 1);
    let stored: Vec<_> = rows(&store).await.into_iter().map(|r| r.payload).collect();
    assert_eq!(stored, ["a", "b"]);
}

#[tokio::test]
async fn late_completion_is_fenced_and_its_neighbours_are_written() {
    let (_folder, store) = store().await;
    let mut keys = claimed(&store, 5).await;
    keys[3].epoch -= 1;
    let (answers, commits) = together(&store, keys.iter().map(|key| store.complete(*key, 9))).await;
    let answers: Vec<_> = answers.into_iter().map(Result::unwrap).collect();
    use FinishOutcome::{Fenced, Finished};
    assert_eq!(answers, [Finished, Finished, Finished, Fenced, Finished]);
    assert_eq!(commits, 1);
    let states: Vec<_> = rows(&store).await.iter().map(|row| row.state).collect();
    use JobState::{Done, Running};
    assert_eq!(states, [Done, Done, Done, Running, Done]);
}

#[tokio::test]
async fn endings_renewals_and_delays_of_many_are_what_they_are_alone() {
    let (_folder, store) = store().await;
    let keys = claimed(&store, 8).await;
    let why = || PutOff::new(PutOffKind::Waiting, "later");
    let (renewed, commits) = together(
        &store,
        keys[..2].iter().map(|k| store.renew(*k, 500, 1_000)),
    )
    .await;
    assert_eq!(commits, 1);
    assert!(
        renewed
            .iter()
            .all(|r| matches!(r, Ok(RenewOutcome::Renewed)))
    );
    let asked = keys.iter().map(|key| store.renew(*key, 1_400, 1_000));
    let (renewed, _) = together(&store, asked).await;
    let renewed: Vec<_> = renewed.into_iter().map(Result::unwrap).collect();
    let lost = [RenewOutcome::Lost; 6];
    assert_eq!(renewed, [&[RenewOutcome::Renewed; 2][..], &lost].concat());
    let (buried, _) = together(
        &store,
        keys[..3]
            .iter()
            .map(|k| store.bury(*k, format!("no {}", k.id), 70)),
    )
    .await;
    assert!(
        buried
            .iter()
            .all(|b| matches!(b, Ok(FinishOutcome::Finished)))
    );
    let counts = [CountsAsTry::Yes, CountsAsTry::No];
    let put_off = keys[3..5].iter().zip(counts);
    let (put_off, _) = together(
        &store,
        put_off.map(|(key, counts)| store.put_off(*key, 90, why(), counts)),
    )
    .await;
    assert!(
        put_off
            .iter()
            .all(|p| matches!(p, Ok(FinishOutcome::Finished)))
    );
    let rows = rows(&store).await;
    for (row, key) in rows.iter().zip(&keys[..3]) {
        assert_eq!(row.state, JobState::Dead);
        assert_eq!(row.last_error, Some(format!("no {}", key.id)));
        assert_eq!(row.finished_ms, Some(70));
    }
    for (row, attempt) in rows[3..5].iter().zip([1, 0]) {
        let seen = (row.state, row.run_at_ms, row.attempt, row.put_off_kind);
        let put_off = Some(PutOffKind::Waiting);
        assert_eq!(seen, (JobState::Scheduled, 90, attempt, put_off));
        assert_eq!(row.reason.as_deref(), Some("later"));
    }
}

#[tokio::test]
async fn claims_of_many_workers_are_one_and_no_job_is_handed_out_twice() {
    let (_folder, store) = store().await;
    let asked = (0..10).map(|n| store.enqueue(nameless(&n.to_string()), 1));
    together(&store, asked).await;
    let wants = [3, 1, 0, 4, 5, 2];
    let me = owner("me");
    let asked = wants.map(|count| store.claim(Lane::Gates, count, &me, 2, 1_000));
    let (answers, commits) = together(&store, asked).await;
    assert_eq!(commits, 1);
    let answers: Vec<Vec<ClaimedJob>> = answers.into_iter().map(Result::unwrap).collect();
    let got: Vec<_> = answers.iter().map(Vec::len).collect();
    assert_eq!(got, [3, 1, 0, 4, 2, 0], "who asks first gets first");
    let mut ids: Vec<JobId> = answers.iter().flatten().map(|job| job.key.id).collect();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), 10);
    assert!(answers.iter().flatten().all(|job| job.key.epoch == 1));
}

#[tokio::test]
async fn claims_of_two_lanes_take_each_from_its_own() {
    let (_folder, store) = store().await;
    queue(&store, nameless("gate"), 1).await;
    let me = owner("me");
    let asked =
        [Lane::Effects, Lane::Gates, Lane::Effects].map(|lane| store.claim(lane, 5, &me, 2, 1_000));
    let (answers, _) = together(&store, asked).await;
    let got: Vec<_> = answers
        .into_iter()
        .map(|jobs| jobs.unwrap().len())
        .collect();
    assert_eq!(got, [0, 1, 0]);
}

#[tokio::test]
async fn writes_of_one_job_keep_their_order() {
    let (_folder, store) = store().await;
    let keys = claimed(&store, 2).await;
    let (renewed, finished, late, other) = tokio::join!(
        store.renew(keys[0], 10, 1_000),
        store.complete(keys[0], 11),
        store.renew(keys[0], 12, 1_000),
        store.complete(keys[1], 13),
    );
    assert_eq!(renewed.unwrap(), RenewOutcome::Renewed);
    assert_eq!(finished.unwrap(), FinishOutcome::Finished);
    assert_eq!(late.unwrap(), RenewOutcome::Lost);
    assert_eq!(other.unwrap(), FinishOutcome::Finished);
}

#[tokio::test]
async fn statements_of_a_caller_see_what_was_asked_for_before_them_and_nothing_after() {
    let (_folder, store) = store().await;
    let count = || store.write(|tx| Box::pin(async move { Ok(tx.recent_jobs(100).await?.len()) }));
    let (a, before, b, fails, c, after) = tokio::join!(
        store.enqueue(nameless("a"), 1),
        count(),
        store.enqueue(nameless("b"), 1),
        store.write(|tx| {
            Box::pin(async move {
                let queued = tx.enqueue(&nameless("never"), 1).await?;
                assert!(matches!(queued, EnqueueOutcome::Enqueued(_)));
                Err::<(), _>(StoreError::Closed)
            })
        }),
        store.enqueue(nameless("c"), 1),
        count(),
    );
    assert!(a.is_ok() && b.is_ok() && c.is_ok());
    assert!(matches!(fails, Err(StoreError::Closed)));
    assert_eq!((before.unwrap(), after.unwrap()), (1, 3));
    let stored: Vec<_> = rows(&store).await.into_iter().map(|r| r.payload).collect();
    assert_eq!(stored, ["a", "b", "c"]);
}

#[tokio::test]
async fn caller_that_goes_away_leaves_its_write_and_its_neighbours() {
    let (_folder, store) = store().await;
    // Asked for and dropped before the writer has looked.
    let gone = store.enqueue(nameless("gone"), 1).now_or_never();
    assert!(gone.is_none());
    assert!(store.enqueue(nameless("stays"), 1).await.is_ok());
    let stored: Vec<_> = rows(&store).await.into_iter().map(|r| r.payload).collect();
    assert_eq!(stored, ["gone", "stays"]);
}

#[tokio::test]
async fn events_that_are_noted_together_keep_their_order() {
    let (_folder, store) = store().await;
    let task = fixture::task(&store, "T-1").await.id;
    let data: Vec<String> = (0..50).map(|n| format!("{{\"n\":{n}}}")).collect();
    let asked = data.iter().map(|data| {
        store.append_event(Some(task), EventKind::MergeIntent, "host", data.clone(), 5)
    });
    let (ids, commits) = together(&store, asked).await;
    assert_eq!(commits, 1);
    let ids: Vec<i64> = ids.into_iter().map(Result::unwrap).collect();
    let events = store
        .read(move |tx| Box::pin(tx.events(task, 0, 100)))
        .await;
    let events = events.expect("listed");
    let stored: Vec<_> = events.iter().map(|event| event.data.clone()).collect();
    assert_eq!(stored, data);
    assert_eq!(events.iter().map(|e| e.id).collect::<Vec<_>>(), ids);
    assert_eq!(claim_at(&store, 9).await.len(), 0);
}

/// The reason is asked for as soon as the command is gone, so each store has one chance to tell another one.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn caller_of_a_batch_that_cannot_begin_is_told_why() {
    let each = (0..24).map(|_| tokio::spawn(refused_by_another()));
    for done in join_all(each).await {
        done.expect("it is told");
    }
}

async fn refused_by_another() {
    let (folder, store) = store().await;
    let file = SqliteConnectOptions::new().filename(folder.path().join("orch.db"));
    let mut other = file.connect().await.expect("another program");
    sqlx::query("BEGIN IMMEDIATE")
        .execute(&mut other)
        .await
        .expect("held");
    let write = store
        .write(|tx| Box::pin(async move { tx.enqueue(&nameless("1"), 1).await }))
        .boxed();
    let joined = store.enqueue(nameless("2"), 1).boxed();
    let (answers, commits) = together(&store, [write, joined]).await;
    for answer in answers {
        let error = answer.expect_err("nothing could be written").in_full();
        assert!(error.contains("locked"), "{error}");
    }
    assert_eq!(commits, 0);
    other.close().await.expect("let go");
    assert!(rows(&store).await.is_empty());
}
