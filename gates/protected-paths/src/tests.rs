//! Do the gate's verdicts hold, from the changed files to the findings?

mod approval;
mod weakened;

use orch_gate_sdk::bindings::orch::gate::types;
use orch_gate_sdk::repository::{Change, Revision};
use orch_gate_sdk::{Fixture, Gate, GateError, Host, Scalar, Verdict};

use crate::{Answer, ProtectedPaths, Settings};

fn judge(fixture: &Fixture) -> Verdict {
    let mut settings: Settings = orch_gate_sdk::parse_settings(&Host::settings(fixture)).unwrap();
    // What is found is the subject here; what a person says of it has tests of its own.
    settings.answer = Answer::Fail;
    ProtectedPaths::evaluate(fixture, &settings).unwrap()
}

fn rules(fixture: &Fixture) -> Vec<String> {
    let verdict = judge(fixture);
    assert_eq!(verdict.is_pass(), verdict.findings().is_empty());
    let findings = verdict.findings().iter();
    findings.map(|finding| finding.rule.clone()).collect()
}

/// Rules that a change of `path` offends.
fn rules_of(path: &str) -> Vec<String> {
    rules(&Fixture::new().changed(path, Change::Modified, 1, 1))
}

fn fields(verdict: &Verdict) -> Vec<(String, i64)> {
    let verdict: types::Verdict = verdict.clone().into();
    let fields = verdict.fields.into_iter();
    fields
        .map(|field| match field.value {
            Scalar::Integer(number) => (field.key, number),
            other => panic!("{other:?}"),
        })
        .collect()
}

#[test]
fn ordinary_change_passes_and_is_counted() {
    let fixture = Fixture::new()
        .changed("src/a b.py", Change::Modified, 3, 1)
        .changed("docs/CLAUDE.md.txt", Change::Added, 3, 0);
    let verdict = judge(&fixture);
    assert!(verdict.is_pass());
    let counts = [("files_changed", 2), ("protected_changes", 0)];
    assert_eq!(fields(&verdict), counts.map(|(key, n)| (key.to_owned(), n)));
}

#[test]
fn every_protected_path_is_found() {
    for (rule, paths) in [
        (
            "gate-config",
            &[".orch.yaml", ".orch/gates/x.wasm", ".ORCH.yaml"][..],
        ),
        (
            "agent-config",
            &[
                "CLAUDE.md",
                "a/b/claude.md",
                "AGENTS.md",
                "x y/AGENTS.md",
                ".claude/settings.json",
                ".claude",
                "sub/.claude/hooks/a b.sh",
                ".mcp.json",
                ".cursor/rules/a",
            ],
        ),
        (
            "ci",
            &[
                ".gitea/workflows/a.yml",
                ".forgejo/a",
                ".github/workflows/a b.yml",
                ".github",
                ".gitlab-ci.yml",
                ".woodpecker.yml",
                ".woodpecker/a.yml",
                "Jenkinsfile",
                ".circleci/config.yml",
                ".pre-commit-config.yaml",
            ],
        ),
        (
            "owners",
            &["CODEOWNERS", "docs/CODEOWNERS", "codeowners", "OWNERS"],
        ),
        (
            "scanner-config",
            &[".gitleaks.toml", ".gitleaksignore", ".gitattributes"],
        ),
    ] {
        for path in paths {
            assert_eq!(rules_of(path), [format!("protected/{rule}")], "{path}");
        }
    }
}

#[test]
fn paths_that_only_look_alike_are_not_found() {
    for path in [
        "orch.yaml",
        "a/.orch.yaml",
        ".orchard/a",
        "MYCLAUDE.md",
        "claude/a",
        "src/.github/a",
        "github/a",
        "CODEOWNERS.md",
        "src/gitattributes",
        "Jenkinsfile.md",
        "",
        "\u{fffd}\u{fffd}",
        "a\nb\\c[",
    ] {
        assert!(rules_of(path).is_empty(), "{path}");
    }
}

#[test]
fn one_path_can_offend_two_rules() {
    assert_eq!(
        rules_of(".github/CODEOWNERS"),
        ["protected/ci", "protected/owners"]
    );
}

#[test]
fn deleting_adding_and_renaming_protected_paths_counts() {
    let moved = Fixture::new()
        .changed("CODEOWNERS", Change::Deleted, 0, 1)
        .changed("CODEOWNERS.old", Change::Added, 1, 0)
        .changed(".github/new.yml", Change::Added, 1, 0);
    assert_eq!(rules(&moved), ["protected/ci", "protected/owners"]);
    assert!(judge(&moved).findings()[1].message.contains("deleted"));
}

