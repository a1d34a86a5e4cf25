//! When did something happen that is told late? A notifier may have been down: what was lost on the way and comes after it
//! is over reads as news otherwise.

use orch_domain::notice::Notice;

use crate::http::now_ms;

/// From when on a notice says when it was, milliseconds: what takes less was told at once.
const LATE_MS: i64 = 120_000;

/// What the notice says, and when it was if that is a while ago: at the end of its first line.
pub(super) fn text(notice: &Notice) -> String {
    text_at(notice, now_ms())
}

/// When the notice was, if that is a while ago.
pub(super) fn when(notice: &Notice) -> Option<String> {
    when_at(notice, now_ms())
}

fn text_at(notice: &Notice, now: i64) -> String {
    let text = orch_words::notice::text(notice);
    let Some(when) = when_at(notice, now) else {
        return text;
    };
    match text.split_once('\n') {
        Some((first, rest)) => format!("{first} ({when})\n{rest}"),
        None => format!("{text} ({when})"),
    }
}

fn when_at(notice: &Notice, now: i64) -> Option<String> {
    let is_late = now.saturating_sub(notice.at_ms) >= LATE_MS;
    let at = is_late
        .then(|| jiff::Timestamp::from_millisecond(notice.at_ms).ok())
        .flatten()?;
    Some(at.strftime("%Y-%m-%d %H:%M UTC").to_string())
}

#[cfg(test)]
mod tests {
    use orch_domain::notice::{NoticeKind, Subject};

    use super::*;

    #[test]
    fn what_is_told_late_says_when_it_was_and_what_is_told_at_once_does_not() {
        let notice = Notice {
            subject: Subject::Host,
            at_ms: 1_787_230_800_000,
            kind: NoticeKind::Earlier {
                text: "SHOP-1 is blocked\nmore of it".to_owned(),
            },
        };
        let at = |late_ms| text_at(&notice, notice.at_ms + late_ms);
        assert_eq!(at(119_999), "SHOP-1 is blocked\nmore of it");
        assert_eq!(
            at(120_000),
            "SHOP-1 is blocked (2026-08-20 13:00 UTC)\nmore of it"
        );
        assert_eq!(at(-5), at(0), "another clock is ahead");
    }
}
