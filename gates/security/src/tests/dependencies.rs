//! Does a vulnerable package block exactly where the branch brings it in and it is grave enough?

use super::*;

const LOCK: &str = "[[package]]\nname = \"ring\"\nversion = \"1.0.0\"\n\
                    source = \"registry+https://registry.invalid/index\"\n";

fn locked(severity: Option<Severity>) -> Fixture {
    clean()
        .file(Revision::Head, "Cargo.lock", LOCK)
        .advisories(vec![("ring", advisory("GHSA-1", severity))])
}

#[test]
fn high_severity_blocks_and_names_the_fix() {
    let verdict = judge(&locked(Some(Severity::High)));
    assert!(verdict.is_fail());
    assert_eq!(field(&verdict, "deps_blocking"), "1");
    let known = found(&verdict, "GHSA-1")[0];
    assert!(known.blocking);
    assert_eq!(known.message, "ring 1.0.0: reads too far, fixed in 2.0.0");
    assert_eq!(known.at.clone().unwrap().path, "Cargo.lock");
}

#[test]
fn low_and_unknown_severity_warn() {
    for severity in [Some(Severity::Low), Some(Severity::Medium), None] {
        let verdict = judge(&locked(severity));
        assert!(verdict.is_pass());
        assert_eq!(field(&verdict, "deps_warning"), "1");
        assert_eq!(field(&verdict, "deps_blocking"), "0");
        assert!(!found(&verdict, "GHSA-1")[0].blocking);
    }
}

