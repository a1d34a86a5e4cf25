//! Are tests that are taken away or ask for less found, and honest changes of tests let through?

use orch_gate_sdk::Fixture;
use orch_gate_sdk::repository::{Change, Revision};

use super::{judge, rules};

pub(super) const TWO: &str = "#[test]\nfn a() {\n    assert!(x);\n}\n\n#[test]\nfn b() {\n    assert!(y);\n    assert!(z);\n}\n";
pub(super) const DELETED: &str = "protected/test-deleted";
pub(super) const WEAKENED: &str = "protected/test-weakened";

/// A file that holds `base` before the change and `head` after it.
pub(super) fn change(path: &str, base: &str, head: &str) -> Fixture {
    Fixture::new()
        .file(Revision::Base, path, base)
        .file(Revision::Head, path, head)
        .changed(path, Change::Modified, 1, 1)
}

/// A file that is moved, as the host tells it.
fn moved(from: &str, to: &str, base: &str, head: &str) -> Fixture {
    Fixture::new()
        .file(Revision::Base, from, base)
        .file(Revision::Head, to, head)
        .changed(from, Change::Deleted, 0, 1)
        .changed(to, Change::Added, 1, 0)
}

fn message(fixture: &Fixture) -> String {
    judge(fixture).findings()[0].message.clone()
}

#[test]
fn unweakened_and_stronger_tests_pass() {
    let stronger = format!("{TWO}\n#[test]\nfn c() {{\n    assert!(w);\n}}\n");
    for head in [
        TWO,
        &stronger,
        &TWO.replace("assert!(x)", "assert_eq!(x, 1)"),
    ] {
        assert!(rules(&change("tests/a.rs", TWO, head)).is_empty(), "{head}");
    }
    let new = Fixture::new()
        .file(Revision::Head, "tests/a.rs", TWO)
        .changed("tests/a.rs", Change::Added, 9, 0);
    assert!(rules(&new).is_empty());
}

#[test]
fn fewer_tests_are_found_with_both_counts() {
    let fixture = change("tests/a.rs", TWO, &TWO[..TWO.rfind("#[test]").unwrap()]);
    assert_eq!(rules(&fixture), [WEAKENED]);
    let message = message(&fixture);
    assert!(
        message.contains("tests that run fell from 2 to 1"),
        "{message}"
    );
    assert!(
        message.contains("assertions that run fell from 3 to 1"),
        "{message}"
    );
}

#[test]
fn assertions_that_are_removed_or_commented_out_are_found() {
    for (path, base, head) in [
        (
            "tests/a.rs",
            TWO,
            TWO.replace("    assert!(z)", "    // assert!(z)"),
        ),
        (
            "tests/a.rs",
            TWO,
            TWO.replace("assert!(z);", "/* assert!(z); */"),
        ),
        (
            "tests/a.rs",
            TWO,
            TWO.replace("assert!(z)", "let _ = \"assert!(z)\""),
        ),
        ("tests/a.rs", TWO, TWO.replace("assert!(z);", "")),
        (
            "pkg/test_a.py",
            "def test_a():\n    assert x\n",
            "def test_a():\n    # assert x\n    pass\n".to_owned(),
        ),
        (
            "web/a.test.ts",
            "it('a', () => {\n  expect(1).toBe(1);\n});\n",
            "it('a', () => {\n  // expect(1).toBe(1);\n});\n".to_owned(),
        ),
        (
            "pkg/a_test.go",
            "func TestA(t *testing.T) {\n\tt.Error(1)\n}\n",
            "func TestA(t *testing.T) {\n}\n".to_owned(),
        ),
        (
            "tests/run.sh",
            "[ $x = 1 ] || exit 1\n",
            "# [ $x = 1 ] || exit 1\n".to_owned(),
        ),
    ] {
        let fixture = change(path, base, &head);
        assert_eq!(rules(&fixture), [WEAKENED], "{head}");
        assert!(message(&fixture).contains("assertions"), "{head}");
    }
}

#[test]
fn new_skip_markers_are_found() {
    for (path, base, head) in [
        (
            "tests/a.rs",
            TWO,
            TWO.replacen("#[test]", "#[test]\n#[ignore]", 1),
        ),
        (
            "a_test.py",
            "def test_a():\n    pass\n",
            "@pytest.mark.xfail\ndef test_a():\n    pass\n".to_owned(),
        ),
        ("a.spec.js", "it('a', f)\n", "it.only('a', f)\n".to_owned()),
        (
            "a_test.go",
            "func TestA(t *testing.T) {\n}\n",
            "//go:build never\nfunc TestA(t *testing.T) {\n}\n".to_owned(),
        ),
    ] {
        let fixture = change(path, base, &head);
        assert_eq!(rules(&fixture), [WEAKENED], "{head}");
        assert!(
            message(&fixture).contains("markers rose from 0 to 1"),
            "{head}"
        );
    }
}

#[test]
fn assertion_that_moves_into_an_ignored_test_is_found() {
    let ignored = TWO.replacen("#[test]", "#[test]\n#[ignore]", 1);
    let head = ignored
        .replace("    assert!(z);\n", "")
        .replace("assert!(x);", "assert!(x);\n    assert!(z);");
    let fixture = change("tests/a.rs", &ignored, &head);
    assert_eq!(rules(&fixture), [WEAKENED]);
    assert!(message(&fixture).contains("assertions that run fell from 2 to 1"));
}

