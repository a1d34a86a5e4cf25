//! What the background mechanisms say of themselves, and how they are told to look.
//!
//! A mechanism owns its state; these are the handles that it hands out to views and commands.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use orch_domain::id::{JobId, UnixMs};
use tokio::sync::Notify;

/// What the reaper has done. Clones share it.
#[derive(Debug, Clone, Default)]
pub(crate) struct ReaperStatus(Arc<Mutex<ReaperCounts>>);

#[derive(Debug, Default, Clone)]
pub(crate) struct ReaperCounts {
    pub(crate) last_run_ms: Option<UnixMs>,
    pub(crate) reaped: u64,
    pub(crate) last: Option<Reaped>,
    /// Leases that were taken from holders.
    pub(crate) reclaimed: u64,
    /// Times that a finished run was left to a job in an irreversible step.
    pub(crate) deferred: u64,
}

/// The job that was reaped last.
#[derive(Debug, Clone)]
pub(crate) struct Reaped {
    pub(crate) job: JobId,
    pub(crate) agent: Option<String>,
    /// Which of the reaper's reasons it was.
    pub(crate) reason: &'static str,
}

impl ReaperStatus {
    pub(crate) fn change(&self, change: impl FnOnce(&mut ReaperCounts)) {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner));
    }

    pub(crate) fn now(&self) -> ReaperCounts {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

/// What the reconciler has done, and how it is told to look. Clones share it.
#[derive(Debug, Clone, Default)]
pub(crate) struct ReconcilerStatus(Arc<Reconciling>);

#[derive(Debug, Default)]
struct Reconciling {
    hinted: Notify,
    counts: Mutex<ReconcilerCounts>,
}

#[derive(Debug, Default, Clone)]
pub(crate) struct ReconcilerCounts {
    pub(crate) last_run_ms: Option<UnixMs>,
    pub(crate) looks: u64,
    pub(crate) made_good: u64,
    pub(crate) last: Option<MadeGood>,
    /// Sources that did not answer at the latest look, with the reason.
    pub(crate) failing: BTreeMap<String, String>,
}

/// The difference that was reconciled last.
#[derive(Debug, Clone)]
pub(crate) struct MadeGood {
    pub(crate) work_item: String,
    pub(crate) what: String,
}

impl ReconcilerStatus {
    /// Something may have happened: look now. Losing this costs time and nothing else.
    pub(crate) fn hint(&self) {
        self.0.hinted.notify_one();
    }

    /// Ends when somebody hinted.
    pub(crate) async fn hinted(&self) {
        self.0.hinted.notified().await;
    }

    pub(crate) fn change(&self, change: impl FnOnce(&mut ReconcilerCounts)) {
        let mut counts = self.0.counts.lock().unwrap_or_else(PoisonError::into_inner);
        change(&mut counts);
    }

    pub(crate) fn now(&self) -> ReconcilerCounts {
        let counts = self.0.counts.lock().unwrap_or_else(PoisonError::into_inner);
        counts.clone()
    }

    /// A source answered.
    pub(crate) fn answered(&self, source: &str) {
        self.change(|c| {
            if c.failing.remove(source).is_some() {
                tracing::info!(source, "a source answers again");
            }
        });
    }

    /// A source that does not answer is said once, not at every look.
    pub(crate) fn failed(&self, source: &str, error: &dyn std::fmt::Display) {
        let text = error.to_string();
        self.change(|c| {
            let before = c.failing.insert(source.to_owned(), text.clone());
            if before.as_ref() != Some(&text) {
                tracing::warn!(source, error = text, "a source cannot be reconciled with");
            }
        });
    }
}
