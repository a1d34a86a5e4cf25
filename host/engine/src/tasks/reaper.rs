//! Takes up work that its owner let fall, and frees leases that nobody can give back.
//!
//! A host has its database to itself, so every running job is its own; what a dead host left is taken up at the
//! start. The reaper finds what falls through while the host lives: a handler that panicked, a claim that was
//! lost to a sleep of the machine, a run that nobody takes in, work that never ends.

mod rules;

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use orch_agents::folder::{RunFolder, RunState};
use orch_agents::launcher;
use orch_store::{Reaping, RunningJob};
use serde_json::json;
use tokio::sync::watch;

use self::rules::{Bounds, Memory, Seen, Tier};
use crate::clock::wall_ms;
use crate::engine::Engine;

/// How long ending what a job left running may take before somebody else may try, milliseconds.
const END_MS: i64 = 120_000;

/// What the reaper has done, for people.
#[derive(Debug, Default)]
pub(crate) struct Tally(Mutex<Counts>);

#[derive(Debug, Default, Clone)]
struct Counts {
    last_run_ms: Option<i64>,
    reaped: u64,
    last: Option<serde_json::Value>,
    reclaimed: u64,
    deferred: u64,
}

impl Tally {
    fn change(&self, change: impl FnOnce(&mut Counts)) {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner));
    }

    /// Counts leases that were taken from holders.
    pub(crate) fn reclaimed(&self, count: usize) {
        self.change(|c| c.reclaimed += count as u64);
    }

    /// Times that a finished run was left to a job in an irreversible step.
    pub(crate) fn deferred(&self) -> u64 {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .deferred
    }
}

impl Engine {
    /// The reaper's block of the queue.
    pub(crate) fn reaper_view(&self) -> serde_json::Value {
        let config = self.config();
        let counts = self
            .0
            .tally
            .0
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        json!({
            "enabled": config.reaper.enabled,
            "interval": config.reaper.interval_s,
            "last_run_ts": counts.last_run_ms,
            "reaped_total": counts.reaped,
            "last_reaped": counts.last,
            "lease_reclaimed_total": counts.reclaimed,
        })
    }

    fn bounds(&self) -> Bounds {
        let config = self.config();
        let reaper = &config.reaper;
        Bounds {
            interval_ms: i64::from(reaper.interval_s) * 1000,
            dead_ticks: reaper.dead_ticks,
            finalize_grace_ms: i64::from(reaper.finalize_grace_s) * 1000,
            max_running_ms: config.max_running_ms(),
            hold_ms: i64::from(reaper.hold_s) * 1000,
        }
    }
}

/// Looks at everything that runs, again and again, until the host ends.
pub(crate) async fn run(engine: Engine, mut stopped: watch::Receiver<bool>) {
    let mut memory = Memory::new(engine.now(), wall_ms(), &engine.bounds());
    loop {
        let bounds = engine.bounds();
        let pause = u64::try_from(bounds.interval_ms).unwrap_or(1_000);
        tokio::select! {
            () = tokio::time::sleep(Duration::from_millis(pause)) => {}
            _ = stopped.changed() => return,
        }
        if let Err(error) = age(&engine).await {
            tracing::error!(error = %error, "waiting jobs could not be aged");
        }
        if !engine.config().reaper.enabled {
            continue;
        }
        // One poisoned row never stops a tick: every part ends with its own error.
        if let Err(error) = tick(&engine, &mut memory, &bounds).await {
            tracing::error!(error = format!("{error:#}"), "the reaper could not look");
        }
        if let Err(error) = leases(&engine).await {
            tracing::error!(
                error = format!("{error:#}"),
                "leases could not be looked at"
            );
        }
        let now = engine.now();
        engine.0.tally.change(|c| c.last_run_ms = Some(now));
    }
}

/// Moves up what has waited long, batch by batch, so that claims and endings come in between.
async fn age(engine: &Engine) -> Result<(), orch_store::StoreError> {
    let now = engine.now();
    let store = &engine.0.store;
    while store.write(move |tx| Box::pin(tx.age_ready(now))).await? {}
    Ok(())
}

async fn tick(engine: &Engine, memory: &mut Memory, bounds: &Bounds) -> anyhow::Result<()> {
    let store = &engine.0.store;
    let jobs = store.read(|tx| Box::pin(tx.running_jobs())).await?;
    let now = engine.now();
    let seen: Vec<Seen> = jobs
        .into_iter()
        .map(|job| Seen {
            attended: engine.0.attended.has(job.key),
            finished_for_ms: finished_for(&job),
            job,
        })
        .collect();
    let decision = memory.tick(&seen, bounds, now, wall_ms());
    engine.0.tally.change(|c| c.deferred += decision.deferred);
    if let Some(held) = &decision.held {
        tracing::debug!(held, "the reaper holds still");
    }
    if decision.alert {
        let text = decision.held.clone().unwrap_or_default();
        alert(engine, format!("reaper-held:{now}"), text).await?;
    }
    for (job, tier) in decision.reap {
        if let Err(error) = reap(engine, &job, tier).await {
            tracing::error!(
                job.id = job.key.id.0,
                error = format!("{error:#}"),
                "a job could not be reaped"
            );
        }
    }
    Ok(())
}

