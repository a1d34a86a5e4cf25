//! Delivers what transactions left for the outside: each destination by itself, one message at a time and in order.
//!
//! A message is delivered at least once: whoever delivers may die between the act and its note. How long a try may
//! take, when the next one comes and when a message is given up is a rule of the domain (`delivery.rs`).

mod carry;
mod together;

use std::collections::BTreeSet;
use std::time::Duration;

use orch_config::LiveConfig;
use orch_domain::delivery::{self, AfterFailure};
use orch_domain::id::DoorName;
use orch_domain::message::{Destination, Message};
use orch_domain::notice::NoticeKind;
use orch_domain::port::{PortError, PortFailure};
use orch_store::{StoreError, WaitingMessage};
use tokio::task::JoinSet;
use tokio::time::Instant;
use tracing::Instrument;

use self::carry::{Delivered, note};
use self::together::Together;
use super::driver::Stop;
use crate::ledger::Ledger;
use crate::ledger::doors::Doors;
use crate::ledger::masks::Masks;
use crate::ledger::notices::announce;
use crate::ledger::paths::Paths;
use crate::ledger::status::ReconcilerStatus;

/// Messages of one destination that are read at once.
const BATCH: u32 = 50;
/// Longest sleep between looks; a message that is written wakes earlier.
pub(crate) const LOOK: Duration = Duration::from_millis(500);
/// How often messages are looked for that nothing serves.
const UNSERVED_EVERY: Duration = Duration::from_secs(3600);
/// Destinations without a door that are looked at in one go.
const UNSERVED_MAX: u32 = 1_000;
/// How long a message waits for a door that was taken out of the configuration, milliseconds.
const UNSERVED_MS: i64 = 7 * 24 * 3_600_000;

/// What delivers. Clones are the same.
#[derive(Debug, Clone)]
pub(crate) struct Delivery {
    pub(crate) ledger: Ledger,
    pub(crate) config: LiveConfig,
    pub(crate) paths: Paths,
    pub(crate) doors: Doors,
    pub(crate) reconciler: ReconcilerStatus,
}

/// What comes after a message.
#[must_use]
enum Next {
    /// The next message of the destination.
    Message,
    /// Nothing: the destination is held back.
    Nothing,
}

impl Delivery {
    /// Delivers until the host ends.
    pub(crate) async fn run(self, mut stop: Stop) {
        let destinations = self.destinations();
        let wake = self.ledger.store().wake();
        let mut busy = BTreeSet::new();
        let mut serving = JoinSet::new();
        let mut unserved_at = Instant::now();
        loop {
            // Registered before looking, so that nothing that is written in between is missed.
            let notified = wake.notified();
            tokio::pin!(notified);
            notified.as_mut().enable();
            match self.due(&destinations).await {
                Ok(due) => {
                    for index in due {
                        if busy.insert(index) {
                            // A task of its own, so that it goes on while this loop waits: it may hold the very
                            // reader of the store that the loop waits for.
                            let (delivery, to) = (self.clone(), destinations[index].clone());
                            let serve = async move { (index, delivery.serve(&to).await) };
                            serving.spawn(serve.in_current_span());
                        }
                    }
                }
                Err(error) => {
                    tracing::error!(error = error.in_full(), "the outbox cannot be read");
                }
            }
            if unserved_at <= Instant::now() {
                unserved_at = Instant::now() + UNSERVED_EVERY;
                if let Err(error) = self.bury_unserved(&destinations).await {
                    tracing::error!(error = error.in_full(), "the outbox cannot be read");
                }
            }
            tokio::select! {
                () = notified => {}
                () = tokio::time::sleep(LOOK) => {}
                Some(served) = serving.join_next() => {
                    let (index, served) = match served {
                        Ok(served) => served,
                        Err(error) => match error.try_into_panic() {
                            Ok(panic) => std::panic::resume_unwind(panic),
                            // It is cancelled with this loop only.
                            Err(_) => return,
                        },
                    };
                    busy.remove(&index);
                    if let Err(error) = served {
                        // What was delivered could not be noted; it is tried again, but not at once.
                        tracing::error!(error = error.in_full(), "the outbox cannot be written");
                        tokio::time::sleep(LOOK).await;
                    }
                }
                () = stop.asked() => return,
            }
        }
    }

    /// Everything that messages can go to.
    fn destinations(&self) -> Vec<Destination> {
        let forges = self.doors.forges.keys().cloned().map(Destination::Forge);
        let trackers = self.doors.trackers.keys().cloned();
        let notifiers = self.doors.notifiers.keys().cloned();
        forges
            .chain(trackers.map(Destination::Tracker))
            .chain(notifiers.map(Destination::Notifier))
            .chain([Destination::Notifiers, Destination::Host])
            .collect()
    }

