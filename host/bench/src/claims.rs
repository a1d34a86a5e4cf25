//! What a claim costs on a store that is full of jobs, beside one on an empty store, in the same run.

use std::path::Path;
use std::time::Instant;

use hdrhistogram::Histogram;
use orch_domain::id::{RepoName, TaskId, WorkItem};
use orch_domain::job::JobState;
use orch_store::{Cancel, EnqueueOutcome, NewJob, NewTask, Owner, Store};

use crate::page::Table;
use crate::store::{claim_and_complete, close, counts, job};
use crate::times::{histogram, ms, record};

/// Jobs of the full store that are due long after the measurement.
const SCHEDULED: usize = 100_000;
/// Jobs of the full store that have ended.
const FINISHED: usize = 1_000_000;
/// Jobs that one transaction of the filling writes.
const CHUNK: usize = 10_000;
/// When the scheduled jobs are due: never, for a clock that stands at the begin of the epoch.
const LATER_MS: i64 = 1_000_000_000_000;

/// Rounds on each store. They are short, so that whatever else the disk does meets both.
const ROUNDS: usize = 40;
/// Claims of a round.
const PER_ROUND: usize = 50;

/// Measures both stores in turns.
pub(crate) async fn run() -> anyhow::Result<Table> {
    let folder = tempfile::tempdir_in("target")?;
    let path = |name: &str| folder.path().join(name).join("bench.db");
    let begun = Instant::now();
    let store = open(&path("full")).await?;
    fill(&store).await?;
    // Opened anew, as a host finds it: with nothing of the filling in its caches.
    close(store).await?;
    let filled_s = begun.elapsed().as_secs_f64();
    let full = open(&path("full")).await?;
    let empty = open(&path("empty")).await?;
    let (mut on_full, mut on_empty) = (histogram(), histogram());
    for number in 0..ROUNDS {
        // Neither is always the one that the other has warmed the disk for.
        if number % 2 == 0 {
            round(&full, &mut on_full).await?;
            round(&empty, &mut on_empty).await?;
        } else {
            round(&empty, &mut on_empty).await?;
            round(&full, &mut on_full).await?;
        }
    }
    let done = (JobState::Done, ROUNDS * PER_ROUND);
    check(&full, [filled().as_slice(), &[done]].concat()).await?;
    check(&empty, vec![done]).await?;
    close(full).await?;
    close(empty).await?;
    Ok(table(&on_full, &on_empty, filled_s))
}

async fn open(path: &Path) -> anyhow::Result<Store> {
    Ok(Store::open(path, Owner("bench".into())).await?)
}

/// Fills a store. Jobs end by being cancelled, all of a transaction at once: to a claim one ended job is like
/// another, and a million claims would take minutes.
async fn fill(store: &Store) -> anyhow::Result<()> {
    let task = new_task()?;
    let task = store
        .write(move |tx| Box::pin(async move { Ok(tx.insert_task(task, 1).await?.id) }))
        .await?;
    for _ in 0..FINISHED / CHUNK {
        enqueue(store, CHUNK, Some(task), 0).await?;
        let cancelled = store
            .write(move |tx| Box::pin(tx.cancel_jobs(task, 1, Cancel::Everything)))
            .await?;
        anyhow::ensure!(cancelled.len() == CHUNK, "not every job ended");
    }
    for _ in 0..SCHEDULED / CHUNK {
        enqueue(store, CHUNK, None, LATER_MS).await?;
    }
    check(store, filled()).await
}

/// What the full store holds before anything is claimed.
fn filled() -> Vec<(JobState, usize)> {
    vec![
        (JobState::Scheduled, SCHEDULED),
        (JobState::Cancelled, FINISHED),
    ]
}

fn new_task() -> anyhow::Result<NewTask> {
    Ok(NewTask {
        work_item: WorkItem::new("BENCH-1")?,
        repo: RepoName::new("shop")?,
        title: "Jobs that have ended".into(),
        body: String::new(),
        author: "bench".into(),
        branch: "feature/BENCH-1".into(),
        base_branch: "main".into(),
        config: "{}".into(),
        config_digest: "none".into(),
        rework_rounds_max: 0,
    })
}

/// Enqueues `count` jobs in one transaction.
async fn enqueue(
    store: &Store,
    count: usize,
    task: Option<TaskId>,
    run_at_ms: i64,
) -> anyhow::Result<()> {
    let job = NewJob {
        task,
        run_at_ms,
        ..job()
    };
    let queue = store.write(move |tx| {
        Box::pin(async move {
            let mut queued = 0;
            for _ in 0..count {
                let outcome = tx.enqueue(&job, 1).await?;
                queued += usize::from(matches!(outcome, EnqueueOutcome::Enqueued(_)));
            }
            Ok(queued)
        })
    });
    anyhow::ensure!(queue.await? == count, "a job was not queued");
    Ok(())
}

async fn round(store: &Store, times: &mut Histogram<u64>) -> anyhow::Result<()> {
    enqueue(store, PER_ROUND, None, 0).await?;
    for _ in 0..PER_ROUND {
        let begun = Instant::now();
        claim_and_complete(store).await?;
        record(times, begun)?;
    }
    Ok(())
}

/// Demands that the store holds these jobs and no other.
async fn check(store: &Store, mut expected: Vec<(JobState, usize)>) -> anyhow::Result<()> {
    expected.sort_by_key(|(state, _)| state.as_str());
    let counts = counts(store).await?;
    anyhow::ensure!(counts == expected, "{counts:?} jobs, not {expected:?}");
    Ok(())
}

fn table(full: &Histogram<u64>, empty: &Histogram<u64>, filled_s: f64) -> Table {
    let quantiles = [0.5, 0.95, 0.99];
    let row = |name: &str, times: &Histogram<u64>| {
        let mut row = vec![name.to_owned()];
        row.extend(quantiles.map(|quantile| ms(times, quantile)));
        row
    };
    let mut ratio = vec!["full to empty".to_owned()];
    ratio.extend(quantiles.map(|quantile| {
        let of = |times: &Histogram<u64>| times.value_at_quantile(quantile) as f64;
        format!("{:.2}", of(full) / of(empty).max(1.0))
    }));
    let mut rows = vec![row("full", full), row("empty", empty), ratio];
    let goals = ["", "", "p50 at most 1.10"];
    for (row, goal) in rows.iter_mut().zip(goals) {
        row.push(goal.to_owned());
    }
    Table {
        title: "Claims on a full store",
        note: format!(
            "From the request for one ready job until its completion is durable: a claim and a completion, one after the other, each answered after its own flush, by one caller; milliseconds. `full` holds {SCHEDULED} scheduled and {FINISHED} ended jobs, {filled_s:.0} s to write, and was closed and opened before the measurement; `empty` holds none. {} claims on each in {ROUNDS} alternating rounds; the ready jobs of a round are enqueued before its times begin. Afterwards every job is in the state it has to be in, or there is no page.",
            ROUNDS * PER_ROUND
        ),
        header: vec!["store", "p50 ms", "p95 ms", "p99 ms", "goal"],
        rows,
    }
}
