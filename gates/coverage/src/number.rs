//! What share is it, in whole hundredths of a percent?
//!
//! Shares are cut, never rounded: 87.529 % is less than 87.53 %. Only what is more than nothing is never nothing: the
//! least share is a hundredth of a percent. Text is read digit by digit, so that no floating
//! point number stands between the report and the comparison.

use std::fmt;

/// Hundredths of a percent that make the whole.
const HUNDRED_PERCENT: u64 = 10_000;
/// Longest text of a number, in bytes.
const NUMBER_BYTES_MAX: usize = 40;

/// A share in hundredths of a percent, at most 10000.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Share(pub(crate) u64);

impl Share {
    /// The share of `covered` in `total`.
    ///
    /// # Errors
    /// What is wrong with the counts.
    pub(crate) fn of(covered: u64, total: u64) -> Result<Self, String> {
        if total == 0 {
            return Err("it counts no lines at all".to_owned());
        }
        if covered > total {
            return Err(format!("it counts {covered} of {total} lines as covered"));
        }
        let hundredths = u128::from(covered) * u128::from(HUNDRED_PERCENT) / u128::from(total);
        u64::try_from(hundredths.max(u128::from(covered > 0)))
            .map(Self)
            .map_err(|_| "it counts more lines than there can be".to_owned())
    }

    /// Reads a percentage such as `87.5`.
    ///
    /// # Errors
    /// What is wrong with the text.
    pub(crate) fn parse_percent(text: &str) -> Result<Self, String> {
        decimal(text, 2)
    }

    /// Reads a share of one such as `0.875`.
    ///
    /// # Errors
    /// What is wrong with the text.
    pub(crate) fn parse_rate(text: &str) -> Result<Self, String> {
        decimal(text, 4)
    }

    /// The share in percent, for people.
    #[expect(clippy::cast_precision_loss, reason = "at most 10000")]
    pub(crate) fn percent(self) -> f64 {
        self.0 as f64 / 100.0
    }

    /// What is left after `points`; never less than nothing.
    pub(crate) fn less(self, points: Self) -> Self {
        Self(self.0.saturating_sub(points.0))
    }
}

impl fmt::Display for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:02}", self.0 / 100, self.0 % 100)
    }
}

/// Reads a count of lines: digits and nothing else.
///
/// # Errors
/// What is wrong with the text.
pub(crate) fn count(text: &str) -> Result<u64, String> {
    if text.is_empty() || !text.bytes().all(|b| b.is_ascii_digit()) {
        return Err(format!("{} is no count of lines", quoted(text)));
    }
    text.parse()
        .map_err(|_| format!("{} is more lines than there can be", quoted(text)))
}

/// Reads how often a line ran, of which nothing matters but whether it did. What counts without end may be written
/// with a fraction and an exponent, such as `1.84467440737096e+19`.
///
/// # Errors
/// What is wrong with the text.
pub(crate) fn is_hit(text: &str) -> Result<bool, String> {
    let is_digits = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    let (number, exponent) = match text.split_once(['e', 'E']) {
        Some((number, exponent)) => (number, Some(exponent)),
        None => (text, None),
    };
    let (whole, fraction) = match number.split_once('.') {
        Some((whole, fraction)) => (whole, Some(fraction)),
        None => (number, None),
    };
    let exponent = exponent.map(|e| e.strip_prefix(['+', '-']).unwrap_or(e));
    let is_number =
        is_digits(whole) && fraction.is_none_or(is_digits) && exponent.is_none_or(is_digits);
    if !is_number {
        return Err(format!("{} is no count of runs", quoted(text)));
    }
    Ok(number.bytes().any(|b| matches!(b, b'1'..=b'9')))
}

/// `text` as it may be shown: one short line.
pub(crate) fn quoted(text: &str) -> String {
    let short: String = text.chars().take(NUMBER_BYTES_MAX).collect();
    format!("{short:?}")
}

/// The same number without its exponent. Only small numbers are written with one, so it is below zero; none if there
/// is no exponent or it makes no sense.
fn without_exponent(text: &str) -> Option<String> {
    let (number, exponent) = text.split_once(['e', 'E'])?;
    let places: usize = exponent.strip_prefix('-')?.parse().ok()?;
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    let digits = |part: &str| part.bytes().all(|b| b.is_ascii_digit());
    if whole.len() != 1 || !digits(whole) || !digits(fraction) || !(1..=400).contains(&places) {
        return None;
    }
    Some(format!("0.{}{whole}{fraction}", "0".repeat(places - 1)))
}