#[test]
fn deleted_tests_are_found() {
    for path in [
        "tests/a b.rs",
        "test/x",
        "a/b_test.go",
        "test_a.py",
        "a/__tests__/b.js",
        "ATest.java",
    ] {
        let fixture =
            Fixture::new()
                .file(Revision::Base, path, TWO)
                .changed(path, Change::Deleted, 0, 9);
        assert_eq!(rules(&fixture), [DELETED], "{path}");
    }
    let code = Fixture::new().changed("src/a.py", Change::Deleted, 0, 9);
    assert!(rules(&code).is_empty());
}

#[test]
fn test_that_moves_to_another_test_passes_unless_it_is_weakened() {
    assert!(rules(&moved("tests/a.rs", "tests/b c.rs", TWO, TWO)).is_empty());
    let weaker = TWO.replace("    assert!(z);\n", "");
    let fixture = moved("tests/a.rs", "tests/b.rs", TWO, &weaker);
    assert_eq!(rules(&fixture), [WEAKENED]);
    let verdict = judge(&fixture);
    let place = verdict.findings()[0].at.as_ref().unwrap();
    assert_eq!(place.path, "tests/b.rs");
    assert!(message(&fixture).contains("moved from tests/a.rs"));
}

#[test]
fn test_that_moves_to_where_it_is_none_is_found() {
    for to in ["attic/a.rs", "Tests/a.rs", "tests/a.rs.bak", "tests/a"] {
        assert_eq!(rules(&moved("tests/a.rs", to, TWO, TWO)), [DELETED], "{to}");
    }
    let renamed = Fixture::new()
        .file(Revision::Base, "tests/a.rs", TWO)
        .file(Revision::Head, "attic/a.rs", TWO)
        .changed("attic/a.rs", Change::Renamed, 0, 0);
    assert_eq!(rules(&renamed), [DELETED]);
}

#[test]
fn unrelated_or_shared_new_test_does_not_stand_for_a_deleted_one() {
    let other =
        "#[test]\nfn q() {\n    one();\n    two();\n    three();\n    four();\n    five();\n}\n";
    assert_eq!(
        rules(&moved("tests/a.rs", "tests/b.rs", TWO, other)),
        [DELETED]
    );
    let both = moved("tests/a.rs", "tests/c.rs", TWO, TWO)
        .file(Revision::Base, "tests/b.rs", TWO)
        .changed("tests/b.rs", Change::Deleted, 0, 9);
    assert_eq!(rules(&both), [DELETED]);
}

#[test]
fn deleting_and_adding_under_one_name_is_compared() {
    let swapped = |head: &str| {
        change("tests/a.rs", TWO, head)
            .changed("tests/a.rs", Change::Deleted, 0, 9)
            .changed("tests/a.rs", Change::Added, 1, 0)
    };
    assert_eq!(rules(&swapped("#[test]\nfn a() {}\n")), [WEAKENED]);
    assert!(rules(&swapped(TWO)).is_empty());
    let added = Fixture::new()
        .file(Revision::Base, "tests/a.rs", TWO)
        .file(Revision::Head, "tests/a.rs", "")
        .changed("tests/a.rs", Change::Added, 1, 0);
    assert_eq!(rules(&added), [WEAKENED]);
}

#[test]
fn rust_code_with_tests_beside_it_is_compared() {
    let base = format!("pub fn f() {{}}\n\n#[cfg(test)]\nmod tests {{\n{TWO}}}\n");
    assert_eq!(
        rules(&change("src/a.rs", &base, "pub fn f() {}\n")),
        [WEAKENED]
    );
    assert!(rules(&change("src/a.rs", &base, &base)).is_empty());
    assert!(rules(&change("src/a.rs", "fn f() { assert!(x); }", "fn f() {}")).is_empty());
    let gone = Fixture::new()
        .file(Revision::Base, "src/a.rs", &base)
        .changed("src/a.rs", Change::Deleted, 0, 9);
    assert_eq!(rules(&gone), [DELETED]);
    assert!(rules(&moved("src/a.rs", "src/b.rs", &base, &base)).is_empty());
    let bare = Fixture::new()
        .file(Revision::Base, "src/a.rs", "fn f() {}")
        .changed("src/a.rs", Change::Deleted, 0, 9);
    assert!(rules(&bare).is_empty());
}

#[test]
fn test_that_cannot_be_read_is_found() {
    let at_head = Fixture::new()
        .file(Revision::Base, "tests/a.rs", TWO)
        .changed("tests/a.rs", Change::Modified, 1, 1);
    let at_base = Fixture::new()
        .file(Revision::Head, "tests/a.rs", TWO)
        .changed("tests/a.rs", Change::Modified, 1, 1);
    for (fixture, side) in [(at_head, "head"), (at_base, "base")] {
        assert_eq!(rules(&fixture), [WEAKENED]);
        let message = message(&fixture);
        assert!(
            message.contains("cannot be compared") && message.contains(side),
            "{message}"
        );
    }
}

#[test]
fn tests_of_the_settings_replace_the_usual_ones() {
    let ask = |path: &str| {
        let fixture = Fixture::new().settings(r#"{"tests": ["checks/**"]}"#);
        rules(&fixture.changed(path, Change::Deleted, 0, 1))
    };
    assert_eq!(ask("checks/a b.py"), [DELETED]);
    assert!(ask("tests/a.py").is_empty());
    let allowed = Fixture::new()
        .settings(r#"{"allow": ["tests/data/**"]}"#)
        .changed("tests/data/a.bin", Change::Deleted, 0, 1);
    assert!(rules(&allowed).is_empty());
}

#[test]
fn prose_and_data_beside_tests_hold_nothing_to_count() {
    let fixture = change(
        "tests/README.md",
        "Run it and assert that test_a passes.",
        "",
    );
    assert!(rules(&fixture).is_empty());
}
