//! Are the guards of other makers found, and what decides which tests run?

use orch_gate_sdk::Fixture;
use orch_gate_sdk::bindings::orch::gate::types;
use orch_gate_sdk::repository::{Change, Revision};

use super::{judge, rules, rules_of};

/// Rules of a change of one file from `base` to `head`.
fn changed(path: &str, base: &str, head: &str) -> Vec<String> {
    let fixture = Fixture::new()
        .file(Revision::Base, path, base)
        .file(Revision::Head, path, head)
        .changed(path, Change::Modified, 1, 1);
    rules(&fixture)
}

#[test]
fn guards_of_other_makers_are_found() {
    for (rule, paths) in [
        (
            "ci",
            &[
                ".travis.yml",
                "azure-pipelines.yml",
                ".drone.yml",
                ".buildkite/pipeline.yml",
                ".gitlab/ci/test.yml",
                "ci/Jenkinsfile",
                ".husky/pre-commit",
                "lefthook.yml",
                "bitbucket-pipelines.yml",
                "appveyor.yml",
                ".cirrus.yml",
                "cloudbuild.yaml",
                ".tekton/push.yaml",
                "Earthfile",
                ".githooks/pre-push",
                "buildspec.yml",
                ".github/workflows/test.yml",
                ".gitlab-ci/test.yml",
                "jenkins.yml",
                ".vela.yml",
                "bamboo-specs/bamboo.yml",
                ".pre-commit-config.yaml",
                ".lintstagedrc.json",
                "appveyor.yaml",
            ][..],
        ),
        (
            "agent-config",
            &[
                "GEMINI.md",
                ".codex/config.toml",
                ".clinerules",
                ".clinerules/a.md",
                "opencode.json",
                ".vscode/mcp.json",
                "skills/deploy/SKILL.md",
                ".windsurfrules",
                ".roo/rules/a.md",
                ".aider.conf.yml",
                ".junie/guidelines.md",
                ".amazonq/rules/a.md",
                ".kiro/steering/a.md",
                ".goosehints",
                "docs/backend.instructions.md",
                ".ruler/a.md",
                "QWEN.md",
                ".cursor/mcp.json",
                ".zed/tasks.json",
                ".aiignore",
            ],
        ),
        (
            "scanner-config",
            &[
                ".semgrepignore",
                ".trivyignore",
                ".bandit",
                "osv-scanner.toml",
                "deny.toml",
                ".snyk",
                ".cargo/audit.toml",
                ".secrets.baseline",
                ".checkov.yaml",
                "sonar-project.properties",
                ".nsprc",
                ".gitleaks.yml",
                "owasp-suppressions.xml",
                ".trivyignore.yaml",
                "audit-ci.jsonc",
                ".safety-project.ini",
                "security.openvex.json",
                ".bearer.yml",
            ],
        ),
        (
            "coverage-config",
            &[
                ".coveragerc",
                ".nycrc",
                "codecov.yml",
                ".simplecov",
                ".c8rc.json",
                "tarpaulin.toml",
                "test.runsettings",
                ".nycrc.json",
                ".coverallsrc",
                ".codacy.yml",
                "coverage.toml",
            ],
        ),
        (
            "test-command",
            &[
                "tox.ini",
                "pytest.ini",
                "jest.config.js",
                "web/vitest.config.ts",
                ".mocharc.json",
                "karma.conf.js",
                "phpunit.xml",
                ".rspec",
                "noxfile.py",
                "playwright.config.ts",
                ".config/nextest.toml",
                "testng.xml",
            ],
        ),
    ] {
        for path in paths {
            assert_eq!(rules_of(path), [format!("protected/{rule}")], "{path}");
        }
    }
}

