//! How do the languages write tests, assertions and markers that skip?
//!
//! A word that begins with a letter counts where no longer name or path ends with it. A word with a star counts
//! wherever a name that holds it is used, so that `*assert` finds `prop_assert!(` and `self.assertEqual(` but no
//! import.

use crate::code::Syntax;

/// Words of a language.
#[derive(Debug)]
pub(crate) struct Language {
    pub(crate) syntax: Syntax,
    /// A test begins.
    pub(crate) tests: &'static [&'static str],
    /// Something is asserted.
    pub(crate) assertions: &'static [&'static str],
    /// What this line or attribute declares does not run, or may fail.
    pub(crate) skips: &'static [&'static str],
    /// What follows in this block does not run.
    pub(crate) stops: &'static [&'static str],
    /// Other things do not run.
    pub(crate) focuses: &'static [&'static str],
    /// The same, in a comment.
    pub(crate) comments: &'static [&'static str],
}

/// Anything without a syntax of its own here.
const PLAIN: Syntax = Syntax {
    line: &["//", "#"],
    has_blocks: false,
    is_rust: false,
    has_characters: false,
    has_triples: false,
    long: &[],
};

const BRACES: Syntax = Syntax {
    line: &["//"],
    has_blocks: true,
    has_characters: true,
    ..PLAIN
};

const RUST: Language = Language {
    syntax: Syntax {
        is_rust: true,
        long: &['"'],
        ..BRACES
    },
    tests: &["#[test]", "::test]", "::test(", "#[rstest", "#[test_case("],
    assertions: &["*assert"],
    skips: &["#[ignore", ", ignore)]", ", ignore ="],
    stops: &[],
    focuses: &["#![cfg(", "#[cfg(any())"],
    comments: &[],
};

const PYTHON: Language = Language {
    syntax: Syntax {
        line: &["#"],
        has_triples: true,
        ..PLAIN
    },
    tests: &["def test_"],
    assertions: &["*assert", "pytest.raises", "pytest.warns"],
    skips: &[
        "pytest.mark.skip",
        "pytest.mark.xfail",
        "@mark.skip",
        "@mark.xfail",
        "unittest.skip",
        "@skip",
        "unittest.expectedFailure",
        "@expectedFailure",
    ],
    stops: &[
        "pytest.skip(",
        "pytest.xfail(",
        ".skipTest(",
        "pytestmark = pytest.mark.skip",
    ],
    focuses: &["__test__ = False", "collect_ignore"],
    comments: &[],
};

const SCRIPT: Language = Language {
    syntax: Syntax {
        has_characters: false,
        long: &['`'],
        ..BRACES
    },
    tests: &[
        "it(",
        "it.each",
        "it.only(",
        "test(",
        "test.each",
        "test.only(",
        "Deno.test(",
    ],
    assertions: &["expect(", ".expect(", "expect.", "*assert"],
    skips: &[
        ".skip(",
        ".skip.",
        ".skipIf(",
        ".todo(",
        ".fails(",
        "xit(",
        "xtest(",
        "xdescribe(",
    ],
    stops: &["this.skip("],
    focuses: &[".only(", "fit(", "fdescribe("],
    comments: &[],
};

const GO: Language = Language {
    syntax: Syntax {
        long: &['`'],
        ..BRACES
    },
    tests: &["func Test", "func Fuzz", "t.Run("],
    assertions: &["t.Error", "t.Fatal", "t.Fail", "require.", "assert."],
    skips: &[],
    stops: &["t.Skip"],
    focuses: &[],
    comments: &["//go:build", "// +build"],
};

/// C, C++, Java and their kin.
const C_LIKE: Language = Language {
    syntax: Syntax {
        has_triples: true,
        ..BRACES
    },
    tests: &[
        "@Test",
        "@ParameterizedTest",
        "[Test]",
        "[Fact]",
        "[Theory]",
        "TEST(",
        "TEST_F(",
    ],
    assertions: &["*assert", "*Assert", "EXPECT_", "ASSERT_", "verify("],
    skips: &["@Ignore", "@Disabled", "[Ignore"],
    stops: &["GTEST_SKIP", "assumeTrue("],
    focuses: &[],
    comments: &[],
};

const SHELL: Language = Language {
    syntax: Syntax {
        line: &["#"],
        ..PLAIN
    },
    tests: &["@test", "test_", "it "],
    assertions: &[
        "*assert",
        "[ ",
        "[[ ",
        "|| fail",
        "|| exit",
        "|| return",
        "cmp ",
        "diff ",
    ],
    skips: &[],
    stops: &["skip "],
    focuses: &[],
    comments: &[],
};

const OTHER: Language = Language {
    syntax: PLAIN,
    tests: &["@test", "@Test", "test_", "it ", "test "],
    assertions: &["*assert", "expect"],
    skips: &["@skip", "@Ignore", "@Disabled", ".skip", "xit ", "pending"],
    stops: &["skip "],
    focuses: &[],
    comments: &[],
};

/// The language of a file by its extension; none for text and data, in which nothing can be counted.
pub(crate) fn of(path: &str) -> Option<&'static Language> {
    let name = path.rsplit('/').next().unwrap_or(path);
    let extension = name.rsplit_once('.').map_or("", |(_, extension)| extension);
    Some(match extension.to_ascii_lowercase().as_str() {
        "rs" => &RUST,
        "py" | "pyi" => &PYTHON,
        "js" | "jsx" | "mjs" | "cjs" | "ts" | "tsx" | "mts" | "cts" => &SCRIPT,
        "go" => &GO,
        "c" | "cc" | "cpp" | "cs" | "cxx" | "h" | "hpp" | "java" | "kt" | "scala" | "swift" => {
            &C_LIKE
        }
        "" | "sh" | "bash" | "bats" | "zsh" => &SHELL,
        "csv" | "html" | "json" | "lock" | "md" | "rst" | "snap" | "toml" | "txt" | "xml"
        | "yaml" | "yml" => return None,
        _ => &OTHER,
    })
}
