//! Guards, layouts, marks and lists of members that other repositories and tools have, beside those of the cases.

use orch_gate_sdk::Fixture;
use orch_gate_sdk::repository::{Change, Revision};

use super::weakened::{DELETED, WEAKENED, change};
use super::{rules, rules_of};

/// Rules of a change of one file from `base` to `head`.
fn changed(path: &str, base: &str, head: &str) -> Vec<String> {
    rules(&change(path, base, head))
}

#[test]
fn tests_of_further_layouts_are_known_by_their_names() {
    for path in [
        "types/index.test-d.ts",
        "src/__test__/cart.js",
        "src/testIntegration/java/Cart.java",
        "src/test/java/CartSpec.java",
        "core/src/main/CartSpec.java",
        "Tests/Cart.cs",
        "Shop.Tests.Unit/Cart.cs",
        "functional_tests/cart.py",
        "acceptance-tests/cart.sh",
        "features/bootstrap/CartContext.php",
        "src/cart_gtest.cc",
        "src/cart.t.cpp",
        "unittest/cart.c",
        "inst/tinytest/cart.R",
        "modules/vpc/vpc.tftest.hcl",
        "test/Cart.t.sol",
        "molecule/default/converge.yml",
        "shop.postman_collection.json",
        "suites/cart.robot",
        "api/cart.hurl",
    ] {
        let fixture =
            Fixture::new()
                .file(Revision::Base, path, "x\n")
                .changed(path, Change::Deleted, 0, 1);
        assert_eq!(rules(&fixture), [DELETED], "{path}");
    }
    for path in [
        "src/features/cart.py",
        "api/spec.yaml",
        "shop.spec",
        "src/contest/a.js",
        "src/latest-news/a.ts",
        "lib/protest.rb",
    ] {
        let fixture =
            Fixture::new()
                .file(Revision::Base, path, "x\n")
                .changed(path, Change::Deleted, 0, 1);
        assert!(rules(&fixture).is_empty(), "{path}");
    }
}

#[test]
fn skip_that_stands_alone_or_beside_a_condition_is_found() {
    for (path, base, head) in [
        (
            "test/cart.bats",
            "@test \"a\" {\n  [ 1 = 1 ]\n}\n",
            "@test \"a\" {\n  skip\n  [ 1 = 1 ]\n}\n",
        ),
        (
            "test/cart_test.rb",
            "def test_a\n  assert_equal 1, x\nend\n",
            "def test_a\n  skip\n  assert_equal 1, x\nend\n",
        ),
        (
            "spec/cart_spec.rb",
            "it \"a\" do\n  expect(x).to eq 1\nend\n",
            "it \"a\" do\n  pending\n  expect(x).to eq 1\nend\n",
        ),
        (
            "test/a.test.js",
            "test('a', () => {\n  assert.ok(x);\n});\n",
            "test('a', { skip: !process.env.CI }, () => {\n  assert.ok(x);\n});\n",
        ),
        (
            "features/cart.feature",
            "Feature: Cart\n  Scenario: pays\n    Then it is paid\n",
            "Feature: Cart\n  @wip\n  Scenario: pays\n    Then it is paid\n",
        ),
        (
            "features/cart.feature",
            "Feature: Cart\n  Scenario: pays\n    Then it is paid\n",
            "Feature: Cart\n  Scenario: pays\n    When it is paid\n",
        ),
        (
            "suites/cart.robot",
            "*** Test Cases ***\nPays\n    Should Be Equal    ${x}    1\n",
            "*** Test Cases ***\nPays\n    Skip    later\n    Should Be Equal    ${x}    1\n",
        ),
        (
            "Shop.Tests/A.cs",
            "[Fact]\npublic void A() {\n  Assert.Equal(1, x);\n}\n",
            "[Fact(Skip = Reasons.Later)]\npublic void A() {\n  Assert.Equal(1, x);\n}\n",
        ),
    ] {
        assert_eq!(
            rules(&change(path, base, head)),
            [WEAKENED],
            "{path}: {head}"
        );
        assert!(rules(&change(path, base, base)).is_empty(), "{path}");
    }
}