#[test]
fn part_that_says_which_tests_run_is_guarded_and_the_rest_of_the_file_is_not() {
    for (path, base, head, other) in [
        (
            "package.json",
            r#"{"version":"1","scripts":{"test":"jest"}}"#,
            r#"{"version":"1","scripts":{"test":"jest || true"}}"#,
            r#"{"version":"2","scripts":{"test":"jest"}}"#,
        ),
        (
            "web/package.json",
            r#"{"jest":{"coverageThreshold":{"global":{"lines":90}}}}"#,
            r#"{"jest":{"coverageThreshold":{"global":{"lines":10}}}}"#,
            r#"{"jest":{"coverageThreshold":{"global":{"lines":90}}},"dependencies":{"a":"1"}}"#,
        ),
        (
            "Makefile",
            "build:\n\tgcc a.c\n\ntest:\n\tpytest\n",
            "build:\n\tgcc a.c\n\ntest:\n\ttrue\n",
            "build:\n\tgcc -O2 a.c\n\ntest:\n\tpytest\n",
        ),
        (
            "pom.xml",
            "<project>\n<version>1</version>\n</project>",
            "<project>\n<version>1</version>\n<properties><skipTests>true</skipTests></properties>\n</project>",
            "<project>\n<version>2</version>\n</project>",
        ),
        (
            "crates/a/Cargo.toml",
            "[package]\nname = 'a'\nversion = '1.0.0'\n",
            "[package]\nname = 'a'\nversion = '1.0.0'\nautotests = false\n",
            "[package]\nname = 'a'\nversion = '1.0.1'\n",
        ),
        (
            "setup.cfg",
            "[metadata]\nname = a\n[coverage:report]\nfail_under = 90\n",
            "[metadata]\nname = a\n[coverage:report]\nfail_under = 10\n",
            "[metadata]\nname = b\n[coverage:report]\nfail_under = 90\n",
        ),
        (
            "pyproject.toml",
            "[project]\nname = 'a'\n[tool.coverage.report]\nfail_under = 90\n",
            "[project]\nname = 'a'\n[tool.coverage.report]\nfail_under = 10\n",
            "[project]\nname = 'b'\n[tool.coverage.report]\nfail_under = 90\n",
        ),
        (
            "pyproject.toml",
            "[tool.pytest.ini_options]\naddopts = '-q'\n",
            "[tool.pytest.ini_options]\naddopts = '-q --deselect tests/a.py'\n",
            "[project]\nname = 'b'\n[tool.pytest.ini_options]\naddopts = '-q'\n",
        ),
        (
            "build.gradle.kts",
            "version = \"1\"\n",
            "version = \"1\"\ntasks.test { enabled = false }\n",
            "version = \"2\"\n",
        ),
        (
            "composer.json",
            r#"{"version":"1","scripts":{"test":"phpunit"}}"#,
            r#"{"version":"1","scripts":{"test":"phpunit || true"}}"#,
            r#"{"version":"2","scripts":{"test":"phpunit"}}"#,
        ),
        (
            ".yarnrc.yml",
            "nodeLinker: pnp\n",
            "nodeLinker: pnp\nnpmAuditIgnoreAdvisories: ['*']\n",
            "nodeLinker: node-modules\n",
        ),
        (
            "Shop.csproj",
            "<Project>\n<A/>\n</Project>",
            "<Project>\n<A/>\n<IsTestProject>false</IsTestProject>\n</Project>",
            "<Project>\n<B/>\n</Project>",
        ),
        (
            "tests/jest/package.json",
            r#"{"scripts":{"test":"jest"}}"#,
            r#"{"scripts":{"test":"jest --passWithNoTests -t nothing"}}"#,
            r#"{"name":"a","scripts":{"test":"jest"}}"#,
        ),
        (
            "Rakefile",
            "task :build\nRake::TestTask.new(:test)\n",
            "task :build\ntask :test\n",
            "task :package\nRake::TestTask.new(:test)\n",
        ),
        (
            "CMakeLists.txt",
            "project(a)\nadd_test(NAME a COMMAND a)\n",
            "project(a)\n",
            "project(b)\nadd_test(NAME a COMMAND a)\n",
        ),
    ] {
        assert_eq!(
            changed(path, base, head),
            ["protected/test-command"],
            "{path}"
        );
        assert!(changed(path, base, other).is_empty(), "{path}: {other}");
    }
}

#[test]
fn what_the_test_command_of_the_base_calls_is_guarded_as_a_whole() {
    for (command, path) in [
        ("./ci-tests.sh --fast", "ci-tests.sh"),
        ("bash scripts/run.sh && echo ok", "scripts/run.sh"),
        ("python tools/run_all.py", "tools/run_all.py"),
        ("ctest --preset=x --output=conf/a.json", "conf/a.json"),
    ] {
        let config = format!("ci:\n  test: {command}\n");
        let fixture = Fixture::new()
            .file(Revision::Base, ".orch.yaml", &config)
            .file(Revision::Base, path, "a")
            .file(Revision::Head, path, "b")
            .changed(path, Change::Modified, 1, 1);
        assert_eq!(rules(&fixture), ["protected/test-command"], "{command}");
    }
    // A file that the command does not call is everyday work.
    assert!(changed("scripts/run.sh", "a", "b").is_empty());
}

