//! How many calls may be made, and for what are some kept back? A key may be used so many times in any minute.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// The time in which calls are counted. A little longer than Plane's: its clock is not ours.
const WINDOW: Duration = Duration::from_secs(61);

/// What a call is for: the more urgent, the more of the budget it may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Urgency {
    /// Comments.
    Comment,
    /// Looking whether something changed.
    Read,
    /// States that people wait for.
    State,
}

/// The calls of the last minute.
#[derive(Debug)]
pub(super) struct Budget {
    calls: VecDeque<Instant>,
    most: usize,
    held_until: Option<Instant>,
}

impl Budget {
    pub(super) fn new(most: u32) -> Self {
        Self {
            calls: VecDeque::new(),
            most: usize::try_from(most).unwrap_or(usize::MAX).max(3),
            held_until: None,
        }
    }

    /// Counts a call, or says how long it has to wait.
    pub(super) fn admit(&mut self, now: Instant, urgency: Urgency) -> Result<(), Duration> {
        if let Some(until) = self.held_until.filter(|until| *until > now) {
            return Err(until - now);
        }
        while self.calls.front().is_some_and(|at| *at + WINDOW <= now) {
            self.calls.pop_front();
        }
        let kept_back = match urgency {
            Urgency::State => 0,
            Urgency::Read => self.most / 5,
            Urgency::Comment => self.most / 3,
        };
        let most = self.most - kept_back;
        if self.calls.len() < most {
            self.calls.push_back(now);
            return Ok(());
        }
        // Free when so many of the oldest have left that there is room for one of this urgency.
        let at = self.calls[self.calls.len() - most] + WINDOW;
        Err(at.saturating_duration_since(now))
    }

    /// Nothing is to be asked for so long: Plane said so.
    pub(super) fn hold(&mut self, now: Instant, pause: Duration) {
        let until = now + pause;
        self.held_until = Some(self.held_until.map_or(until, |held| held.max(until)));
    }

    /// Whether Plane asked for a pause that lasts.
    pub(super) fn is_held(&self, now: Instant) -> bool {
        self.held_until.is_some_and(|until| until > now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn states_find_room_when_comments_and_looks_have_used_theirs() {
        let (start, mut budget) = (Instant::now(), Budget::new(60));
        let take = |budget: &mut Budget, urgency| {
            let mut taken = 0;
            while budget.admit(start, urgency).is_ok() {
                taken += 1;
            }
            taken
        };
        assert_eq!(take(&mut budget, Urgency::Comment), 40);
        assert_eq!(take(&mut budget, Urgency::Read), 8);
        assert_eq!(take(&mut budget, Urgency::State), 12);
        for urgency in [Urgency::Comment, Urgency::Read, Urgency::State] {
            assert_eq!(budget.admit(start, urgency), Err(WINDOW));
        }
        assert_eq!(budget.admit(start + WINDOW, Urgency::Comment), Ok(()));
    }

    #[test]
    fn no_minute_ever_has_more_calls_than_the_key_may_make() {
        let (start, mut budget) = (Instant::now(), Budget::new(60));
        let mut made = Vec::new();
        for tenth in 0..3_000_u32 {
            let now = start + Duration::from_millis(100) * tenth;
            let urgency = [Urgency::State, Urgency::Read, Urgency::Comment][tenth as usize % 3];
            if budget.admit(now, urgency).is_ok() {
                made.push(now);
            }
        }
        for at in &made {
            let within = made
                .iter()
                .filter(|other| *other >= at && **other < *at + Duration::from_secs(60));
            assert!(within.count() <= 60);
        }
        assert!(made.len() > 200, "{}", made.len());
    }

    #[test]
    fn pause_that_plane_asks_for_holds_everything() {
        let (start, mut budget) = (Instant::now(), Budget::new(60));
        budget.hold(start, Duration::from_secs(23));
        budget.hold(start, Duration::from_secs(5));
        let wait = budget.admit(start, Urgency::State);
        assert_eq!(wait, Err(Duration::from_secs(23)));
        let later = start + Duration::from_secs(23);
        assert_eq!(budget.admit(later, Urgency::State), Ok(()));
    }
}
