//! Claims about when a limit ends, on the words that real command lines print.

use jiff::Timestamp;

use super::{until_ms, within};

/// A Monday; noon in Greenwich is five in the morning in Los Angeles and two in the afternoon in Berlin.
const NOW: &str = "2026-10-05T12:00:00Z";

fn ms(at: &str) -> i64 {
    at.parse::<Timestamp>().unwrap().as_millisecond()
}

fn ends_at(text: &str, now: &str, expected: &str) {
    let found = until_ms(text, ms(now)).map(|at| Timestamp::from_millisecond(at).unwrap());
    let expected: Timestamp = expected.parse().unwrap();
    assert_eq!(found, Some(expected), "{text}");
}

fn says_nothing(texts: &[&str]) {
    for text in texts {
        assert_eq!(until_ms(text, ms(NOW)), None, "{text}");
    }
}

#[test]
fn time_of_day_is_the_next_one_in_its_zone() {
    for (text, expected) in [
        (
            "You've hit your session limit · resets 7:10pm (America/Los_Angeles)",
            "2026-10-06T02:10:00Z",
        ),
        (
            "Weekly limit reached ∙ resets 3am (UTC)",
            "2026-10-06T03:00:00Z",
        ),
        ("resets at 15:00 (Europe/Berlin)", "2026-10-05T13:00:00Z"),
        ("resets at 13:59 (Europe/Berlin)", "2026-10-06T11:59:00Z"),
        ("resets 12am (UTC)", "2026-10-06T00:00:00Z"),
        ("resets 12:30 pm (UTC)", "2026-10-05T12:30:00Z"),
        ("Resets 12PM (Asia/Kolkata)", "2026-10-06T06:30:00Z"),
        (
            "You've hit your limit · resets 2pm (asia/shanghai) · /upgrade",
            "2026-10-06T06:00:00Z",
        ),
    ] {
        ends_at(text, NOW, expected);
    }
}

#[test]
fn moment_that_is_now_comes_again_tomorrow() {
    ends_at("resets 12pm (UTC)", NOW, "2026-10-06T12:00:00Z");
}

#[test]
fn day_of_the_year_is_the_next_one_also_over_new_year() {
    for (text, expected) in [
        ("resets Oct 9, 5pm (UTC)", "2026-10-09T17:00:00Z"),
        ("resets Oct 9 at 5pm (UTC)", "2026-10-09T17:00:00Z"),
        ("resets on October 9th, 17:00 (UTC)", "2026-10-09T17:00:00Z"),
        ("resets Oct. 9, 2026, 5pm (UTC)", "2026-10-09T17:00:00Z"),
        (
            "You've hit your limit · resets Oct 5, 11:30am (America/New_York)",
            "2026-10-05T15:30:00Z",
        ),
    ] {
        ends_at(text, NOW, expected);
    }
    ends_at(
        "resets Jan 2, 9am (UTC)",
        "2026-12-30T12:00:00Z",
        "2027-01-02T09:00:00Z",
    );
}

#[test]
fn clocks_that_are_set_between_now_and_then_are_heeded() {
    // Back by an hour in the night to the 25th: half past two comes twice.
    let text = "resets 2:30am (Europe/Berlin)";
    ends_at(text, "2026-10-24T23:00:00Z", "2026-10-25T00:30:00Z");
    ends_at(text, "2026-10-25T01:00:00Z", "2026-10-25T01:30:00Z");
    ends_at(text, "2026-10-25T02:00:00Z", "2026-10-26T01:30:00Z");
    // Forward in the night to the 29th of March: half past two does not come.
    ends_at(text, "2026-03-29T00:00:00Z", "2026-03-29T01:30:00Z");
    ends_at(
        "resets 5pm (Europe/Berlin)",
        "2026-10-24T18:00:00Z",
        "2026-10-25T16:00:00Z",
    );
}

#[test]
fn seconds_after_a_bar_are_unix_time() {
    ends_at(
        "Claude AI usage limit reached|1791212400",
        NOW,
        "2026-10-05T15:00:00Z",
    );
    says_nothing(&[
        "Claude AI usage limit reached|1736035200",
        "Claude AI usage limit reached|",
        "Claude AI usage limit reached|soon",
        "Claude AI usage limit reached|99999999999999999999",
    ]);
}

#[test]
fn duration_counts_from_now_with_every_part_of_it() {
    for (text, seconds) in [
        ("retry after 30 seconds", 30),
        ("Please try again in 5 minutes.", 300),
        ("try again in 2h", 7_200),
        ("Try again in 2h30m", 9_000),
        ("try again in 3 days 4 hours 5 minutes.", 273_900),
        ("try again in 1 hour and 10 minutes", 4_200),
        ("Please try again in 11.5s. Visit", 11),
        ("Please retry in 34.074824224s.", 34),
        ("try again in about 6 minutes", 360),
        ("resets in 45m", 2_700),
        ("HTTP/1.1 429\r\nRetry-After: 120\r\nDate: now", 120),
        (r#"{"retry-after":"12"}"#, 12),
        ("overloaded_error: 429 rate limit. Retry-After: 12\n", 12),
    ] {
        let until = until_ms(text, ms(NOW)).map(|at| (at - ms(NOW)) / 1_000);
        assert_eq!(until, Some(seconds), "{text}");
    }
    let exact = until_ms("try again in 1.898s", ms(NOW));
    assert_eq!(exact, Some(ms(NOW) + 1_898));
}

#[test]
fn what_is_not_understood_to_the_end_says_nothing() {
    says_nothing(&[
        "",
        "You've hit your session limit",
        "resets soon",
        "resets 7pm",
        "resets 7pm (Mars/Olympus_Mons)",
        "resets 7pm (",
        "resets 7pm America/Los_Angeles",
        "resets 7 (UTC)",
        "resets 25:00 (UTC)",
        "resets 12:60 (UTC)",
        "resets 13pm (UTC)",
        "resets 0am (UTC)",
        "resets Monday, 5pm (UTC)",
        "resets Oct 32, 5pm (UTC)",
        "resets Ma 9, 5pm (UTC)",
        "try again in a while",
        "try again in 5",
        "retry after 30 attempts",
        "Retry-After: Wed, 21 Oct 2026 07:28:00 GMT",
        "retry-after-ms: 500",
    ]);
}

#[test]
fn end_is_neither_sooner_than_a_second_nor_later_than_eight_days() {
    let now = ms(NOW);
    let eight_days = 8 * 24 * 3_600_000;
    assert_eq!(within(now + 999, now), None);
    assert_eq!(within(now + 1_000, now), Some(now + 1_000));
    assert_eq!(within(now + eight_days, now), Some(now + eight_days));
    assert_eq!(within(now + eight_days + 1, now), None);
    assert_eq!(within(i64::MIN, i64::MAX), None);
    says_nothing(&[
        "retry after 900ms",
        "try again in 9 days",
        "try again in 999999999 days",
        "resets Oct 14, 5pm (UTC)",
        "resets Oct 4, 5pm (UTC)",
        "resets Oct 5, 11am (UTC)",
    ]);
}

#[test]
fn second_form_counts_where_the_first_is_not_understood() {
    ends_at(
        "resets 7pm (Nowhere/Here); retry after 60 seconds",
        NOW,
        "2026-10-05T12:01:00Z",
    );
    ends_at(
        "nobody resets it; resets 3pm (UTC)",
        NOW,
        "2026-10-05T15:00:00Z",
    );
}
