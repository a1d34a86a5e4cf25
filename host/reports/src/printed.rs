//! What the usual programs print of their tests, by the table of their forms.

use std::borrow::Cow;

use regex_lite::Regex;
use serde::Deserialize;

use crate::failed::{Count, FailedTests};

const FORMS: &str = include_str!("../data/forms.yaml");
/// Bytes of a line that are looked at.
const LINE_BYTES_MAX: usize = 4096;

/// How one program prints.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Form {
    #[serde(rename = "form")]
    _form: String,
    known: Expression,
    unless: Option<Expression>,
    #[serde(default)]
    failed: Vec<Expression>,
    /// Lines that are none although they look like it.
    except: Option<Expression>,
    owner: Option<Expression>,
    ran: Option<Expression>,
    count: Option<Expression>,
    /// Numbers of tests that were counted and did not run.
    passed_over: Option<Expression>,
    /// Lines that say that there was nothing to run.
    none: Option<Expression>,
}

#[derive(Debug, Deserialize)]
#[serde(try_from = "String")]
struct Expression(Regex);

impl TryFrom<String> for Expression {
    type Error = regex_lite::Error;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Regex::new(&text).map(Self)
    }
}

/// Reads an output; `is_whole` says whether nothing was left out of it. Several forms may be in one output.
pub fn printed(text: &str, is_whole: bool) -> FailedTests {
    let lines: Vec<Cow<'_, str>> = text.lines().map(plain).collect();
    let mut all = FailedTests::default();
    for form in forms() {
        if form.is_in(&lines) {
            all.join(&form.read(&lines));
        }
    }
    all.more |= !is_whole && !all.names.is_empty();
    if !is_whole {
        // Of a count that may lack a part nothing follows.
        all.ran = None;
    }
    all
}

fn forms() -> Vec<Form> {
    serde_yaml::from_str(FORMS).expect("a test reads the table")
}

impl Form {
    fn is_in(&self, lines: &[Cow<'_, str>]) -> bool {
        let has = |pattern: &Expression| lines.iter().any(|line| pattern.0.is_match(line));
        has(&self.known) && !self.unless.as_ref().is_some_and(has)
    }

    fn read(&self, lines: &[Cow<'_, str>]) -> FailedTests {
        let mut failed = FailedTests::default();
        // Failures whose owner is not known yet.
        let mut waiting: Vec<String> = Vec::new();
        let mut count = Count::default();
        for line in lines {
            self.count(line, &mut count);
            if let Some(owner) = self.owner.as_ref().and_then(|owner| first(&owner.0, line)) {
                match waiting.is_empty() {
                    true => failed.add(&owner),
                    false => waiting
                        .drain(..)
                        .for_each(|name| failed.add(&format!("{owner}::{name}"))),
                }
                continue;
            }
            if self
                .except
                .as_ref()
                .is_some_and(|except| except.0.is_match(line))
            {
                continue;
            }
            let Some(name) = self.failed.iter().find_map(|failed| first(&failed.0, line)) else {
                continue;
            };
            match self.owner {
                Some(_) => waiting.push(name),
                None => failed.add(&name),
            }
        }
        waiting.iter().for_each(|name| failed.add(name));
        failed.ran = count.ran();
        failed
    }

    fn count(&self, line: &str, counted: &mut Count) {
        if self.none.as_ref().is_some_and(|none| none.0.is_match(line)) {
            counted.add(0);
        }
        let (Some(ran), Some(count)) = (&self.ran, &self.count) else {
            return;
        };
        if let Some(passed_over) = &self.passed_over {
            counted.leave_out(sum(&passed_over.0, line));
        }
        // A run of which every test was left out says how many ran, too: none.
        if ran.0.is_match(line) {
            counted.add(sum(&count.0, line));
        }
    }
}

/// The sum of the groups of all matches; a match without a group is one.
fn sum(pattern: &Regex, line: &str) -> u64 {
    let found = pattern.captures_iter(line);
    let numbers = found.map(|found| {
        let number = found
            .get(1)
            .map_or(Some(1), |number| number.as_str().parse().ok());
        number.unwrap_or(0)
    });
    numbers.fold(0, u64::saturating_add)
}

/// The groups of a match, joined.
fn first(pattern: &Regex, line: &str) -> Option<String> {
    let found = pattern.captures(line)?;
    let groups = found
        .iter()
        .skip(1)
        .flatten()
        .map(|group| group.as_str().trim());
    Some(groups.collect::<Vec<_>>().join("::"))
}

/// A line without what colours it.
pub fn plain(line: &str) -> Cow<'_, str> {
    let line = &line[..line.floor_char_boundary(LINE_BYTES_MAX)];
    if !line.contains('\u{1b}') {
        return Cow::Borrowed(line);
    }
    let mut kept = String::new();
    let mut rest = line.chars();
    while let Some(c) = rest.next() {
        if c != '\u{1b}' {
            kept.push(c);
            continue;
        }
        // `ESC [ … letter`.
        if rest.next() == Some('[') {
            rest.find(|c| c.is_ascii_alphabetic());
        }
    }
    Cow::Owned(kept)
}

#[cfg(test)]
mod tests;
