//! Which tests does the branch take away, or make ask for less?

use std::collections::{BTreeMap, BTreeSet};

use orch_gate_sdk::repository::{ReadError, Revision};
use orch_gate_sdk::{Finding, Host};

use crate::changes::Kind;
use crate::counts::{Counts, count};
use crate::globs::Globs;
use crate::languages::{self, Known, Language};
use crate::protected;
use crate::text::clean;

/// Most pairs of a deleted and an added file that are looked at; beyond them a moved test counts as deleted.
const PAIRS_MAX: usize = 2_000;

/// What was looked at, for people.
#[derive(Debug, Default)]
pub(crate) struct Looked {
    /// Changed tests that were compared with the base by the words of their language.
    pub(crate) compared: usize,
    /// Changed tests of languages that are not known, which were compared by what many have in common.
    pub(crate) guessed: Vec<String>,
    /// Changed text and data among the tests, in which nothing can be counted.
    pub(crate) data: Vec<String>,
}

/// The findings for deleted and weakened tests, and what was looked at for them.
pub(crate) fn findings<H: Host>(
    host: &H,
    changes: &BTreeMap<String, Kind>,
    tests: &Globs,
    setups: &Globs,
    allow: &Globs,
) -> (Vec<Finding>, Looked) {
    let mut search = Search {
        host,
        tests,
        setups,
        looked: Looked::default(),
        added: of_kind(changes, Kind::Added).collect(),
        texts: BTreeMap::new(),
        pairs: 0,
    };
    let mut found = Vec::new();
    let suspects = changes.iter().filter(|(path, _)| !allow.matches(path));
    for (path, kind) in suspects {
        found.extend(match kind {
            Kind::Added => search.added(path),
            Kind::Modified => search.modified(path),
            Kind::Deleted => search.deleted(path),
        });
    }
    (found, search.looked)
}

fn of_kind(changes: &BTreeMap<String, Kind>, wanted: Kind) -> impl Iterator<Item = &str> {
    let of_kind = changes.iter().filter(move |(_, kind)| **kind == wanted);
    of_kind.map(|(path, _)| path.as_str())
}

/// The search through one branch.
struct Search<'a, H> {
    host: &'a H,
    tests: &'a Globs,
    /// Files that decide which tests run.
    setups: &'a Globs,
    looked: Looked,
    /// Added files that no deleted one has been found in yet.
    added: BTreeSet<&'a str>,
    texts: BTreeMap<String, Option<String>>,
    pairs: usize,
}

impl<H: Host> Search<'_, H> {
    fn base(&self, path: &str) -> Result<String, ReadError> {
        self.host.read_file(Revision::Base, path)
    }

    fn head(&self, path: &str) -> Result<String, ReadError> {
        self.host.read_file(Revision::Head, path)
    }

    fn is_test(&self, path: &str) -> bool {
        self.tests.matches(path) || self.setups.matches(path)
    }

    /// Whether the file holds tests that the base's text tells: some languages have them beside the code.
    fn holds_tests(&self, path: &str, base: &Result<String, ReadError>) -> bool {
        self.is_test(path)
            || match (base, languages::of(path)) {
                (Ok(text), Known::Language(language)) if language.inside_code => {
                    let counts = count(language, text);
                    counts.tests + counts.skips > 0
                }
                (Err(ReadError::Denied(_)), Known::Language(language)) => language.inside_code,
                (_, _) => false,
            }
    }

    /// The words to compare a changed file by; none for what is no test, or nothing can be counted in.
    fn words(&mut self, path: &str) -> Option<&'static Language> {
        let is_test = self.is_test(path);
        match languages::of(path) {
            Known::Language(language) if is_test => {
                self.looked.compared += 1;
                Some(language)
            }
            Known::Language(language) => Some(language).filter(|language| language.inside_code),
            Known::Guessed(language) if is_test => {
                self.looked.guessed.push(path.to_owned());
                Some(language)
            }
            Known::Data if is_test => {
                self.looked.data.push(path.to_owned());
                None
            }
            Known::Guessed(_) | Known::Data => None,
        }
    }

    /// A path that is new since the branch began, but that the base may have gained meanwhile. What decides which
    /// tests run can take some away though it is new.
    fn added(&mut self, path: &str) -> Option<Finding> {
        match self.base(path) {
            Err(ReadError::Missing) if self.setups.matches(path) => self.new_setup(path),
            Err(ReadError::Missing) => None,
            Ok(_) | Err(_) => self.modified(path),
        }
    }

    fn new_setup(&mut self, path: &str) -> Option<Finding> {
        let language = self.words(path)?;
        let text = match self.head(path) {
            Ok(text) => text,
            Err(error) => return Some(incomparable(path, "head", &error)),
        };
        let counts = count(language, &text);
        (counts.skips > 0).then(|| {
            let what = format!(
                "is new, decides which tests run, and holds {} that leave tests out",
                counted(counts.skips, "word", "words")
            );
            protected("test-weakened", path, &what)
        })
    }

    fn modified(&mut self, path: &str) -> Option<Finding> {
        let language = self.words(path)?;
        let base = self.base(path);
        if !self.holds_tests(path, &base) {
            return None;
        }
        match (base, self.head(path)) {
            (Ok(base), Ok(head)) => weaker(language, path, path, &base, &head),
            (Err(error), _) => Some(incomparable(path, "base", &error)),
            (_, Err(error)) => Some(incomparable(path, "head", &error)),
        }
    }

    fn deleted(&mut self, path: &str) -> Option<Finding> {
        let base = self.base(path);
        if !self.holds_tests(path, &base) {
            return None;
        }
        let moved = base
            .ok()
            .and_then(|base| self.moved(path, &base).map(|to| (base, to)));
        let Some((base, (to, head))) = moved else {
            let what = "is a test, and is deleted or moved to where it is none";
            return Some(protected("test-deleted", path, what));
        };
        match languages::of(path) {
            Known::Language(language) | Known::Guessed(language) => {
                weaker(language, path, &to, &base, &head)
            }
            Known::Data => None,
        }
    }

    /// The added test file that a deleted one lives on in, with its text.
    fn moved(&mut self, from: &str, base: &str) -> Option<(String, String)> {
        let must_be_test = self.is_test(from);
        let candidates: Vec<&str> = self.added.iter().copied().collect();
        for to in candidates {
            let fits = extension(to) == extension(from) && (!must_be_test || self.is_test(to));
            if !fits || self.pairs >= PAIRS_MAX {
                continue;
            }
            self.pairs += 1;
            let head = self.host;
            let text = self.texts.entry(to.to_owned());
            let text = text.or_insert_with(|| head.read_file(Revision::Head, to).ok());
            if let Some(text) = text.as_ref().filter(|text| is_alike(base, text)) {
                let text = text.clone();
                self.added.remove(to);
                return Some((to.to_owned(), text));
            }
        }
        None
    }
}

