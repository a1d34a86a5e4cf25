//! Runs the step of one claimed job for as long as its claim holds, and writes what it came to.

use std::time::Duration;

use orch_config::LiveConfig;
use orch_domain::delivery::HOLD_MAX_MS;
use orch_domain::job::{JobKind, PutOff, PutOffKind};
use orch_domain::notice::NoticeKind;
use orch_domain::port::{PortError, PortFailure};
use orch_store::{ClaimedJob, RenewOutcome};
use tokio::time::Instant;
use tracing::Instrument;

use super::attended::Attended;
use super::lanes::LEASE_MS;
use crate::ledger::Ledger;
use crate::ledger::ending::Ending;
use crate::steps::{Failed, Steps};

/// How often a running step's claim is checked, so that a stop ends it soon.
const CHECK: Duration = Duration::from_millis(500);
/// How often a claim is renewed.
const RENEW: Duration = Duration::from_secs(20);
/// When a job looks again whose forge or tracker does not answer, milliseconds.
const SOURCE_AGAIN_MS: i64 = 15_000;
/// Longest pause that a source may ask for without anybody being told, milliseconds: the calls of a minute are used up,
/// or of a few.
const SHORT_PAUSE_MS: i64 = 300_000;
/// How often people are told of a source that does not answer, milliseconds.
const TOLD_EVERY_MS: i64 = 3_600_000;

/// What runs claimed jobs. Clones are the same.
#[derive(Debug, Clone)]
pub(crate) struct Attendant {
    pub(crate) ledger: Ledger,
    pub(crate) config: LiveConfig,
    pub(crate) steps: Steps,
    pub(crate) attended: Attended,
}

impl Attendant {
    /// Runs a job to its end, or until its claim is gone.
    pub(crate) async fn attend(self, job: ClaimedJob) {
        let span = tracing::info_span!(
            "job",
            job.id = job.key.id.0,
            job.epoch = job.key.epoch,
            job.kind = job.kind.as_str(),
            job.attempt = job.attempt,
            task.id = job.task.map(|task| task.0),
        );
        let _attending = self.attended.enter(job.key);
        async {
            tokio::select! {
                () = self.work(&job) => {}
                () = self.lost(&job) => tracing::info!("the claim is gone; the step is dropped"),
            }
        }
        .instrument(span)
        .await;
    }

    async fn work(&self, job: &ClaimedJob) {
        let crashes_max = i64::from(self.config.now().reaper.crashes_max);
        if job.crashes >= crashes_max && job.kind != JobKind::Stop {
            if let Err(error) = self.ledger.crash_loop(job).await {
                tracing::error!(error = format!("{error:#}"), "a crash loop cannot be ended");
            }
            return;
        }
        let ended = match self.steps.run(job).await {
            Ok(ending) => self.ledger.end(job, ending).await,
            Err(error) => Err(error),
        };
        let Err(error) = ended else { return };
        if let Some(silent) = error.downcast_ref::<PortError>()
            && silent.failure.is_of_the_source()
        {
            if let Err(error) = self.wait_for_source(job, silent).await {
                tracing::error!(error = format!("{error:#}"), "a job cannot be put off");
            }
            return;
        }
        let error = format!("{error:#}");
        tracing::warn!(error, "a job failed");
        if let Err(error) = self.record_failure(job, &error).await {
            tracing::error!(error = format!("{error:#}"), "a failure cannot be recorded");
        }
    }

    /// Puts a job off until its forge or tracker answers again. That is no fault of the task, so nothing is used up;
    /// people are told once an hour for as long as it lasts.
    async fn wait_for_source(&self, job: &ClaimedJob, silent: &PortError) -> anyhow::Result<()> {
        let now = self.ledger.now();
        let until_ms = match silent.failure {
            PortFailure::RateLimited {
                until_ms: Some(until),
            } => until.clamp(now + 1_000, now + HOLD_MAX_MS),
            PortFailure::RateLimited { until_ms: None }
            | PortFailure::Unavailable
            | PortFailure::Unauthorised
            | PortFailure::Refused
            | PortFailure::NotFound
            | PortFailure::Obstructed => now + SOURCE_AGAIN_MS,
        };
        let text = silent.to_string();
        tracing::warn!(
            source = silent.source,
            error = text,
            "a job waits for its source"
        );
        if is_news(silent.failure, now) {
            let is_credential = silent.failure == PortFailure::Unauthorised;
            // What only a person can mend is told, though the source did not answer at all a while ago.
            let key = format!(
                "source:{}:{is_credential}:{}",
                silent.source,
                now / TOLD_EVERY_MS
            );
            let kind = NoticeKind::SourceFails {
                source: silent.source.clone(),
                error: text.clone(),
                is_credential,
            };
            self.ledger.announce(None, key, kind).await?;
        }
        let ending = Ending::PutOff {
            until_ms,
            why: PutOff::new(PutOffKind::Source, text),
            also: Vec::new(),
        };
        self.ledger.end(job, ending).await
    }

    async fn record_failure(&self, job: &ClaimedJob, error: &str) -> anyhow::Result<()> {
        match self.steps.failed(job, error).await? {
            Failed::Ending(ending) => self.ledger.end(job, ending).await,
            Failed::Again => self.ledger.again_or_bury(job, error).await,
            Failed::Bury => self.ledger.bury(job, error).await,
        }
    }

    /// Ends when the claim no longer holds.
    async fn lost(&self, job: &ClaimedJob) {
        let key = job.key;
        let mut renewed = Instant::now();
        loop {
            tokio::time::sleep(CHECK).await;
            match self.ledger.store().look(|tx| Box::pin(tx.holds(key))).await {
                Ok(true) => {}
                Ok(false) => return,
                Err(error) => tracing::warn!(error = %error, "a claim cannot be checked"),
            }
            if renewed.elapsed() < RENEW {
                continue;
            }
            renewed = Instant::now();
            let now = self.ledger.now();
            match self.ledger.store().renew(key, now, LEASE_MS).await {
                Ok(RenewOutcome::Lost) if job.kind != JobKind::Stop => return,
                Ok(RenewOutcome::Renewed | RenewOutcome::Lost) => {}
                Err(error) => tracing::warn!(error = %error, "a claim cannot be renewed"),
            }
        }
    }
}

/// Whether people are told of a source that a job waits for. One that says when to come back does not fail: nobody has
/// to do anything but wait a little.
fn is_news(failure: PortFailure, now: i64) -> bool {
    match failure {
        PortFailure::RateLimited {
            until_ms: Some(until),
        } => until.saturating_sub(now) > SHORT_PAUSE_MS,
        PortFailure::RateLimited { until_ms: None }
        | PortFailure::Unavailable
        | PortFailure::Unauthorised
        | PortFailure::Refused
        | PortFailure::NotFound
        | PortFailure::Obstructed => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn source_whose_calls_of_a_minute_are_used_up_is_waited_for_without_an_alarm() {
        let limited = |until_ms| PortFailure::RateLimited { until_ms };
        let now = 1_000_000;
        assert!(!is_news(limited(Some(now + 61_000)), now));
        assert!(!is_news(limited(Some(now - 5)), now), "it is over");
        assert!(is_news(limited(Some(now + SHORT_PAUSE_MS + 1)), now));
        for failure in [
            limited(None),
            PortFailure::Unavailable,
            PortFailure::Unauthorised,
        ] {
            assert!(is_news(failure, now), "{failure:?}");
        }
    }
}
