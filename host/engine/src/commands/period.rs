//! Lengths of time as people write them.

use jiff::SignedDuration;

use super::error::CommandError;

const DAY_MS: i64 = 86_400_000;

/// Milliseconds of a text such as `30m` or `90d`, above 0 and up to `days_max` days.
pub(super) fn period_ms(text: &str, days_max: i64) -> Result<i64, CommandError> {
    let invalid = || {
        CommandError::invalid(format!("`{text}` is no length of time")).with_remedy(format!(
            "use a number with s, m, h or d, such as `30m`, up to {days_max} days"
        ))
    };
    // The library has no days in durations, because days differ in length; here they have 24 hours.
    let ms = match text.strip_suffix('d') {
        Some(days) => days
            .trim()
            .parse::<i64>()
            .ok()
            .and_then(|days| days.checked_mul(DAY_MS)),
        None => text
            .parse::<SignedDuration>()
            .ok()
            .and_then(|d| i64::try_from(d.as_millis()).ok()),
    };
    ms.filter(|ms| (1..=days_max * DAY_MS).contains(ms))
        .ok_or_else(invalid)
}

#[cfg(test)]
mod tests {
    use super::period_ms;

    #[test]
    fn periods_are_read_as_people_write_them() {
        for (text, ms) in [
            ("90s", 90_000),
            ("30m", 1_800_000),
            ("2h", 7_200_000),
            ("3d", 259_200_000),
        ] {
            assert_eq!(period_ms(text, 366).unwrap(), ms, "{text}");
        }
        for text in ["", "5", "-2h", "soon", "1000d"] {
            assert!(period_ms(text, 366).is_err(), "{text}");
        }
    }
}
