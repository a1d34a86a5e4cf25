//! Which tests does the branch take away, or make ask for less?

use std::collections::{BTreeMap, BTreeSet};

use orch_gate_sdk::repository::{ReadError, Revision};
use orch_gate_sdk::{Finding, Host};

use crate::changes::Kind;
use crate::counts::{Counts, count};
use crate::globs::Globs;
use crate::languages::{self, Language};
use crate::protected;
use crate::text::clean;

/// Most pairs of a deleted and an added file that are looked at; beyond them a moved test counts as deleted.
const PAIRS_MAX: usize = 2_000;

/// The findings for deleted and weakened tests.
pub(crate) fn findings<H: Host>(
    host: &H,
    changes: &BTreeMap<String, Kind>,
    tests: &Globs,
    allow: &Globs,
) -> Vec<Finding> {
    let mut search = Search {
        host,
        tests,
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
    found
}

fn of_kind(changes: &BTreeMap<String, Kind>, wanted: Kind) -> impl Iterator<Item = &str> {
    let of_kind = changes.iter().filter(move |(_, kind)| **kind == wanted);
    of_kind.map(|(path, _)| path.as_str())
}

/// The search through one branch.
struct Search<'a, H> {
    host: &'a H,
    tests: &'a Globs,
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

    /// Whether the file holds tests that the base's text tells: Rust has them beside the code.
    fn holds_tests(&self, path: &str, base: &Result<String, ReadError>) -> bool {
        self.tests.matches(path)
            || path.ends_with(".rs")
                && match (base, languages::of(path)) {
                    (Ok(text), Some(language)) => {
                        let counts = count(language, text);
                        counts.tests + counts.skips > 0
                    }
                    (Err(ReadError::Denied(_)), _) => true,
                    (Ok(_), None)
                    | (Err(ReadError::Missing | ReadError::TooLarge(_) | ReadError::NotText), _) => {
                        false
                    }
                }
    }

    /// A path that is new since the branch began, but that the base may have gained meanwhile.
    fn added(&self, path: &str) -> Option<Finding> {
        match self.base(path) {
            Err(ReadError::Missing) => None,
            Ok(_) | Err(_) => self.modified(path),
        }
    }

    fn modified(&self, path: &str) -> Option<Finding> {
        if !self.tests.matches(path) && !path.ends_with(".rs") {
            return None;
        }
        let language = languages::of(path)?;
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
        if !self.tests.matches(path) && !path.ends_with(".rs") {
            return None;
        }
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
        weaker(languages::of(path)?, path, &to, &base, &head)
    }

    /// The added test file that a deleted one lives on in, with its text.
    fn moved(&mut self, from: &str, base: &str) -> Option<(String, String)> {
        let must_be_test = self.tests.matches(from);
        let candidates: Vec<&str> = self.added.iter().copied().collect();
        for to in candidates {
            let fits =
                extension(to) == extension(from) && (!must_be_test || self.tests.matches(to));
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
