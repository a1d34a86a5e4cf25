//! The worker: claims jobs lane by lane, runs their handlers, and keeps every claim honest.

use std::time::Duration;

use orch_domain::job::{JobKind, Lane};
use orch_store::ClaimedJob;
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::engine::Engine;
use crate::handlers;

/// How long a claim holds without renewal.
const LEASE_MS: i64 = 60_000;
/// How often a running handler's claim is checked, so that a stop ends it soon.
const CHECK: Duration = Duration::from_millis(500);
/// How often a claim is renewed.
const RENEW: Duration = Duration::from_secs(20);
/// Longest sleep between looks at the queue: polling is the truth, waking is a hint.
const POLL_MAX: Duration = Duration::from_millis(500);

/// How often old rows are looked for.
const SWEEP: Duration = Duration::from_secs(3600);
/// How long ended jobs, told messages and webhook deliveries are kept, milliseconds.
const KEEP_MS: i64 = 30 * DAY_MS;
/// A day, milliseconds.
const DAY_MS: i64 = 24 * 3_600_000;
/// Rows of each kind that one sweep removes, so that it never holds the writer for long.
const SWEEP_ROWS: u32 = 1_000;
/// Tasks whose history one sweep removes: each has some hundreds of rows.
const SWEEP_TASKS: u32 = 20;

/// A started engine. Dropping it does not stop it; [`Running::shut_down`] does.
#[derive(Debug)]
pub struct Running {
    engine: Engine,
    stop: watch::Sender<bool>,
    tasks: JoinSet<()>,
}

impl Engine {
    /// Takes up what a dead host left, then starts the worker and the outbox.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn start(&self) -> anyhow::Result<Running> {
        crate::ci::sweep_checkouts(self).await?;
        for repo in self.0.repos.values() {
            for lock in repo.mirror.remove_stale_locks().await? {
                tracing::warn!(repo = repo.name, lock = %lock.display(), "removed a lock that a dead git had left");
            }
        }
        let now = self.now();
        let owner = self.0.store.owner().clone();
        let recovered = self
            .0
            .store
            .write(move |tx| Box::pin(async move { tx.recover(&owner, now).await }))
            .await?;
        for job in &recovered {
            tracing::info!(
                job.id = job.id.0,
                kind = job.kind.as_str(),
                "taken up after its host died"
            );
        }
        crate::reaper::leases(self).await?;
        let (stop, stopped) = watch::channel(false);
        let mut tasks = JoinSet::new();
        let concurrency = self.config().concurrency.clone();
        for lane in Lane::ALL {
            let slots = match lane {
                Lane::Agents => concurrency.agents,
                Lane::Gates => concurrency.gates,
                Lane::Effects => concurrency.effects,
            };
            tasks.spawn(work(self.clone(), lane, slots, stopped.clone()));
        }
        tasks.spawn(watch_files(self.clone(), stopped.clone()));
        tasks.spawn(crate::reconciler::run(self.clone(), stopped.clone()));
        tasks.spawn(crate::reaper::run(self.clone(), stopped.clone()));
        tasks.spawn(crate::gc::run(self.clone(), stopped.clone()));
        tasks.spawn(tell(self.clone(), stopped));
        Ok(Running {
            engine: self.clone(),
            stop,
            tasks,
        })
    }
}

impl Running {
    /// Ends the worker. Agents and hooks go on under their supervisors; everything else that was under way is
    /// taken up at the next start.
    pub async fn shut_down(mut self) {
        // Receivers that are gone have ended already.
        self.stop.send(true).ok();
        while self.tasks.join_next().await.is_some() {}
        let (owner, now) = (self.engine.0.store.owner().clone(), self.engine.now());
        let given = self
            .engine
            .0
            .store
            .write(move |tx| Box::pin(async move { tx.give_back(&owner, now).await }))
            .await;
        match given {
            Ok(count) => tracing::info!(count, "jobs under way are given back to the queue"),
            // The next start takes them up all the same, as after a crash.
            Err(error) => tracing::warn!(error = %error, "jobs under way could not be given back"),
        }
    }
}

/// Keeps gates and configuration in step with their files.
async fn watch_files(engine: Engine, mut stopped: watch::Receiver<bool>) {
    tokio::select! {
        () = engine.0.library.watch() => {}
        () = engine.0.config.watch() => {}
        _ = stopped.changed() => {}
    }
}

async fn tell(engine: Engine, mut stopped: watch::Receiver<bool>) {
    let wake = engine.0.store.wake();
    let mut swept: Option<tokio::time::Instant> = None;
    loop {
        let notified = wake.notified();
        if swept.is_none_or(|at| at.elapsed() >= SWEEP) {
            swept = Some(tokio::time::Instant::now());
            if let Err(error) = sweep(&engine).await {
                tracing::warn!(error = %error, "old rows cannot be removed");
            }
        }
        match engine.deliver().await {
            Ok(0) => {}
            Ok(_) => continue,
            Err(error) => tracing::error!(
                error = format!("{error:#}"),
                "the outbox cannot be delivered"
            ),
        }
        tokio::select! {
            () = notified => {}
            () = tokio::time::sleep(POLL_MAX) => {}
            _ = stopped.changed() => return,
        }
    }
}

