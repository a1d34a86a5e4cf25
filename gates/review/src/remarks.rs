//! Which remarks does a review hold, and of what grade?
//!
//! A remark begins with its grade: an item of a list (`- P1 src/cart.rs:12 the sum ignores the discount`, numbered,
//! with a box or bold), a heading, a row of a table, or a paragraph whose grade is followed by a colon or a place. A
//! heading or item that is a grade and nothing else stands over what follows it. What says that there is none is no
//! remark, nor is what is quoted, struck out, ticked off, in code or in a comment.

use orch_gate_sdk::{Finding, Severity, finding};

use crate::markdown::{Block, CELL, Kind, blocks};

/// Most remarks of one review; a further one that blocks is still counted.
const REMARKS_MAX: usize = 400;
/// Longest remark, in characters.
const TEXT_MAX: usize = 4_000;
/// Headings over an explanation of the grades.
const LEGENDS: [&str; 8] = [
    "scale",
    "legend",
    "grades",
    "grading",
    "severity scale",
    "severity levels",
    "severities",
    "priorities",
];
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
const NOTHING: [&str; 9] = ["none", "no", "nothing", "0", "zero", "nil", "na", "n", "a"];

/// A grade of the reviewer's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Grade {
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
    fn meaning(self) -> (&'static str, Severity, bool) {
        match self {
            Self::P0 => ("review/p0", Severity::Critical, true),
            Self::P1 => ("review/p1", Severity::High, true),
            Self::P2 => ("review/p2", Severity::Medium, false),
            Self::P3 => ("review/p3", Severity::Low, false),
        }
    }
}

/// A grade at the beginning of a text.
struct Graded<'a> {
    /// The gravest of several, such as of `P0/P1`.
    grade: Grade,
    is_alone: bool,
    /// What follows the grades, marks included.
    rest: &'a str,
}

/// What stands under a grade of its own.
struct Section {
    grade: Grade,
    kind: Kind,
    heading: String,
    line: u32,
    is_answered: bool,
}

/// The remarks of a review whose body begins after `lines_before` lines of its file.
pub(crate) fn remarks(file: &str, body: &str, lines_before: u32) -> Vec<Finding> {
    let mut list = Remarks {
        file,
        found: Vec::new(),
    };
    let mut section: Option<Section> = None;
    let mut legend: Option<Kind> = None;
    let mut columns: Vec<Option<Grade>> = Vec::new();
    for mut block in blocks(body) {
        block.line += lines_before;
        if !matches!(block.kind, Kind::Row) {
            columns.clear();
        } else if let Some(header) = columns_of(&block) {
            columns = header;
            continue;
        } else if !columns.is_empty() && graded(&block).is_none() {
            for (grade, cell) in columns.iter().zip(block.cells()) {
                if let Some(grade) = grade
                    && !cell.is_empty()
                    && !is_nothing(cell)
                {
                    list.add(*grade, cell, block.line);
                }
            }
            continue;
        }
        if section
            .as_ref()
            .is_some_and(|s| !block.kind.is_below(s.kind))
        {
            list.close(section.take());
        }
        if legend.is_some_and(|kind| !block.kind.is_below(kind)) {
            legend = None;
        }
        if matches!(block.kind, Kind::Heading(_)) && LEGENDS.contains(&plain(&block.text).as_str())
        {
            legend = Some(block.kind);
        }
        if legend.is_some() || block.is_done {
            if let Some(open) = &mut section {
                open.is_answered = true;
            }
            continue;
        }
        match graded(&block) {
            Some(graded) if is_nothing(graded.rest) => {
                if let Some(open) = &mut section {
                    open.is_answered = true;
                }
            }
            Some(graded) if is_filler(graded.rest) => {
                list.close(section.take());
                section = Some(Section {
                    grade: graded.grade,
                    kind: block.kind,
                    heading: block.text.clone(),
                    line: block.line,
                    is_answered: false,
                });
            }
            Some(graded) => {
                let text = graded.rest.trim_start_matches(is_mark).trim();
                list.add(graded.grade, text, block.line);
                if let Some(open) = &mut section {
                    open.is_answered = true;
                }
            }
            None => {
                let Some(open) = &mut section else {
                    continue;
                };
                if block.text.trim().is_empty() {
                    continue;
                }
                open.is_answered = true;
                if !is_nothing(&block.text) {
                    list.add(open.grade, block.text.trim(), block.line);
                }
            }
        }
    }
    list.close(section);
    list.found
}

