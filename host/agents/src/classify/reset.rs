//! When does a limit end, as the words that report it say?
//!
//! Pure: now is a parameter, and the time zones are those that this program carries. What is not understood to
//! the end is not guessed at: the caller has a deferral of its own.

use jiff::Timestamp;
use jiff::civil::{Date, Time};
use jiff::tz::{AmbiguousOffset, TimeZone};

/// An end closer than this is as good as reached.
const SOONEST_MS: i64 = 1_000;
/// No window is longer than a week; a day is left for clocks and zones that disagree.
const LATEST_MS: i64 = 8 * 24 * 3_600_000;
/// Numbers of one duration, such as `3 days 4 hours 5 minutes`.
const PARTS_MAX: usize = 6;

const MONTHS: [&str; 12] = [
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
];

/// The end that `text` states, Unix milliseconds, if it is one that can be waited for.
pub(super) fn until_ms(text: &str, now_ms: i64) -> Option<i64> {
    let lower = text.to_ascii_lowercase();
    let stated = stamp(&lower)
        .or_else(|| time_of_day(&lower, now_ms))
        .or_else(|| delay(&lower, now_ms))?;
    within(stated, now_ms)
}

/// `at_ms`, if it lies within the bounds of a limit.
pub(super) fn within(at_ms: i64, now_ms: i64) -> Option<i64> {
    let away = at_ms.saturating_sub(now_ms);
    (SOONEST_MS..=LATEST_MS).contains(&away).then_some(at_ms)
}

/// What stands behind each `keyword` of the text.
fn behind<'a>(text: &'a str, keyword: &'a str) -> impl Iterator<Item = Rest<'a>> {
    text.match_indices(keyword)
        .map(move |(at, _)| Rest(&text[at + keyword.len()..]))
}

/// `limit reached|1736035200`: Unix seconds.
fn stamp(text: &str) -> Option<i64> {
    behind(text, "limit reached|").find_map(|mut rest| rest.number(12)?.checked_mul(1_000))
}

/// `resets 7:10pm (America/Los_Angeles)`, `resets at 15:00 (Europe/Berlin)`, `resets Oct 9, 5pm (UTC)`: the next
/// such moment.
fn time_of_day(text: &str, now_ms: i64) -> Option<i64> {
    behind(text, "resets").find_map(|mut rest| {
        rest.blanks();
        if !rest.take("at ") {
            rest.take("on ");
        }
        let day = rest.day();
        let time = rest.time()?;
        let zone = rest.zone()?;
        next(day, time, &zone, now_ms)
    })
}

/// `retry after 30 seconds`, `try again in 2h 5m`, `Retry-After: 120`.
fn delay(text: &str, now_ms: i64) -> Option<i64> {
    // A bare number is in seconds only where HTTP says so.
    let keywords = [
        ("retry-after", true),
        ("retry_after", true),
        ("retry after", true),
        ("try again in", false),
        ("retry in", false),
        ("resets in", false),
    ];
    let of = |(keyword, bare): (&'static str, bool)| {
        behind(text, keyword).find_map(|mut rest| rest.duration_ms(bare))
    };
    let ms = keywords.into_iter().find_map(of)?;
    now_ms.checked_add(ms)
}

/// A day of the year, with its year if one was said.
#[derive(Clone, Copy)]
struct Day {
    month: i8,
    day: i8,
    year: Option<i16>,
}

fn next(day: Option<Day>, time: Time, zone: &TimeZone, now_ms: i64) -> Option<i64> {
    let now = Timestamp::from_millisecond(now_ms).ok()?;
    let today = zone.to_datetime(now).date();
    let dates: Vec<Date> = match day {
        None => vec![today, today.tomorrow().ok()?],
        Some(Day { month, day, year }) => {
            let years = match year {
                Some(year) => vec![year],
                None => vec![today.year(), today.year().checked_add(1)?],
            };
            let of = |year: i16| Date::new(year, month, day).ok();
            years.into_iter().filter_map(of).collect()
        }
    };
    dates
        .into_iter()
        .flat_map(|date| moments(date, time, zone))
        .find(|at| *at > now)
        .map(Timestamp::as_millisecond)
}

/// The moments at which clocks of the zone show this time: two when they are set back over it; when they skip
/// it, the one that comes as long after the skip.
fn moments(date: Date, time: Time, zone: &TimeZone) -> Vec<Timestamp> {
    let at = zone.to_ambiguous_timestamp(date.to_datetime(time));
    let found = match at.offset() {
        AmbiguousOffset::Fold { .. } => vec![at.earlier(), at.later()],
        AmbiguousOffset::Unambiguous { .. } | AmbiguousOffset::Gap { .. } => vec![at.compatible()],
    };
    found.into_iter().flatten().collect()
}

/// A text that is read from its front; whatever reads nothing leaves it as it is.
#[derive(Clone, Copy)]
struct Rest<'a>(&'a str);

impl<'a> Rest<'a> {
    fn take(&mut self, what: &str) -> bool {
        let rest = self.0.strip_prefix(what);
        self.0 = rest.unwrap_or(self.0);
        rest.is_some()
    }

    /// Passes over blanks, but not over the end of a line.
    fn blanks(&mut self) {
        self.0 = self.0.trim_start_matches([' ', '\t']);
    }

