//! Which remarks does a review hold, and of what grade?
//!
//! A remark begins with its grade: an item of a list (`- P1 src/cart.rs:12 the sum ignores the discount`, numbered,
//! with a box or bold), a heading, a row of a table, or a paragraph whose grade is followed by a colon or a place. In an
//! item or a heading the grade may also follow the place, or stand in brackets behind a title. A heading with a title, or
//! one or an item that is a grade and nothing else, stands over what follows it. What says that there is none is no
//! remark, nor is what is quoted, struck out, ticked off, in code or in a comment.

mod grade;
mod words;

use std::borrow::Cow;

use orch_gate_sdk::{Finding, finding};

use self::grade::{Grade, Graded, behind_a_place, grades, in_brackets, says_nothing};
use self::words::{is_filler, is_mark, place, plain};
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
/// What stands under a grade of its own.
struct Section {
    grade: Grade,
    kind: Kind,
    heading: String,
    /// What the heading says beside its grade.
    title: Option<String>,
    line: u32,
    is_answered: bool,
}

impl Section {
    /// What stands under it, with what its heading says where nothing else says what it is about.
    fn titled<'a>(&mut self, text: &'a str) -> Cow<'a, str> {
        match self.title.take() {
            Some(title) if place(text).is_none() => Cow::Owned(format!("{title}: {text}")),
            Some(_) | None => Cow::Borrowed(text),
        }
    }
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
                    && !says_nothing(cell)
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
        match graded(&block).map(|graded| graded.open()) {
            Some(None) => {
                if let Some(open) = &mut section {
                    open.is_answered = true;
                }
            }
            Some(Some(graded)) if stands_over(&graded, block.kind) => {
                list.close(section.take());
                section = Some(Section {
                    grade: graded.grade,
                    kind: block.kind,
                    heading: block.text.clone(),
                    title: graded.is_titled.then(|| graded.rest.trim().to_owned()),
                    line: block.line,
                    is_answered: false,
                });
            }
            Some(Some(graded)) => {
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
                if !says_nothing(&block.text) {
                    let text = open.titled(block.text.trim());
                    list.add(open.grade, &text, block.line);
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
        is_filler(&found.rest).then_some(found.grade)
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
                rest: Cow::Borrowed(block.beside(cell)),
                ..found
            })
        });
    }
    let is_line = matches!(block.kind, Kind::Heading(_) | Kind::Item(_));
    let Some(found) = grades(&block.text) else {
        let text = is_line.then_some(block.text.as_str())?;
        return behind_a_place(text).or_else(|| in_brackets(text));
    };
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

/// Whether a grade stands over what follows it: nothing else is said beside it, or it is a heading with a title.
fn stands_over(graded: &Graded<'_>, kind: Kind) -> bool {
    is_filler(&graded.rest) || graded.is_titled && matches!(kind, Kind::Heading(_))
}

#[cfg(test)]
mod tests;
