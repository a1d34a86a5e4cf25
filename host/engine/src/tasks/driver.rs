//! Starts the background tasks, watches them, and says how each is.
//!
//! A task that panics is started again after a pause, and a person is told. One that panics again and again ends the
//! host with the reason: a host that serves without its reaper or its outbox is worse than none.

use std::any::Any;
use std::fmt;
use std::time::Duration;

use futures_util::future::BoxFuture;
use orch_domain::notice::NoticeKind;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::ledger::Ledger;
use crate::ledger::status::{BackgroundStatus, TaskState};

/// Panics of one task within [`FORGET`] after which the host ends.
const PANICS_MAX: u32 = 3;
/// A task that ran for this long without a panic begins with a clean record.
const FORGET: Duration = Duration::from_secs(3600);
/// First pause after a panic; it doubles with each.
const PAUSE: Duration = Duration::from_secs(1);

/// Ends when the host ends; every loop waits for it beside its own work.
#[derive(Debug, Clone)]
pub(crate) struct Stop(watch::Receiver<bool>);

impl Stop {
    /// Ends when the channel says so.
    #[cfg(test)]
    pub(crate) fn of(stopped: watch::Receiver<bool>) -> Self {
        Self(stopped)
    }

    /// Ends when the host is to end.
    pub(crate) async fn asked(&mut self) {
        // A sender that is gone is an end too.
        self.0.wait_for(|stop| *stop).await.ok();
    }
}

/// A background task.
pub(crate) struct Definition {
    pub(crate) name: &'static str,
    /// What it does, in one line for people.
    pub(crate) description: &'static str,
    /// How often it looks by itself; none if it goes by something else.
    pub(crate) period: Option<Duration>,
    /// Runs until the host ends.
    pub(crate) run: Box<dyn Fn(Stop) -> BoxFuture<'static, ()> + Send + Sync>,
}

/// A task that panicked too often: the host is to end.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("background task `{name}` panicked {PANICS_MAX} times, the last time with: {reason}")]
pub struct TaskDied {
    /// Which task.
    pub name: &'static str,
    /// What its last panic said.
    pub reason: String,
}

/// The running tasks.
pub(crate) struct Driver {
    stop: watch::Sender<bool>,
    watchers: JoinSet<Option<TaskDied>>,
}

impl fmt::Debug for Driver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Driver").finish_non_exhaustive()
    }
}

impl Driver {
    /// Starts every task.
    pub(crate) fn start(
        ledger: &Ledger,
        statuses: &BackgroundStatus,
        definitions: Vec<Definition>,
    ) -> Self {
        let (stop, stopped) = watch::channel(false);
        let mut watchers = JoinSet::new();
        for definition in definitions {
            let watched = Watched {
                index: statuses.add(definition.name, definition.description, definition.period),
                ledger: ledger.clone(),
                statuses: statuses.clone(),
                definition,
                pause: PAUSE,
            };
            watchers.spawn(watched.run(Stop(stopped.clone())));
        }
        Self { stop, watchers }
    }

    /// Ends when a task died for good; never while all are well.
    pub(crate) async fn died(&mut self) -> TaskDied {
        while let Some(ended) = self.watchers.join_next().await {
            match ended {
                Ok(Some(died)) => return died,
                Ok(None) => {}
                Err(error) => tracing::error!(error = %error, "the watch of a task ended"),
            }
        }
        std::future::pending().await
    }

    /// Asks every task to end and waits until it has.
    pub(crate) async fn shut_down(mut self) {
        // Receivers that are gone have ended already.
        self.stop.send(true).ok();
        while let Some(ended) = self.watchers.join_next().await {
            if let Err(error) = ended {
                tracing::error!(error = %error, "the watch of a task ended");
            }
        }
    }
}

/// One task with whoever watches it.
struct Watched {
    index: usize,
    ledger: Ledger,
    statuses: BackgroundStatus,
    definition: Definition,
    pause: Duration,
}

impl Watched {
    async fn run(self, mut stop: Stop) -> Option<TaskDied> {
        let name = self.definition.name;
        let (mut panics, mut began) = (0, Instant::now());
        loop {
            let ended = tokio::spawn((self.definition.run)(stop.clone())).await;
            let Some(reason) = ended.err().filter(|e| e.is_panic()).map(said) else {
                self.statuses
                    .change(self.index, |s| s.state = TaskState::Ended);
                return None;
            };
            if began.elapsed() >= FORGET {
                panics = 0;
            }
            panics += 1;
            self.note(&reason, panics).await;
            if panics >= PANICS_MAX {
                return Some(TaskDied { name, reason });
            }
            tokio::select! {
                () = tokio::time::sleep(self.pause * (1 << panics.min(6))) => {}
                () = stop.asked() => return None,
            }
            self.statuses
                .change(self.index, |s| s.state = TaskState::Running);
            began = Instant::now();
        }
    }

