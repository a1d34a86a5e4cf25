//! Recovers abandoned work, and frees leases that nobody can give back.
//!
//! A host has its database to itself, so every running job is its own; what a dead host left is recovered at the
//! start. The reaper finds what falls through while the host lives: a step that panicked, a claim that was lost to a
//! sleep of the machine, a run that nobody takes in, work that never ends.

mod rules;

use std::time::Duration;

use orch_agents::folder::{RunFolder, RunState, StopReason};
use orch_agents::launcher;
use orch_config::LiveConfig;
use orch_domain::job::{PutOff, PutOffKind};
use orch_domain::notice::{LeaseLoss, NoticeKind};
use orch_store::{CountsAsTry, Reaping, RunningJob, StoreError};

use self::rules::{Bounds, Held, Memory, Seen, Tier};
use super::attended::Attended;
use super::driver::Stop;
use crate::ledger::Ledger;
use crate::ledger::clock::wall_ms;
use crate::ledger::notices::announce;
use crate::ledger::status::{Reaped, ReaperStatus};
use crate::ledger::turn::wake_waiters_of;

/// How long ending what a job left running may take before somebody else may try, milliseconds.
const END_MS: i64 = 120_000;

/// The reaper. Clones are the same.
#[derive(Debug, Clone)]
pub(crate) struct Reaper {
    pub(crate) ledger: Ledger,
    pub(crate) config: LiveConfig,
    pub(crate) attended: Attended,
    pub(crate) status: ReaperStatus,
}

impl Reaper {
    fn bounds(&self) -> Bounds {
        let config = self.config.now();
        let reaper = &config.reaper;
        Bounds {
            interval_ms: i64::from(reaper.interval_s) * 1000,
            dead_ticks: reaper.dead_ticks,
            finalize_grace_ms: i64::from(reaper.finalize_grace_s) * 1000,
            max_running_ms: config.max_running_ms(),
            hold_ms: i64::from(reaper.hold_s) * 1000,
        }
    }

    /// Looks at everything that runs, again and again, until the host ends.
    pub(crate) async fn run(self, mut stop: Stop) {
        let mut memory = Memory::new(self.ledger.now(), wall_ms(), &self.bounds());
        loop {
            let bounds = self.bounds();
            let pause = u64::try_from(bounds.interval_ms).unwrap_or(1_000);
            tokio::select! {
                () = tokio::time::sleep(Duration::from_millis(pause)) => {}
                () = stop.asked() => return,
            }
            if let Err(error) = self.age().await {
                tracing::error!(error = %error, "waiting jobs could not be aged");
            }
            if !self.config.now().reaper.enabled {
                continue;
            }
            // One poisoned row never stops a tick: every part ends with its own error.
            if let Err(error) = self.tick(&mut memory, &bounds).await {
                tracing::error!(error = format!("{error:#}"), "the reaper could not look");
            }
            if let Err(error) = self.reclaim_leases().await {
                tracing::error!(
                    error = format!("{error:#}"),
                    "leases could not be looked at"
                );
            }
            let now = self.ledger.now();
            self.status.change(|c| c.last_run_ms = Some(now));
        }
    }

    /// Moves up what has waited long, batch by batch, so that claims and endings come in between.
    async fn age(&self) -> Result<(), StoreError> {
        let now = self.ledger.now();
        while self
            .ledger
            .write(move |tx| Box::pin(tx.age_ready(now)))
            .await?
        {}
        Ok(())
    }

    async fn tick(&self, memory: &mut Memory, bounds: &Bounds) -> anyhow::Result<()> {
        let jobs = self.ledger.read(|tx| Box::pin(tx.running_jobs())).await?;
        let now = self.ledger.now();
        let seen: Vec<Seen> = jobs
            .into_iter()
            .map(|job| Seen {
                attended: self.attended.has(job.key),
                finished_for_ms: finished_for(&job),
                job,
            })
            .collect();
        let decision = memory.tick(&seen, bounds, now, wall_ms());
        self.status.change(|c| c.deferred += decision.deferred);
        if let Some(held) = decision.held {
            tracing::debug!(?held, "the reaper waits");
        }
        if let Some(Held::TooMany { dead, running }) = decision.held {
            let kind = NoticeKind::ReaperHeld { dead, running };
            self.ledger
                .announce(None, format!("reaper-held:{now}"), kind)
                .await?;
        }
        for (job, tier) in decision.reap {
            if let Err(error) = self.reap(&job, tier).await {
                tracing::error!(
                    job.id = job.key.id.0,
                    error = format!("{error:#}"),
                    "a job could not be reaped"
                );
            }
        }
        Ok(())
    }

