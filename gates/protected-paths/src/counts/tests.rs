//! Are tests, assertions and markers counted in every language, and nothing in comments and strings?

use super::{Counts, count};
use crate::languages::{self, Known, Language};

fn language(path: &str) -> &'static Language {
    match languages::of(path) {
        Known::Language(language) | Known::Guessed(language) => language,
        Known::Data => panic!("{path} is data"),
    }
}

/// Counts as (tests, assertions, skips).
fn counted(path: &str, text: &str) -> (usize, usize, usize) {
    let Counts {
        tests,
        assertions,
        skips,
        ..
    } = count(language(path), text);
    (tests, assertions, skips)
}

#[test]
fn rust_is_counted() {
    let text = r##"
use pretty_assertions::{assert_eq, assert_ne};

#[test]
fn a() {
    assert!(true, "assert this 'now");
    prop_assert_eq!(x::<'a'>(), '"');
}

#[tokio::test(flavor = "multi_thread")]
async fn b<'a>() {
    let raw = r#"assert!(false) " #[test]"#;
    assert_eq!(raw, 1);
}
"##;
    assert_eq!(counted("a.rs", text), (2, 3, 0));
}

#[test]
fn ignored_rust_tests_do_not_count() {
    let body = "fn a() {\n    assert!(x);\n    if y {\n        assert!(z);\n    }\n}\n";
    assert_eq!(counted("a.rs", &format!("#[test]\n{body}")), (1, 2, 0));
    for marker in [
        "#[ignore]",
        "#[ignore = \"slow\"]",
        "#[cfg_attr(unix, ignore)]",
    ] {
        for attributes in [format!("#[test]\n{marker}"), format!("{marker}\n#[test]")] {
            let text = format!("{attributes}\n{body}#[test]\nfn b() {{\n    assert!(x);\n}}\n");
            assert_eq!(counted("a.rs", &text), (1, 1, 1), "{text}");
        }
    }
    let line = "#[test] #[ignore] fn a() { assert!(x) }\n#[test] fn b() { assert!(x) }\n";
    assert_eq!(counted("a.rs", line), (1, 1, 1));
    assert_eq!(
        counted("a.rs", "#![cfg(never)]\n#[test]\nfn a() {}\n"),
        (1, 0, 1)
    );
}

#[test]
fn comments_and_strings_assert_nothing() {
    for text in [
        "// assert!(x);\n",
        "    /// assert!(x);\n",
        "/* a /* b */ assert!(x);\n #[test]\n*/",
        "let a = \"assert!(x)\n assert!(y)\";\n",
        "let a = br##\"assert!(x)\"# assert!(y)\"##;",
        "/* assert!(x)",
        "let a = \"assert!(x)",
        "let a = r#\"assert!(x)",
    ] {
        assert_eq!(counted("a.rs", text), (0, 0, 0), "{text}");
    }
    for (path, text) in [
        (
            "a.py",
            "# assert x\n'''\nassert y\n'''\n\"\"\"assert z\"\"\"\na = 'assert b'\n",
        ),
        (
            "a.ts",
            "// expect(1)\n/* it( */ const a = `\nexpect(${2})\n`; 'expect(3)'\n",
        ),
        ("a.go", "// t.Error(x)\na := `\nt.Fatal(x)\n`\n"),
        ("a.sh", "# [ 1 = 1 ]\n  # assert x\necho \"[ 1 = 1 ]\"\n"),
        ("a.java", "// assertEquals(1)\n/* @Test */\n"),
        ("a.rb", "# assert x\n  // assert y\n"),
    ] {
        assert_eq!(counted(path, text), (0, 0, 0), "{path}");
    }
}

#[test]
fn python_is_counted() {
    let text = "from x import assert_that\n\ndef test_a():\n    assert x  # assert y\n    with pytest.raises(E):\n        pass\n\n\
                class TestB:\n    async def test_c(self):\n        self.assertEqual(1, 2)\n";
    assert_eq!(counted("t.py", text), (2, 3, 0));
}

