//! Claims about the breaker that hold for any sequence of events.

use proptest::prelude::{Just, Strategy, any, prop_oneof, proptest};
use proptest::{collection, prop_assert, prop_assert_eq};

use super::{MINUTE, NOW};
use crate::breaker::{Admit, Breaker, Phase, Settings, Signal};

/// Something that happens to a breaker.
#[derive(Debug, Clone, Copy)]
enum Event {
    Ask,
    Tell(Signal),
    /// Time goes on, milliseconds.
    Pass(i64),
}

fn signals() -> impl Strategy<Value = Signal> {
    prop_oneof![
        3 => Just(Signal::Transient),
        2 => Just(Signal::Success),
        1 => Just(Signal::Neutral),
        1 => any::<Option<i64>>().prop_map(|until_ms| Signal::RateLimited { until_ms }),
        1 => (0..100 * MINUTE).prop_map(|ms| Signal::RateLimited { until_ms: Some(NOW + ms) }),
    ]
}

fn events() -> impl Strategy<Value = Vec<Event>> {
    let event = prop_oneof![
        4 => Just(Event::Ask),
        4 => signals().prop_map(Event::Tell),
        2 => (0..3 * MINUTE).prop_map(Event::Pass),
        1 => (0..90 * MINUTE).prop_map(Event::Pass),
    ];
    collection::vec(event, 0..80)
}

fn settings() -> impl Strategy<Value = Settings> {
    prop_oneof![
        3 => Just(Settings::default()),
        1 => any::<[u32; 6]>().prop_map(|n| Settings {
            failures_to_open: n[0] % 5,
            successes_to_close: n[1] % 5,
            pause_ms: n[2],
            pause_ms_max: n[3],
            deferral_ms_max: n[4],
            probe_ms_max: n[5],
        }),
    ]
}

/// Longest time any rule of `settings` may hold a run back.
fn longest(settings: &Settings) -> i64 {
    let spans = [
        settings.pause_ms_max,
        settings.deferral_ms_max,
        settings.probe_ms_max,
    ];
    spans.into_iter().max().map_or(0, i64::from)
}

proptest! {
    #[test]
    fn nothing_is_admitted_while_it_is_open_and_never_two_probes(events in events()) {
        let settings = Settings::default();
        let mut breaker = Breaker::new(settings);
        let mut now = NOW;
        // A second book-keeping, by the rules as they are written: the pause in force, the openings since it
        // was closed, the limit in force and the probe that is out.
        let (mut open_until, mut limit_until, mut openings) = (i64::MIN, i64::MIN, 0_u32);
        let mut probe_until: Option<i64> = None;
        for event in events {
            match event {
                Event::Pass(ms) => now += ms,
                Event::Tell(signal) => {
                    let before = breaker.snapshot(now).openings;
                    let was_open = now < open_until;
                    breaker.record(signal, now);
                    let after = breaker.snapshot(now);
                    if after.openings > before {
                        prop_assert_eq!(signal, Signal::Transient);
                        let minutes = 2_i64.saturating_pow(openings).min(30);
                        open_until = now + minutes * MINUTE;
                        openings += 1;
                    }
                    if after.phase == Phase::Closed {
                        openings = 0;
                    }
                    if let Signal::RateLimited { until_ms } = signal {
                        let until = until_ms.filter(|at| *at > now).unwrap_or(now + MINUTE);
                        limit_until = limit_until.max(until.min(now + 24 * 60 * MINUTE));
                    }
                    if !was_open {
                        probe_until = None;
                    }
                }
                Event::Ask => match breaker.admit(now) {
                    Admit::Yes => {
                        prop_assert!(now >= open_until && now >= limit_until);
                        prop_assert_eq!(openings, 0);
                    }
                    Admit::Probe => {
                        prop_assert!(now >= open_until && now >= limit_until);
                        prop_assert!(openings > 0);
                        prop_assert!(probe_until.is_none_or(|until| now >= until));
                        probe_until = Some(now + 60 * MINUTE);
                    }
                    Admit::No { until_ms, .. } => {
                        let expected = open_until.max(limit_until).max(probe_until.unwrap_or(i64::MIN));
                        prop_assert_eq!(until_ms, expected);
                    }
                },
            }
        }
    }

    #[test]
    fn successes_close_it_from_wherever_it_is(events in events(), settings in settings()) {
        let mut breaker = Breaker::new(settings);
        let mut now = NOW;
        for event in events {
            match event {
                Event::Pass(ms) => now += ms,
                Event::Tell(signal) => breaker.record(signal, now),
                Event::Ask => {
                    let _admitted = breaker.admit(now);
                }
            }
        }
        now += longest(&settings);
        for _ in 0..settings.successes_to_close.max(1) {
            let is_held = matches!(breaker.admit(now), Admit::No { .. });
            prop_assert!(!is_held);
            breaker.record(Signal::Success, now);
        }
        prop_assert_eq!(breaker.admit(now), Admit::Yes);
    }

    #[test]
    fn no_time_overflows_and_none_is_beyond_its_limit(
        steps in collection::vec((any::<i64>(), signals()), 0..40),
        settings in settings(),
    ) {
        let mut breaker = Breaker::new(settings);
        for (now, signal) in steps {
            breaker.record(signal, now);
            let shown = breaker.snapshot(now);
            match breaker.admit(now) {
                Admit::Yes | Admit::Probe => prop_assert_eq!(shown.held_until_ms, None),
                Admit::No { until_ms, reason } => {
                    prop_assert!(until_ms > now);
                    prop_assert!(until_ms <= now.saturating_add(longest(&settings)));
                    prop_assert_eq!(shown.held_until_ms, Some(until_ms));
                    prop_assert_eq!(shown.reason, Some(reason));
                }
            }
        }
    }
}
