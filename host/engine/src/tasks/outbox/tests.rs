//! Claims about delivery: each destination by itself, at least once, with an end that people hear of.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use orch_config::HostConfig;
use orch_domain::message::MessageKind;
use orch_domain::notice::{News, Notice, Progress, Subject};
use orch_domain::port::notifier::Notifier;
use orch_domain::port::{PortAnswer, Receipt};
use orch_store::{Owner, Store};
use tokio::sync::watch;

use super::*;
use crate::ledger::clock::Clock;

/// How a notifier of these tests answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Manner {
    Tells,
    Refuses,
    /// It never answers.
    Hangs,
}

#[derive(Debug)]
struct Window {
    manner: Manner,
    joins_from: Option<usize>,
    told: Mutex<Vec<(NoticeKind, String)>>,
}

impl Notifier for Window {
    fn tell<'a>(&'a self, notice: &'a Notice, key: &'a str) -> PortAnswer<'a, Receipt> {
        Box::pin(async move {
            match self.manner {
                Manner::Hangs => std::future::pending().await,
                Manner::Refuses => Err(PortError::new("the window", PortFailure::Refused, "shut")),
                Manner::Tells => {
                    let mut told = self.told.lock().expect("no test panics while it tells");
                    told.push((notice.kind.clone(), key.to_owned()));
                    Ok(Some(told.len().to_string()))
                }
            }
        })
    }

    fn joins_from(&self) -> Option<usize> {
        self.joins_from
    }

    fn tell_together<'a>(&'a self, notices: &'a [Notice], key: &'a str) -> PortAnswer<'a, Receipt> {
        Box::pin(async move {
            let mut told = self.told.lock().expect("no test panics while it tells");
            let kind = NoticeKind::Earlier {
                text: format!("{} at once", notices.len()),
            };
            told.push((kind, key.to_owned()));
            Ok(None)
        })
    }

    fn show<'a>(
        &'a self,
        progress: &'a Progress,
        before: Option<&'a str>,
        key: &'a str,
    ) -> PortAnswer<'a, Receipt> {
        Box::pin(async move {
            let mut told = self.told.lock().expect("no test panics while it tells");
            let text = format!("{} in {}", progress.stage, before.unwrap_or("a new place"));
            told.push((NoticeKind::Earlier { text }, key.to_owned()));
            Ok(Some("the place".to_owned()))
        })
    }
}

struct Site {
    _folder: tempfile::TempDir,
    delivery: Delivery,
    windows: BTreeMap<&'static str, Arc<Window>>,
}

