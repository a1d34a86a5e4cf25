//! How soon work that is enqueued is taken, under a steady load.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use orch_domain::id::JobId;
use orch_domain::job::{JobState, Lane};
use orch_store::{ClaimedJob, EnqueueOutcome, FinishOutcome, Owner, Store};
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::page::Table;
use crate::store::{close, counts, job};
use crate::times::{histogram, keep, ms};

/// Jobs enqueued in a second.
const RATE: u32 = 500;
/// How long the load lasts.
const LOAD_S: u32 = 10;
/// All of them.
const JOBS: u32 = RATE * LOAD_S;
/// Jobs worked on at once: the most that a lane may have.
const SLOTS: u32 = 64;
/// Longest time until everything is taken and ended.
const DRAINED: Duration = Duration::from_secs(60);

/// What happened to one job, and when.
#[derive(Debug, Clone, Default)]
struct Life {
    due: Option<Instant>,
    committed: Option<Instant>,
    claimed: Vec<Instant>,
    completed: u32,
}

/// All jobs, written by whoever enqueues and whoever works.
#[derive(Debug, Clone, Default)]
struct Lives(Arc<Mutex<HashMap<i64, Life>>>);

impl Lives {
    fn note(&self, id: JobId, note: impl FnOnce(&mut Life)) {
        let mut lives = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        note(lives.entry(id.0).or_default());
    }

    fn all(&self) -> Vec<Life> {
        let lives = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        lives.values().cloned().collect()
    }

    fn completed(&self) -> usize {
        self.all().iter().filter(|l| l.completed > 0).count()
    }
}

/// Lays the load on a store while a worker takes it.
pub(crate) async fn run() -> anyhow::Result<Table> {
    let folder = tempfile::tempdir_in("target")?;
    let store = Store::open(&folder.path().join("bench.db"), Owner("bench".into())).await?;
    let lives = Lives::default();
    let mut worker = JoinSet::new();
    worker.spawn(work(store.clone(), lives.clone()));
    let loaded = async {
        let load_s = load(&store, &lives).await?;
        drained(&lives).await;
        anyhow::Ok(load_s)
    };
    let load_s = tokio::select! {
        loaded = loaded => loaded?,
        Some(ended) = worker.join_next() => {
            ended??;
            anyhow::bail!("the worker ended");
        }
    };
    worker.shutdown().await;
    let rows = rows(&store, &lives, load_s).await?;
    close(store).await?;
    Ok(Table {
        title: "Pickup",
        note: format!(
            "{RATE} jobs a second for {LOAD_S} s, each enqueued in a write of its own when it is due, whether those before have been answered or not. The host's own lane takes them: it waits for the store's own wake-up, looks without writing, claims as many as are free of {SLOTS}, and has each completed by a task of its own. `commit to claim` is from the answer to the enqueue, after its flush, until the worker has the answer to its claim, also after its flush; `due to claim` begins when the job was due, so the flush of the enqueue and all waiting for it are in it. Milliseconds. A lost or doubled job is an error and there is no page."
        ),
        header: vec!["what", "value"],
        rows,
    })
}

/// Enqueues each job when it is due by the clock: a late tick is made up for at once, so the load stays.
/// Answers how many seconds it lasted.
async fn load(store: &Store, lives: &Lives) -> anyhow::Result<f64> {
    let begun = Instant::now();
    let mut writes: JoinSet<anyhow::Result<()>> = JoinSet::new();
    for number in 0..JOBS {
        let due = begun + Duration::from_secs(1) * number / RATE;
        tokio::time::sleep_until(due).await;
        let (store, lives) = (store.clone(), lives.clone());
        writes.spawn(async move {
            let job = job();
            let queued = store.enqueue(job, 1).await?;
            let committed = Instant::now();
            let EnqueueOutcome::Enqueued(id) = queued else {
                anyhow::bail!("{queued:?}");
            };
            lives.note(id, |life| {
                life.due = Some(due);
                life.committed = Some(committed);
            });
            Ok(())
        });
    }
    while let Some(written) = writes.join_next().await {
        written??;
    }
    Ok(begun.elapsed().as_secs_f64())
}

