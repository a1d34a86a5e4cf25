//! Claims about the breaker: an example of each rule.

mod properties;

use orch_domain::outcome::RunOutcome;

use super::{Admit, Breaker, Breakers, Key, Phase, Reason, Settings, Signal, Snapshot};

const MINUTE: i64 = 60_000;
const NOW: i64 = 1_800_000_000_000;

fn breaker() -> Breaker {
    Breaker::new(Settings::default())
}

fn opened() -> Breaker {
    let mut breaker = breaker();
    for _ in 0..3 {
        breaker.record(Signal::Transient, NOW);
    }
    breaker
}

fn no(until_ms: i64, reason: Reason) -> Admit {
    Admit::No { until_ms, reason }
}

#[test]
fn failures_in_a_row_open_it_and_a_success_between_does_not() {
    let mut breaker = breaker();
    for signal in [Signal::Transient, Signal::Transient, Signal::Success] {
        breaker.record(signal, NOW);
    }
    breaker.record(Signal::Transient, NOW);
    breaker.record(Signal::Transient, NOW);
    assert_eq!(breaker.admit(NOW), Admit::Yes);
    breaker.record(Signal::Transient, NOW);
    assert_eq!(breaker.admit(NOW), no(NOW + MINUTE, Reason::Failures));
    assert_eq!(
        breaker.admit(NOW + MINUTE - 1),
        no(NOW + MINUTE, Reason::Failures)
    );
    assert_eq!(breaker.admit(NOW + MINUTE), Admit::Probe);
}

#[test]
fn neutral_endings_neither_count_nor_break_a_row() {
    let mut breaker = breaker();
    for _ in 0..2 {
        breaker.record(Signal::Transient, NOW);
        breaker.record(Signal::Neutral, NOW);
    }
    assert_eq!(breaker.admit(NOW), Admit::Yes);
    breaker.record(Signal::Transient, NOW);
    assert_eq!(breaker.snapshot(NOW).phase, Phase::Open);
}

#[test]
fn one_probe_at_a_time_and_two_successes_close() {
    let mut breaker = opened();
    let now = NOW + MINUTE;
    assert_eq!(breaker.admit(now), Admit::Probe);
    assert_eq!(
        breaker.admit(now),
        no(now + 60 * MINUTE, Reason::ProbeOutstanding)
    );
    breaker.record(Signal::Success, now);
    assert_eq!(
        breaker.admit(now),
        Admit::Probe,
        "one success is not enough"
    );
    breaker.record(Signal::Success, now);
    assert_eq!(breaker.admit(now), Admit::Yes);
    assert_eq!(breaker.snapshot(now).openings, 0);
}

#[test]
fn failure_before_it_is_closed_opens_it_at_once_with_a_longer_pause() {
    let mut breaker = opened();
    let mut now = NOW + MINUTE;
    for minutes in [2, 4, 8, 16, 30, 30] {
        assert_eq!(breaker.admit(now), Admit::Probe);
        breaker.record(Signal::Success, now);
        assert_eq!(breaker.admit(now), Admit::Probe);
        breaker.record(Signal::Transient, now);
        let until = now + minutes * MINUTE;
        assert_eq!(breaker.admit(now), no(until, Reason::Failures));
        now = until;
    }
}

#[test]
fn probe_without_an_answer_expires_and_one_without_news_makes_room() {
    let mut breaker = opened();
    let now = NOW + MINUTE;
    assert_eq!(breaker.admit(now), Admit::Probe);
    breaker.record(Signal::Neutral, now);
    assert_eq!(breaker.admit(now), Admit::Probe);
    let expiry = now + 60 * MINUTE;
    assert_eq!(
        breaker.admit(expiry - 1),
        no(expiry, Reason::ProbeOutstanding)
    );
    assert_eq!(breaker.admit(expiry), Admit::Probe);
}