#[test]
fn threshold_is_the_settings() {
    let set = |severity, settings| judge(&locked(Some(severity)).settings(settings)).is_fail();
    assert!(set(Severity::Low, r#"{"dep_block_severity":"low"}"#));
    assert!(set(Severity::Medium, r#"{"dep_block_severity":"medium"}"#));
    assert!(!set(Severity::High, r#"{"dep_block_severity":"critical"}"#));
    assert!(set(
        Severity::Critical,
        r#"{"dep_block_severity":"critical"}"#
    ));
    assert!(!judge(&locked(None).settings(r#"{"dep_block_severity":"low"}"#)).is_fail());
}

#[test]
fn what_the_base_has_already_warns() {
    let verdict = judge(&locked(Some(Severity::Critical)).file(Revision::Base, "Cargo.lock", LOCK));
    assert!(verdict.is_pass());
    assert_eq!(field(&verdict, "deps_preexisting"), "1");
    assert_eq!(field(&verdict, "deps_blocking"), "0");
    assert_eq!(field(&verdict, "deps_warning"), "0");
    assert!(!found(&verdict, "GHSA-1")[0].blocking);
}

#[test]
fn another_version_or_another_file_in_the_base_excuses_nothing() {
    let older = LOCK.replace("1.0.0", "0.9.0");
    for (path, text) in [
        ("Cargo.lock", older.as_str()),
        ("Cargo.lock", "[[package]]\nbroken"),
        ("other/Cargo.lock", LOCK),
    ] {
        let fixture = locked(Some(Severity::High)).file(Revision::Base, path, text);
        assert!(judge(&fixture).is_fail(), "{path}: {text}");
    }
}

#[test]
fn every_ecosystem_of_a_lock_file_is_looked_up() {
    let v1 = r#"{"lockfileVersion":1,"dependencies":{"a":{"version":"1.0.0","dependencies":{"deep":{"version":"1.0.0"}}}}}"#;
    let v3 = r#"{"lockfileVersion":3,"packages":{"":{"name":"shop"},"node_modules/deep":{"version":"1.0.0"}}}"#;
    let project = "[project]\ndependencies = ['deep==1.0.0']\n";
    for (path, text) in [
        ("web/package-lock.json", v1),
        ("web/package-lock.json", v3),
        ("tool/pyproject.toml", project),
    ] {
        let fixture = clean()
            .file(Revision::Head, path, text)
            .advisories(vec![("deep", advisory("GHSA-2", Some(Severity::Critical)))]);
        let verdict = judge(&fixture);
        assert!(verdict.is_fail(), "{path}");
        assert_eq!(found(&verdict, "GHSA-2")[0].at.clone().unwrap().path, path);
        assert_eq!(field(&verdict, "deps_blocking"), "1");
    }
}

#[test]
fn feed_down_passes_degraded_and_says_so_first() {
    let verdict = judge(&clean().file(Revision::Head, "Cargo.lock", LOCK));
    assert!(verdict.is_pass());
    assert_eq!(field(&verdict, "deps_audit_degraded"), "true");
    assert!(
        verdict.summary().contains("DEPENDENCY AUDIT DEGRADED"),
        "{}",
        verdict.summary()
    );
    let degraded = found(&verdict, "deps/degraded")[0];
    assert!(!degraded.blocking && degraded.message.contains("1 package was not looked up"));
}

#[test]
fn feed_down_fails_when_fail_closed() {
    let verdict = judge(
        &clean()
            .file(Revision::Head, "Cargo.lock", LOCK)
            .settings(r#"{"dep_audit_fail_closed":true}"#),
    );
    assert!(verdict.is_fail());
    assert!(found(&verdict, "deps/degraded")[0].blocking);
}

#[test]
fn no_manifest_asks_nobody_and_is_not_degraded() {
    let verdict = judge(
        &clean()
            .file(Revision::Head, "src/main.rs", "fn main() {}")
            .settings(r#"{"dep_audit_fail_closed":true}"#),
    );
    assert!(verdict.is_pass());
    assert_eq!(field(&verdict, "deps_audit_degraded"), "false");
    assert!(visible(&verdict).contains("nothing to audit"));
}

#[test]
fn broken_manifest_is_a_remark_and_degrades() {
    for (path, text) in [
        ("package-lock.json", "{"),
        ("Cargo.lock", "[[package]]\nname = \"a\""),
        ("pyproject.toml", "[project]\ndependencies = ['a==1'\n"),
    ] {
        let broken = || clean().file(Revision::Head, path, text);
        let verdict = judge(&broken());
        assert!(verdict.is_pass(), "{path}");
        assert!(!found(&verdict, "deps/unreadable")[0].blocking);
        assert_eq!(field(&verdict, "deps_audit_degraded"), "true");
        let closed = broken().settings(r#"{"dep_audit_fail_closed":true}"#);
        assert!(judge(&closed).is_fail(), "{path}");
    }
}

#[test]
fn manifest_of_an_unknown_kind_is_not_passed_over() {
    let verdict = judge(
        &clean()
            .file(Revision::Head, "Gemfile.lock", "GEM")
            .settings(r#"{"manifests":["Gemfile.lock"]}"#),
    );
    assert_eq!(found(&verdict, "deps/unreadable").len(), 1);
    assert_eq!(field(&verdict, "deps_audit_degraded"), "true");
}

#[test]
fn manifests_left_out_by_the_settings_are_not_audited() {
    let verdict =
        judge(&locked(Some(Severity::Critical)).settings(r#"{"manifests":["a/Cargo.lock"]}"#));
    assert!(verdict.is_pass() && verdict.findings().is_empty());
}

#[test]
fn blocking_findings_survive_the_bound_on_findings() {
    let mut lock = String::new();
    for number in 0..1200 {
        lock.push_str(&LOCK.replace("ring", &format!("crate-{number}")));
    }
    let names: Vec<String> = (0..1200).map(|number| format!("crate-{number}")).collect();
    let known = names.iter().map(|name| {
        let grave = name == "crate-1199";
        let severity = if grave { Severity::High } else { Severity::Low };
        (name.as_str(), advisory("GHSA-3", Some(severity)))
    });
    let verdict = judge(
        &clean()
            .file(Revision::Head, "Cargo.lock", &lock)
            .advisories(known.collect()),
    );
    assert!(verdict.is_fail() && verdict.findings().len() == 200);
    assert!(verdict.findings()[0].blocking);
    assert_eq!(field(&verdict, "deps_warning"), "1199");
    assert!(visible(&verdict).contains("1000 findings are not listed"));
}

/// A head with one file, and a feed that knows `flask` 0.5 and `lodash` 4.17.4 and everything else by name.
fn with(path: &str, text: &str, name: &str) -> Fixture {
    clean()
        .file(Revision::Head, path, text)
        .advisories(vec![(name, advisory("GHSA-7", Some(Severity::High)))])
}

#[test]
fn every_common_lock_file_is_audited_through_the_feed() {
    for (path, text, name) in [
        (
            "uv.lock",
            "[[package]]\nname = \"flask\"\nversion = \"0.5\"\nsource = { registry = \"x\" }\n",
            "flask",
        ),
        (
            "poetry.lock",
            "[[package]]\nname = \"flask\"\nversion = \"0.5\"\n",
            "flask",
        ),
        (
            "pdm.lock",
            "[[package]]\nname = \"flask\"\nversion = \"0.5\"\n",
            "flask",
        ),
        (
            "Pipfile.lock",
            r#"{"default":{"flask":{"version":"==0.5"}}}"#,
            "flask",
        ),
        ("yarn.lock", "lodash@^4:\n  version \"4.17.4\"\n", "lodash"),
        (
            "pnpm-lock.yaml",
            "lockfileVersion: '9.0'\npackages:\n  lodash@4.17.4: {}\n",
            "lodash",
        ),
        (
            "npm-shrinkwrap.json",
            r#"{"lockfileVersion":1,"dependencies":{"lodash":{"version":"4.17.4","resolved":false}}}"#,
            "lodash",
        ),
        (
            "bun.lock",
            "{\"packages\": {\"lodash\": [\"lodash@4.17.4\",],}}",
            "lodash",
        ),
        ("go.sum", "github.com/a/b v1.0.0 h1:x=\n", "github.com/a/b"),
        (
            "go.mod",
            "module x\nrequire github.com/a/b v1.0.0\n",
            "github.com/a/b",
        ),
        ("Gemfile.lock", "GEM\n  specs:\n    rack (2.0.1)\n", "rack"),
        (
            "composer.lock",
            r#"{"packages":[{"name":"a/b","version":"v1.0.0"}]}"#,
            "a/b",
        ),
        (
            "pom.xml",
            "<project><dependencies><dependency><groupId>g</groupId><artifactId>a</artifactId><version>1.0</version></dependency></dependencies></project>",
            "g:a",
        ),
        ("gradle.lockfile", "g:a:1.0=x\n", "g:a"),
        (
            "packages.lock.json",
            r#"{"dependencies":{"net8.0":{"A":{"resolved":"1.0.0"}}}}"#,
            "A",
        ),
        (
            "src/Shop.csproj",
            "<Project><ItemGroup><PackageReference Include='A' Version='1.0.0'/></ItemGroup></Project>",
            "A",
        ),
        (
            "mix.lock",
            "%{\n  \"plug\": {:hex, :plug, \"1.0.0\", \"\"},\n}\n",
            "plug",
        ),
        (
            "pubspec.lock",
            "packages:\n  http:\n    source: hosted\n    version: '1.0.0'\n",
            "http",
        ),
        (
            "pyproject.toml",
            "[dependency-groups]\ndev = ['flask==0.5']\n",
            "flask",
        ),
    ] {
        let verdict = judge(&with(path, text, name));
        assert!(verdict.is_fail(), "{path}: {verdict:?}");
        assert!(
            found(&verdict, "GHSA-7")[0].message.starts_with(name),
            "{path}"
        );
        assert_eq!(field(&verdict, "deps_audit_degraded"), "false", "{path}");
    }
}

#[test]
fn lock_file_is_audited_under_the_other_names_and_forms_that_people_give_it() {
    for (path, text, name) in [
        ("requirements.lock", "flask==0.5\n", "flask"),
        ("requirements/prod.pip", "flask==0.5\n", "flask"),
        (
            "requirements.txt",
            "\u{feff}Flask [async] == 0.5 ; python_version > '3' # old\r\n",
            "flask",
        ),
        (
            "requirements.txt",
            "flask==0.5 \\\n    --hash=sha256:00\n",
            "flask",
        ),
        ("requirements.txt", "flask===0.5\n", "flask"),
        (
            "pyproject.toml",
            "[project]\nname='x'\n[project.optional-dependencies]\ntest=['flask==0.5']\n",
            "flask",
        ),
        (
            "pyproject.toml",
            "[build-system]\nrequires=['flask==0.5']\n",
            "flask",
        ),
        (
            "pyproject.toml",
            "[tool.uv]\ndev-dependencies=['flask==0.5']\n",
            "flask",
        ),
        (
            "pyproject.toml",
            "[tool.poetry.group.dev.dependencies]\nflask='0.5'\n",
            "flask",
        ),
        (
            "pyproject.toml",
            "[tool.pdm.dev-dependencies]\ntest=['flask==0.5']\n",
            "flask",
        ),
        (
            "Pipfile.lock",
            r#"{"develop":{"Flask":{"version":"==0.5"}}}"#,
            "flask",
        ),
        (
            "package-lock.json",
            r#"{"lockfileVersion":3,"packages":{"":{"name":"x"},"node_modules/a/node_modules/b":{"name":"lodash","version":"4.17.4","resolved":false,"dev":"yes"}}}"#,
            "lodash",
        ),
        (
            "package-lock.json",
            r#"{"lockfileVersion":1,"dependencies":{"a":{"version":"npm:lodash@4.17.4"},"b":{"version":false,"requires":true}}}"#,
            "lodash",
        ),
        (
            "yarn.lock",
            "__metadata:\n  version: 8\n\n\"l@npm:lodash@^4\":\n  version: 4.17.4\n",
            "lodash",
        ),
        (
            "common/config/rush/pnpm-lock.yaml",
            "lockfileVersion: 5.4\npackages:\n  /lodash/4.17.4:\n    dev: true\n",
            "lodash",
        ),
        (
            "gemfiles/rails_7.gemfile.lock",
            "GEM\n  specs:\n    rack (2.0.1)\n",
            "rack",
        ),
        (
            "gems.locked",
            "GEM\n  remote: x\n  specs:\n    rack (2.0.1-java)\n",
            "rack",
        ),
        (
            "composer.lock",
            r#"{"packages":[],"packages-dev":[{"name":"a/b","version":"1.0.0"}]}"#,
            "a/b",
        ),
        (
            "go.work.sum",
            "github.com/a/b v1.0.0 h1:x=\n",
            "github.com/a/b",
        ),
        (
            "build/pom.xml",
            "<project><properties><v>1.0</v></properties><dependencyManagement><dependencies><dependency><groupId>g</groupId><artifactId>a</artifactId><version>${v}</version></dependency></dependencies></dependencyManagement></project>",
            "g:a",
        ),
        (
            "app/buildscript-gradle.lockfile",
            "g:a:1.0=classpath\n",
            "g:a",
        ),
        (
            "Directory.Packages.props",
            "<Project><ItemGroup><PackageVersion Include='A' Version='[1.0.0]'/></ItemGroup></Project>",
            "A",
        ),
        (
            "packages.config",
            "<?xml version='1.0'?><packages><package id='A' version='1.0.0'/></packages>",
            "A",
        ),
    ] {
        let verdict = judge(&with(path, text, name));
        assert!(verdict.is_fail(), "{path}: {text}: {verdict:?}");
        // Whatever is pinned for pip goes to a tool that this host does not have, and then to the feed.
        let is_for_pip = path.contains("requirements") || path == "pyproject.toml";
        let degraded = field(&verdict, "deps_audit_degraded");
        assert!(is_for_pip || degraded == "false", "{path}");
    }
}

#[test]
fn manifest_that_is_seen_and_not_read_is_named_and_degrades() {
    for path in [
        "Podfile.lock",
        "bun.lockb",
        "build.gradle",
        "web/setup.py",
        "environment.yml",
        "Cargo.toml",
        "shop.gemspec",
        "flake.lock",
        "infra/.terraform.lock.hcl",
    ] {
        let verdict = judge(&with(path, "x", "x"));
        assert!(verdict.is_pass(), "{path}");
        assert_eq!(field(&verdict, "deps_audit_degraded"), "true", "{path}");
        assert!(found(&verdict, "deps/unreadable")[0].message.contains(path));
        let closed = with(path, "x", "x").settings(r#"{"dep_audit_fail_closed":true}"#);
        assert!(judge(&closed).is_fail(), "{path}");
    }
}

#[test]
fn lock_file_speaks_for_what_only_declares() {
    let project =
        "[project]\ndynamic = ['dependencies']\n[tool.poetry.dependencies]\nflask = '^0.5'\n";
    let alone = judge(&with("pyproject.toml", project, "flask"));
    assert!(alone.is_pass());
    assert_eq!(field(&alone, "deps_unaudited"), "2");
    assert!(visible(&alone).contains("which the build works out"));
    let lock = "[[package]]\nname = \"flask\"\nversion = \"0.5\"\n";
    let locked = with("pyproject.toml", project, "flask").file(Revision::Head, "poetry.lock", lock);
    let locked = judge(&locked);
    assert!(locked.is_fail(), "{locked:?}");
    assert_eq!(field(&locked, "deps_unaudited"), "0");
    let cargo = with("Cargo.toml", "x", "x").file(Revision::Head, "Cargo.lock", LOCK);
    assert_eq!(field(&judge(&cargo), "deps_audit_degraded"), "false");
    // A lock file in a folder beside says nothing of this one.
    let beside = with("a/Cargo.toml", "x", "x").file(Revision::Head, "b/Cargo.lock", LOCK);
    assert_eq!(field(&judge(&beside), "deps_audit_degraded"), "true");
}

#[test]
fn what_lies_among_installed_packages_declares_nothing() {
    let fixture = with(
        "web/node_modules/a/package.json",
        r#"{"dependencies":{"b":"1.0.0"}}"#,
        "b",
    );
    let verdict = judge(&fixture);
    assert!(verdict.is_pass());
    assert_eq!(field(&verdict, "deps_audit_degraded"), "false");
}
