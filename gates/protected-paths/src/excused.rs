//! Which marks does the branch add that have a check pass code over: coverage, linters, types, scanners?
//!
//! Whoever is to go green may exclude a line from what is measured. Marks are data, one list for each language. They
//! are counted over all files of the change, so that what only moves is none that is new.

use std::collections::BTreeMap;

use aho_corasick::AhoCorasick;
use orch_gate_sdk::repository::Revision;
use orch_gate_sdk::{Finding, Host};

use crate::changes::Kind;
use crate::code::without_strings;
use crate::content::differing;
use crate::globs::Globs;
use crate::languages::{self, Known, Language};
use crate::protected;
use crate::text::clean;

/// Most changed files that are read; the gate says of the rest that nobody looked through them.
const FILES_MAX: usize = 1_500;

/// Marks of one file.
struct Marked {
    path: String,
    before: Vec<Mark>,
    after: Vec<Mark>,
}

/// A mark, and the line it stands in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Mark {
    line: usize,
    word: &'static str,
}

/// The findings of marks that are new. Tests are measured by no coverage, and what they leave out is counted elsewhere.
pub(crate) fn findings<H: Host>(
    host: &H,
    changes: &BTreeMap<String, Kind>,
    tests: &Globs,
    allow: &Globs,
) -> Vec<Finding> {
    let wanted = changes
        .iter()
        .filter(|(path, _)| !allow.matches(path) && !tests.matches(path));
    let mut files: Vec<Marked> = Vec::new();
    let mut words = Words::default();
    for (path, kind) in wanted.take(FILES_MAX) {
        let Known::Language(language) = languages::of(path) else {
            continue;
        };
        let read = |at| host.read_file(at, path).unwrap_or_default();
        let before = match kind {
            Kind::Added => String::new(),
            Kind::Modified | Kind::Deleted => read(Revision::Base),
        };
        let after = match kind {
            Kind::Deleted => String::new(),
            Kind::Added | Kind::Modified => read(Revision::Head),
        };
        let Some(words) = words.of(language) else {
            continue;
        };
        // Most of a file is as it was: strings are told from code only where a line with a mark came or went.
        let differing = differing(&before, &after);
        if !words.are_in(differing.before) && !words.are_in(differing.after) {
            continue;
        }
        files.push(Marked {
            path: path.clone(),
            before: words.marks(&before, language),
            after: words.marks(&after, language),
        });
    }
    let count = |of: fn(&Marked) -> usize| files.iter().map(of).sum::<usize>();
    if count(|file| file.after.len()) <= count(|file| file.before.len()) {
        return Vec::new();
    }
    files.iter().filter_map(more).collect()
}

/// The finding of a file that holds more marks than it did.
fn more(file: &Marked) -> Option<Finding> {
    if file.after.len() <= file.before.len() {
        return None;
    }
    // The first one that was not there, if they stand in the order of before.
    let pairs = file.before.iter().zip(&file.after);
    let at = pairs.take_while(|(was, is)| was.word == is.word).count();
    let mark = file.after.get(at)?;
    let what = format!(
        "holds marks that have a check pass code over, {} instead of {}, such as `{}` in line {}",
        file.after.len(),
        file.before.len(),
        mark.word,
        mark.line
    );
    let line = u32::try_from(mark.line).ok();
    Some(protected("check-excused", &file.path, &what).at(clean(&file.path, 300), line))
}

/// The words of one language and those of all, to be looked for at once.
struct Search {
    words: Vec<&'static str>,
    search: AhoCorasick,
}

/// The searches that were needed so far, by the first ending of a language's files.
#[derive(Default)]
struct Words(BTreeMap<&'static str, Search>);

impl Words {
    fn of(&mut self, language: &'static Language) -> Option<&Search> {
        let name = language.name();
        if !self.0.contains_key(name) {
            let words = language.excuses.iter().chain(languages::excuses());
            let words: Vec<&str> = words.map(String::as_str).collect();
            let search = AhoCorasick::new(&words).ok()?;
            self.0.insert(name, Search { words, search });
        }
        self.0.get(name)
    }
}

impl Search {
    fn are_in(&self, text: &str) -> bool {
        self.search.is_match(&squeezed(text))
    }

    /// The marks of a text. One line is excused once, by however many words.
    fn marks(&self, text: &str, language: &Language) -> Vec<Mark> {
        let code = without_strings(text, &language.syntax);
        let mut found = Vec::new();
        for (at, line) in code.lines().enumerate() {
            let hit = self.search.find(&squeezed(line));
            let word = hit.and_then(|hit| self.words.get(hit.pattern().as_usize()));
            found.extend(word.map(|word| Mark { line: at + 1, word }));
        }
        found
    }
}

/// Marks are written with blanks and capitals or without.
fn squeezed(text: &str) -> String {
    let kept = text.chars().filter(|c| *c == '\n' || !c.is_whitespace());
    kept.map(|c| c.to_ascii_lowercase()).collect()
}
