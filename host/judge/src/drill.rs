//! Of what does a repository let a bad change be made? For each class the first place of the base that allows it, and
//! the change itself. The same base and seed come to the same change, so that a host that died makes no other one.
//!
//! A class that cannot be made here says why. Nothing is run, and nothing of the files is believed.

mod guards;
mod hidden;
mod languages;
mod tests;

use std::collections::BTreeSet;

use orch_domain::drill::DrillClass;
use orch_domain::id::ObjectId;
use orch_process::git::{Blob, Git};
use serde::Deserialize;
use sha2::{Digest, Sha256};

use self::languages::{Language, language_of};
use crate::risk::{is_guard_of_ci, is_guard_of_coverage, is_test};

/// Largest file that is changed.
const BYTES_MAX: u64 = 64 * 1024;
/// Files of each sort that are looked at, in the order of their paths.
const FILES_MAX: usize = 60;
/// Folders of what others wrote.
const OF_OTHERS: [&str; 8] = [
    "node_modules",
    "vendor",
    "third_party",
    "dist",
    "build",
    "target",
    ".venv",
    "site-packages",
];

/// From here on a file of Rust holds tests.
const TESTS_INSIDE: &str = "#[cfg(test)]";

const CHECKS: &str = include_str!("../../../gates/protected-paths/src/checks.toml");

/// A change that can be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Planned {
    /// Files with their new content; none for a file that goes.
    pub files: Vec<(String, Option<Vec<u8>>)>,
    /// What is changed and where, in one line.
    pub note: String,
}

impl Planned {
    fn of(path: &str, text: String, what: &str) -> Self {
        Self {
            files: vec![(path.to_owned(), Some(text.into_bytes()))],
            note: format!("{path}: {what}"),
        }
    }
}

/// Why a class cannot be made, in words, or its change.
pub type Made = Result<Planned, String>;

/// What the changes are made of.
#[derive(Debug)]
pub struct Material {
    names: BTreeSet<String>,
    tests: Vec<Source>,
    code: Vec<Source>,
    /// Code with tests beside it.
    inside: Vec<Source>,
    ci: Vec<Source>,
    coverage: Vec<Source>,
    /// The repository's own file of the gates, if it has one.
    own: Option<Source>,
    has_tests: bool,
    seed: String,
}

/// A file of the base.
#[derive(Debug)]
struct Source {
    path: String,
    text: String,
    language: Option<&'static Language>,
    /// Line from which tests stand in it.
    from: usize,
}

/// What a file is of use for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sort {
    /// It is the repository's own file of the gates.
    Own,
    Ci,
    Coverage,
    Test,
    Code,
}