async fn reap(engine: &Engine, job: &RunningJob, tier: Tier) -> anyhow::Result<()> {
    let owns = tier == Tier::TooOld && job.run.is_some();
    let reaping = if owns {
        Reaping::Own(engine.0.store.owner().clone(), engine.now() + END_MS)
    } else {
        Reaping::Requeue
    };
    let (seen, now) = (job.clone(), engine.now());
    let won = engine
        .0
        .store
        .write(move |tx| {
            Box::pin(async move { tx.reap(&seen, &reaping, tier.as_str(), now).await })
        })
        .await?;
    let Some(key) = won else {
        tracing::debug!(
            job.id = job.key.id.0,
            "the job moved on while it was looked at"
        );
        return Ok(());
    };
    let agent = job.run.as_ref().map(|(_, agent, ..)| agent.clone());
    tracing::warn!(
        job.id = key.id.0,
        job.epoch = job.key.epoch,
        task.id = job.task.map(|t| t.0),
        kind = job.kind.as_str(),
        owner = job.owner,
        agent,
        why = tier.as_str(),
        "reaped"
    );
    let last = json!({"job_id": key.id.0, "agent": agent, "outcome": tier.as_str()});
    engine.0.tally.change(|c| {
        c.reaped += 1;
        c.last = Some(last);
    });
    if let (true, Some((_, _, folder, _))) = (owns, &job.run) {
        let _attending = engine.0.attended.enter(key);
        end(folder).await?;
        let (now, why) = (engine.now(), tier.as_str());
        let done = engine
            .0
            .store
            .write(move |tx| Box::pin(async move { tx.put_off(key, now, why, false).await }))
            .await?;
        tracing::info!(job.id = key.id.0, ?done, "what it left running is gone");
    }
    Ok(())
}

/// Ends a run and everything that carries its mark; answers when nothing is left.
async fn end(folder: &str) -> anyhow::Result<()> {
    Ok(launcher::end(&RunFolder::at(folder), TOO_OLD).await?)
}

/// Reason of a stop that the reaper asks for: the run counts as one that passed its time.
pub(crate) const TOO_OLD: &str = "it ran for longer than anything may";

/// Frees leases of holders that are dead or late, and wakes whoever waits for them.
pub(crate) async fn leases(engine: &Engine) -> anyhow::Result<()> {
    if !engine.config().reaper.lease_reclaim_enabled {
        return Ok(());
    }
    let now = engine.now();
    let reclaimed = engine
        .0
        .store
        .write(move |tx| {
            Box::pin(async move {
                let reclaimed = tx.reclaim_leases(now).await?;
                for lease in &reclaimed {
                    let why = if lease.expired {
                        "its time was over"
                    } else {
                        "its task is not at work"
                    };
                    let text = format!(
                        "lease `{}` of task {} was reclaimed: {why}",
                        lease.resource, lease.holder
                    );
                    let key = format!("reclaim:{}:{}", lease.resource, lease.epoch);
                    tx.push_outbox(Some(lease.holder), "alert", &key, &text, now)
                        .await?;
                    crate::apply::wake_waiters_of(tx, lease.holder, now).await?;
                }
                Ok(reclaimed)
            })
        })
        .await?;
    for lease in &reclaimed {
        tracing::warn!(
            lease = lease.resource,
            task.id = lease.holder.0,
            epoch = lease.epoch,
            expired = lease.expired,
            "lease reclaimed"
        );
    }
    engine.0.tally.reclaimed(reclaimed.len());
    Ok(())
}

async fn alert(engine: &Engine, key: String, text: String) -> anyhow::Result<()> {
    let now = engine.now();
    engine
        .0
        .store
        .write(move |tx| {
            Box::pin(async move { tx.push_outbox(None, "alert", &key, &text, now).await })
        })
        .await?;
    Ok(())
}

/// For how long the run of a job has had a result, milliseconds; none while it has none.
fn finished_for(job: &RunningJob) -> Option<i64> {
    let (_, _, folder, _) = job.run.as_ref()?;
    match RunFolder::at(folder).state() {
        Ok(RunState::Finished(result)) => Some(wall_ms() - result.ended_ms),
        Ok(RunState::Running | RunState::NotStarted | RunState::Lost) | Err(_) => None,
    }
}