#[test]
fn what_the_test_command_runs_by_way_of_another_file_is_guarded_unless_it_is_a_test() {
    let package = r#"{"scripts":{"test":"npm run unit && node tools/report.mjs","unit":"node scripts/unit.js","pretest":"sh scripts/before.sh","build":"node scripts/build.js"}}"#;
    let make = "build:\n\tsh scripts/build.sh\n\ntest:\n\tsh scripts/unit.sh\n";
    let tox = "[testenv]\ncommands = python tools/run.py {posargs}\n";
    for (command, file, text, path, is_guarded) in [
        ("npm test", "package.json", package, "scripts/unit.js", true),
        (
            "npm test",
            "package.json",
            package,
            "tools/report.mjs",
            true,
        ),
        ("npm t", "package.json", package, "scripts/before.sh", true),
        (
            "yarn unit",
            "package.json",
            package,
            "scripts/unit.js",
            true,
        ),
        (
            "npm test",
            "package.json",
            package,
            "scripts/build.js",
            false,
        ),
        ("make test", "Makefile", make, "scripts/unit.sh", true),
        ("make test", "Makefile", make, "scripts/build.sh", false),
        ("tox -e py", "tox.ini", tox, "tools/run.py", true),
        (
            "cargo test",
            "package.json",
            package,
            "scripts/unit.js",
            false,
        ),
    ] {
        let config = format!("ci:\n  test: {command}\n");
        let fixture = Fixture::new()
            .file(Revision::Base, ".orch.yaml", &config)
            .file(Revision::Base, file, text)
            .file(Revision::Base, path, "a")
            .file(Revision::Head, path, "b")
            .changed(path, Change::Modified, 1, 1);
        let found = rules(&fixture);
        let right: &[&str] = match is_guarded {
            true => &["protected/test-command"],
            false => &[],
        };
        assert_eq!(found, right, "{command}: {path}");
    }
    // A test that is called by its name is compared like any other: one more assertion needs nobody.
    let fixture = Fixture::new()
        .file(Revision::Base, ".orch.yaml", "ci:\n  test: npm test\n")
        .file(
            Revision::Base,
            "package.json",
            r#"{"scripts":{"test":"node test/cart.js"}}"#,
        )
        .file(Revision::Base, "test/cart.js", "assert.ok(x);\n")
        .file(
            Revision::Head,
            "test/cart.js",
            "assert.ok(x);\nassert.ok(y);\n",
        )
        .changed("test/cart.js", Change::Modified, 1, 0);
    assert!(rules(&fixture).is_empty());
}

#[test]
fn other_commit_of_a_submodule_waits_for_a_person() {
    let modules = "[submodule \"lib\"]\n\tpath = third party/lib\n\turl = ../lib.git\n";
    let judged = |base: &str, head: &str, path: &str| {
        let fixture = Fixture::new()
            .file(Revision::Base, ".gitmodules", base)
            .file(Revision::Head, ".gitmodules", head)
            .changed(path, Change::Modified, 1, 1);
        rules(&fixture)
    };
    let found = ["protected/submodule"];
    assert_eq!(judged(modules, modules, "third party/lib"), found);
    assert_eq!(judged("", modules, "third party/lib"), found);
    assert_eq!(judged(modules, "", "third party/lib"), found);
    assert_eq!(judged(modules, modules, ".gitmodules"), found);
    assert!(judged(modules, modules, "third party/lib.c").is_empty());
}

#[test]
fn file_that_is_new_is_guarded_where_the_command_runs_it() {
    let new = |config: &str| {
        let fixture = Fixture::new()
            .file(Revision::Base, ".orch.yaml", config)
            .file(Revision::Head, "Makefile", "test:\n\ttrue\n")
            .changed("Makefile", Change::Added, 2, 0);
        rules(&fixture)
    };
    assert_eq!(new("ci: {test: make test}\n"), ["protected/test-command"]);
    assert!(new("ci: {test: cargo test}\n").is_empty());
}

#[test]
fn summary_says_what_was_not_compared() {
    let fixture = Fixture::new()
        .file(Revision::Base, "tests/a.zig", "test \"a\" {}\n")
        .file(Revision::Head, "tests/a.zig", "test \"b\" {}\n")
        .changed("tests/a.zig", Change::Modified, 1, 1)
        .changed("tests/expected/a.json", Change::Modified, 1, 1);
    let verdict = judge(&fixture);
    assert!(verdict.is_pass());
    let summary = verdict.summary();
    for part in [
        "a language that is not known: tests/a.zig",
        "nobody compared: tests/expected/a.json",
    ] {
        assert!(summary.contains(part), "{summary}");
    }
    let shown: types::Verdict = verdict.into();
    assert!(shown.report.contains("- tests/a.zig") && shown.report.contains("Not looked at"));
}
