//! Which packages does a manifest name, and which of them can be looked up?

mod dotnet;
mod jvm;
mod kinds;
mod lines;
mod loose;
mod node;
mod python;
mod python_locks;
mod toml_locks;
mod xml;
mod yaml;

use std::collections::BTreeSet;

/// Ecosystems as the feed spells them.
pub(crate) const PYTHON: &str = "PyPI";
pub(crate) const JAVASCRIPT: &str = "npm";
pub(crate) const RUST: &str = "crates.io";
pub(crate) const GO: &str = "Go";
pub(crate) const RUBY: &str = "RubyGems";
pub(crate) const PHP: &str = "Packagist";
pub(crate) const JVM: &str = "Maven";
pub(crate) const DOTNET: &str = "NuGet";
pub(crate) const ELIXIR: &str = "Hex";
pub(crate) const DART: &str = "Pub";

/// What a file is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    /// It holds every package at the version that is installed, and speaks for what only declares.
    Locks,
    /// It may hold versions, beside or without a lock file.
    Pins,
    /// It says what is wanted; a lock file beside it or further up says what is taken.
    Declares,
}

/// How a file is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reader {
    Requirements,
    Pyproject,
    Pipfile,
    SetupCfg,
    UvLock,
    PoetryLock,
    PdmLock,
    Pylock,
    PipfileLock,
    PackageLock,
    PackageJson,
    YarnLock,
    PnpmLock,
    BunLock,
    DenoLock,
    CargoLock,
    GoSum,
    GoMod,
    GemfileLock,
    ComposerLock,
    GradleLock,
    VersionCatalogue,
    Pom,
    NugetLock,
    NugetXml,
    MixLock,
    PubspecLock,
}

/// The kind of a manifest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Kind {
    pub(crate) ecosystem: &'static str,
    pub(crate) role: Role,
    /// None for a kind that is known and not read.
    pub(crate) reader: Option<Reader>,
}

impl Kind {
    /// The kind of the file at `path`, by its name. Any other `*.txt` that the settings name is one for pip.
    pub(crate) fn of(path: &str) -> Option<Self> {
        let pip = || path.ends_with(".txt").then_some(Self::REQUIREMENTS);
        kinds::of(path).or_else(pip)
    }

    /// Lines for pip, whatever the file is called.
    pub(crate) const REQUIREMENTS: Self = Self {
        ecosystem: PYTHON,
        role: Role::Pins,
        reader: Some(Reader::Requirements),
    };
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
    /// Other files of the repository that belong to it, as they are written there: lines for pip.
    pub(crate) includes: BTreeSet<String>,
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

/// Reads a manifest. An entry that makes no sense is unaudited; the others count.
///
/// # Errors
/// What is wrong with the file as a whole.
pub(crate) fn parse(reader: Reader, text: &str) -> Result<Manifest, String> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    match reader {
        Reader::Requirements => Ok(python::requirements(text)),
        Reader::Pyproject => python::pyproject(text),
        Reader::Pipfile => python::pipfile(text),
        Reader::SetupCfg => Ok(python::setup_cfg(text)),
        Reader::UvLock => python_locks::uv(text),
        Reader::PoetryLock => python_locks::poetry(text),
        Reader::PdmLock => python_locks::pdm(text),
        Reader::Pylock => python_locks::pylock(text),
        Reader::PipfileLock => python_locks::pipfile(text),
        Reader::PackageLock => node::package_lock(text),
        Reader::PackageJson => node::package_json(text),
        Reader::YarnLock => node::yarn(text),
        Reader::PnpmLock => node::pnpm(text),
        Reader::BunLock => node::bun(text),
        Reader::DenoLock => node::deno(text),
        Reader::CargoLock => toml_locks::cargo(text),
        Reader::GoSum => lines::go_sum(text),
        Reader::GoMod => lines::go_mod(text),
        Reader::GemfileLock => lines::gemfile(text),
        Reader::ComposerLock => loose::composer(text),
        Reader::GradleLock => lines::gradle(text),
        Reader::VersionCatalogue => toml_locks::catalogue(text),
        Reader::Pom => jvm::pom(text),
        Reader::NugetLock => loose::nuget(text),
        Reader::NugetXml => dotnet::project(text),
        Reader::MixLock => lines::mix(text),
        Reader::PubspecLock => yaml::pubspec(text),
    }
}

pub(crate) use kinds::{covers, is_known_name, patterns};
pub(crate) use python::normalised;

/// Names and versions of the packages, for the tests of the readers.
#[cfg(test)]
fn pairs(manifest: &Manifest) -> Vec<(&str, &str)> {
    let packages = manifest.packages.iter();
    packages
        .map(|p| (p.name.as_str(), p.version.as_str()))
        .collect()
}