#[test]
fn rename_without_an_old_path_is_found_by_what_the_head_lacks() {
    let renamed = Fixture::new()
        .file(Revision::Base, ".gitleaks.toml", "x")
        .file(Revision::Base, "src/a.py", "x")
        .file(Revision::Head, "src/a.py", "x")
        .file(Revision::Head, "gitleaks.old", "x")
        .changed("gitleaks.old", Change::Renamed, 0, 0);
    assert_eq!(rules(&renamed), ["protected/scanner-config"]);
}

#[test]
fn paths_of_the_settings_are_protected_and_allowed_ones_are_not() {
    let fixture = |path: &str| {
        Fixture::new()
            .settings(r#"{"paths": ["deploy/**", "**/secret file"], "allow": ["deploy/dev/**", ".github/**", "**"]}"#)
            .changed(path, Change::Modified, 1, 1)
    };
    let strict = |path: &str| {
        let settings = r#"{"paths": ["deploy/**", "**/secret file"], "allow": ["deploy/dev/**", ".github/**"]}"#;
        rules(
            &Fixture::new()
                .settings(settings)
                .changed(path, Change::Modified, 1, 1),
        )
    };
    assert_eq!(strict("deploy/prod.yml"), ["protected/path"]);
    assert_eq!(strict("DEPLOY/prod.yml"), ["protected/path"]);
    assert_eq!(strict("a/secret file"), ["protected/path"]);
    assert!(strict("deploy/dev/a.yml").is_empty());
    assert!(strict(".github/a.yml").is_empty());
    assert_eq!(strict(".GITHUB/a.yml"), ["protected/ci"]);
    assert!(rules(&fixture("tests/a.rs")).is_empty());
    assert_eq!(rules(&fixture(".orch.yaml")), ["protected/gate-config"]);
    assert_eq!(rules(&fixture("a/CLAUDE.md")), ["protected/agent-config"]);
}

#[test]
fn findings_say_that_a_person_must_approve() {
    let verdict = judge(&Fixture::new().changed("a `b\n/CLAUDE.md", Change::Added, 1, 0));
    let finding = &verdict.findings()[0];
    let help = finding.help.as_deref().unwrap();
    assert!(
        help.contains("`waivable`") && help.contains(".orch.yaml"),
        "{help}"
    );
    assert!(finding.blocking && !finding.message.contains(['\n', '`']));
}

#[test]
fn findings_beyond_the_listed_ones_still_block() {
    let fixture = (0..250).fold(Fixture::new(), |fixture, n| {
        fixture.changed(&format!(".github/{n}"), Change::Added, 1, 0)
    });
    let verdict = judge(&fixture);
    assert_eq!(verdict.findings().len(), 201);
    assert_eq!(verdict.findings()[200].rule, "protected/more");
    assert_eq!(fields(&verdict)[1].1, 250);
}

#[test]
fn host_that_names_no_change_of_a_branch_with_commits_is_no_pass() {
    let silent = Fixture::new().commit(&"a".repeat(40), "Do things", None);
    let answer = silent.judge::<ProtectedPaths>();
    assert!(matches!(answer, Err(GateError::Unavailable(_))));
    assert!(judge(&Fixture::new()).is_pass());
}

#[test]
fn bad_settings_are_refused_by_name() {
    for settings in [
        r#"{"paths": ["a["]}"#,
        r#"{"tests": [""]}"#,
        r#"{"allow": ["/abs"]}"#,
        r#"{"protect": []}"#,
    ] {
        let answer = Fixture::new().settings(settings).judge::<ProtectedPaths>();
        assert!(
            matches!(answer, Err(GateError::Misconfigured(_))),
            "{settings}"
        );
    }
    let settings = Settings {
        paths: vec!["a[".to_owned()],
        ..Settings::default()
    };
    let problems = ProtectedPaths::check_settings(&settings);
    assert!(problems[0].contains("`a[`"), "{problems:?}");
    assert!(ProtectedPaths::check_settings(&Settings::default()).is_empty());
}

#[test]
fn descriptor_names_the_status_and_no_artefact() {
    let about = orch_gate_sdk::describe::descriptor::<ProtectedPaths>();
    assert_eq!(about.name, "protected-paths");
    assert_eq!(about.status.key, "protected_status");
    assert!(about.artefact.is_none());
}

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
