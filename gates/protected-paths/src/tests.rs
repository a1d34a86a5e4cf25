//! Do the gate's verdicts hold, from the changed files to the findings?

mod approval;
mod content;
mod excused;
mod further;
mod guards;
mod weakened;
mod world;

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
