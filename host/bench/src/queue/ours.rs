//! What the store carries: durable enqueues, and jobs through claim and completion.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use orch_domain::job::{JobState, Lane};
use orch_store::{EnqueueOutcome, FinishOutcome, Owner, Store};
use tokio::sync::Notify;

use super::{
    CALLERS, ENQUEUE_MANY, ENQUEUE_SERIAL, LIFECYCLE_MANY, LIFECYCLE_SERIAL, LIFECYCLE_WORKER,
    Rates,
};
use crate::store::{claim_and_complete, close, counts, job};

const SERIAL: usize = 500;
const PER_CALLER: usize = 300;
const MANY: usize = CALLERS * PER_CALLER;

/// Measures everything on a fresh store; notes how many there were of each a second, and flushes for each.
pub(super) async fn round(rates: &mut Rates, flushes: &mut Rates) -> anyhow::Result<()> {
    let folder = tempfile::tempdir_in("target")?;
    let path = folder.path().join("bench.db");
    let store = Store::open(&path, Owner("bench".into())).await?;
    let mut timed = async |what: &str, count: usize, work: &dyn Fn() -> Running| {
        let (begun, before) = (Instant::now(), store.stats().commits);
        work().await?;
        rates.note(what, count as f64 / begun.elapsed().as_secs_f64());
        let commits = store.stats().commits - before;
        flushes.note(what, commits as f64 / count as f64);
        anyhow::Ok(())
    };
    let serial = |step: Step| one_by_one(store.clone(), step, SERIAL);
    let many = |step: Step| at_once(store.clone(), step);
    timed(ENQUEUE_SERIAL, SERIAL, &|| serial(Step::Enqueue)).await?;
    timed(LIFECYCLE_SERIAL, SERIAL, &|| serial(Step::Live)).await?;
    timed(ENQUEUE_MANY, MANY, &|| many(Step::Enqueue)).await?;
    timed(LIFECYCLE_MANY, MANY, &|| many(Step::Live)).await?;
    at_once(store.clone(), Step::Enqueue).await?;
    timed(LIFECYCLE_WORKER, MANY, &|| {
        Box::pin(by_the_lane(store.clone()))
    })
    .await?;
    let ended = counts(&store).await?;
    let all = SERIAL + 2 * MANY;
    anyhow::ensure!(ended == [(JobState::Done, all)], "{ended:?}, not {all}");
    close(store).await
}

type Running = std::pin::Pin<Box<dyn Future<Output = anyhow::Result<()>> + Send>>;

#[derive(Debug, Clone, Copy)]
enum Step {
    Enqueue,
    /// A claim and a completion.
    Live,
}

async fn step(store: &Store, step: Step) -> anyhow::Result<()> {
    match step {
        Step::Enqueue => {
            let queued = store.enqueue(job(), 1).await?;
            anyhow::ensure!(matches!(queued, EnqueueOutcome::Enqueued(_)), "{queued:?}");
            Ok(())
        }
        Step::Live => claim_and_complete(store).await,
    }
}

fn one_by_one(store: Store, what: Step, count: usize) -> Running {
    Box::pin(async move {
        // A task of its own, as in the host: the thread that blocks on the runtime is slower to be woken.
        let steps = tokio::spawn(async move {
            for _ in 0..count {
                step(&store, what).await?;
            }
            anyhow::Ok(())
        });
        steps.await?
    })
}

fn at_once(store: Store, what: Step) -> Running {
    Box::pin(async move {
        let callers: Vec<_> = (0..CALLERS)
            .map(|_| tokio::spawn(one_by_one(store.clone(), what, PER_CALLER)))
            .collect();
        for caller in callers {
            caller.await??;
        }
        Ok(())
    })
}

/// The loop that serves the host, whose jobs do nothing but end.
async fn by_the_lane(store: Store) -> anyhow::Result<()> {
    let (completed, ended) = (Arc::new(AtomicUsize::new(0)), Arc::new(Notify::new()));
    let failed = Arc::new(AtomicUsize::new(0));
    let complete = |job: orch_store::ClaimedJob| {
        let (store, completed) = (store.clone(), completed.clone());
        let (ended, failed) = (ended.clone(), failed.clone());
        async move {
            let done = store.complete(job.key, 3).await;
            if !matches!(done, Ok(FinishOutcome::Finished)) {
                failed.fetch_add(1, Ordering::Relaxed);
            }
            if completed.fetch_add(1, Ordering::Relaxed) + 1 == MANY {
                ended.notify_one();
            }
        }
    };
    let slots = u32::try_from(CALLERS)?;
    orch_engine::work_on(
        store.clone(),
        Lane::Gates,
        slots,
        complete,
        ended.notified(),
    )
    .await;
    anyhow::ensure!(
        failed.load(Ordering::Relaxed) == 0,
        "a completion was refused"
    );
    Ok(())
}
