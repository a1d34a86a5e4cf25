//! Asks the sources of truth again and again, and makes good what no notice told: a push, a move of an issue,
//! a test that nobody runs, a step that nobody works on.
//!
//! What counts as a difference is in `orch_domain::reconcile`; what follows from it is an event like any other.
//! It is not responsible for jobs that hang (the reaper is) or for judging anything (gates are).

mod drift;
mod issues;

use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use orch_domain::id::TaskId;
use orch_domain::reconcile::Drift;
use orch_store::{StoreError, Tx};
use serde_json::json;
use tokio::sync::{Notify, watch};
use tokio::time::Instant;

use crate::engine::Engine;

/// What the reconciler has done, and how it is told to look.
#[derive(Debug, Default)]
pub(crate) struct Reconciliation {
    hinted: Notify,
    counts: Mutex<Counts>,
}

#[derive(Debug, Default, Clone)]
struct Counts {
    last_run_ms: Option<i64>,
    looks: u64,
    made_good: u64,
    last: Option<serde_json::Value>,
    /// Sources that did not answer at the latest look, with the reason.
    failing: BTreeMap<String, String>,
}

impl Reconciliation {
    /// Something may have happened: look now. Losing this costs time and nothing else.
    pub(crate) fn hint(&self) {
        self.hinted.notify_one();
    }

    fn change(&self, change: impl FnOnce(&mut Counts)) {
        change(&mut self.counts.lock().unwrap_or_else(PoisonError::into_inner));
    }

    fn answered(&self, source: &str) {
        self.change(|c| {
            if c.failing.remove(source).is_some() {
                tracing::info!(source, "a source answers again");
            }
        });
    }

    /// A source that does not answer is said once, not at every look.
    fn failed(&self, source: &str, error: &dyn std::fmt::Display) {
        let text = error.to_string();
        self.change(|c| {
            let before = c.failing.insert(source.to_owned(), text.clone());
            if before.as_ref() != Some(&text) {
                tracing::warn!(source, error = text, "a source cannot be reconciled with");
            }
        });
    }
}

/// Differences that were seen, and since when; a difference is acted on when it has stood for the grace.
type Standing = HashMap<TaskId, (Drift, i64)>;

impl Engine {
    /// The reconciler's block of the queue.
    pub(crate) fn reconcile_view(&self) -> serde_json::Value {
        let config = self.config();
        let counts = &self.0.reconciliation.counts;
        let counts = counts.lock().unwrap_or_else(PoisonError::into_inner);
        json!({
            "enabled": config.reconcile.enabled,
            "interval": config.reconcile.interval_s,
            "grace": config.reconcile.grace_s,
            "last_run_ts": counts.last_run_ms,
            "looks_total": counts.looks,
            "made_good_total": counts.made_good,
            "last_made_good": counts.last,
            "failing": counts.failing,
        })
    }

    fn made_good(&self, work_item: &str, what: &str) {
        let last = json!({"work_item": work_item, "what": what});
        tracing::info!(work_item, what, "made good what no notice told");
        self.0.reconciliation.change(|c| {
            c.made_good += 1;
            c.last = Some(last);
        });
    }
}

/// Looks again and again until the host ends: at the start, after each pause, and at issues when told to.
pub(crate) async fn run(engine: Engine, mut stopped: watch::Receiver<bool>) {
    let mut standing = Standing::new();
    let mut next = Instant::now();
    loop {
        // Hints do not move the next look, or many of them would put it off for ever.
        let hinted = tokio::select! {
            () = tokio::time::sleep_until(next) => false,
            () = engine.0.reconciliation.hinted.notified() => true,
            _ = stopped.changed() => return,
        };
        let config = engine.config().reconcile.clone();
        if !hinted {
            next = Instant::now() + Duration::from_secs(u64::from(config.interval_s.max(1)));
        }
        if config.enabled {
            look(&engine, &mut standing, hinted).await;
        }
    }
}

/// One look at everything; every part ends with its own error, so that none keeps the others from being looked at.
async fn look(engine: &Engine, standing: &mut Standing, hinted: bool) {
    let reconciliation = &engine.0.reconciliation;
    match issues::look(engine, hinted).await {
        Ok(()) => reconciliation.answered("tracker"),
        Err(error) => reconciliation.failed("tracker", &format!("{error:#}")),
    }
    // A hint is about an issue; what stands for a grace is measured by the pauses.
    if !hinted {
        match drift::look(engine, standing).await {
            Ok(()) => reconciliation.answered("store"),
            Err(error) => reconciliation.failed("store", &format!("{error:#}")),
        }
    }
    let now = engine.now();
    reconciliation.change(|c| {
        c.looks += 1;
        c.last_run_ms = Some(now);
    });
}

/// Tells the operator what was made good, if that is wanted.
async fn tell(
    tx: &mut Tx,
    wanted: bool,
    task: TaskId,
    key: &str,
    text: &str,
    now: i64,
) -> Result<(), StoreError> {
    if !wanted {
        return Ok(());
    }
    tx.push_outbox(Some(task), "alert", key, text, now).await
}
