//! Which packages does a manifest name, and which of them can be looked up?

mod locks;
mod python;
mod toml_text;

use std::collections::BTreeSet;

/// Ecosystem of Python packages, as the feed spells it.
pub(crate) const PYTHON: &str = "PyPI";
/// Ecosystem of JavaScript packages.
pub(crate) const JAVASCRIPT: &str = "npm";
/// Ecosystem of Rust packages.
pub(crate) const RUST: &str = "crates.io";

/// How a manifest is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Lines for pip.
    Requirements,
    /// `[project]` of a Python project.
    Pyproject,
    /// Lock file of npm.
    PackageLock,
    /// Lock file of Cargo.
    CargoLock,
}

impl Kind {
    /// The kind of the file at `path`, by its name.
    pub(crate) fn of(path: &str) -> Option<Self> {
        match path.rsplit('/').next().unwrap_or(path) {
            "pyproject.toml" => Some(Self::Pyproject),
            "package-lock.json" => Some(Self::PackageLock),
            "Cargo.lock" => Some(Self::CargoLock),
            name if name.ends_with(".txt") => Some(Self::Requirements),
            _ => None,
        }
    }
}

/// A package at one version.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Package {
    pub(crate) ecosystem: &'static str,
    pub(crate) name: String,
    pub(crate) version: String,
}

/// What a manifest names.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Manifest {
    /// Packages at a known version.
    pub(crate) packages: BTreeSet<Package>,
    /// Entries whose version is not known from the file, as they stand there.
    pub(crate) unaudited: BTreeSet<String>,
}

impl Manifest {
    fn add(&mut self, ecosystem: &'static str, name: &str, version: &str) {
        self.packages.insert(Package {
            ecosystem,
            name: name.to_owned(),
            version: version.to_owned(),
        });
    }

    fn skip(&mut self, entry: &str) {
        self.unaudited.insert(entry.to_owned());
    }
}

/// Reads a manifest.
///
/// # Errors
/// What is wrong with the file.
pub(crate) fn parse(kind: Kind, text: &str) -> Result<Manifest, String> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    match kind {
        Kind::Requirements => Ok(python::requirements(text)),
        Kind::Pyproject => python::pyproject(text),
        Kind::PackageLock => locks::package_lock(text),
        Kind::CargoLock => locks::cargo_lock(text),
    }
}

pub(crate) use python::normalised;

/// Names and versions of the packages, for the tests of the readers.
#[cfg(test)]
fn pairs(manifest: &Manifest) -> Vec<(&str, &str)> {
    let packages = manifest.packages.iter();
    packages
        .map(|p| (p.name.as_str(), p.version.as_str()))
        .collect()
}
