//! How does a breaker stand, for people and for `/queue`?

use serde::{Deserialize, Serialize};

use super::Reason;

/// Phase of a breaker.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// Runs start.
    Closed,
    /// None starts.
    Open,
    /// One at a time starts, as a probe.
    HalfOpen,
}

/// How a breaker stands at a moment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Snapshot {
    /// The phase. Open turns to half-open by time alone.
    pub phase: Phase,
    /// Transient failures in a row, while closed.
    pub failures: u32,
    /// Successes in a row, while half-open.
    pub successes: u32,
    /// Openings since it was last closed.
    pub openings: u32,
    /// Until when nothing starts, Unix milliseconds; none if something may start now.
    pub held_until_ms: Option<i64>,
    /// Why nothing starts.
    pub reason: Option<Reason>,
}
