//! Which grade does a text begin with, or bear behind its place or title, and what does it say beside it?

use std::borrow::Cow;

use orch_gate_sdk::Severity;

use super::words::{first_clause, is_mark, is_nothing, place};

/// A grade of the reviewer's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Grade {
    P0,
    P1,
    P2,
    P3,
}

impl Grade {
    fn of(digit: char) -> Option<Self> {
        match digit {
            '0' => Some(Self::P0),
            '1' => Some(Self::P1),
            '2' => Some(Self::P2),
            '3' => Some(Self::P3),
            _ => None,
        }
    }

    /// Name of the rule, severity, and whether it blocks.
    pub(super) fn meaning(self) -> (&'static str, Severity, bool) {
        match self {
            Self::P0 => ("review/p0", Severity::Critical, true),
            Self::P1 => ("review/p1", Severity::High, true),
            Self::P2 => ("review/p2", Severity::Medium, false),
            Self::P3 => ("review/p3", Severity::Low, false),
        }
    }
}

/// A grade of a text.
pub(super) struct Graded<'a> {
    /// The gravest of several, such as of `P0/P1`.
    pub(super) grade: Grade,
    /// The lightest of them.
    pub(super) lightest: Grade,
    pub(super) is_alone: bool,
    /// What follows the grades, marks included, or what they are about.
    pub(super) rest: Cow<'a, str>,
    /// Whether the text says what it is about before its grade.
    pub(super) is_titled: bool,
}

/// Words that only say that a grade follows.
const LABELS: [&str; 6] = ["severity", "priority", "prio", "grade", "level", "rating"];

/// What follows a label, such as the `P0` of `Severity: P0`.
fn without_label(text: &str) -> &str {
    let end = text
        .find(|c: char| !c.is_alphabetic())
        .unwrap_or(text.len());
    let (word, rest) = text.split_at(end);
    match LABELS.contains(&word.to_lowercase().as_str()) {
        true => rest.trim_start_matches(is_mark),
        false => text,
    }
}

/// `P0`, `[P1]`, `p0/P1`, `P0 and P1` at the beginning of a text.
pub(super) fn grades(text: &str) -> Option<Graded<'_>> {
    let rest =
        text.trim_start_matches(|c: char| is_mark(c) || c.is_ascii_digit() && is_number(text));
    let mut rest = without_label(rest);
    let mut found: Option<(Grade, Grade)> = None;
    let mut count = 0;
    loop {
        let after = rest.strip_prefix(['P', 'p']);
        let digit = after.and_then(|after| after.chars().next());
        let grade = digit.and_then(Grade::of);
        let (Some(after), Some(grade)) = (after, grade) else {
            break;
        };
        let behind = &after[1..];
        if behind.starts_with(|c: char| c.is_alphanumeric() || c == '_') {
            break;
        }
        let (gravest, lightest) = found.unwrap_or((grade, grade));
        found = Some((gravest.min(grade), lightest.max(grade)));
        count += 1;
        rest = behind;
        let joined = rest.trim_start_matches([' ', '/', ',', '&', '+', '-', '–', '—']);
        let joined = joined
            .strip_prefix("and ")
            .or(joined.strip_prefix("or "))
            .unwrap_or(joined);
        let is_more = joined.starts_with(['P', 'p'])
            && joined[1..].starts_with(|c: char| Grade::of(c).is_some())
            && !joined[2..].starts_with(|c: char| c.is_alphanumeric());
        if !is_more {
            break;
        }
        rest = joined;
    }
    let (grade, lightest) = found?;
    Some(Graded {
        grade,
        lightest,
        is_alone: count == 1,
        rest: Cow::Borrowed(rest),
        is_titled: false,
    })
}

/// `src/a.rs:3 P0 …` and `**src/a.rs:3** – [P0] …`.
pub(super) fn behind_a_place(text: &str) -> Option<Graded<'_>> {
    let text = text.trim_start_matches(is_mark);
    let (path, _) = place(text)?;
    let word = text.split_whitespace().next()?;
    let found = grades(text[word.len()..].trim_start_matches(is_mark))?;
    let is_path = path.contains('/') || path.contains('.');
    (is_path && found.is_alone).then(|| Graded {
        rest: Cow::Owned(format!("{word} {}", found.rest.trim_start_matches(is_mark))),
        ..found
    })
}

/// `SQL injection (P0)` and `**SQL injection** [P0]: the query …`.
pub(super) fn in_brackets(text: &str) -> Option<Graded<'_>> {
    for (at, open) in text.match_indices(['(', '[']) {
        let Some(found) = grades(&text[at + open.len()..]) else {
            continue;
        };
        let Some(after) = found.rest.strip_prefix([')', ']']) else {
            continue;
        };
        let before = text[..at].trim_matches(is_mark);
        let is_set_off = after.trim().is_empty()
            || after
                .trim_start_matches(['*', '_', ' '])
                .starts_with([':', '-', '–', '—']);
        let is_grave = found.is_alone || found.lightest <= Grade::P1;
        if before.is_empty() || !is_set_off || !is_grave {
            continue;
        }
        let after = after.trim_matches(is_mark).trim();
        let rest = match (after.is_empty(), says_nothing(after)) {
            (true, _) => before.to_owned(),
            (false, true) => after.to_owned(),
            (false, false) => format!("{before}: {after}"),
        };
        return Some(Graded {
            grade: found.grade,
            lightest: found.lightest,
            is_alone: found.is_alone,
            rest: Cow::Owned(rest),
            is_titled: true,
        });
    }
    None
}

impl<'a> Graded<'a> {
    /// What is left of it: none if it says that there is nothing, however many grades it says so of.
    pub(super) fn open(self) -> Option<Self> {
        if says_nothing(&self.rest) {
            return None;
        }
        let Cow::Borrowed(rest) = self.rest else {
            return Some(self);
        };
        // `P0: 0, P1: 2`: the first grade has none.
        let Some((clause, behind)) = first_clause(rest) else {
            return Some(self);
        };
        match grades(behind) {
            Some(next) if is_nothing(clause) => next.open(),
            Some(_) | None => Some(self),
        }
    }
}

/// Whether a text begins with a number as of a list: `1.` or `2)`.
fn is_number(text: &str) -> bool {
    let after = text
        .trim_start()
        .trim_start_matches(|c: char| c.is_ascii_digit());
    after.len() < text.trim_start().len() && after.starts_with(['.', ')'])
}

/// Whether a text says that there is nothing, be it with a word on why: `none – the code is clean`.
pub(super) fn says_nothing(text: &str) -> bool {
    if is_nothing(text) {
        return true;
    }
    let Some((clause, behind)) = first_clause(text) else {
        return false;
    };
    let is_place = |word: &str| {
        let is_path = word.contains('/') && word.trim_end_matches(['.', ',']).contains('.');
        is_path || place(word).is_some_and(|(_, line)| line.is_some())
    };
    is_nothing(clause) && grades(behind).is_none() && !behind.split_whitespace().any(is_place)
}
