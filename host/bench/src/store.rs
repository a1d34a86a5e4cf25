//! What the queue carries: durable enqueues and claim–complete pairs per second, serial and with 64 callers.

use std::sync::Arc;
use std::time::Instant;

use orch_domain::job::{JobKind, Lane};
use orch_store::{FinishOutcome, NewJob, Owner, Store};

use crate::Table;

const SERIAL: usize = 500;
const CALLERS: usize = 64;
const PER_CALLER: usize = 100;

fn job() -> NewJob {
    NewJob {
        kind: JobKind::Gate,
        task: None,
        repo: "shop".into(),
        payload: "{}".into(),
        priority: 5,
        run_at_ms: 0,
        unique_key: None,
        reason: None,
    }
}

async fn enqueue(store: &Store) -> anyhow::Result<()> {
    let job = job();
    store
        .write(move |tx| Box::pin(async move { tx.enqueue(&job, 1).await.map(|_| ()) }))
        .await?;
    Ok(())
}

async fn claim_and_complete(store: &Store) -> anyhow::Result<()> {
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
