//! May a run of this command line and account start now, or is its provider down?
//!
//! A pure state machine; time is a parameter in Unix milliseconds. Closed until a number of transient failures
//! in a row, then open for a pause that doubles from opening to opening, then half-open: one run at a time is
//! a probe, and it takes several successes to be closed again. Rate limits hold runs back until the stated
//! time and count as nothing.
//!
//! Signals are not told apart by run. What a run says that began before an opening counts like the answer of a
//! probe, and frees the probe's place; it is news of the same provider. A failed preflight is no signal.

mod keyed;
mod signal;
mod snapshot;

use serde::{Deserialize, Serialize};

pub use keyed::{Breakers, Key, KeyedSnapshot};
pub use signal::Signal;
pub use snapshot::{Phase, Snapshot};

/// When a breaker opens and closes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settings {
    /// Transient failures in a row that open it; 0 counts as 1.
    pub failures_to_open: u32,
    /// Successes in a row that close it again; 0 counts as 1.
    pub successes_to_close: u32,
    /// First pause, and the deferral of a rate limit that states no time, milliseconds.
    pub pause_ms: u32,
    /// Longest pause, milliseconds.
    pub pause_ms_max: u32,
    /// Longest deferral of a rate limit, milliseconds: a time misread must not stop an account for good.
    pub deferral_ms_max: u32,
    /// How long a probe may stay without an answer, milliseconds; longer than a run may take, or a second
    /// probe starts beside the first.
    pub probe_ms_max: u32,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            failures_to_open: 3,
            successes_to_close: 2,
            pause_ms: 60_000,
            pause_ms_max: 30 * 60_000,
            deferral_ms_max: 24 * 60 * 60_000,
            probe_ms_max: 60 * 60_000,
        }
    }
}

/// Whether a run may start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub enum Admit {
    /// It may.
    Yes,
    /// It may, as the only one, and what it reports decides. A caller that does not start it after all records
    /// [`Signal::Neutral`].
    Probe,
    /// Not before `until_ms`.
    No {
        /// When to ask again, Unix milliseconds; later than now.
        until_ms: i64,
        /// Why.
        reason: Reason,
    },
}

/// Why a run may not start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// The breaker is open.
    #[error("the provider failed several times in a row; a probe follows by itself")]
    Failures,
    /// The provider asked to come back later.
    #[error("the provider's rate limit is reached; runs go on by themselves")]
    RateLimited,
    /// A probe is out.
    #[error("a probe is under way; its result decides")]
    ProbeOutstanding,
}

/// One circuit breaker. The caller serialises access.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Breaker {
    settings: Settings,
    state: State,
    /// Openings since it was last closed.
    openings: u32,
    /// The provider's word, beside the state: it neither opens nor closes.
    deferred_until_ms: Option<i64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Closed {
        /// Transient failures in a row.
        failures: u32,
    },
    Open {
        until_ms: i64,
    },
    HalfOpen {
        /// When the probe that is out counts as lost.
        probe_until_ms: Option<i64>,
        /// Successes in a row.
        successes: u32,
    },
}

impl Breaker {
    /// A closed breaker.
    pub fn new(settings: Settings) -> Self {
        Self {
            settings,
            state: State::Closed { failures: 0 },
            openings: 0,
            deferred_until_ms: None,
        }
    }

    /// Asks for a run to start at `now_ms`. Every run that is admitted reports by [`Breaker::record`].
    pub fn admit(&mut self, now_ms: i64) -> Admit {
        self.bound(now_ms);
        if let Some((until_ms, reason)) = self.held(now_ms) {
            return Admit::No { until_ms, reason };
        }
        self.deferred_until_ms = None;
        let successes = match self.state {
            State::Closed { .. } => return Admit::Yes,
            State::Open { .. } => 0,
            State::HalfOpen { successes, .. } => successes,
        };
        self.state = State::HalfOpen {
            probe_until_ms: Some(after(now_ms, self.settings.probe_ms_max)),
            successes,
        };
        Admit::Probe
    }