impl Site {
    async fn new(windows: &[(&'static str, Manner)]) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let owner = Owner("test".to_owned());
        let store = Store::open(&folder.path().join("orch.db"), owner).await;
        let window = |manner| {
            Arc::new(Window {
                manner,
                joins_from: None,
                told: Mutex::default(),
            })
        };
        let windows: BTreeMap<&str, Arc<Window>> = windows
            .iter()
            .map(|(name, manner)| (*name, window(*manner)))
            .collect();
        let notifiers = windows.iter().map(|(name, window)| {
            let notifier: Arc<dyn Notifier> = window.clone();
            (DoorName::new(*name).expect("a name"), notifier)
        });
        let tells = windows.keys().map(|name| {
            let name = DoorName::new(*name).expect("a name");
            (name, News::ALL.to_vec())
        });
        let delivery = Delivery {
            ledger: Ledger::new(store.expect("a store"), Clock::default()),
            config: LiveConfig::new(HostConfig::default()),
            paths: Paths::below(folder.path()),
            doors: Doors {
                forges: BTreeMap::new(),
                trackers: BTreeMap::new(),
                notifiers: notifiers.collect(),
                tells: tells.collect(),
                windows: BTreeMap::new(),
                webhooks: BTreeMap::new(),
            },
            reconciler: ReconcilerStatus::default(),
        };
        Self {
            _folder: folder,
            delivery,
            windows,
        }
    }

    async fn announce(&self, key: &str, kind: NoticeKind) {
        let announced = self.delivery.ledger.announce(None, key.to_owned(), kind);
        announced.await.expect("announced");
    }

    fn told(&self, window: &str) -> Vec<(NoticeKind, String)> {
        let told = self.windows[window].told.lock();
        told.expect("no test panics while it tells").clone()
    }

    /// Delivers until `done` says so, within a bound.
    async fn run_until(&self, what: &str, done: impl Fn(&Self) -> bool) {
        let (stop, stopped) = watch::channel(false);
        let running = tokio::spawn(self.delivery.clone().run(Stop::of(stopped)));
        let deadline = Instant::now() + Duration::from_secs(20);
        while !done(self) {
            assert!(Instant::now() < deadline, "waited too long: {what}");
            tokio::task::yield_now().await;
        }
        stop.send(true).expect("it runs");
        running.await.expect("it ends");
    }
}

fn held(dead: u32) -> NoticeKind {
    NoticeKind::ReaperHeld { dead, running: 9 }
}

#[tokio::test]
async fn announcement_is_told_once_by_every_notifier_and_in_order() {
    let site = Site::new(&[("chat", Manner::Tells), ("log", Manner::Tells)]).await;
    for n in 1..=3 {
        site.announce(&format!("k{n}"), held(n)).await;
    }
    let all = |site: &Site| ["chat", "log"].iter().all(|w| site.told(w).len() >= 3);
    site.run_until("all is told", all).await;
    // What was told stays told.
    site.announce("k2", held(2)).await;
    site.announce("k4", held(4)).await;
    let last = |site: &Site| ["chat", "log"].iter().all(|w| site.told(w).len() >= 4);
    site.run_until("the last is told", last).await;
    for window in ["chat", "log"] {
        let expected: Vec<_> = (1..=4)
            .map(|n| (held(n), format!("k{n}@{window}")))
            .collect();
        assert_eq!(site.told(window), expected);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn delivery_goes_on_however_busy_the_readers_of_the_store_are() {
    let names = ["a", "b", "c", "d", "e", "f"];
    let windows = names.map(|name| (name, Manner::Tells));
    let site = Site::new(&windows).await;
    for n in 0..40 {
        site.announce(&format!("k{n}"), held(n)).await;
    }
    let mut readers = JoinSet::new();
    for _ in 0..8 {
        let ledger = site.delivery.ledger.clone();
        readers.spawn(async move {
            loop {
                let read = ledger.read(|tx| Box::pin(tx.waiting_destinations(9)));
                read.await.expect("read");
            }
        });
    }
    let all = |site: &Site| names.iter().all(|name| site.told(name).len() == 40);
    site.run_until("all is told", all).await;
    // What was told last may not be noted yet; that it can be read at all says that no reader is held.
    let ledger = &site.delivery.ledger;
    let read = ledger.read(|tx| Box::pin(tx.waiting_destinations(9)));
    read.await.expect("read");
}

#[tokio::test]
async fn notifier_that_hangs_keeps_no_other_waiting() {
    let site = Site::new(&[("chat", Manner::Hangs), ("log", Manner::Tells)]).await;
    for n in 1..=3 {
        site.announce(&format!("k{n}"), held(n)).await;
    }
    let told = |site: &Site| site.told("log").len() == 3;
    site.run_until("the other has told", told).await;
}

#[tokio::test]
async fn notice_that_is_refused_is_given_up_and_the_others_tell_it() {
    let site = Site::new(&[("chat", Manner::Refuses), ("log", Manner::Tells)]).await;
    site.announce("k", held(1)).await;
    let told = |site: &Site| site.told("log").len() >= 2;
    site.run_until("its end is told", told).await;
    let told: Vec<NoticeKind> = site.told("log").into_iter().map(|(kind, _)| kind).collect();
    let undelivered = NoticeKind::Undelivered {
        destination: Destination::Notifier(DoorName::new("chat").expect("a name")),
        message: Some(MessageKind::Notice),
        tries: 1,
        error: "the window refuses: shut".to_owned(),
    };
    assert_eq!(told, [held(1), undelivered]);
}

#[tokio::test]
async fn message_for_a_door_that_is_gone_waits_a_week_and_is_then_given_up() {
    let site = Site::new(&[("log", Manner::Tells)]).await;
    let notice = |at_ms| Notice {
        subject: Subject::Host,
        at_ms,
        kind: NoticeKind::Done,
    };
    let now = site.delivery.ledger.now();
    for (key, at_ms) in [("old", now - UNSERVED_MS - 60_000), ("young", now)] {
        let message = Message::Notice {
            to: DoorName::new("chat").expect("a name"),
            notice: notice(at_ms),
            prompt: None,
        };
        let pushed = site.delivery.ledger.write(move |tx| {
            Box::pin(async move { tx.push_message(None, &message, key, at_ms).await })
        });
        pushed.await.expect("pushed");
    }
    let told = |site: &Site| !site.told("log").is_empty();
    site.run_until("its end is told", told).await;
    let told = site.told("log");
    let NoticeKind::Undelivered { error, .. } = &told[0].0 else {
        panic!("{told:?}");
    };
    assert!(error.contains("given up: 1"), "{error}");
    let chat: Destination = "notifier:chat".parse().expect("a destination");
    let waits = site
        .delivery
        .ledger
        .read(|tx| Box::pin(async move { tx.due_messages(&chat, i64::MAX, 10).await }));
    let waits = waits.await.expect("read");
    assert_eq!(waits.len(), 1);
    assert_eq!(waits[0].key, "young");
}

#[tokio::test]
async fn alerts_that_wait_together_are_told_at_once_where_the_window_joins_them() {
    let mut site = Site::new(&[("chat", Manner::Tells)]).await;
    let chat = Arc::new(Window {
        manner: Manner::Tells,
        joins_from: Some(3),
        told: Mutex::default(),
    });
    let name = DoorName::new("chat").expect("a name");
    site.delivery
        .doors
        .notifiers
        .insert(name.clone(), chat.clone());
    site.windows.insert("chat", chat);
    for n in 1..=5 {
        let notice = Notice {
            subject: Subject::Host,
            at_ms: n.into(),
            kind: held(n),
        };
        let message = Message::Notice {
            to: name.clone(),
            notice,
            prompt: None,
        };
        let key = format!("k{n}");
        let pushed = site.delivery.ledger.write(move |tx| {
            Box::pin(async move { tx.push_message(None, &message, &key, 0).await })
        });
        pushed.await.expect("pushed");
    }
    site.run_until("all is told", |site| !site.told("chat").is_empty())
        .await;
    let text = "5 at once".to_owned();
    assert_eq!(
        site.told("chat"),
        [(NoticeKind::Earlier { text }, "k1".to_owned())]
    );
}
