//! How many tests and assertions of a file run, and how many markers skip some?
//!
//! What a marker covers does not count: the item after an attribute, the block that a line such as `it.skip(`
//! opens, the rest of the block after a statement such as `t.Skip()`. Blocks are told by their indentation.

use crate::code::without_comments_and_strings;
use crate::languages::Language;
use crate::vacuous::is_vacuous;

/// Counts of a file.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    /// Tests that run.
    pub(crate) tests: usize,
    /// Assertions that run.
    pub(crate) assertions: usize,
    /// Markers that skip, ignore, expect a failure or leave others out.
    pub(crate) skips: usize,
    /// Assertions that run and hold whatever the code does.
    pub(crate) vacuous: usize,
}

/// Attributes and decorators before the item that they speak of.
#[derive(Debug, Default)]
struct Pending {
    tests: usize,
    is_skipped: bool,
    is_conditional: bool,
    /// Brackets that are still open: an attribute may run over lines.
    open: isize,
}

/// Counts a file.
pub(crate) fn count(language: &Language, text: &str) -> Counts {
    let mut counts = Counts::default();
    let lines = text.lines().map(str::trim_start);
    counts.skips = lines
        .filter(|line| {
            language
                .comments
                .iter()
                .any(|c| line.starts_with(c.as_str()))
        })
        .count();
    let code = without_comments_and_strings(text, &language.syntax);
    let mut pending = Pending::default();
    // Least indentation of what is skipped.
    let mut skipped: Option<usize> = None;
    for line in code.lines().filter(|line| !line.trim().is_empty()) {
        let words = line.trim();
        let indent = line.len() - line.trim_start().len();
        if skipped.is_some_and(|from| indent < from) && !words.starts_with(['}', ')', ']']) {
            skipped = None;
        }
        // A word that stands alone ends with its line.
        let ended = format!("{line} ");
        let stops = hits(&ended, &language.stops);
        let skips = hits(&ended, &language.skips);
        counts.skips += if stops > 0 { stops } else { skips } + hits(&ended, &language.focuses);
        pending.tests += hits(line, &language.tests);
        pending.is_skipped |= skips > 0 && stops == 0;
        pending.is_conditional |= hits(line, &language.conditions) > 0;
        if pending.open > 0 || is_attribute(words) {
            pending.open += opened(words);
            continue;
        }
        if skipped.is_none() && stops > 0 {
            skipped = Some(indent);
        }
        if skipped.is_none() && pending.is_skipped {
            skipped = Some(indent + 1);
        } else if skipped.is_none() {
            // Such a test may run and may not: what it asserts counts, so that nobody takes it away in silence.
            counts.tests += match pending.is_conditional {
                true => 0,
                false => pending.tests,
            };
            counts.assertions += hits(line, &language.assertions);
            counts.vacuous += usize::from(is_vacuous(line));
        }
        pending = Pending::default();
    }
    counts
}

/// Whether the line holds attributes only, and no item after them.
fn is_attribute(words: &str) -> bool {
    let of_csharp = |rest: &str| rest.starts_with(|c: char| c.is_ascii_uppercase());
    let begins = words.starts_with("#[")
        || words.starts_with('@')
        || words.strip_prefix('[').is_some_and(of_csharp);
    begins && !words.ends_with(['{', '}', ';'])
}

/// How many brackets the line opens and does not close.
fn opened(words: &str) -> isize {
    let step = |c| match c {
        '(' | '[' => 1,
        ')' | ']' => -1,
        _ => 0,
    };
    words.chars().map(step).sum()
}

fn hits(line: &str, words: &[String]) -> usize {
    words.iter().map(|word| hits_of(line, word)).sum()
}

fn hits_of(line: &str, word: &str) -> usize {
    if let Some(part) = word.strip_prefix('*') {
        let found = line.match_indices(part);
        return found
            .filter(|(at, _)| is_used(&line[at + part.len()..]))
            .count();
    }
    let is_bounded = word.starts_with(|c: char| c.is_ascii_alphanumeric());
    let joins = |c: char| c.is_alphanumeric() || matches!(c, '_' | '.' | '$');
    let ends_a_name = |at: usize| line[..at].chars().next_back().is_some_and(joins);
    let found = line.match_indices(word);
    found
        .filter(|(at, _)| !is_bounded || !ends_a_name(*at))
        .count()
}

/// Whether a name that ends in `rest` is used there, rather than imported.
fn is_used(rest: &str) -> bool {
    let after = rest.trim_start_matches(|c: char| c.is_alphanumeric() || c == '_');
    after.starts_with(['!', '(', ' ', '\t', '.', '<'])
}

#[cfg(test)]
mod tests;