    /// Takes in what a run reported at `now_ms`.
    pub fn record(&mut self, signal: Signal, now_ms: i64) {
        if let Signal::RateLimited { until_ms } = signal {
            self.defer(until_ms, now_ms);
        }
        match (self.state, signal) {
            (State::Closed { failures }, Signal::Transient) => {
                let failures = failures.saturating_add(1);
                if failures >= self.settings.failures_to_open {
                    self.open(now_ms);
                } else {
                    self.state = State::Closed { failures };
                }
            }
            (State::Closed { .. }, Signal::Success) => self.close(),
            // Runs that began before the opening; they neither shorten nor lengthen the pause.
            (State::Open { .. }, _) => {}
            (State::HalfOpen { .. }, Signal::Transient) => self.open(now_ms),
            (State::HalfOpen { successes, .. }, Signal::Success) => {
                let successes = successes.saturating_add(1);
                if successes >= self.settings.successes_to_close {
                    self.close();
                } else {
                    self.state = State::HalfOpen {
                        probe_until_ms: None,
                        successes,
                    };
                }
            }
            (State::HalfOpen { successes, .. }, Signal::RateLimited { .. } | Signal::Neutral) => {
                self.state = State::HalfOpen {
                    probe_until_ms: None,
                    successes,
                };
            }
            (State::Closed { .. }, Signal::RateLimited { .. } | Signal::Neutral) => {}
        }
    }

    /// How it stands at `now_ms`, for display; changes nothing.
    pub fn snapshot(&self, now_ms: i64) -> Snapshot {
        let mut bounded = self.clone();
        bounded.bound(now_ms);
        let held = bounded.held(now_ms);
        let (phase, failures, successes) = match bounded.state {
            State::Closed { failures } => (Phase::Closed, failures, 0),
            State::Open { until_ms } if until_ms > now_ms => (Phase::Open, 0, 0),
            State::Open { .. } => (Phase::HalfOpen, 0, 0),
            State::HalfOpen { successes, .. } => (Phase::HalfOpen, 0, successes),
        };
        Snapshot {
            phase,
            failures,
            successes,
            openings: self.openings,
            held_until_ms: held.map(|(until_ms, _)| until_ms),
            reason: held.map(|(_, reason)| reason),
        }
    }

    fn open(&mut self, now_ms: i64) {
        let factor = 2_u32.saturating_pow(self.openings);
        let pause_ms = self.settings.pause_ms.saturating_mul(factor);
        let pause_ms = pause_ms.min(self.settings.pause_ms_max);
        self.openings = self.openings.saturating_add(1);
        self.state = State::Open {
            until_ms: after(now_ms, pause_ms),
        };
    }

    fn close(&mut self) {
        self.openings = 0;
        self.state = State::Closed { failures: 0 };
    }

    /// The latest word does not shorten an earlier one: limits of several kinds may hold at once.
    fn defer(&mut self, until_ms: Option<i64>, now_ms: i64) {
        let until_ms = until_ms
            .filter(|stated| *stated > now_ms)
            .unwrap_or_else(|| after(now_ms, self.settings.pause_ms))
            .min(after(now_ms, self.settings.deferral_ms_max));
        self.deferred_until_ms = self.deferred_until_ms.max(Some(until_ms));
    }

    /// What holds runs back at `now_ms`, and for how long; of several the longest.
    fn held(&self, now_ms: i64) -> Option<(i64, Reason)> {
        let by_state = match self.state {
            State::Closed { .. } => None,
            State::Open { until_ms } => Some((until_ms, Reason::Failures)),
            State::HalfOpen { probe_until_ms, .. } => {
                probe_until_ms.map(|until_ms| (until_ms, Reason::ProbeOutstanding))
            }
        };
        let by_limit = self
            .deferred_until_ms
            .map(|until_ms| (until_ms, Reason::RateLimited));
        [by_state, by_limit]
            .into_iter()
            .flatten()
            .filter(|(until_ms, _)| *until_ms > now_ms)
            .max_by_key(|(until_ms, _)| *until_ms)
    }

    /// Brings every time within its limit from `now_ms`, where a clock that was set back has left it beyond.
    fn bound(&mut self, now_ms: i64) {
        let settings = self.settings;
        match &mut self.state {
            State::Closed { .. } => {}
            State::Open { until_ms } => {
                *until_ms = (*until_ms).min(after(now_ms, settings.pause_ms_max));
            }
            State::HalfOpen { probe_until_ms, .. } => {
                *probe_until_ms =
                    probe_until_ms.map(|at| at.min(after(now_ms, settings.probe_ms_max)));
            }
        }
        self.deferred_until_ms = self
            .deferred_until_ms
            .map(|at| at.min(after(now_ms, settings.deferral_ms_max)));
    }
}

fn after(now_ms: i64, span_ms: u32) -> i64 {
    now_ms.saturating_add(i64::from(span_ms))
}

#[cfg(test)]
mod tests;