/// Removes what has been kept long enough.
async fn sweep(engine: &Engine) -> Result<(), orch_store::StoreError> {
    let before = engine.now() - KEEP_MS;
    let history = engine.now() - i64::from(engine.config().disk.history_days) * DAY_MS;
    let removed = engine
        .0
        .store
        .write(move |tx| {
            Box::pin(async move {
                let jobs = tx.sweep_jobs(before, SWEEP_ROWS).await?;
                let recordings = tx.sweep_recordings(before, SWEEP_ROWS).await?;
                let memory = tx.sweep_staged_memory(SWEEP_ROWS).await?;
                let messages = tx.sweep_messages(before, SWEEP_ROWS).await?;
                let history = tx.sweep_history(history, SWEEP_TASKS, SWEEP_ROWS).await?;
                Ok(jobs + recordings + memory + messages + history)
            })
        })
        .await?;
    tracing::debug!(removed, "old rows removed");
    Ok(())
}

async fn work(engine: Engine, lane: Lane, slots: u32, mut stopped: watch::Receiver<bool>) {
    let wake = engine.0.store.wake();
    let mut running: JoinSet<()> = JoinSet::new();
    loop {
        // Registered before looking, so that nothing that is queued in between is missed.
        let notified = wake.notified();
        tokio::pin!(notified);
        notified.as_mut().enable();
        // All of them, or the slots of those that ended together would come free one look at a time.
        while let Some(ended) = running.try_join_next() {
            note_panic(ended);
        }
        let free = slots.saturating_sub(u32::try_from(running.len()).unwrap_or(u32::MAX));
        if free > 0 {
            match claim(&engine, lane, free).await {
                Ok(jobs) => {
                    for job in jobs {
                        running.spawn(attend(engine.clone(), job));
                    }
                }
                Err(error) => {
                    tracing::error!(error = %error, lane = lane.as_str(), "jobs cannot be claimed")
                }
            }
        }
        let pause = pause(&engine).await;
        tokio::select! {
            () = notified => {}
            () = tokio::time::sleep(pause) => {}
            Some(ended) = running.join_next() => note_panic(ended),
            _ = stopped.changed() => break,
        }
    }
    // Handlers are dropped here: their children die with them, supervised runs go on.
    running.shutdown().await;
}

fn note_panic(ended: Result<(), tokio::task::JoinError>) {
    if let Err(error) = ended {
        tracing::error!(error = %error, "a handler panicked; the reaper takes its job up again");
    }
}

async fn claim(
    engine: &Engine,
    lane: Lane,
    free: u32,
) -> Result<Vec<ClaimedJob>, orch_store::StoreError> {
    // A look without the writer first: an idle host must not flush twice a second.
    let now = engine.now();
    let due = engine
        .0
        .store
        .read(|tx| Box::pin(tx.has_due(lane, now)))
        .await?;
    if !due {
        return Ok(Vec::new());
    }
    let owner = engine.0.store.owner().clone();
    engine
        .0
        .store
        .write(move |tx| Box::pin(async move { tx.claim(lane, free, &owner, now, LEASE_MS).await }))
        .await
}

/// Until the next job is due, within bounds.
async fn pause(engine: &Engine) -> Duration {
    let next = engine.0.store.read(|tx| Box::pin(tx.next_due())).await;
    match next {
        Ok(Some(at)) => {
            let wait = u64::try_from((at - engine.now()).max(5)).unwrap_or(5);
            Duration::from_millis(wait).min(POLL_MAX)
        }
        Ok(None) | Err(_) => POLL_MAX,
    }
}

/// Runs a handler as long as its claim holds.
async fn attend(engine: Engine, job: ClaimedJob) {
    let key = job.key;
    let kind = job.kind;
    let guard = engine.clone();
    let _attending = engine.0.attended.enter(key);
    let handled = async {
        let crashes_max = i64::from(engine.config().reaper.crashes_max);
        if job.crashes >= crashes_max && job.kind != JobKind::Stop {
            if let Err(error) = handlers::crash_loop(&engine, &job).await {
                tracing::error!(
                    job.id = key.id.0,
                    error = format!("{error:#}"),
                    "a crash loop cannot be ended"
                );
            }
            return;
        }
        if let Err(error) = handlers::handle(&engine, &job).await {
            let text = format!("{error:#}");
            tracing::warn!(
                job.id = key.id.0,
                kind = kind.as_str(),
                error = text,
                "a job failed"
            );
            if let Err(error) = handlers::failed(&engine, &job, &text).await {
                tracing::error!(
                    job.id = key.id.0,
                    error = format!("{error:#}"),
                    "a failure cannot be recorded"
                );
            }
        }
    };
    tokio::select! {
        () = handled => {}
        () = lost(&guard, &job) => {
            tracing::info!(job.id = key.id.0, kind = kind.as_str(), "the claim is gone; the handler is dropped");
        }
    }
}

/// Ends when the claim no longer holds.
async fn lost(engine: &Engine, job: &ClaimedJob) {
    let key = job.key;
    let mut renewed = tokio::time::Instant::now();
    loop {
        tokio::time::sleep(CHECK).await;
        match engine.0.store.read(|tx| Box::pin(tx.holds(key))).await {
            Ok(true) => {}
            Ok(false) => return,
            Err(error) => tracing::warn!(error = %error, "a claim cannot be checked"),
        }
        if renewed.elapsed() >= RENEW {
            renewed = tokio::time::Instant::now();
            let now = engine.now();
            let done = engine
                .0
                .store
                .write(move |tx| Box::pin(tx.renew(key, now, LEASE_MS)))
                .await;
            if matches!(done, Ok(orch_store::RenewOutcome::Lost)) && job.kind != JobKind::Stop {
                return;
            }
        }
    }
}
