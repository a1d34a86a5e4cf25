//! How do the languages write tests, assertions and markers that skip, and how are their test files called?
//!
//! Each language is a file of data beside this one. A word that begins with a letter counts where no longer name or
//! path ends with it. A word with a star counts wherever a name that holds it is used, so that `*assert` finds
//! `prop_assert!(` and `self.assertEqual(` but no import. Marks that excuse code from a check are looked for in lines
//! without blanks and capitals.

use std::sync::LazyLock;

use orch_gate_sdk::GateError;
use serde::Deserialize;

use crate::code::Syntax;
use crate::globs::{Case, Globs};

/// Words of a language.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Language {
    /// Endings of the names of its files.
    extensions: Vec<String>,
    pub(crate) syntax: Syntax,
    /// A test begins.
    pub(crate) tests: Vec<String>,
    /// Something is asserted.
    pub(crate) assertions: Vec<String>,
    /// What this line or attribute declares does not run, or may fail.
    pub(crate) skips: Vec<String>,
    /// What follows in this block does not run.
    pub(crate) stops: Vec<String>,
    /// Other things do not run.
    pub(crate) focuses: Vec<String>,
    /// The same, in a comment.
    pub(crate) comments: Vec<String>,
    /// Marks that have a check pass code over, in lower case and without blanks.
    #[serde(default)]
    pub(crate) excuses: Vec<String>,
    /// An attribute that has the item after it built under some conditions only.
    #[serde(default)]
    pub(crate) conditions: Vec<String>,
    /// Globs of files that are tests.
    files: Vec<String>,
    /// Globs of files that decide which tests run, and how.
    #[serde(default)]
    setups: Vec<String>,
    /// Whether tests stand beside the code, too.
    #[serde(default)]
    pub(crate) inside_code: bool,
}

/// How much of a changed test can be compared.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Known {
    /// Its language has words of its own here.
    Language(&'static Language),
    /// Its language has none: what many languages have in common is looked for.
    Guessed(&'static Language),
    /// It is text or data, in which nothing can be counted.
    Data,
}

const SOURCES: [&str; 16] = [
    include_str!("languages/rust.toml"),
    include_str!("languages/python.toml"),
    include_str!("languages/script.toml"),
    include_str!("languages/go.toml"),
    include_str!("languages/jvm.toml"),
    include_str!("languages/dotnet.toml"),
    include_str!("languages/native.toml"),
    include_str!("languages/ruby.toml"),
    include_str!("languages/php.toml"),
    include_str!("languages/shell.toml"),
    include_str!("languages/beam.toml"),
    include_str!("languages/dart.toml"),
    include_str!("languages/functional.toml"),
    include_str!("languages/scripting.toml"),
    include_str!("languages/gherkin.toml"),
    // The last one stands for every language that is not known.
    include_str!("languages/plain.toml"),
];

/// Endings of names of text and data.
const DATA: [&str; 33] = [
    "adoc", "bin", "csv", "dat", "gif", "golden", "gz", "html", "jpg", "json", "jsonl", "lock",
    "log", "md", "out", "parquet", "pdf", "png", "rst", "snap", "sql", "stderr", "stdout", "svg",
    "toml", "tsv", "txt", "webp", "xml", "yaml", "yml", "zip", "ini",
];

#[expect(
    clippy::expect_used,
    reason = "the files are part of this crate and read by its tests"
)]
static LANGUAGES: LazyLock<Vec<Language>> = LazyLock::new(|| {
    let languages = SOURCES.iter();
    languages
        .map(|text| toml::from_str(text).expect("a language's file is read by a test"))
        .collect()
});

impl Language {
    /// What tells it from the others.
    pub(crate) fn name(&self) -> &str {
        self.extensions.first().map_or("", String::as_str)
    }
}

/// What is known of a file by the ending of its name.
pub(crate) fn of(path: &str) -> Known {
    let name = path.rsplit('/').next().unwrap_or(path);
    let extension = name.rsplit_once('.').map_or("", |(_, extension)| extension);
    let extension = extension.to_ascii_lowercase();
    let has = |language: &&Language| language.extensions.contains(&extension);
    match (LANGUAGES.iter().find(has), LANGUAGES.last()) {
        (Some(language), _) => Known::Language(language),
        (None, Some(plain)) if !DATA.contains(&extension.as_str()) => Known::Guessed(plain),
        (None, _) => Known::Data,
    }
}

