//! What do the words beside a grade say: nothing of their own, that there is nothing, or where something is?

use crate::markdown::CELL;

/// Words beside a grade that say nothing of a remark.
const FILLERS: [&str; 32] = [
    "p0",
    "p1",
    "p2",
    "p3",
    "count",
    "finding",
    "findings",
    "issue",
    "issues",
    "remark",
    "remarks",
    "found",
    "identified",
    "remaining",
    "open",
    "any",
    "were",
    "are",
    "was",
    "is",
    "there",
    "at",
    "all",
    "left",
    "critical",
    "high",
    "major",
    "blocker",
    "blockers",
    "blocking",
    "and",
    "severity",
];
/// Words that say that there is nothing.
const NOTHING: [&str; 13] = [
    "none",
    "no",
    "nothing",
    "0",
    "zero",
    "nil",
    "na",
    "n",
    "a",
    "resolved",
    "fixed",
    "addressed",
    "closed",
];

/// The text up to the first mark that ends a clause, and what follows that.
pub(super) fn first_clause(text: &str) -> Option<(&str, &str)> {
    let inner = text.trim_start_matches(is_mark);
    let begun = text.len() - inner.len();
    let end = inner.find([',', ';', '.', '(', '|', '/', '–', '—', CELL])?;
    let behind = &inner[end..];
    let mark = behind.chars().next().map_or(0, char::len_utf8);
    Some((&text[..begun + end], &behind[mark..]))
}

/// What stands around a grade and belongs to neither it nor the remark.
pub(super) fn is_mark(c: char) -> bool {
    c.is_whitespace()
        || (!c.is_alphanumeric()
            && !matches!(c, '/' | '.' | '_' | '<' | '"' | '\'' | '`' | '$' | '{'))
        || matches!(c, '.')
}

fn words(text: &str) -> Vec<String> {
    let words = text.split(|c: char| !c.is_alphanumeric());
    words
        .filter(|word| !word.is_empty())
        .map(str::to_lowercase)
        .collect()
}

pub(super) fn plain(text: &str) -> String {
    words(text).join(" ")
}

/// Whether what stands beside a grade says nothing of its own.
pub(super) fn is_filler(text: &str) -> bool {
    words(text)
        .iter()
        .all(|word| FILLERS.contains(&word.as_str()))
        && !text.contains(|c: char| is_dash_alone(text, c))
}

/// Whether a text says that there is nothing: `none`, `0 findings`, `n/a`, or a dash alone.
pub(super) fn is_nothing(text: &str) -> bool {
    let words = words(text);
    if words.is_empty() {
        return text.chars().any(|c| is_dash_alone(text, c));
    }
    let mut others = words
        .iter()
        .filter(|word| !FILLERS.contains(&word.as_str()))
        .peekable();
    others.peek().is_some() && others.all(|word| NOTHING.contains(&word.as_str()))
}

/// Whether `c` is a dash or tick that stands for "none": after the colon of a grade, or in a cell.
fn is_dash_alone(text: &str, c: char) -> bool {
    let inner = text.trim_matches(|c: char| {
        c.is_whitespace() || matches!(c, ':' | '*' | '|' | ']' | ')' | CELL)
    });
    inner.chars().count() <= 2 && matches!(c, '-' | '–' | '—' | '✓' | '✔' | '✅')
}

/// A path with an optional line number at the start of a remark.
pub(super) fn place(text: &str) -> Option<(&str, Option<u32>)> {
    let word = text
        .split_whitespace()
        .next()?
        .trim_matches(['`', ',', ':']);
    let (path, line) = match word.rsplit_once(':') {
        Some((path, digits)) if digits.parse::<u32>().is_ok() => (path, digits.parse().ok()),
        _ => (word, None),
    };
    let has_extension = path.trim_end_matches('.').contains('.');
    (path.contains('/') || has_extension).then_some((path, line))
}
