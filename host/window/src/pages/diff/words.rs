//! Which words of a changed line are other ones?

use orch_views::diff::{DiffLine, LineChange};
use similar::{ChangeTag, TextDiff};

use crate::text::block;

/// Longest line that is looked into, bytes.
const LINE_BYTES_MAX: usize = 500;
/// Least share of two lines that has to be the same: of others nearly every word would be marked.
const ALIKE_MIN: f32 = 0.4;

/// A piece of a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Part {
    pub(super) text: String,
    /// Whether it is not in the line that this one replaces, or is replaced by.
    pub(super) is_other: bool,
}

/// The lines of a hunk in pieces. As many lines added as were removed before them replace each other one by one.
pub(super) fn parts(lines: &[DiffLine]) -> Vec<Vec<Part>> {
    let mut parts: Vec<Vec<Part>> = lines.iter().map(|l| whole(&l.text)).collect();
    let mut at = 0;
    while at < lines.len() {
        let removed = run(&lines[at..], LineChange::Removed);
        let added = run(&lines[at + removed..], LineChange::Added);
        if removed > 0 && removed == added {
            for old in at..at + removed {
                let new = old + removed;
                if let Some((of_old, of_new)) = between(&lines[old].text, &lines[new].text) {
                    (parts[old], parts[new]) = (of_old, of_new);
                }
            }
        }
        at += (removed + added).max(1);
    }
    parts
}

/// How many lines from the first on are of one kind.
fn run(lines: &[DiffLine], change: LineChange) -> usize {
    lines.iter().take_while(|l| l.change == change).count()
}

fn whole(text: &str) -> Vec<Part> {
    vec![Part {
        text: block(text),
        is_other: false,
    }]
}

/// The pieces of two lines; none if they have too little in common, or are too long to be compared.
fn between(old: &str, new: &str) -> Option<(Vec<Part>, Vec<Part>)> {
    if old.len().max(new.len()) > LINE_BYTES_MAX {
        return None;
    }
    let diff = TextDiff::from_unicode_words(old, new);
    if diff.ratio() < ALIKE_MIN {
        return None;
    }
    let (mut of_old, mut of_new) = (Vec::new(), Vec::new());
    for change in diff.iter_all_changes() {
        let is_other = change.tag() != ChangeTag::Equal;
        if change.tag() != ChangeTag::Insert {
            push(&mut of_old, change.value(), is_other);
        }
        if change.tag() != ChangeTag::Delete {
            push(&mut of_new, change.value(), is_other);
        }
    }
    Some((of_old, of_new))
}

fn push(parts: &mut Vec<Part>, text: &str, is_other: bool) {
    match parts.last_mut() {
        Some(last) if last.is_other == is_other => last.text.push_str(text),
        _ => parts.push(Part {
            text: text.to_owned(),
            is_other,
        }),
    }
}

#[cfg(test)]
mod tests {
    use orch_views::diff::{DiffLine, LineChange};

    use super::{LINE_BYTES_MAX, parts};

    /// Lines with their sign, as they are shown: what is marked stands in brackets.
    fn shown(lines: &[&str]) -> Vec<String> {
        let line = |text: &&str| DiffLine {
            change: match text.as_bytes()[0] {
                b'+' => LineChange::Added,
                b'-' => LineChange::Removed,
                _ => LineChange::Same,
            },
            text: text[1..].to_owned(),
        };
        let lines: Vec<DiffLine> = lines.iter().map(line).collect();
        let text = |parts: Vec<super::Part>| {
            let parts = parts.into_iter().map(|part| match part.is_other {
                true => format!("[{}]", part.text),
                false => part.text,
            });
            parts.collect()
        };
        parts(&lines).into_iter().map(text).collect()
    }

    #[test]
    fn words_that_are_not_in_the_line_before_are_marked_on_both_sides() {
        let lines = [" a", "-let x = old(1);", "+let x = new(1, 2);", " b"];
        let expected = ["a", "let x = [old](1);", "let x = [new](1[, 2]);", "b"];
        assert_eq!(shown(&lines), expected);
    }

    #[test]
    fn lines_replace_each_other_one_by_one_when_there_are_as_many() {
        let lines = ["-a one", "-b two", "+a uno", "+b due"];
        let expected = ["a [one]", "b [two]", "a [uno]", "b [due]"];
        assert_eq!(shown(&lines), expected);
        let lines = ["-a one", "+a uno", "+b due"];
        assert_eq!(shown(&lines), ["a one", "a uno", "b due"]);
        let lines = ["+a uno", "-a one"];
        assert_eq!(shown(&lines), ["a uno", "a one"]);
    }

    #[test]
    fn lines_with_little_in_common_or_of_great_length_are_whole() {
        let lines = ["-return nothing", "+for each of them do"];
        assert_eq!(shown(&lines), ["return nothing", "for each of them do"]);
        let long = "x ".repeat(LINE_BYTES_MAX);
        let lines = [format!("-{long}a"), format!("+{long}b")];
        let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
        assert_eq!(shown(&lines), [format!("{long}a"), format!("{long}b")]);
    }
}