    /// Which of the destinations have a message that is due.
    async fn due(&self, destinations: &[Destination]) -> Result<Vec<usize>, StoreError> {
        let (now, list) = (self.ledger.now(), destinations.to_vec());
        self.ledger
            .read(move |tx| {
                Box::pin(async move {
                    let mut due = Vec::new();
                    for (index, destination) in list.iter().enumerate() {
                        let next = tx.next_message_ms(destination).await?;
                        if next.is_some_and(|at| at <= now) {
                            due.push(index);
                        }
                    }
                    Ok(due)
                })
            })
            .await
    }

    /// Delivers what is due for one destination, until one of its messages holds it back.
    async fn serve(&self, destination: &Destination) -> Result<(), StoreError> {
        let (now, to) = (self.ledger.now(), destination.clone());
        let due = self
            .ledger
            .read(|tx| Box::pin(async move { tx.due_messages(&to, now, BATCH).await }))
            .await?;
        let (mut due, joined) = self.joined(destination, due);
        if !joined.is_empty() {
            match together::settle(self, destination, joined).await? {
                Together::Told => {}
                Together::Held => return Ok(()),
                Together::Singly(rest) => due.splice(0..0, rest).for_each(drop),
            }
        }
        // What matters most comes first where each call counts against a limit.
        due.sort_by_key(|waiting| waiting.message.as_ref().map_or(0, delivery::urgency));
        for waiting in due {
            match self.settle(destination, waiting).await? {
                Next::Message => {}
                Next::Nothing => break,
            }
        }
        Ok(())
    }

    /// Takes what is to be told together out of what is due.
    fn joined(
        &self,
        destination: &Destination,
        due: Vec<WaitingMessage>,
    ) -> (Vec<WaitingMessage>, Vec<WaitingMessage>) {
        let from = match destination {
            Destination::Notifier(name) => {
                let notifier = self.doors.notifiers.get(name);
                notifier.and_then(|notifier| notifier.joins_from())
            }
            Destination::Forge(_)
            | Destination::Tracker(_)
            | Destination::Notifiers
            | Destination::Host => None,
        };
        let can_join = |waiting: &WaitingMessage| matches!(&waiting.message, Ok(message) if delivery::can_be_joined(message));
        match from {
            Some(from) if due.iter().filter(|w| can_join(w)).count() >= from => {
                due.into_iter().partition(|waiting| !can_join(waiting))
            }
            Some(_) | None => (due, Vec::new()),
        }
    }

