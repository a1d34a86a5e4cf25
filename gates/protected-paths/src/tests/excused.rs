//! Are marks that excuse code from a check found, in any language, and only where they are new?

use orch_gate_sdk::Fixture;
use orch_gate_sdk::repository::{Change, Revision};

use super::weakened::change;
use super::{judge, rules};

const EXCUSED: &str = "protected/check-excused";

#[test]
fn mark_that_excuses_code_is_found_in_every_language() {
    for (path, line) in [
        ("shop.py", "total = add(a)  # pragma: no cover"),
        ("shop.py", "import os  #noqa: F401"),
        ("shop.py", "x = y()  # type:ignore[attr-defined]"),
        ("shop.py", "run(cmd, shell=True)  # nosec B602"),
        ("cart.ts", "/* istanbul ignore next */"),
        ("cart.js", "// c8 ignore start"),
        ("cart.tsx", "// eslint-disable-next-line no-eval"),
        ("cart.ts", "// @ts-expect-error later"),
        ("src/cart.rs", "#[coverage(off)]"),
        ("src/cart.rs", "#![allow(dead_code)]"),
        ("src/cart.rs", "#[cfg_attr(test, allow(unused))]"),
        ("cart.go", "func f() { //nolint:errcheck"),
        ("cart.go", "cmd := exec.Command(name) // #nosec G204"),
        ("src/Cart.java", "@SuppressWarnings(\"unchecked\")"),
        ("src/Cart.kt", "@Suppress(\"MagicNumber\")"),
        ("Cart.cs", "[ExcludeFromCodeCoverage]"),
        ("Cart.cs", "#pragma warning disable CS0168"),
        ("cart.c", "exit(1); /* LCOV_EXCL_LINE */"),
        ("cart.cpp", "int x = 08; // NOLINT"),
        ("cart.rb", "# :nocov:"),
        (
            "cart.rb",
            "def a() = eval(b) # rubocop:disable Security/Eval",
        ),
        ("Cart.php", "/** @codeCoverageIgnore */"),
        ("cart.ex", "# coveralls-ignore-start"),
        ("cart.sh", "# shellcheck disable=SC2086"),
        ("cart.dart", "// ignore_for_file: avoid_print"),
        ("cart.R", "stop(1) # nocov"),
    ] {
        let fixture = change(path, "\n", &format!("\n{line}\n"));
        assert_eq!(rules(&fixture), [EXCUSED], "{path}: {line}");
        let verdict = judge(&fixture);
        let message = &verdict.findings()[0].message;
        assert!(
            message.contains("1 instead of 0") && message.ends_with("in line 2"),
            "{message}"
        );
    }
}

#[test]
fn words_in_strings_and_marks_that_were_there_are_none_that_are_new() {
    for (path, base, head) in [
        ("shop.py", "", "hint = \"# noqa\"\n"),
        ("shop.py", "", "\"\"\"Use it.\n\n# type: ignore\n\"\"\"\n"),
        (
            "shop.py",
            "",
            "# nothing is ignored here: it covers pragmas\n",
        ),
        ("cart.js", "", "const help = `eslint-disable`;\n"),
        (
            "shop.py",
            "import os  # noqa\n",
            "import sys\nimport os  # noqa\n",
        ),
        ("shop.py", "import os  # noqa\n", "import os\n"),
        ("Cart.hs", "", "{-# OPTIONS_GHC -Wall #-}\n"),
    ] {
        assert!(
            rules(&change(path, base, head)).is_empty(),
            "{path}: {head}"
        );
    }
}

#[test]
fn mark_that_moves_to_another_file_is_none_that_is_new_and_one_beside_it_is() {
    let moved = |more: &str| {
        let text = format!("import os  # noqa\n{more}");
        change("a.py", "import os  # noqa\n", "")
            .file(Revision::Head, "b.py", &text)
            .changed("b.py", Change::Added, 1, 0)
    };
    assert!(rules(&moved("")).is_empty());
    let verdict = judge(&moved("x()  # pragma: no cover\n"));
    let places = verdict
        .findings()
        .iter()
        .map(|f| f.at.as_ref().map(|at| at.path.clone()));
    assert_eq!(places.collect::<Vec<_>>(), [Some("b.py".to_owned())]);
}

#[test]
fn tests_may_leave_out_what_only_they_hold() {
    let fixture: Fixture = change(
        "tests/test_a.py",
        "def test_a():\n    assert f(1)\n",
        "def test_a():\n    assert f(1)  # type: ignore\n",
    );
    assert!(rules(&fixture).is_empty());
}