/// The host's own lane, whose jobs do nothing but end.
async fn work(store: Store, lives: Lives) -> anyhow::Result<()> {
    let failed: Arc<Mutex<Option<anyhow::Error>>> = Arc::default();
    let ended = Arc::new(tokio::sync::Notify::new());
    let complete = |job: ClaimedJob| {
        let claimed = Instant::now();
        lives.note(job.key.id, |life| life.claimed.push(claimed));
        let (store, lives) = (store.clone(), lives.clone());
        let (failed, ended) = (failed.clone(), ended.clone());
        async move {
            if let Err(error) = complete(store, lives, job).await {
                failed
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .get_or_insert(error);
                ended.notify_one();
            }
        }
    };
    orch_engine::work_on(
        store.clone(),
        Lane::Gates,
        SLOTS,
        complete,
        ended.notified(),
    )
    .await;
    let failed = failed.lock().unwrap_or_else(PoisonError::into_inner).take();
    Err(failed.unwrap_or_else(|| anyhow::anyhow!("the lane ended")))
}

async fn complete(store: Store, lives: Lives, job: ClaimedJob) -> anyhow::Result<()> {
    let key = job.key;
    let done = store.complete(key, 3).await?;
    anyhow::ensure!(done == FinishOutcome::Finished, "fenced");
    lives.note(key.id, |life| life.completed += 1);
    Ok(())
}

/// Waits until every job has ended, or too long: what is missing then is lost.
async fn drained(lives: &Lives) {
    let begun = Instant::now();
    while lives.completed() < JOBS as usize && begun.elapsed() < DRAINED {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// What is told; an error if something was lost or done twice.
async fn rows(store: &Store, lives: &Lives, load_s: f64) -> anyhow::Result<Vec<Vec<String>>> {
    let all = lives.all();
    let enqueued = all.iter().filter(|l| l.committed.is_some()).count();
    let lost = all.iter().filter(|l| l.claimed.is_empty()).count();
    let doubled = all.iter().filter(|l| l.claimed.len() > 1).count();
    let completed = lives.completed();
    let counts = counts(store).await?;
    let whole = (JOBS as usize, 0, 0, JOBS as usize);
    anyhow::ensure!(
        (enqueued, lost, doubled, completed) == whole
            && counts == [(JobState::Done, JOBS as usize)],
        "of {JOBS} jobs {enqueued} were enqueued, {lost} lost, {doubled} claimed twice, {completed} completed; the store says {counts:?}"
    );
    let (mut since_commit, mut since_due) = (histogram(), histogram());
    for life in &all {
        let (Some(due), Some(committed), Some(claimed)) =
            (life.due, life.committed, life.claimed.first())
        else {
            anyhow::bail!("a job was never enqueued");
        };
        // The worker's answer may come before the one to the enqueue: then it was no wait at all.
        keep(
            &mut since_commit,
            claimed.saturating_duration_since(committed),
        )?;
        keep(&mut since_due, claimed.saturating_duration_since(due))?;
    }
    let mut rows = vec![
        vec!["enqueued".to_owned(), enqueued.to_string()],
        vec!["lost".to_owned(), lost.to_string()],
        vec!["claimed twice".to_owned(), doubled.to_string()],
        vec![
            "enqueued per second".to_owned(),
            format!("{:.0}", f64::from(JOBS) / load_s),
        ],
    ];
    for (name, times) in [
        ("commit to claim", since_commit),
        ("due to claim", since_due),
    ] {
        for (quantile, label) in [(0.5, "p50"), (0.95, "p95"), (0.99, "p99"), (1.0, "max")] {
            rows.push(vec![format!("{name}, {label}"), ms(&times, quantile)]);
        }
    }
    Ok(rows)
}