    /// Tries one message and notes what came of it.
    async fn settle(
        &self,
        destination: &Destination,
        waiting: WaitingMessage,
    ) -> Result<Next, StoreError> {
        let WaitingMessage {
            id,
            task,
            key,
            message,
            tries,
        } = waiting;
        let tries = tries.saturating_add(1);
        let message = match message {
            Ok(Message::Announcement { notice }) => {
                let tellers = delivery::tellers(&notice, self.doors.tellers());
                let tellers: Vec<DoorName> = tellers.cloned().collect();
                let windows = self.doors.windows.clone();
                let now = self.ledger.now();
                let told = self.ledger.write(move |tx| {
                    Box::pin(async move {
                        for to in tellers {
                            let key = format!("{key}@{to}");
                            let notice = notice.clone();
                            let asks = notice.kind.asks() && windows.contains_key(&to);
                            let prompt = match task {
                                Some(task) if asks => {
                                    let present = tx.task(task).await?.task;
                                    // What is asked late may be answered already; buttons under it would decide
                                    // whatever is asked now.
                                    match notice.kind.asks_at(present.stage) {
                                        true => Some(tx.add_prompt(&to, &present, now).await?),
                                        false => None,
                                    }
                                }
                                Some(_) | None => None,
                            };
                            let message = Message::Notice { to, notice, prompt };
                            tx.push_message(task, &message, &key, now).await?;
                        }
                        tx.message_done(id, None, now).await
                    })
                });
                told.await?;
                return Ok(Next::Message);
            }
            Ok(message) => message,
            Err(error) => {
                let (to, text, now) = (destination.clone(), error.in_full(), self.ledger.now());
                tracing::error!(message.id = id, error = text, "a message cannot be read");
                let buried = self.ledger.write(move |tx| {
                    Box::pin(async move {
                        let kind = NoticeKind::Undelivered {
                            destination: to,
                            message: None,
                            tries,
                            error: text.clone(),
                        };
                        announce(tx, task, &format!("dead:{id}"), kind, now).await?;
                        tx.bury_message(id, &text, now).await
                    })
                });
                buried.await?;
                return Ok(Next::Message);
            }
        };
        let limit = Duration::from_millis(delivery::try_timeout_ms(message.kind()));
        let masked = Masks::of(&self.config.now()).message(&message);
        let said = masked.as_ref().unwrap_or(&message);
        let tried = tokio::time::timeout(limit, self.deliver(said, &key)).await;
        let tried = tried.unwrap_or_else(|_| {
            let reason = format!("no answer within {} s", limit.as_secs());
            Err(PortError::new(
                destination.to_string(),
                PortFailure::Unavailable,
                reason,
            ))
        });
        let now = self.ledger.now();
        let error = match tried {
            Ok(delivered) => {
                let is_shown = matches!(delivered, Delivered::Shown(_));
                let done = self.ledger.write(move |tx| {
                    Box::pin(async move {
                        note(tx, task, &message, &delivered).await?;
                        let receipt = delivered.receipt();
                        tx.message_done(id, receipt.as_deref(), now).await
                    })
                });
                if !done.await? {
                    tracing::debug!(message.id = id, "a newer message took its place meanwhile");
                }
                if is_shown {
                    self.reconciler.told();
                }
                return Ok(Next::Message);
            }
            Err(error) => error,
        };
        let chance = self.ledger.chance();
        let after = delivery::after_failure(message.kind(), error.failure, tries, now, chance);
        let is_first_obstacle = error.failure == PortFailure::Obstructed && tries == 1;
        let (text, kind) = (error.to_string(), message.kind().as_str());
        tracing::warn!(
            message.id = id,
            kind,
            tries,
            error = text,
            dead = after == AfterFailure::Dead,
            "a message was not delivered"
        );
        let to = destination.clone();
        self.ledger
            .write(move |tx| {
                Box::pin(async move {
                    match after {
                        AfterFailure::Again { at_ms } => {
                            tx.message_failed(id, at_ms, &text).await?;
                            // Only a person can clear the way, and knows so from now on.
                            if is_first_obstacle {
                                let subject = tx.subject(task).await?;
                                let letter =
                                    delivery::dead_letter(&message, subject, tries, &text, now);
                                if let Some(letter) = letter {
                                    let key = format!("dead:{id}");
                                    tx.push_message(task, &letter, &key, now).await?;
                                }
                            }
                            Ok(Next::Message)
                        }
                        AfterFailure::Hold { at_ms } => {
                            tx.message_failed(id, at_ms, &text).await?;
                            tx.hold_messages(&to, at_ms).await?;
                            Ok(Next::Nothing)
                        }
                        AfterFailure::Dead => {
                            tx.bury_message(id, &text, now).await?;
                            let subject = tx.subject(task).await?;
                            let letter =
                                delivery::dead_letter(&message, subject, tries, &text, now);
                            if let Some(letter) = letter {
                                let key = format!("dead:{id}");
                                tx.push_message(task, &letter, &key, now).await?;
                            }
                            Ok(Next::Message)
                        }
                    }
                })
            })
            .await
    }

    /// Gives up what has waited long for a door that is not in the configuration any more.
    async fn bury_unserved(&self, served: &[Destination]) -> Result<(), StoreError> {
        let waiting = self
            .ledger
            .read(|tx| Box::pin(tx.waiting_destinations(UNSERVED_MAX)))
            .await?;
        for name in waiting {
            let parsed = name.parse::<Destination>().ok();
            if parsed.as_ref().is_some_and(|to| served.contains(to)) {
                continue;
            }
            tracing::warn!(
                destination = name,
                "messages wait for what is not configured; they are given up after a week"
            );
            let now = self.ledger.now();
            let buried = self.ledger.write(move |tx| {
                Box::pin(async move {
                    let why = "nothing of this name is configured";
                    let count = tx
                        .bury_messages_to(&name, now - UNSERVED_MS, why, now)
                        .await?;
                    if let (Some(destination), 1..) = (parsed, count) {
                        let kind = NoticeKind::Undelivered {
                            destination,
                            message: None,
                            tries: 0,
                            error: format!("{why}; messages given up: {count}"),
                        };
                        announce(tx, None, &format!("unserved:{name}:{now}"), kind, now).await?;
                    }
                    Ok(())
                })
            });
            buried.await?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