#[test]
fn rate_limit_defers_to_the_stated_time_and_counts_as_nothing() {
    let mut breaker = breaker();
    let until = NOW + 5 * 60 * MINUTE;
    for _ in 0..10 {
        breaker.record(
            Signal::RateLimited {
                until_ms: Some(until),
            },
            NOW,
        );
    }
    assert_eq!(breaker.admit(NOW), no(until, Reason::RateLimited));
    assert_eq!(breaker.snapshot(NOW).phase, Phase::Closed);
    breaker.record(Signal::RateLimited { until_ms: None }, NOW);
    assert_eq!(
        breaker.admit(NOW),
        no(until, Reason::RateLimited),
        "a shorter limit does not shorten"
    );
    assert_eq!(breaker.admit(until), Admit::Yes);
    assert_eq!(breaker.snapshot(until).failures, 0);
}

#[test]
fn rate_limit_without_a_time_to_come_lasts_the_first_pause_and_none_more_than_a_day() {
    for (stated, expected) in [
        (None, MINUTE),
        (Some(NOW), MINUTE),
        (Some(i64::MIN), MINUTE),
        (Some(i64::MAX), 24 * 60 * MINUTE),
    ] {
        let mut breaker = breaker();
        breaker.record(Signal::RateLimited { until_ms: stated }, NOW);
        assert_eq!(
            breaker.admit(NOW),
            no(NOW + expected, Reason::RateLimited),
            "{stated:?}"
        );
    }
}

#[test]
fn rate_limited_probe_is_neither_a_failure_nor_a_success() {
    let mut breaker = opened();
    let now = NOW + MINUTE;
    assert_eq!(breaker.admit(now), Admit::Probe);
    breaker.record(Signal::RateLimited { until_ms: None }, now);
    assert_eq!(breaker.admit(now), no(now + MINUTE, Reason::RateLimited));
    assert_eq!(breaker.admit(now + MINUTE), Admit::Probe);
    assert_eq!(breaker.snapshot(now).openings, 1);
}

#[test]
fn clock_set_back_does_not_hold_longer_than_the_longest_pause() {
    let mut breaker = opened();
    breaker.record(
        Signal::RateLimited {
            until_ms: Some(NOW + 1),
        },
        NOW,
    );
    let earlier = NOW - 365 * 24 * 60 * MINUTE;
    assert_eq!(
        breaker.admit(earlier),
        no(earlier + 24 * 60 * MINUTE, Reason::RateLimited)
    );
    assert_eq!(breaker.admit(earlier + 24 * 60 * MINUTE), Admit::Probe);
}

#[test]
fn keys_do_not_share_a_fate_and_a_person_can_reset_one() {
    let key = |account: &str| Key {
        program: "claude".to_owned(),
        account: account.to_owned(),
    };
    let mut breakers = Breakers::new(Settings::default());
    for _ in 0..3 {
        breakers.record(&key("a"), Signal::Transient, NOW);
    }
    assert_eq!(breakers.admit(&key("b"), NOW), Admit::Yes);
    let phases: Vec<Phase> = breakers
        .snapshot(NOW)
        .iter()
        .map(|row| row.breaker.phase)
        .collect();
    assert_eq!(phases, [Phase::Open, Phase::Closed]);
    breakers.reset(&key("a"));
    assert_eq!(breakers.admit(&key("a"), NOW), Admit::Yes);
}

#[test]
fn snapshot_survives_json_and_says_what_holds() {
    let snapshot = opened().snapshot(NOW);
    let text = serde_json::to_string(&snapshot).unwrap();
    assert_eq!(
        text,
        r#"{"phase":"open","failures":0,"successes":0,"openings":1,"held_until_ms":1800000060000,"reason":"failures"}"#
    );
    assert_eq!(serde_json::from_str::<Snapshot>(&text).unwrap(), snapshot);
    assert_eq!(opened().snapshot(NOW + MINUTE).phase, Phase::HalfOpen);
}

#[test]
fn only_the_providers_own_failures_count() {
    assert_eq!(
        Signal::of(&RunOutcome::ProviderError(String::new())),
        Signal::Transient
    );
    assert_eq!(
        Signal::of(&RunOutcome::ArtefactMissing(Vec::new())),
        Signal::Success
    );
    assert_eq!(
        Signal::of(&RunOutcome::AuthRequired(String::new())),
        Signal::Neutral
    );
    assert_eq!(
        Signal::of(&RunOutcome::RateLimited { until_ms: Some(5) }),
        Signal::RateLimited { until_ms: Some(5) }
    );
}
