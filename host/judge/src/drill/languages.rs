//! How do languages write what a drill changes: comments, tests, assertions? One row of data for each family.

/// A family of languages.
#[derive(Debug)]
pub(super) struct Language {
    extensions: &'static [&'static str],
    /// Beginning of a comment.
    pub(super) comment: &'static str,
    /// A line that begins like this, its indentation aside, is one assertion.
    pub(super) assertions: &'static [&'static str],
    /// What stands in the place of an assertion that is gone.
    pub(super) nothing: &'static str,
    /// An assertion that is true anyway, by how the one before began.
    pub(super) vacuous: &'static [(&'static str, &'static str)],
    pub(super) skip: Skip,
}

/// How a test is kept from running.
#[derive(Debug)]
pub(super) enum Skip {
    /// A line before the one that begins like the first.
    Before(&'static str, &'static [&'static str]),
    /// A line after the one that begins like the first.
    After(&'static str, &'static str),
    /// The beginning of the line is another one.
    Instead(&'static [(&'static str, &'static str)]),
}

const LANGUAGES: [Language; 10] = [
    Language {
        extensions: &["py"],
        comment: "#",
        assertions: &["self.assert", "assert "],
        nothing: "pass",
        vacuous: &[
            ("self.assert", "self.assertTrue(True)"),
            ("assert ", "assert True"),
        ],
        skip: Skip::Before(
            "def test",
            &["import unittest", "@unittest.skip(\"drill\")"],
        ),
    },
    Language {
        extensions: &["js", "jsx", "mjs", "cjs", "ts", "tsx", "mts", "cts"],
        comment: "//",
        assertions: &["expect(", "assert.", "assert("],
        nothing: "",
        vacuous: &[
            ("expect(", "expect(true).toBe(true);"),
            ("assert", "assert.ok(true);"),
        ],
        skip: Skip::Instead(&[("it(", "it.skip("), ("test(", "test.skip(")]),
    },
    Language {
        extensions: &["rs"],
        comment: "//",
        assertions: &["assert!(", "assert_eq!(", "assert_ne!("],
        nothing: "",
        vacuous: &[("assert", "assert!(true);")],
        skip: Skip::After("#[test]", "#[ignore]"),
    },
    Language {
        extensions: &["go"],
        comment: "//",
        assertions: &["t.Error", "t.Fatal", "require.", "assert."],
        nothing: "",
        vacuous: &[
            ("require.", "require.True(t, true)"),
            ("assert.", "assert.True(t, true)"),
        ],
        skip: Skip::After("func Test", "\tt.Skip(\"drill\")"),
    },
    Language {
        extensions: &["java", "kt", "kts", "scala", "groovy"],
        comment: "//",
        assertions: &["assert", "Assert"],
        nothing: "",
        vacuous: &[
            ("assert", "assertTrue(true);"),
            ("Assert", "Assert.assertTrue(true);"),
        ],
        skip: Skip::Before("@Test", &["@Disabled"]),
    },
    Language {
        extensions: &["cs"],
        comment: "//",
        assertions: &["Assert."],
        nothing: "",
        vacuous: &[("Assert.", "Assert.True(true);")],
        skip: Skip::Instead(&[
            ("[Fact]", "[Fact(Skip = \"drill\")]"),
            ("[Test]", "[Test, Ignore(\"drill\")]"),
            ("[TestMethod]", "[TestMethod, Ignore]"),
        ]),
    },
    Language {
        extensions: &["rb"],
        comment: "#",
        assertions: &["expect(", "assert", "refute"],
        nothing: "nil",
        vacuous: &[
            ("expect(", "expect(true).to be true"),
            ("assert", "assert true"),
        ],
        skip: Skip::Instead(&[("it \"", "xit \""), ("it '", "xit '")]),
    },
    Language {
        extensions: &["php"],
        comment: "//",
        assertions: &["$this->assert"],
        nothing: "",
        vacuous: &[("$this->assert", "$this->assertTrue(true);")],
        skip: Skip::Before("public function test", &["#[RequiresPhp('>= 99')]"]),
    },
    Language {
        extensions: &["c", "cc", "cpp", "cxx", "h", "hpp"],
        comment: "//",
        assertions: &["EXPECT_", "ASSERT_", "REQUIRE(", "CHECK("],
        nothing: "",
        vacuous: &[
            ("EXPECT_", "EXPECT_TRUE(true);"),
            ("ASSERT_", "ASSERT_TRUE(true);"),
            ("REQUIRE(", "REQUIRE(true);"),
            ("CHECK(", "CHECK(true);"),
        ],
        // What is skipped stands within the name there.
        skip: Skip::Instead(&[]),
    },
    Language {
        extensions: &["sh", "bash", "bats"],
        comment: "#",
        assertions: &["assert_"],
        nothing: ":",
        vacuous: &[],
        skip: Skip::Before("run ", &["skip drill"]),
    },
];

/// The family of a file, by the ending of its name.
pub(super) fn language_of(path: &str) -> Option<&'static Language> {
    let (_, extension) = path.rsplit('/').next()?.rsplit_once('.')?;
    let has = |language: &&Language| language.extensions.contains(&extension);
    LANGUAGES.iter().find(has)
}