fn extension(path: &str) -> Option<&str> {
    let name = path.rsplit('/').next().unwrap_or(path);
    name.rsplit_once('.').map(|(_, extension)| extension)
}

/// Whether at least half of the base's lines are in the other text.
fn is_alike(base: &str, other: &str) -> bool {
    let lines = |text: &'_ str| -> Vec<String> {
        let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
        lines.map(str::to_owned).collect()
    };
    let base = lines(base);
    let mut others: BTreeMap<String, usize> = BTreeMap::new();
    for line in lines(other) {
        *others.entry(line).or_default() += 1;
    }
    let shared = base.iter().filter(|line| match others.get_mut(*line) {
        Some(left) if *left > 0 => {
            *left -= 1;
            true
        }
        Some(_) | None => false,
    });
    shared.count() * 2 >= base.len()
}

fn weaker(language: &Language, from: &str, to: &str, base: &str, head: &str) -> Option<Finding> {
    let (before, after) = (count(language, base), count(language, head));
    let changes = losses(before, after);
    if changes.is_empty() {
        return None;
    }
    let moved = if from == to {
        String::new()
    } else {
        format!(", moved from {},", clean(from, 300))
    };
    let what = format!(
        "{moved} tests less than at the base: {}",
        changes.join("; ")
    );
    Some(protected("test-weakened", to, what.trim_start()))
}

fn counted(count: usize, one: &str, many: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { many })
}

fn losses(before: Counts, after: Counts) -> Vec<String> {
    let mut losses = Vec::new();
    for (what, before, after) in [
        ("tests that run", before.tests, after.tests),
        ("assertions that run", before.assertions, after.assertions),
    ] {
        if after < before {
            losses.push(format!("{what} fell from {before} to {after}"));
        }
    }
    if after.vacuous > before.vacuous {
        let (before, after) = (before.vacuous, after.vacuous);
        losses.push(format!(
            "assertions that hold whatever the code does rose from {before} to {after}"
        ));
    }
    if after.skips > before.skips {
        let (before, after) = (before.skips, after.skips);
        losses.push(format!(
            "skip or ignore markers rose from {before} to {after}"
        ));
    }
    losses
}

fn incomparable(path: &str, side: &str, error: &ReadError) -> Finding {
    let why = match error {
        ReadError::Missing => "it is missing there".to_owned(),
        ReadError::TooLarge(bytes) => format!("it has {bytes} bytes, too many to read"),
        ReadError::NotText => "it is not UTF-8 text".to_owned(),
        ReadError::Denied(why) => clean(why, 300),
    };
    let what =
        format!("is a test and cannot be compared, for it cannot be read at the {side}: {why}");
    protected("test-weakened", path, &what)
}