#[test]
fn guards_of_further_makers_are_found() {
    for (rule, paths) in [
        (
            "agent-config",
            &[
                ".coderabbit.yaml",
                ".pr_agent.toml",
                ".amp/settings.json",
                "COPILOT.md",
                ".serena/project.yml",
            ][..],
        ),
        (
            "ci",
            &[
                "circle.yml",
                "shippable.yml",
                ".huskyrc.json",
                "scripts/hooks/pre-commit",
                "sub/.gitlab-ci.yml",
            ],
        ),
        (
            "scanner-config",
            &[
                "config/gitleaks-baseline.json",
                ".trufflehog.yml",
                ".nancy-ignore",
                ".gosec.yaml",
                ".brakeman.ignore",
            ],
        ),
        (
            "coverage-config",
            &[
                "dev/codecov.yml",
                ".grcov.yml",
                "monocart.config.js",
                "coverage-thresholds.json",
                ".coveragerc.local",
            ],
        ),
        (
            "test-command",
            &[
                "tox.toml",
                "hatch.toml",
                "jest.preset.js",
                "cucumber.mjs",
                "spec/phpspec.yml",
            ],
        ),
    ] {
        for path in paths {
            assert_eq!(rules_of(path), [format!("protected/{rule}")], "{path}");
        }
    }
}

#[test]
fn member_that_a_workspace_loses_is_found_and_one_that_it_gains_is_not() {
    for (path, base, head) in [
        (
            "Cargo.toml",
            "[workspace]\nmembers = [\"a\", \"b\"]\n",
            "[workspace]\nmembers = [\"a\"]\n",
        ),
        (
            "package.json",
            r#"{"workspaces": ["a", "b"]}"#,
            r#"{"workspaces": ["a"]}"#,
        ),
        (
            "package.json",
            r#"{"workspaces": {"packages": ["a", "b"]}}"#,
            r#"{"workspaces": {"packages": ["a"]}}"#,
        ),
        (
            "pnpm-workspace.yaml",
            "packages:\n  - a\n  - b\n",
            "packages:\n  - a\n",
        ),
        (
            "go.work",
            "go 1.22\n\nuse (\n\t./a\n\t./b\n)\n",
            "go 1.22\n\nuse (\n\t./a\n)\n",
        ),
        (
            "pom.xml",
            "<modules>\n<module>a</module>\n<module>b</module>\n</modules>",
            "<modules>\n<module>a</module>\n</modules>",
        ),
        (
            "settings.gradle.kts",
            "include(\":a\")\ninclude(\":b\")\n",
            "include(\":a\")\n",
        ),
        (
            "Shop.slnx",
            "<Solution>\n<Project Path=\"a\"/>\n<Project Path=\"b\"/>\n</Solution>",
            "<Solution>\n<Project Path=\"a\"/>\n</Solution>",
        ),
        (
            "CMakeLists.txt",
            "project(x)\nadd_subdirectory(a)\nadd_subdirectory(b)\n",
            "project(x)\nadd_subdirectory(a)\n",
        ),
    ] {
        let found = changed(path, base, head);
        assert_eq!(found, ["protected/test-command"], "{path}");
        assert!(changed(path, head, base).is_empty(), "{path}");
    }
}

#[test]
fn build_scripts_of_any_name_say_which_tests_run() {
    for (path, base, head) in [
        (
            "gradle/test.gradle",
            "version = '1'\n",
            "version = '1'\ntest { exclude '**/Cart*' }\n",
        ),
        (
            "gulpfile.js",
            "exports.build = build;\n",
            "exports.build = build;\nexports.test = () => {};\n",
        ),
        (
            "spec/spec_helper.rb",
            "SimpleCov.minimum_coverage 90\n",
            "SimpleCov.minimum_coverage 10\n",
        ),
    ] {
        assert_eq!(
            changed(path, base, head),
            ["protected/test-command"],
            "{path}"
        );
    }
}
