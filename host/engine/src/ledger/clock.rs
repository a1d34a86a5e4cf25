//! The host's one clock: the wall clock at the start, and the time since then that no step of it touches.
//!
//! A step of the wall clock by an hour or a day, in either direction, moves no lease, back-off or deadline of a
//! running host. A restart takes the wall clock as it is then. The time that the machine sleeps counts.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use rustix::time::{ClockId, clock_gettime};

/// The clock; clones share it.
#[derive(Debug, Clone)]
pub struct Clock(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    /// Wall clock less uptime, when the host started, milliseconds.
    anchor_ms: i64,
    /// Highest answer so far.
    latest_ms: AtomicI64,
}

impl Default for Clock {
    fn default() -> Self {
        Self::anchored(wall_ms())
    }
}

impl Clock {
    /// A clock that says `wall_ms` now.
    fn anchored(wall_ms: i64) -> Self {
        Self(Arc::new(Inner {
            anchor_ms: wall_ms - uptime_ms(),
            latest_ms: AtomicI64::new(i64::MIN),
        }))
    }

    /// Unix milliseconds, never less than any answer before.
    pub fn now_ms(&self) -> i64 {
        let now = self.0.anchor_ms + uptime_ms();
        self.0.latest_ms.fetch_max(now, Ordering::Relaxed).max(now)
    }

    /// A number in `0.0..1.0` for jitter; not for secrets.
    pub fn chance(&self) -> f64 {
        let nanos = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .map_or(0, |d| d.subsec_nanos());
        f64::from(nanos % 1_000_003) / 1_000_003.0
    }
}

/// Unix milliseconds as text for people and artefacts.
pub(crate) fn stamp(ms: i64) -> String {
    jiff::Timestamp::from_millisecond(ms).map_or_else(|_| ms.to_string(), |t| t.to_string())
}

/// The wall clock, Unix milliseconds.
pub(crate) fn wall_ms() -> i64 {
    let wall = SystemTime::now().duration_since(UNIX_EPOCH);
    wall.map_or(0, |d| i64::try_from(d.as_millis()).unwrap_or(i64::MAX))
}

/// Time since the machine started, its sleep included, milliseconds.
fn uptime_ms() -> i64 {
    let time = clock_gettime(ClockId::Boottime);
    time.tv_sec * 1000 + time.tv_nsec / 1_000_000
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clock_goes_on_from_its_start_whatever_the_wall_says() {
        // A host that was started while the wall clock was a day ahead, or behind, of what it says now.
        for day in [86_400_000, -86_400_000] {
            let began = wall_ms() + day;
            let clock = Clock::anchored(began);
            let (first, second) = (clock.now_ms(), clock.now_ms());
            assert!(first >= began && second >= first);
            assert!(second - began < 60_000, "{began} {second}");
        }
    }
}