#[test]
fn skipped_python_tests_do_not_count() {
    let test = "def test_a():\n    assert x\n";
    for marker in [
        "@pytest.mark.skip",
        "@pytest.mark.skipif(x, reason='y')",
        "@pytest.mark.xfail(strict=False)",
        "@unittest.skip('x')",
        "@unittest.expectedFailure",
    ] {
        let text = format!("{marker}\n{test}\n{test}");
        assert_eq!(counted("t.py", &text), (1, 1, 1), "{marker}");
    }
    let long = format!(
        "@pytest.mark.skip\n@pytest.mark.parametrize(\n    'a',\n    [1, 2],\n)\n{test}\n{test}"
    );
    assert_eq!(counted("t.py", &long), (1, 1, 1));
    let class = "@unittest.skip('x')\nclass TestA:\n    def test_a(self):\n        assert x\n";
    assert_eq!(counted("t.py", &format!("{class}\n{test}")), (1, 1, 1));
    let inside = "def test_a():\n    assert x\n    pytest.skip('no')\n    assert y\n";
    assert_eq!(counted("t.py", &format!("{inside}\n{test}")), (2, 2, 1));
}

#[test]
fn scripts_are_counted() {
    let text = "describe('a', () => {\n  it('b', async () => {\n    await expect(1).toBe(2);\n    process.exit(1); /x/.test(y);\n  });\n\
                \x20 test.each([1])('c', () => {\n    request.get('/').expect(200);\n  });\n});\n";
    assert_eq!(counted("a.test.ts", text), (2, 2, 0));
}

#[test]
fn skipped_script_tests_do_not_count_and_focused_ones_are_markers() {
    let body =
        "'a', () => {\n  expect(1).toBe(1);\n});\nit('b', () => {\n  expect(2).toBe(2);\n});\n";
    for marker in ["it.skip(", "xit(", "test.todo("] {
        assert_eq!(
            counted("a.spec.js", &format!("{marker}{body}")),
            (1, 1, 1),
            "{marker}"
        );
    }
    let nested = "describe.skip('a', () => {\n  it('b', () => {\n    expect(1);\n  });\n});\nit('c', () => {});\n";
    assert_eq!(counted("a.spec.js", nested), (1, 0, 1));
    assert_eq!(counted("a.spec.js", &format!("it.only({body}")), (2, 2, 1));
}

#[test]
fn go_is_counted() {
    let text = "//go:build linux\nfunc TestA(t *testing.T) {\n\tif testing.Short() {\n\t\tt.Skip()\n\t\tt.Error(1)\n\t}\n\
                \tassert.Error(t, err)\n\tt.Fatalf(\"x\")\n}\nfunc TestB(t *testing.T) {\n\tt.Skip()\n\trequire.True(t, x)\n}\n";
    assert_eq!(counted("a_test.go", text), (2, 2, 3));
}

#[test]
fn other_languages_are_counted_roughly() {
    let bats = "@test \"a\" {\n  run x\n  [ \"$status\" -eq 0 ]\n}\n@test \"b\" {\n  skip \"later\"\n  [[ $x = 1 ]]\n}\n";
    assert_eq!(counted("a.bats", bats), (2, 1, 1));
    let java = "@Test\nvoid a() {\n  assertEquals(1, 2);\n}\n@Disabled\n@Test\nvoid b() {\n  assertTrue(x);\n}\n";
    assert_eq!(counted("ATest.java", java), (1, 1, 1));
    assert_eq!(
        counted("a.rb", "it \"x\" do\n  expect(1).to eq 1\nend\n"),
        (1, 1, 0)
    );
    assert!(matches!(languages::of("tests/readme.md"), Known::Data));
}

#[test]
fn odd_texts_do_not_panic() {
    for text in [
        "",
        "'",
        "\"",
        "r#",
        "'\\",
        "\\",
        "/*",
        "é'é\"é",
        "\u{feff}'''",
        "r\"",
        "b'",
    ] {
        for path in ["a.rs", "a.py", "a.js", "a.go", "a.java", "a.sh", "a.rb"] {
            counted(path, text);
        }
    }
}
