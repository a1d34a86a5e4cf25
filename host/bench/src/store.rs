//! A store for the benchmarks, and what they do with it.

use std::path::Path;
use std::time::{Duration, Instant};

use orch_domain::job::{JobKind, JobState, Lane};
use orch_store::{FinishOutcome, NewJob, Store};

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

/// Claims the next ready job and completes it.
pub(crate) async fn claim_and_complete(store: &Store) -> anyhow::Result<()> {
    let claimed = store
        .claim(Lane::Gates, 1, store.owner(), 2, 60_000)
        .await?;
    let job = claimed
        .into_iter()
        .next()
        .ok_or_else(|| anyhow::anyhow!("the queue is empty"))?;
    let done = store.complete(job.key, 3).await?;
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
