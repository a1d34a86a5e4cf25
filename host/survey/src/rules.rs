//! When does a rule of a table fit a project?

use std::collections::BTreeMap;

use globset::{Glob, GlobBuilder, GlobMatcher};
use regex_lite::Regex;
use serde::Deserialize;

use crate::project::Project;

/// Most files whose text is looked at for one rule.
const FILES_READ_MAX: usize = 100;

/// A language, as its table describes it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Table {
    pub(crate) language: String,
    /// Files by which a project of the language is known, in the top folder.
    pub(crate) manifests: Vec<Pattern>,
    /// Its source files.
    pub(crate) sources: Vec<Pattern>,
    /// Whether a manifest without a source file says nothing: others have files of that name, too.
    #[serde(default)]
    pub(crate) needs_sources: bool,
    /// Programs without which nothing of it runs.
    pub(crate) toolchains: Vec<String>,
    /// Lock files, with the package manager that each belongs to.
    pub(crate) locks: BTreeMap<String, String>,
    /// Groups of commands that set a checkout up: of each group the first that fits.
    pub(crate) setup: Vec<Vec<Rule>>,
    /// Commands that test it: the first that fits.
    pub(crate) test: Vec<Rule>,
}

/// A command, and when it fits.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Rule {
    pub(crate) run: String,
    /// All of these are there.
    #[serde(default)]
    files: Vec<Pattern>,
    /// One of these is there.
    #[serde(default)]
    any: Vec<Pattern>,
    /// All of these are on the PATH.
    #[serde(default)]
    programs: Vec<String>,
    /// A file says this.
    matches: Option<Says>,
    /// A file says this too.
    also: Option<Says>,
    /// No file says this.
    unlike: Option<Says>,
    /// Whether the groups after it are passed over.
    #[serde(default)]
    pub(crate) last: bool,
}

/// What a file says.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Says {
    file: Pattern,
    text: Expression,
}

/// Names of files: `*` stays within a folder, `**` does not.
#[derive(Debug, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct Pattern(GlobMatcher);

#[derive(Debug, Deserialize)]
#[serde(try_from = "String")]
struct Expression(Regex);

impl TryFrom<String> for Pattern {
    type Error = globset::Error;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let glob: Glob = GlobBuilder::new(&text).literal_separator(true).build()?;
        Ok(Self(glob.compile_matcher()))
    }
}

impl TryFrom<String> for Expression {
    type Error = regex_lite::Error;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Regex::new(&text).map(Self)
    }
}

impl Pattern {
    pub(crate) fn fits(&self, name: &str) -> bool {
        self.0.is_match(name)
    }

    pub(crate) fn is_there(&self, project: &Project<'_>) -> bool {
        project.files.iter().any(|name| self.fits(name))
    }
}

impl Says {
    pub(crate) fn holds(&self, project: &Project<'_>) -> bool {
        let files = project.files.iter().filter(|name| self.file.fits(name));
        files.take(FILES_READ_MAX).any(|name| {
            let text = (project.read)(name);
            text.is_some_and(|text| self.text.0.is_match(&text))
        })
    }
}

impl Rule {
    pub(crate) fn fits(&self, project: &Project<'_>) -> bool {
        let installed = |program: &String| (project.has_program)(program);
        self.files.iter().all(|pattern| pattern.is_there(project))
            && (self.any.is_empty() || self.any.iter().any(|p| p.is_there(project)))
            && self.programs.iter().all(installed)
            && self.matches.as_ref().is_none_or(|says| says.holds(project))
            && self.also.as_ref().is_none_or(|says| says.holds(project))
            && !self.unlike.as_ref().is_some_and(|says| says.holds(project))
    }
}