    /// Counts a panic and tells a person.
    async fn note(&self, reason: &str, panics: u32) {
        let (name, now) = (self.definition.name, self.ledger.now());
        tracing::error!(task = name, reason, panics, "a background task panicked");
        self.statuses.change(self.index, |s| {
            s.state = TaskState::Pausing;
            s.panics += 1;
            s.last_panic = Some((now, reason.to_owned()));
        });
        let key = format!("task-panicked:{name}:{now}");
        let kind = NoticeKind::TaskPanicked {
            task: name.to_owned(),
            reason: reason.to_owned(),
        };
        if let Err(error) = self.ledger.announce(None, key, kind).await {
            tracing::error!(error = %error, "a notice cannot be written");
        }
    }
}

/// What a panic said.
fn said(error: tokio::task::JoinError) -> String {
    let payload: Box<dyn Any + Send> = match error.try_into_panic() {
        Ok(payload) => payload,
        Err(error) => return error.to_string(),
    };
    let text = payload
        .downcast_ref::<&str>()
        .map(|text| (*text).to_owned())
        .or_else(|| payload.downcast_ref::<String>().cloned());
    text.unwrap_or_else(|| "it did not say why".to_owned())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU32, Ordering};

    use orch_domain::message::{Destination, Message};
    use orch_store::{Owner, Store, WaitingMessage};

    use super::*;
    use crate::ledger::clock::Clock;

    async fn ledger(folder: &std::path::Path) -> Ledger {
        let owner = Owner("test".to_owned());
        let store = Store::open(&folder.join("orch.db"), owner).await.unwrap();
        Ledger::new(store, Clock::default())
    }

    /// Panics `times` times, then waits for the end.
    fn panics(times: u32, ran: Arc<AtomicU32>) -> Definition {
        Definition {
            name: "fragile",
            description: "a task of this test",
            period: None,
            run: Box::new(move |mut stop| {
                let ran = ran.clone();
                Box::pin(async move {
                    let before = ran.fetch_add(1, Ordering::SeqCst);
                    assert!(before >= times, "no luck");
                    stop.asked().await;
                })
            }),
        }
    }

    fn watched(ledger: Ledger, statuses: &BackgroundStatus, definition: Definition) -> Watched {
        Watched {
            index: statuses.add(definition.name, definition.description, definition.period),
            ledger,
            statuses: statuses.clone(),
            definition,
            pause: Duration::from_millis(1),
        }
    }

    #[tokio::test]
    async fn task_that_panics_is_started_again_and_a_person_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let ledger = ledger(folder.path()).await;
        let statuses = BackgroundStatus::default();
        let ran = Arc::new(AtomicU32::new(0));
        let (stop, stopped) = watch::channel(false);
        let task = watched(ledger.clone(), &statuses, panics(2, ran.clone()));
        let running = tokio::spawn(task.run(Stop(stopped)));
        let deadline = Instant::now() + Duration::from_secs(20);
        while ran.load(Ordering::SeqCst) < 3 && Instant::now() < deadline {
            tokio::task::yield_now().await;
        }
        stop.send(true).unwrap();
        assert_eq!(running.await.unwrap(), None);
        let status = statuses.now().remove(0);
        assert_eq!((status.panics, status.state), (2, TaskState::Ended));
        assert_eq!(status.last_panic.unwrap().1, "no luck");
        let now = ledger.now();
        let told = ledger
            .read(|tx| {
                Box::pin(async move { tx.due_messages(&Destination::Notifiers, now, 10).await })
            })
            .await
            .unwrap();
        let panicked = NoticeKind::TaskPanicked {
            task: "fragile".to_owned(),
            reason: "no luck".to_owned(),
        };
        let says = |waiting: &WaitingMessage| match &waiting.message {
            Ok(Message::Announcement { notice }) => notice.kind == panicked,
            other => panic!("{other:?}"),
        };
        assert!(told.iter().any(says), "{told:?}");
    }

    #[tokio::test]
    async fn task_that_panics_three_times_ends_the_host_with_its_reason() {
        let folder = tempfile::tempdir().unwrap();
        let ledger = ledger(folder.path()).await;
        let statuses = BackgroundStatus::default();
        let ran = Arc::new(AtomicU32::new(0));
        let (_stop, stopped) = watch::channel(false);
        let task = watched(ledger, &statuses, panics(9, ran.clone()));
        let died = task.run(Stop(stopped)).await.expect("it gives up");
        assert_eq!((died.name, died.reason.as_str()), ("fragile", "no luck"));
        assert_eq!(ran.load(Ordering::SeqCst), 3);
    }
}