impl Sort {
    fn of(path: &str) -> Option<Self> {
        let is_known = language_of(path).is_some();
        match () {
            () if is_of_others(path) => None,
            () if path == ".orch.yaml" => Some(Self::Own),
            () if is_guard_of_ci(path) => Some(Self::Ci),
            () if guards::may_say_coverage(path) || is_guard_of_coverage(path) => {
                Some(Self::Coverage)
            }
            () if is_known && is_test(path) => Some(Self::Test),
            () if is_known => Some(Self::Code),
            () => None,
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Checks {
    names: Vec<String>,
}

impl Material {
    /// Reads what the base has. `has_tests` says whether the host tests commits of the repository.
    ///
    /// # Errors
    /// When git does not answer.
    pub async fn read(
        git: &Git,
        base: &ObjectId,
        has_tests: bool,
        seed: &str,
    ) -> anyhow::Result<Self> {
        let mut material = Self::nothing(has_tests, seed);
        for entry in git.list(base, "").await? {
            let path = entry.path.to_string();
            material.names.insert(path.clone());
            // A change keeps to plain files whose names are text: it is about what stands in them.
            let is_plain = entry.mode == "100644" && entry.path.as_bytes() == path.as_bytes();
            if !is_plain || entry.size > BYTES_MAX || !material.wants(&path) {
                continue;
            }
            if let Blob::Text(text) = git.read_blob(&entry, BYTES_MAX).await? {
                material.add(path, text);
            }
        }
        Ok(material)
    }

    fn nothing(has_tests: bool, seed: &str) -> Self {
        Self {
            names: BTreeSet::new(),
            tests: Vec::new(),
            code: Vec::new(),
            inside: Vec::new(),
            ci: Vec::new(),
            coverage: Vec::new(),
            own: None,
            has_tests,
            seed: seed.to_owned(),
        }
    }

    /// Whether a file is of use, and there is room for one of its sort.
    fn wants(&self, path: &str) -> bool {
        let list = match Sort::of(path) {
            Some(Sort::Own) => return true,
            Some(Sort::Ci) => &self.ci,
            Some(Sort::Coverage) => &self.coverage,
            Some(Sort::Test) => &self.tests,
            Some(Sort::Code) => &self.code,
            None => return false,
        };
        list.len() < FILES_MAX
    }

    fn add(&mut self, path: String, text: String) {
        let language = language_of(&path);
        let inside = text.lines().position(|line| line.trim() == TESTS_INSIDE);
        let source = |from| Source {
            path: path.clone(),
            text: text.clone(),
            language,
            from,
        };
        match Sort::of(&path) {
            Some(Sort::Own) => self.own = Some(source(0)),
            Some(Sort::Ci) => self.ci.push(source(0)),
            Some(Sort::Coverage) => self.coverage.push(source(0)),
            Some(Sort::Test) => self.tests.push(source(0)),
            Some(Sort::Code) => {
                let inside = inside.filter(|_| path.ends_with(".rs"));
                self.inside.extend(inside.map(source));
                self.code.push(source(0));
            }
            None => {}
        }
    }

    /// The change of a class.
    pub fn make(&self, class: DrillClass) -> Made {
        match class {
            DrillClass::Control => Ok(Planned::of(
                "DRILL.md",
                "# Drill\n\nThis file changes nothing: it shows which gates hold up everything.\n"
                    .to_owned(),
                "a page of text is added",
            )),
            DrillClass::Secret => Ok(guards::secret(&self.seed)),
            DrillClass::TestDeleted => tests::deleted(&self.tests),
            DrillClass::AssertionDeleted => tests::assertion_deleted(&self.tests, &self.inside),
            DrillClass::TestSkipped => tests::skipped(&self.tests, &self.inside),
            DrillClass::TestVacuous => tests::vacuous(&self.tests, &self.inside),
            DrillClass::PermissionRemoved => tests::check_removed(&self.code, &checks()),
            DrillClass::CiWeakened => guards::ci(&self.ci, &self.coverage),
            DrillClass::CoverageLowered => guards::coverage(&self.coverage, &self.ci),
            DrillClass::ScannerSilenced => Ok(guards::scanner()),
            DrillClass::GatesLoosened => Ok(guards::gates(self.own.as_ref().map(|s| &*s.text))),
            DrillClass::AgentsMisled => Ok(guards::agents(&self.names)),
            DrillClass::HiddenDirection => hidden::direction(&self.code, &self.tests),
            DrillClass::HiddenWidth => hidden::width(&self.code, &self.tests),
            DrillClass::LookAlike => hidden::look_alike(&self.code, &self.tests),
            DrillClass::Broken if !self.has_tests => {
                Err("the host does not test commits of this repository".to_owned())
            }
            DrillClass::Broken => tests::broken(&self.tests),
        }
    }
}

/// The names of checks, which the gate `protected-paths` knows too.
fn checks() -> Vec<String> {
    let checks: Result<Checks, _> = toml::from_str(CHECKS);
    checks.map(|checks| checks.names).unwrap_or_default()
}

fn is_of_others(path: &str) -> bool {
    path.split('/').any(|part| OF_OTHERS.contains(&part))
}

/// Bytes that follow from the seed, as many as are asked for.
fn drawn(seed: &str, count: usize) -> Vec<u8> {
    let block = |index: usize| Sha256::digest(format!("{seed}:{index}").as_bytes()).to_vec();
    (0..).flat_map(block).take(count).collect()
}

#[cfg(test)]
mod claims;