/// Reads digits, and a fraction of which the first `places` digits count.
fn decimal(text: &str, places: usize) -> Result<Share, String> {
    let refused = || format!("{} is no number from nothing to everything", quoted(text));
    if text.len() > NUMBER_BYTES_MAX {
        return Err(refused());
    }
    let plain = without_exponent(text);
    let text = plain.as_deref().unwrap_or(text);
    let (whole, fraction) = text
        .split_once('.')
        .map_or((text, None), |(w, f)| (w, Some(f)));
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    if !digits(whole) || !fraction.is_none_or(digits) {
        return Err(refused());
    }
    let fraction = fraction.unwrap_or_default();
    let (kept, cut) = fraction.split_at(places.min(fraction.len()));
    let value: u64 = format!("{whole}{kept:0<places$}")
        .parse()
        .map_err(|_| refused())?;
    let is_more = cut.bytes().any(|digit| digit != b'0');
    if value == 0 && is_more {
        return Ok(Share(1));
    }
    if value > HUNDRED_PERCENT || (value == HUNDRED_PERCENT && is_more) {
        return Err(refused());
    }
    Ok(Share(value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_cut_and_never_rounded_up() {
        assert_eq!(Share::of(2, 3), Ok(Share(6666)));
        assert_eq!(Share::of(u64::MAX - 1, u64::MAX), Ok(Share(9999)));
        assert_eq!(Share::parse_percent("87.529999"), Ok(Share(8752)));
        assert_eq!(Share::parse_rate("0.99999"), Ok(Share(9999)));
    }

    #[test]
    fn numbers_within_bounds_are_read() {
        assert_eq!(Share::parse_percent("0"), Ok(Share(0)));
        assert_eq!(Share::parse_percent("87.5"), Ok(Share(8750)));
        assert_eq!(Share::parse_percent("100.000"), Ok(Share(10_000)));
        assert_eq!(Share::parse_rate("1"), Ok(Share(10_000)));
        assert_eq!(Share::parse_rate("0.875"), Ok(Share(8750)));
    }

    #[test]
    fn small_shares_with_an_exponent_are_read_and_are_not_nothing() {
        assert_eq!(Share::parse_rate("8.48608282416836E-05"), Ok(Share(1)));
        assert_eq!(Share::parse_rate("1e-05"), Ok(Share(1)));
        assert_eq!(Share::parse_rate("2.5e-1"), Ok(Share(2500)));
        assert_eq!(Share::parse_percent("5.5E-2"), Ok(Share(5)));
        assert_eq!(Share::parse_rate("1e-300"), Ok(Share(1)));
        assert_eq!(Share::parse_rate("0.0000E-05"), Ok(Share(0)));
        assert_eq!(Share::parse_rate("0.00001"), Ok(Share(1)));
        assert_eq!(Share::of(1, u64::MAX), Ok(Share(1)));
        for text in [
            "1e-",
            "1e--5",
            "12e-3",
            "1.e",
            "e-5",
            "1e-5e-5",
            "1e-99999999999",
        ] {
            assert!(Share::parse_rate(text).is_err(), "{text}");
        }
    }

    #[test]
    fn line_counts_as_run_however_often_it_ran() {
        for text in [
            "1",
            "1.84467440737096e+19",
            "18446744073709551616",
            "1E5",
            "0.5",
            "2.0",
        ] {
            assert_eq!(is_hit(text), Ok(true), "{text}");
        }
        for text in ["0", "0.0", "0e+00", "000"] {
            assert_eq!(is_hit(text), Ok(false), "{text}");
        }
        for text in [
            "", "-1", "nan", "inf", "1.", ".5", "1e", "1e+", "0x1", "=====", "1 ",
        ] {
            assert!(is_hit(text).is_err(), "{text}");
        }
    }

    #[test]
    fn everything_else_is_refused() {
        for text in [
            "",
            ".",
            "1.",
            ".5",
            "-1",
            "+1",
            "1e1",
            "nan",
            "inf",
            "100.001",
            "101",
            "8,5",
            "0x10",
            " 1",
            "99999999999999999999999999",
            "٣",
            "1.2.3",
        ] {
            assert!(Share::parse_percent(text).is_err(), "{text}");
        }
        for text in ["", "-0", "+3", "1.0", "18446744073709551616", "1 "] {
            assert!(count(text).is_err(), "{text}");
        }
        assert!(Share::of(0, 0).is_err() && Share::of(2, 1).is_err());
    }

    #[test]
    fn shares_are_shown_with_two_decimals() {
        assert_eq!(Share(8705).to_string(), "87.05");
        assert_eq!(Share(10_000).to_string(), "100.00");
        assert_eq!(Share(100).less(Share(200)), Share(0));
    }
}