    fn run(&mut self, of: impl Fn(char) -> bool) -> &'a str {
        let end = self.0.find(|c| !of(c)).unwrap_or(self.0.len());
        let (run, rest) = self.0.split_at(end);
        self.0 = rest;
        run
    }

    /// A whole number of at most `digits` digits.
    fn number(&mut self, digits: usize) -> Option<i64> {
        let before = *self;
        let run = self.run(|c| c.is_ascii_digit());
        let number = run.parse().ok().filter(|_| run.len() <= digits);
        if number.is_none() {
            *self = before;
        }
        number
    }

    fn small(&mut self) -> Option<i8> {
        self.number(2).and_then(|n| i8::try_from(n).ok())
    }

    /// `oct 9, `, `october 9th at `, `oct 9, 2026, `.
    fn day(&mut self) -> Option<Day> {
        let before = *self;
        let found = self.try_day();
        if found.is_none() {
            *self = before;
        }
        found
    }

    fn try_day(&mut self) -> Option<Day> {
        let name = self.run(|c| c.is_ascii_alphabetic());
        let at = MONTHS
            .iter()
            .position(|month| name.len() >= 3 && month.starts_with(name))?;
        self.take(".");
        self.blanks();
        let day = self.small()?;
        for ending in ["st", "nd", "rd", "th"] {
            self.take(ending);
        }
        self.comma();
        let mut year = None;
        let mut ahead = *self;
        if let Some(number) = ahead.number(4).filter(|number| *number >= 1_000) {
            ahead.comma();
            *self = ahead;
            year = Some(i16::try_from(number).ok()?);
        }
        self.take("at ");
        let month = i8::try_from(at + 1).ok()?;
        Some(Day { month, day, year })
    }

    fn comma(&mut self) {
        self.blanks();
        self.take(",");
        self.blanks();
    }

    /// `7:10pm`, `3 am`, `15:00`. An hour alone is no time of day.
    fn time(&mut self) -> Option<Time> {
        let hour = self.small()?;
        let minute = match self.take(":") {
            true => Some(self.small()?),
            false => None,
        };
        self.blanks();
        let hour = match (self.run(|c| c.is_ascii_alphabetic()), hour) {
            ("am", 12) => 0,
            ("am", 1..=11) | ("pm", 12) => hour,
            ("pm", 1..=11) => hour + 12,
            ("", 0..=23) if minute.is_some() => hour,
            _ => return None,
        };
        Time::new(hour, minute.unwrap_or(0), 0, 0).ok()
    }

    /// `(Europe/Berlin)`.
    fn zone(&mut self) -> Option<TimeZone> {
        self.blanks();
        if !self.take("(") {
            return None;
        }
        let (name, _) = self.0.split_once(')')?;
        TimeZone::get(name.trim()).ok()
    }

    /// `30 seconds`, `2h30m`, `1.5s`; `bare` is whether a number without a unit counts as seconds.
    fn duration_ms(&mut self, bare: bool) -> Option<i64> {
        self.run(|c| matches!(c, ' ' | '\t' | ':' | '=' | '"' | '\''));
        self.take("about ");
        let mut total: Option<i64> = None;
        for _ in 0..PARTS_MAX {
            let mut ahead = *self;
            let Some((thousandths, digits_end)) = ahead.decimal() else {
                break;
            };
            ahead.blanks();
            let unit = unit_ms(ahead.run(|c| c.is_ascii_alphabetic()));
            match (unit, total) {
                (Some(unit), _) => {
                    let part = thousandths.checked_mul(unit)? / 1_000;
                    total = Some(total.unwrap_or(0).checked_add(part)?);
                }
                (None, None) if bare && digits_end.ends_a_value() => return Some(thousandths),
                (None, _) => break,
            }
            ahead.comma();
            ahead.take("and ");
            *self = ahead;
        }
        total
    }

    /// A number in thousandths, and what stands behind it.
    fn decimal(&mut self) -> Option<(i64, Self)> {
        let whole = self.number(9)?;
        let mut thousandths = whole.checked_mul(1_000)?;
        let mut ahead = *self;
        if ahead.take(".") {
            let fraction = ahead.run(|c| c.is_ascii_digit());
            if !fraction.is_empty() {
                let digits: String = fraction.chars().chain("000".chars()).take(3).collect();
                thousandths += digits.parse::<i64>().ok()?;
                *self = ahead;
            }
        }
        Some((thousandths, *self))
    }

    /// Whether a value ends here: `120` is one, `30 attempts` is a number of something else.
    fn ends_a_value(self) -> bool {
        let next = self.0.trim_start_matches([' ', '\t']).chars().next();
        next.is_none_or(|c| "\r\n.,;)}\"'".contains(c))
    }
}

fn unit_ms(word: &str) -> Option<i64> {
    match word {
        "ms" | "millisecond" | "milliseconds" => Some(1),
        "s" | "sec" | "secs" | "second" | "seconds" => Some(1_000),
        "m" | "min" | "mins" | "minute" | "minutes" => Some(60_000),
        "h" | "hr" | "hrs" | "hour" | "hours" => Some(3_600_000),
        "d" | "day" | "days" => Some(24 * 3_600_000),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
