//! What the queue carries: durable enqueues and claim–complete pairs per second, serial and with 64 callers.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use orch_domain::job::{JobKind, JobState, Lane};
use orch_store::{FinishOutcome, NewJob, Owner, Store};

use crate::page::Table;

const SERIAL: usize = 500;
const CALLERS: usize = 64;
const PER_CALLER: usize = 100;
/// Longest time that a store takes to close.
const CLOSED: Duration = Duration::from_secs(60);

/// A job that is due at once.
pub(crate) fn job() -> NewJob {
    NewJob {
        kind: JobKind::Gate,
        task: None,
        repo: "shop".into(),
        payload: "{}".into(),
        priority: 5,
        run_at_ms: 0,
        name: None,
        put_off: None,
    }
}

async fn enqueue(store: &Store) -> anyhow::Result<()> {
    let job = job();
    store
        .write(move |tx| Box::pin(async move { tx.enqueue(&job, 1).await.map(|_| ()) }))
        .await?;
    Ok(())
}

/// Claims the next ready job and completes it.
pub(crate) async fn claim_and_complete(store: &Store) -> anyhow::Result<()> {
    let owner = store.owner().clone();
    let claimed = store
        .write(move |tx| Box::pin(async move { tx.claim(Lane::Gates, 1, &owner, 2, 60_000).await }))
        .await?;
    let job = claimed
        .into_iter()
        .next()
        .ok_or_else(|| anyhow::anyhow!("the queue is empty"))?;
    let done = store
        .write(move |tx| Box::pin(tx.complete(job.key, 3)))
        .await?;
    anyhow::ensure!(done == FinishOutcome::Finished, "fenced");
    Ok(())
}

/// The states that jobs of the store are in, by name, and how many are in each.
pub(crate) async fn counts(store: &Store) -> anyhow::Result<Vec<(JobState, usize)>> {
    let mut counts = Vec::new();
    for (state, count) in store.read(|tx| Box::pin(tx.job_counts())).await? {
        if count > 0 {
            counts.push((state, usize::try_from(count)?));
        }
    }
    counts.sort_by_key(|(state, _)| state.as_str());
    Ok(counts)
}

/// Drops the last handle of a store and waits until its connections are closed, which happens a little later:
/// until none of this process's files is the database any more.
pub(crate) async fn close(store: Store) -> anyhow::Result<()> {
    let path = std::fs::canonicalize(store.path())?;
    drop(store);
    let begun = Instant::now();
    while is_open(&path)? {
        anyhow::ensure!(begun.elapsed() < CLOSED, "the store does not close");
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    Ok(())
}

fn is_open(path: &Path) -> anyhow::Result<bool> {
    let mut files = std::fs::read_dir("/proc/self/fd")?.flatten();
    Ok(files.any(|file| std::fs::read_link(file.path()).is_ok_and(|to| to == path)))
}

pub(crate) async fn run() -> anyhow::Result<Table> {
    let folder = tempfile::tempdir_in("target")?;
    let store =
        Arc::new(Store::open(&folder.path().join("bench.db"), Owner("bench".into())).await?);
    let mut rows = Vec::new();
    let mut measure = |name: &str, count: usize, seconds: f64, flushes: u64| {
        rows.push(vec![
            name.to_owned(),
            format!("{:.0}", count as f64 / seconds),
            format!("{:.3}", flushes as f64 / count as f64),
        ]);
    };
    let flushes = |store: &Store| store.stats().commits;

    let (begun, before) = (Instant::now(), flushes(&store));
    for _ in 0..SERIAL {
        enqueue(&store).await?;
    }
    measure(
        "enqueue, serial",
        SERIAL,
        begun.elapsed().as_secs_f64(),
        flushes(&store) - before,
    );

    let (begun, before) = (Instant::now(), flushes(&store));
    for _ in 0..SERIAL {
        claim_and_complete(&store).await?;
    }
    measure(
        "claim and complete, serial",
        SERIAL,
        begun.elapsed().as_secs_f64(),
        flushes(&store) - before,
    );

    let (begun, before) = (Instant::now(), flushes(&store));
    let callers = (0..CALLERS).map(|_| {
        let store = store.clone();
        tokio::spawn(async move {
            for _ in 0..PER_CALLER {
                enqueue(&store).await?;
            }
            anyhow::Ok(())
        })
    });
    for caller in callers.collect::<Vec<_>>() {
        caller.await??;
    }
    let count = CALLERS * PER_CALLER;
    measure(
        "enqueue, 64 callers",
        count,
        begun.elapsed().as_secs_f64(),
        flushes(&store) - before,
    );

    let (begun, before) = (Instant::now(), flushes(&store));
    let callers = (0..CALLERS).map(|_| {
        let store = store.clone();
        tokio::spawn(async move {
            for _ in 0..PER_CALLER {
                claim_and_complete(&store).await?;
            }
            anyhow::Ok(())
        })
    });
    for caller in callers.collect::<Vec<_>>() {
        caller.await??;
    }
    measure(
        "claim and complete, 64 callers",
        count,
        begun.elapsed().as_secs_f64(),
        flushes(&store) - before,
    );
    Ok(Table {
        title: "Queue",
        note: "SQLite, WAL, `synchronous=FULL`: every answer is durable. A flush is a committed transaction.".to_owned(),
        header: vec!["what", "per second", "flushes per job"],
        rows,
    })
}