/// Globs of the files that are tests, in all languages.
pub(crate) fn test_files() -> Vec<String> {
    let of = |language: &Language| [language.files.clone(), language.setups.clone()].concat();
    let mut globs: Vec<String> = LANGUAGES.iter().flat_map(of).collect();
    globs.sort();
    globs.dedup();
    globs
}

static TEST_FILES: LazyLock<Result<Globs, String>> =
    LazyLock::new(|| Globs::of(&test_files(), Case::Matters).map_err(|e| e.to_string()));

static SETUPS: LazyLock<Result<Globs, String>> = LazyLock::new(|| {
    let setups = LANGUAGES.iter().flat_map(|language| &language.setups);
    let setups: Vec<&String> = setups.collect();
    Globs::of(&setups, Case::Matters).map_err(|e| e.to_string())
});

fn built_in(globs: &'static Result<Globs, String>) -> Result<&'static Globs, GateError> {
    let globs = globs.as_ref();
    globs.map_err(|error| GateError::Internal(format!("a list of languages: {error}")))
}

/// Marks that have a check pass code over in any language.
pub(crate) fn excuses() -> &'static [String] {
    LANGUAGES.last().map_or(&[], |plain| &plain.excuses)
}

/// The files that are tests, in all languages, compiled.
///
/// # Errors
/// [`GateError::Internal`] if a glob of the lists is none.
pub(crate) fn usual_tests() -> Result<&'static Globs, GateError> {
    built_in(&TEST_FILES)
}

/// The files that decide which tests run, in all languages, compiled.
///
/// # Errors
/// [`GateError::Internal`] if a glob of the lists is none.
pub(crate) fn setups() -> Result<&'static Globs, GateError> {
    built_in(&SETUPS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_language_is_read_and_has_words_for_what_it_is_asked() {
        for language in LANGUAGES.iter() {
            let names = &language.extensions;
            assert!(
                !language.tests.is_empty() && !language.assertions.is_empty(),
                "{names:?}"
            );
            assert!(
                !language.skips.is_empty() && !language.files.is_empty(),
                "{names:?}"
            );
        }
        let mut extensions: Vec<&String> = LANGUAGES.iter().flat_map(|l| &l.extensions).collect();
        let count = extensions.len();
        extensions.sort();
        extensions.dedup();
        assert_eq!(extensions.len(), count, "two languages claim one ending");
        assert!(usual_tests().is_ok() && setups().is_ok());
    }

    #[test]
    fn test_files_of_the_world_are_known_by_their_names() {
        let globs = usual_tests().unwrap();
        for path in [
            "spec/cart_spec.rb",
            "Shop.Tests/CartTests.cs",
            "src/test/kotlin/CartTest.kt",
            "src/main/CartIT.java",
            "shop/tests.py",
            "cypress/e2e/cart.cy.js",
            "packages/a/test/cart.js",
            "src/cart_unittest.cc",
            "app/__tests__/cart.tsx",
            "src/Cart.test.ts",
            "lib/cart_test.go",
            "test/cart_test.exs",
            "ShopTests/CartTests.swift",
            "src/it/scala/CartSpec.scala",
            "tests/Feature/CartTest.php",
            "t/00-load.t",
            "Tests/Cart.Tests.ps1",
            "spec/cart_spec.lua",
            "test/widget_test.dart",
            "features/cart.feature",
            "e2e/login.ts",
            "crates/a/src/tests.rs",
            "tests/conftest.py",
            "inst/testthat/test-cart.R",
            "src/cart.e2e-spec.ts",
        ] {
            assert!(globs.matches(path), "{path}");
        }
        for path in [
            "src/cart.rs",
            "src/contest.py",
            "latest/a.js",
            "src/attest.go",
            "docs/testing.md",
        ] {
            assert!(!globs.matches(path), "{path}");
        }
    }

    #[test]
    fn unknown_language_is_said_to_be_one() {
        assert!(matches!(of("tests/a.zig"), Known::Guessed(_)));
        assert!(matches!(of("tests/a.json"), Known::Data));
        assert!(matches!(of("tests/a.rb"), Known::Language(_)));
        assert!(matches!(of("tests/run"), Known::Language(_)));
    }
}
