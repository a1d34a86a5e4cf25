//! How long may gates take to be compiled, and when is one tried again that was not?

use std::time::Duration;

use tokio::time::Instant;

use crate::gate::LoadError;

/// Pause before the second try of a gate; the third waits twice as long, and so on.
const PAUSE: Duration = Duration::from_secs(30);
/// Doublings of the pause: a gate is tried at least every 16 minutes.
const DOUBLINGS_MAX: u32 = 5;

/// How long compiling may take.
#[derive(Debug, Clone, Copy)]
pub struct CompileTimes {
    /// One gate.
    pub each: Duration,
    /// All gates of a start together. Those that are left over are compiled while the host runs.
    pub start: Duration,
    /// What each gate of a start gets in any case: its image is kept as a rule, and is loaded in milliseconds.
    pub least: Duration,
}

impl Default for CompileTimes {
    fn default() -> Self {
        Self {
            each: Duration::from_secs(120),
            start: Duration::from_secs(60),
            least: Duration::from_secs(2),
        }
    }
}

/// When a gate is tried again that no compiler came to an end with: a machine that is loaded now need not be so later.
#[derive(Debug, Clone, Copy)]
pub(super) struct Again {
    at: Instant,
    tries: u32,
}

impl Again {
    /// After another try that came to nothing. What a start had no time for is tried at once.
    pub(super) fn after(before: Option<Self>, is_start: bool, now: Instant) -> Self {
        let tries = before.map_or(0, |again| again.tries) + 1;
        let pause = match is_start {
            true => Duration::ZERO,
            false => PAUSE * 2_u32.pow((tries - 1).min(DOUBLINGS_MAX)),
        };
        Self {
            at: now + pause,
            tries,
        }
    }

    pub(super) fn is_due(self, now: Instant) -> bool {
        now >= self.at
    }
}

/// When the look of a start is to end, and what each gate gets for all that.
#[derive(Debug, Clone, Copy)]
pub(super) struct StartEnds {
    at: Instant,
    least: Duration,
}

impl StartEnds {
    pub(super) fn after(times: &CompileTimes) -> Self {
        Self {
            at: Instant::now() + times.start,
            least: times.least,
        }
    }
}

/// Does the work, until a start has no more time for it.
pub(super) async fn within<T>(
    until: Option<StartEnds>,
    work: impl Future<Output = Result<T, LoadError>>,
) -> Result<T, LoadError> {
    let Some(until) = until else {
        return work.await;
    };
    let until = until.at.max(Instant::now() + until.least);
    let late = "the start had no more time for it; it is tried again while the host runs";
    match tokio::time::timeout_at(until, work).await {
        Ok(done) => done,
        Err(_) => Err(LoadError::Compiler(late.to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gate_is_tried_again_ever_more_seldom_and_never_given_up() {
        let mut now = Instant::now();
        let mut again = Again::after(None, true, now);
        assert!(
            again.is_due(now),
            "what a start had no time for is tried at once"
        );
        for seconds in [60, 120, 240, 480, 960, 960, 960] {
            again = Again::after(Some(again), false, now);
            now += Duration::from_secs(seconds - 1);
            assert!(!again.is_due(now), "{seconds}");
            now += Duration::from_secs(1);
            assert!(again.is_due(now), "{seconds}");
        }
    }
}
