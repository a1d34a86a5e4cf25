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
use orch_domain::port::{PortError, PortFailure};
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
/// When trackers are looked at again after a hint that a look could not follow: a move is told when it is some seconds
/// old, and its notice comes sooner; or the tracker did not answer.
const FOLLOWED_AFTER: Duration = Duration::from_secs(2);
/// How often in a row; what is not found then comes with the next pause.
const FOLLOWED_TIMES: u32 = 5;
/// Longest that a tracker which asked for a pause is left alone before the next look at it.
const PAUSE_MAX: Duration = Duration::from_secs(120);

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
        let mut followed: Option<(Instant, u32)> = None;
        loop {
            // Hints do not move the next look, or many of them would put it off for ever.
            let hinted = tokio::select! {
                () = tokio::time::sleep_until(next) => false,
                () = self.status.hinted() => true,
                () = tokio::time::sleep_until(forges_from), if self.status.has_repo_looks() => true,
                () = tokio::time::sleep_until(followed.map_or(next, |(at, _)| at)), if followed.is_some() => true,
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
                followed = None;
                continue;
            }
            let is_told = self.status.take_tracker_hint();
            let times = match followed {
                _ if is_told => Some(0),
                Some((at, times)) if at <= Instant::now() => Some(times),
                _ => None,
            };
            if let Some(times) = times {
                let after = self.look(&mut standing, &mut remembered, true).await;
                let after = after.filter(|_| times < FOLLOWED_TIMES);
                followed = after.map(|after| (Instant::now() + after, times + 1));
            }
            if !hinted {
                self.look(&mut standing, &mut remembered, false).await;
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
    /// Answers after what time a hint has to be followed once more.
    async fn look(
        &self,
        standing: &mut Standing,
        remembered: &mut Remembered,
        hinted: bool,
    ) -> Option<Duration> {
        let status = &self.status;
        let mut again: Option<Duration> = None;
        for (name, tracker) in &self.doors.trackers {
            let source = format!("tracker:{name}");
            let looks = async {
                let tracker = tracker.as_ref();
                issues::look(self, name, tracker, hinted).await?;
                begin::begin(self, name, tracker, remembered).await?;
                begin::stop_deleted(self, name, tracker, remembered).await
            };
            match looks.await {
                Ok(()) => {
                    status.answered(&source);
                    if tracker.holds_back() {
                        again = again.max(Some(FOLLOWED_AFTER));
                    }
                }
                Err(error) => {
                    again = again.max(Some(self.pause(&error)));
                    status.failed(&source, &format!("{error:#}"));
                }
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
        again
    }

    /// How long to leave a tracker alone that could not be looked at.
    fn pause(&self, error: &anyhow::Error) -> Duration {
        let until_ms = match error.downcast_ref::<PortError>() {
            Some(PortError {
                failure: PortFailure::RateLimited { until_ms },
                ..
            }) => *until_ms,
            _ => None,
        };
        let ms = until_ms.map_or(0, |until| until.saturating_sub(self.ledger.now()));
        Duration::from_millis(u64::try_from(ms).unwrap_or(0)).clamp(FOLLOWED_AFTER, PAUSE_MAX)
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
