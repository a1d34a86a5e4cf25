//! What the background mechanisms say of themselves, and how they are told to look.
//!
//! A mechanism owns its state; these are the handles that it hands out to views and commands.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use orch_domain::id::{DoorName, JobId, RepoName, UnixMs};
use orch_domain::port::webhook::{Look, LookAt};
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

/// Places in repositories that are to be looked at.
pub(crate) type RepoLooks = BTreeMap<RepoName, BTreeSet<LookAt>>;

/// Places in one repository that are hinted at one by one; with more it is looked at as a whole.
const PLACES_MAX: usize = 200;

/// What the reconciler has done, and how it is told to look. Clones share it.
#[derive(Debug, Clone, Default)]
pub(crate) struct ReconcilerStatus(Arc<Reconciling>);

#[derive(Debug, Default)]
struct Reconciling {
    hinted: Notify,
    /// Whether somebody hinted at the trackers since they were last looked at.
    trackers: AtomicBool,
    /// Where in which repository somebody hinted at.
    repositories: Mutex<RepoLooks>,
    /// A hinted look left a move for later, until the tracker has been told what the host asks.
    left_for_later: AtomicBool,
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
    /// An issue may have moved: look now. Losing this costs time and nothing else.
    pub(crate) fn hint(&self) {
        self.0.trackers.store(true, Ordering::SeqCst);
        self.0.hinted.notify_one();
    }

    /// Something may have happened at this place: look there now. Losing this costs time and nothing else.
    pub(crate) fn hint_at(&self, look: Look) {
        match look {
            Look::Tracker { .. } => self.hint(),
            Look::Repository { repo, at } => {
                let mut looks = self.repo_looks();
                let places = looks.entry(repo).or_default();
                if places.len() >= PLACES_MAX {
                    places.clear();
                    places.insert(LookAt::Everything);
                }
                places.insert(at);
                drop(looks);
                self.0.hinted.notify_one();
            }
        }
    }

    fn repo_looks(&self) -> std::sync::MutexGuard<'_, RepoLooks> {
        let looks = self.0.repositories.lock();
        looks.unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether trackers were hinted at since this was asked last.
    pub(crate) fn take_tracker_hint(&self) -> bool {
        self.0.trackers.swap(false, Ordering::SeqCst)
    }

    /// Whether a place in a repository waits to be looked at.
    pub(crate) fn has_repo_looks(&self) -> bool {
        !self.repo_looks().is_empty()
    }

    /// The places in repositories that wait to be looked at.
    pub(crate) fn take_repo_looks(&self) -> RepoLooks {
        std::mem::take(&mut *self.repo_looks())
    }

    /// A hinted look left a move for later: it is to be looked at again when the tracker has been told more.
    pub(crate) fn leave_for_later(&self) {
        self.0.left_for_later.store(true, Ordering::SeqCst);
    }

    /// The tracker was told more: whoever left a move for that looks again.
    pub(crate) fn told(&self) {
        if self.0.left_for_later.swap(false, Ordering::SeqCst) {
            self.hint();
        }
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

/// How windows are listened to. Clones share it.
#[derive(Debug, Clone, Default)]
pub(crate) struct WindowStatus(Arc<Mutex<BTreeMap<DoorName, WindowHeard>>>);

/// How one window is listened to.
#[derive(Debug, Clone, Default)]
pub(crate) struct WindowHeard {
    /// When it answered last that there is nothing, or what.
    pub(crate) answered_ms: Option<UnixMs>,
    /// Why it did not answer since.
    pub(crate) failing: Option<String>,
}

impl WindowStatus {
    pub(crate) fn change(&self, window: &DoorName, change: impl FnOnce(&mut WindowHeard)) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        change(all.entry(window.clone()).or_default());
    }

    pub(crate) fn now(&self) -> BTreeMap<DoorName, WindowHeard> {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.clone()
    }
}

/// Longest sleep of whoever waits for the queue: polling is the truth, waking is a hint.
pub(crate) const POLL_MAX: Duration = Duration::from_millis(500);

/// How a task is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Background {
    pub(crate) name: &'static str,
    pub(crate) description: &'static str,
    pub(crate) period: Option<Duration>,
    pub(crate) state: TaskState,
    /// Panics since the host started.
    pub(crate) panics: u32,
    /// What the latest panic said, and when.
    pub(crate) last_panic: Option<(UnixMs, String)>,
}

/// What a task is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TaskState {
    /// At work.
    Running,
    /// It panicked and is started again after a pause.
    Pausing,
    /// It has ended with the host.
    Ended,
}

/// The tasks as they stand. Clones share them.
#[derive(Debug, Clone, Default)]
pub(crate) struct BackgroundStatus(Arc<Mutex<Vec<Background>>>);

impl BackgroundStatus {
    pub(crate) fn now(&self) -> Vec<Background> {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    pub(crate) fn change(&self, index: usize, change: impl FnOnce(&mut Background)) {
        let mut list = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(status) = list.get_mut(index) {
            change(status);
        }
    }

    /// Adds a task; answers its place.
    pub(crate) fn add(
        &self,
        name: &'static str,
        description: &'static str,
        period: Option<Duration>,
    ) -> usize {
        let mut list = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        list.push(Background {
            name,
            description,
            period,
            state: TaskState::Running,
            panics: 0,
            last_panic: None,
        });
        list.len() - 1
    }
}
