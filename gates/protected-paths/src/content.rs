//! What do changed files say that their names do not tell? Each is read once, before and after the change.

use std::collections::BTreeMap;

use orch_gate_sdk::repository::Revision;
use orch_gate_sdk::{Finding, Host};

use crate::changes::Kind;
use crate::code::without_comments_and_strings;
use crate::globs::Globs;
use crate::hidden::Differing;
use crate::languages::{self, Known, Language};
use crate::{checks, hidden, protected};

/// Most changed files that are read.
const FILES_MAX: usize = 1_500;

/// How often checks of rights stand in a file.
struct Loss {
    path: String,
    before: usize,
    after: usize,
}

/// The findings of hidden text and of checks that are gone.
///
/// Most of a file is as it was: only what differs is looked at first, and comments are told from code where that may
/// change the answer. A change of hundreds of files has to stay within the time of a gate.
pub(crate) fn findings<H: Host>(
    host: &H,
    changes: &BTreeMap<String, Kind>,
    tests: &Globs,
    allow: &Globs,
) -> Vec<Finding> {
    let mut found = Vec::new();
    let mut losses: Vec<Loss> = Vec::new();
    let names = checks::names();
    let wanted = changes.iter().filter(|(path, _)| !allow.matches(path));
    for (path, kind) in wanted.clone().take(FILES_MAX) {
        // What is no text hides nothing from somebody who reads text.
        let read = |at| host.read_file(at, path).unwrap_or_default();
        let before = match kind {
            Kind::Added => String::new(),
            Kind::Modified | Kind::Deleted => read(Revision::Base),
        };
        let after = match kind {
            Kind::Deleted => String::new(),
            Kind::Added | Kind::Modified => read(Revision::Head),
        };
        let differing = differing(&before, &after);
        let language = language_of(path);
        if *kind != Kind::Deleted {
            let of_path = hidden::in_path(path);
            let of_text = hidden::in_text(&differing);
            let of_names = language
                .filter(|_| !differing.after.is_ascii())
                .and_then(|language| {
                    hidden::in_names(&code(&before, language), &code(&after, language))
                });
            let all = of_path.into_iter().chain(of_text).chain(of_names);
            found.extend(all.map(|what| protected("hidden-text", path, &what)));
        }
        if let Some(language) = language.filter(|_| !tests.matches(path)) {
            // A name that came or went in a comment counts here, too: where there is one, code is told from comments.
            let quick = |text: &str| checks::count(text, &names);
            if quick(differing.before) + quick(differing.after) == 0 {
                continue;
            }
            let count = |text: &str| checks::count(&code(text, language), &names);
            losses.push(Loss {
                path: path.clone(),
                before: count(&before),
                after: count(&after),
            });
        }
    }
    let more = wanted.count().saturating_sub(FILES_MAX);
    if more > 0 {
        let what = format!("and {more} more files were not looked through for hidden text");
        found.push(protected("hidden-text", "this change", &what));
    }
    found.extend(fewer(&losses));
    found
}

fn code(text: &str, language: &Language) -> String {
    without_comments_and_strings(text, &language.syntax)
}

/// The lines in which two texts differ, from the first to the last.
pub(crate) fn differing<'t>(before: &'t str, after: &'t str) -> Differing<'t> {
    let pairs = before.bytes().zip(after.bytes());
    let same = pairs.take_while(|(a, b)| a == b).count();
    let start = before.as_bytes()[..same].iter().rposition(|b| *b == b'\n');
    let start = start.map_or(0, |at| at + 1);
    let (old, new) = (&before[start..], &after[start..]);
    let pairs = old.bytes().rev().zip(new.bytes().rev());
    let same = pairs.take_while(|(a, b)| a == b).count();
    // The end begins behind a line's end in both, so that no line is cut.
    let tail = &old.as_bytes()[old.len() - same..];
    let cut = tail.iter().position(|b| *b == b'\n');
    let kept = cut.map_or(0, |at| same - at - 1);
    Differing {
        first_line: before[..start].matches('\n').count() + 1,
        before: &old[..old.len() - kept],
        after: &new[..new.len() - kept],
    }
}

fn language_of(path: &str) -> Option<&'static Language> {
    match languages::of(path) {
        Known::Language(language) | Known::Guessed(language) => Some(language),
        Known::Data => None,
    }
}

/// Checks that only move from file to file are as many as before.
fn fewer(losses: &[Loss]) -> Option<Finding> {
    let before: usize = losses.iter().map(|loss| loss.before).sum();
    let after: usize = losses.iter().map(|loss| loss.after).sum();
    let worst = losses
        .iter()
        .max_by_key(|loss| loss.before.saturating_sub(loss.after))?;
    (after < before).then(|| {
        let what = format!(
            "and what else is changed hold fewer names of checks of rights than at the base: {after} instead of {before}"
        );
        protected("check-removed", &worst.path, &what)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_lines_that_differ_are_looked_at_and_none_is_cut() {
        for (before, after, expected) in [
            ("a\nb\nc\n", "a\nx\nc\n", (2, "b\n", "x\n")),
            ("a\nb\n", "a\nb\n", (3, "", "")),
            ("", "a\n", (1, "", "a\n")),
            ("a\n", "", (1, "a\n", "")),
            ("a\na\n", "a\n", (2, "a\n", "")),
            ("ä\nö", "ä\nü", (2, "ö", "ü")),
            ("xb\n", "yb\n", (1, "xb\n", "yb\n")),
        ] {
            let Differing {
                first_line,
                before: old,
                after: new,
            } = differing(before, after);
            assert_eq!((first_line, old, new), expected, "{before:?} {after:?}");
        }
    }
}
