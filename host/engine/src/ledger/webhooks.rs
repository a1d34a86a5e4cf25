//! What came in by webhooks since the host started, counted by source; and the bell that says something came.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use orch_domain::id::{DoorName, UnixMs};
use tokio::sync::Notify;

/// Wrong signatures of one source in a minute that are logged and answered one by one; more are a flood.
const BAD_MAX: u64 = 60;
/// Wrong signatures in a row that a person is told of.
const BAD_IN_A_ROW: u64 = 20;
const MINUTE_MS: i64 = 60_000;

/// The counts. Clones share them.
#[derive(Debug, Clone, Default)]
pub(crate) struct WebhookStatus(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    arrived: Notify,
    counts: Mutex<BTreeMap<DoorName, WebhookCounts>>,
}

/// What came in from one source.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct WebhookCounts {
    /// Deliveries that were kept.
    pub(crate) accepted: u64,
    /// Those that had been kept before.
    pub(crate) doubled: u64,
    /// Those whose signature was wrong or absent.
    pub(crate) refused: u64,
    /// Those about a repository or project that the source does not speak for.
    pub(crate) strangers: u64,
    /// Those that could not be read.
    pub(crate) dead: u64,
    /// When the latest was kept.
    pub(crate) last_accepted_ms: Option<UnixMs>,
    /// Wrong signatures since the latest right one.
    in_a_row: u64,
    /// Begin of the minute in which wrong signatures are counted now, and how many it had.
    minute: (UnixMs, u64),
}

impl WebhookStatus {
    pub(crate) fn change(&self, source: &DoorName, change: impl FnOnce(&mut WebhookCounts)) {
        let mut counts = self.0.counts.lock().unwrap_or_else(PoisonError::into_inner);
        if !counts.contains_key(source) {
            counts.insert(source.clone(), WebhookCounts::default());
        }
        if let Some(counts) = counts.get_mut(source) {
            change(counts);
        }
    }

    /// A delivery was kept; whoever looks into them is woken. False: it was there before.
    pub(crate) fn accepted(&self, source: &DoorName, is_new: bool, now: UnixMs) {
        self.change(source, |c| {
            c.in_a_row = 0;
            match is_new {
                true => c.accepted += 1,
                false => c.doubled += 1,
            }
            c.last_accepted_ms = Some(now);
        });
        if is_new {
            self.0.arrived.notify_one();
        }
    }

    /// A signature was wrong; answers how many there were in this minute, with this one.
    pub(crate) fn refused(&self, source: &DoorName, now: UnixMs) -> Refusals {
        let mut in_minute = 0;
        self.change(source, |c| {
            c.refused += 1;
            c.in_a_row += 1;
            if now - c.minute.0 >= MINUTE_MS {
                c.minute = (now, 0);
            }
            c.minute.1 += 1;
            in_minute = c.minute.1;
        });
        match in_minute {
            1 => Refusals::First,
            n if n <= BAD_MAX => Refusals::Some,
            _ => Refusals::Flood,
        }
    }

    /// Sources whose deliveries are all refused, with how many were in a row.
    pub(crate) fn all_refused(&self) -> Vec<(DoorName, u64)> {
        let counts = self.now().into_iter();
        counts
            .filter(|(_, c)| c.in_a_row >= BAD_IN_A_ROW)
            .map(|(name, c)| (name, c.in_a_row))
            .collect()
    }

    /// Ends when a delivery was kept.
    pub(crate) async fn arrived(&self) {
        self.0.arrived.notified().await;
    }

    pub(crate) fn now(&self) -> BTreeMap<DoorName, WebhookCounts> {
        let counts = self.0.counts.lock().unwrap_or_else(PoisonError::into_inner);
        counts.clone()
    }
}

/// How many wrong signatures of a source there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refusals {
    /// The first of this minute.
    First,
    /// Few.
    Some,
    /// So many that nobody mistyped a secret.
    Flood,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flood_of_wrong_signatures_is_told_from_a_few_and_ends_with_its_minute() {
        let (status, name) = (WebhookStatus::default(), DoorName::new("gitea").unwrap());
        let seen: Vec<Refusals> = (0..=BAD_MAX)
            .map(|_| status.refused(&name, 1_000))
            .collect();
        assert_eq!((seen[0], seen[1]), (Refusals::First, Refusals::Some));
        assert_eq!(seen.last(), Some(&Refusals::Flood));
        assert_eq!(status.all_refused(), [(name.clone(), BAD_MAX + 1)]);
        assert_eq!(status.refused(&name, 1_000 + MINUTE_MS), Refusals::First);
        status.accepted(&name, true, 2);
        assert_eq!(status.all_refused(), []);
    }
}