    async fn reap(&self, job: &RunningJob, tier: Tier) -> anyhow::Result<()> {
        let owns = tier == Tier::TooOld && job.run.is_some();
        let reaping = if owns {
            Reaping::Own(self.ledger.owner(), self.ledger.now() + END_MS)
        } else {
            Reaping::Requeue
        };
        let (seen, now) = (job.clone(), self.ledger.now());
        let won = self
            .ledger
            .write(move |tx| {
                Box::pin(async move { tx.reap(&seen, &reaping, &given_up(tier), now).await })
            })
            .await?;
        let Some(key) = won else {
            tracing::debug!(
                job.id = job.key.id.0,
                "the job moved on while it was looked at"
            );
            return Ok(());
        };
        let agent = job.run.as_ref().map(|run| run.agent.clone());
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
        let last = Reaped {
            job: key.id,
            agent: agent.clone(),
            reason: tier.as_str(),
        };
        self.status.change(|c| {
            c.reaped += 1;
            c.last = Some(last);
        });
        if let (true, Some(run)) = (owns, &job.run) {
            let _attending = self.attended.enter(key);
            end(&run.folder).await?;
            let now = self.ledger.now();
            let done = self
                .ledger
                .write(move |tx| {
                    Box::pin(async move {
                        tx.put_off(key, now, &given_up(tier), CountsAsTry::Yes)
                            .await
                    })
                })
                .await?;
            tracing::info!(job.id = key.id.0, ?done, "what it left running is gone");
        }
        Ok(())
    }

    /// Frees leases of holders that are dead or late, and wakes whoever waits for them.
    pub(crate) async fn reclaim_leases(&self) -> anyhow::Result<()> {
        if !self.config.now().reaper.lease_reclaim_enabled {
            return Ok(());
        }
        let now = self.ledger.now();
        let reclaimed = self
            .ledger
            .write(move |tx| {
                Box::pin(async move {
                    let reclaimed = tx.reclaim_leases(now).await?;
                    for lease in &reclaimed {
                        let why = match lease.expired {
                            true => LeaseLoss::Expired,
                            false => LeaseLoss::HolderIdle,
                        };
                        let kind = NoticeKind::LeaseReclaimed {
                            lease: lease.lease.to_string(),
                            holder: lease.holder,
                            why,
                        };
                        let key = format!("reclaim:{}:{}", lease.lease, lease.epoch);
                        announce(tx, Some(lease.holder), &key, kind, now).await?;
                        wake_waiters_of(tx, lease.holder, now).await?;
                    }
                    Ok(reclaimed)
                })
            })
            .await?;
        for lease in &reclaimed {
            tracing::warn!(
                lease = %lease.lease,
                task.id = lease.holder.0,
                epoch = lease.epoch,
                expired = lease.expired,
                "lease reclaimed"
            );
        }
        self.status
            .change(|c| c.reclaimed += reclaimed.len() as u64);
        Ok(())
    }
}

/// Ends a run and everything that carries its mark; answers when nothing is left.
async fn end(folder: &str) -> anyhow::Result<()> {
    Ok(launcher::end(&RunFolder::at(folder), StopReason::TooOld).await?)
}

fn given_up(tier: Tier) -> PutOff {
    PutOff::new(PutOffKind::Reaped, tier.as_str())
}

/// For how long the run of a job has had a result, milliseconds; none while it has none.
fn finished_for(job: &RunningJob) -> Option<i64> {
    let run = job.run.as_ref()?;
    match RunFolder::at(&run.folder).state() {
        Ok(RunState::Finished(result)) => Some(wall_ms() - result.ended_ms),
        Ok(RunState::Running | RunState::NotStarted | RunState::Lost) | Err(_) => None,
    }
}
