//! Asks the sources of truth again and again, and reconciles what no notice told: a push, a move of an issue, a test
//! that nobody runs, a step that nobody works on.
//!
//! What counts as a difference is in `orch_domain::reconcile`; what follows from it is an event like any other.
//! It is not responsible for jobs that hang (the reaper is) or for judging anything (gates are).

mod begin;
mod branches;
mod drift;
mod issues;

use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

use orch_config::LiveConfig;
use orch_domain::id::{RepoName, TaskId};
use orch_domain::notice::{Missed, NoticeKind};
use orch_domain::port::webhook::LookAt;
use orch_domain::reconcile::Drift;
use orch_store::{StoreError, Tx};
use tokio::time::Instant;

use self::begin::Remembered;
use super::driver::Stop;
use crate::commands::Tasks;
use crate::ledger::Ledger;
use crate::ledger::doors::Doors;
use crate::ledger::notices::announce;
use crate::ledger::repos::Repos;
use crate::ledger::status::{MadeGood, ReconcilerStatus, RepoLooks};

/// Least time between two hinted looks at forges: whoever sends many webhooks does not decide how often a forge is
/// asked.
const FORGES_APART: Duration = Duration::from_secs(1);

/// The reconciler. Clones are the same.
#[derive(Debug, Clone)]
pub(crate) struct Reconciler {
    pub(crate) ledger: Ledger,
    pub(crate) config: LiveConfig,
    pub(crate) repos: Repos,
    pub(crate) doors: Doors,
    pub(crate) tasks: Tasks,
    pub(crate) status: ReconcilerStatus,
}

/// Differences that were seen, and since when; a difference is acted on when it has stood for the grace.
type Standing = HashMap<TaskId, (Drift, i64)>;

impl Reconciler {
    /// Looks again and again until the host ends: at the start, after each pause, and at issues when told to.
    pub(crate) async fn run(self, mut stop: Stop) {
        let mut standing = Standing::new();
        let mut remembered = Remembered::default();
        let mut next = Instant::now();
        let mut forges_from = next;
        loop {
            // Hints do not move the next look, or many of them would put it off for ever.
            let hinted = tokio::select! {
                () = tokio::time::sleep_until(next) => false,
                () = self.status.hinted() => true,
                () = tokio::time::sleep_until(forges_from), if self.status.has_repo_looks() => true,
                () = stop.asked() => return,
            };
            let config = self.config.now().reconcile.clone();
            if !hinted {
                next = Instant::now() + Duration::from_secs(u64::from(config.interval_s.max(1)));
            }
            let looks = match Instant::now() >= forges_from || !hinted {
                true => self.status.take_repo_looks(),
                false => RepoLooks::new(),
            };
            if !looks.is_empty() {
                forges_from = Instant::now() + FORGES_APART;
            }
            if !config.enabled {
                continue;
            }
            if !hinted || self.status.take_tracker_hint() {
                self.look(&mut standing, &mut remembered, hinted).await;
            }
            for (repo, places) in looks {
                self.look_at(&repo, &places).await;
            }
        }
    }

    /// Looks at the places in a repository that somebody hinted at.
    async fn look_at(&self, repo: &RepoName, places: &BTreeSet<LookAt>) {
        if let Err(error) = drift::look_at(self, repo, places).await {
            self.status.failed("store", &format!("{error:#}"));
        }
    }

    /// One look at everything; every part ends with its own error, so that none keeps the others from being looked at.
    async fn look(&self, standing: &mut Standing, remembered: &mut Remembered, hinted: bool) {
        let status = &self.status;
        for (name, tracker) in &self.doors.trackers {
            let source = format!("tracker:{name}");
            let looks = async {
                let tracker = tracker.as_ref();
                issues::look(self, name, tracker, hinted).await?;
                begin::begin(self, name, tracker, remembered).await?;
                begin::stop_deleted(self, name, tracker, remembered).await
            };
            match looks.await {
                Ok(()) => status.answered(&source),
                Err(error) => status.failed(&source, &format!("{error:#}")),
            }
        }
        // A hint is about an issue; what stands for a grace is measured by the pauses.
        if !hinted {
            match drift::look(self, standing).await {
                Ok(()) => status.answered("store"),
                Err(error) => status.failed("store", &format!("{error:#}")),
            }
            if let Err(error) = branches::look(self).await {
                status.failed("store", &format!("{error:#}"));
            }
        }
        let now = self.ledger.now();
        status.change(|c| {
            c.looks += 1;
            c.last_run_ms = Some(now);
        });
    }

    /// Counts a difference that was reconciled.
    fn made_good(&self, work_item: &str, what: &str) {
        tracing::info!(work_item, what, "reconciled a missed event");
        let last = MadeGood {
            work_item: work_item.to_owned(),
            what: what.to_owned(),
        };
        self.status.change(|c| {
            c.made_good += 1;
            c.last = Some(last);
        });
    }
}

/// Tells the operator what was made good, if that is wanted.
async fn tell(
    tx: &mut Tx,
    missed: Option<Missed>,
    task: TaskId,
    key: &str,
    now: i64,
) -> Result<(), StoreError> {
    match missed {
        Some(missed) => {
            let kind = NoticeKind::MadeGood { missed };
            announce(tx, Some(task), key, kind, now).await
        }
        None => Ok(()),
    }
}