struct Remarks<'a> {
    file: &'a str,
    found: Vec<Finding>,
}

impl Remarks<'_> {
    fn add(&mut self, grade: Grade, text: &str, line: u32) {
        let (rule, severity, blocking) = grade.meaning();
        if self.found.len() >= REMARKS_MAX {
            // A remark that blocks takes the place of one that does not.
            let lighter = self.found.iter().rposition(|f| blocking && !f.blocking);
            let Some(lighter) = lighter else {
                return;
            };
            self.found.remove(lighter);
        }
        // The cells of a row are read as one line.
        let words = text.split([CELL, ' ']).filter(|word| !word.is_empty());
        let text = words.collect::<Vec<_>>().join(" ");
        let text: String = text.chars().take(TEXT_MAX).collect();
        let mut found = finding(rule, text.clone()).severity(severity);
        found.blocking = blocking;
        self.found.push(match place(&text) {
            Some((path, line)) => found.at(path, line),
            None => found.at(self.file, Some(line)),
        });
    }

    /// A grade that stands over nothing says that something is there and not what.
    fn close(&mut self, section: Option<Section>) {
        if let Some(open) = section.filter(|section| !section.is_answered) {
            let text = format!(
                "{} (the review names nothing under it)",
                open.heading.trim()
            );
            self.add(open.grade, &text, open.line);
        }
    }
}

/// The grades of a row that holds nothing else: the header of a table with a column for each.
fn columns_of(row: &Block) -> Option<Vec<Option<Grade>>> {
    let grade = |cell: &str| {
        let found = grades(cell)?;
        is_filler(found.rest).then_some(found.grade)
    };
    let columns: Vec<Option<Grade>> = row.cells().map(grade).collect();
    let is_header = row
        .cells()
        .zip(&columns)
        .all(|(cell, grade)| cell.is_empty() || grade.is_some());
    (is_header && columns.iter().flatten().count() > 1).then_some(columns)
}

/// The grade that a block begins with, if it is one that speaks of a remark.
fn graded(block: &Block) -> Option<Graded<'_>> {
    if let Kind::Row = block.kind {
        return block.cells().find_map(|cell| {
            let found = grades(cell)?;
            // The other cells say what it is about.
            Some(Graded {
                rest: block.beside(cell),
                ..found
            })
        });
    }
    let found = grades(&block.text)?;
    let is_scale = !found.is_alone && found.rest.contains('=');
    let is_remark = match block.kind {
        Kind::Heading(_) | Kind::Item(_) | Kind::Row => !is_scale,
        Kind::Paragraph(_) => {
            let rest = found.rest.trim_start_matches([')', ']']);
            found.is_alone
                && (rest.starts_with(':') || place(rest.trim_start_matches(is_mark)).is_some())
        }
    };
    is_remark.then_some(found)
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
fn grades(text: &str) -> Option<Graded<'_>> {
    let rest =
        text.trim_start_matches(|c: char| is_mark(c) || c.is_ascii_digit() && is_number(text));
    let mut rest = without_label(rest);
    let mut found: Option<Grade> = None;
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
        found = Some(found.map_or(grade, |found| found.min(grade)));
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
    Some(Graded {
        grade: found?,
        is_alone: count == 1,
        rest,
    })
}

/// Whether a text begins with a number as of a list: `1.` or `2)`.
fn is_number(text: &str) -> bool {
    let after = text
        .trim_start()
        .trim_start_matches(|c: char| c.is_ascii_digit());
    after.len() < text.trim_start().len() && after.starts_with(['.', ')'])
}

/// What stands around a grade and belongs to neither it nor the remark.
fn is_mark(c: char) -> bool {
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

fn plain(text: &str) -> String {
    words(text).join(" ")
}

/// Whether what stands beside a grade says nothing of its own.
fn is_filler(text: &str) -> bool {
    words(text)
        .iter()
        .all(|word| FILLERS.contains(&word.as_str()))
        && !text.contains(|c: char| is_dash_alone(text, c))
}

/// Whether a text says that there is nothing: `none`, `0 findings`, `n/a`, or a dash alone.
fn is_nothing(text: &str) -> bool {
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
fn place(text: &str) -> Option<(&str, Option<u32>)> {
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

#[cfg(test)]
mod tests;
