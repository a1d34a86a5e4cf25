//! Layouts as real projects have them, and how each is to be set up and tested.

#[path = "layouts/world.rs"]
mod world;

use std::collections::{BTreeMap, BTreeSet};

use orch_survey::{Project, Surveyed, survey};

/// Names of files, with their texts.
type Files<'a> = &'a [(&'a str, &'a str)];

/// Programs that are installed here.
const INSTALLED: [&str; 9] = [
    "python3", "node", "npm", "cargo", "go", "java", "mvn", "make", "gcc",
];

fn look(files: &[(&str, &str)], installed: &[&str]) -> Surveyed {
    let texts: BTreeMap<&str, &str> = files.iter().copied().collect();
    let names: BTreeSet<String> = texts.keys().map(|name| (*name).to_owned()).collect();
    survey(&Project {
        files: &names,
        read: &|name| texts.get(name).map(|text| (*text).to_owned()),
        has_program: &|program| installed.contains(&program),
    })
}

fn of(files: &[(&str, &str)]) -> (String, Option<String>, Option<String>) {
    let found = look(files, &INSTALLED);
    let language = found.languages.first().map(|l| l.language.clone());
    (language.unwrap_or_default(), found.setup, found.test)
}

#[test]
fn lock_of_uv_is_followed_by_pip_where_uv_is_not_installed() {
    let manifest = "[project]\nname = \"x\"\n[dependency-groups]\ndev = [\"ruff\"]\n[tool.pytest.ini_options]\n";
    let files = [
        ("pyproject.toml", manifest),
        ("uv.lock", ""),
        ("src/x/__init__.py", ""),
        ("tests/test_x.py", "import pytest\n"),
    ];
    let (language, setup, test) = of(&files);
    assert_eq!(language, "Python");
    let setup = setup.unwrap();
    assert!(
        setup.contains("uv export") && setup.ends_with("--no-deps -e ."),
        "{setup}"
    );
    assert_eq!(test.as_deref(), Some(".venv/bin/python -m pytest"));
    // Without a lock the group that is for tests is enough.
    let grouped = manifest.replace("dev = [", "tests = [\n  \"pytest\",\n]\ndev = [");
    let (_, setup, _) = of(&[("pyproject.toml", &grouped), files[2], files[3]]);
    let setup = setup.unwrap();
    assert!(
        setup.starts_with("python3 -m venv .venv") && setup.contains("-e . --group tests"),
        "{setup}"
    );
}

#[test]
fn toolchain_file_that_names_components_alone_fetches_none() {
    let rust = |toolchain: &str| {
        let files = [
            ("Cargo.toml", "[package]\n"),
            ("rust-toolchain.toml", toolchain),
            ("src/lib.rs", ""),
        ];
        let found = look(&files, &["cargo", "rustup"]);
        (found.setup.unwrap(), found.test.unwrap())
    };
    let (setup, test) = rust("[toolchain]\ncomponents = [\"rust-src\"]\n");
    for command in [setup, test] {
        assert!(
            command.starts_with("RUSTUP_TOOLCHAIN=\"$(rustup default"),
            "{command}"
        );
    }
    let (setup, _) = rust("[toolchain]\nchannel = \"stable\"\ncomponents = [\"rust-src\"]\n");
    assert_eq!(setup, "RUSTUP_TOOLCHAIN=stable cargo fetch");
    let (setup, test) = rust("[toolchain]\nchannel = \"1.70.0\"\n");
    assert_eq!(
        (setup.as_str(), test.as_str()),
        ("cargo fetch", "cargo test --offline")
    );
}

#[test]
fn package_manager_that_is_not_installed_is_fetched_in_the_line_that_wrote_the_lock_file() {
    let package = (
        "package.json",
        "{\"scripts\": {\"test\": \"pnpm lint && vitest run\"}}",
    );
    let named = |line: &str| {
        let script =
            format!("(require(\"./package.json\").packageManager || \"{line}\").split(\"+\")[0]");
        format!("\"$(node -p '{script}')\"")
    };
    for (lock, text, manager) in [
        (
            "pnpm-lock.yaml",
            "lockfileVersion: '9.0'\n",
            named("pnpm@10"),
        ),
        (
            "pnpm-lock.yaml",
            "lockfileVersion: '6.0'\n",
            named("pnpm@8"),
        ),
        ("yarn.lock", "# yarn lockfile v1\n", "yarn@1".to_owned()),
    ] {
        let found = look(&[package, (lock, text)], &["node", "npm", "npx"]);
        let engines = if lock == "yarn.lock" {
            " --ignore-engines"
        } else {
            ""
        };
        let setup = format!("npx --yes {manager} install --frozen-lockfile{engines}");
        let test = format!("npx --yes --offline {manager} test");
        assert_eq!(
            (found.setup, found.test),
            (Some(setup), Some(test)),
            "{lock}: {text}"
        );
    }
    let found = look(
        &[package, ("pnpm-lock.yaml", "lockfileVersion: '9.0'\n")],
        &["node", "npm", "npx", "pnpm"],
    );
    assert_eq!(found.test.as_deref(), Some("pnpm test"));
}

#[test]
fn extra_for_tests_is_found_however_it_is_written() {
    for extras in [
        "[project]\nname = \"x\"\n[project.optional-dependencies]\ntests = [\"pytest\"]\n",
        "[project]\nname = \"x\"\noptional-dependencies.tests = [\n  \"pytest\",\n]\n",
    ] {
        let (_, setup, _) = of(&[("pyproject.toml", extras), ("tests/test_x.py", "")]);
        let setup = setup.unwrap();
        assert!(setup.contains("-e '.[tests]'"), "{setup}");
    }
}

#[test]
fn project_that_reads_its_version_from_history_is_told_one() {
    let (_, setup, _) = of(&[
        (
            "pyproject.toml",
            "[build-system]\nrequires = [\"hatchling\", \"hatch-vcs\"]\n[project]\nname = \"x\"\ndynamic = [\"version\"]\n",
        ),
        ("tests/test_x.py", "def test_x(): pass\n"),
    ]);
    let setup = setup.unwrap();
    let begin = "export SETUPTOOLS_SCM_PRETEND_VERSION=0.0.1 && python3 -m venv .venv";
    assert!(setup.starts_with(begin), "{setup}");
}

#[test]
fn uv_and_poetry_are_used_where_they_are_installed() {
    let files = [
        ("pyproject.toml", "[project]\nname = \"x\"\n"),
        ("uv.lock", ""),
        ("tests/test_x.py", "def test_x(): pass\n"),
    ];
    let found = look(&files, &["python3", "uv"]);
    let setup = found.setup.unwrap();
    assert_eq!(setup, "uv sync --frozen --all-extras --all-groups");
    assert_eq!(
        found.test.as_deref(),
        Some("uv run --frozen --no-sync pytest")
    );
    assert_eq!(
        found.languages[0].locks,
        [("uv.lock".to_owned(), "uv".to_owned())]
    );
}

#[test]
fn poetry_is_fetched_where_it_is_not_installed_because_nothing_else_reads_its_groups() {
    let files = [
        (
            "pyproject.toml",
            "[tool.poetry]\nname = \"x\"\n[tool.poetry.group.dev.dependencies]\npytest = \"*\"\n",
        ),
        ("poetry.lock", ""),
        ("tests/test_x.py", "def test_x(): pass\n"),
    ];
    let found = look(&files, &["python3"]);
    let setup = found.setup.unwrap();
    let locked =
        ".venv-poetry/bin/poetry export --all-groups --all-extras --output .venv-poetry/locked.txt";
    assert!(setup.contains(locked), "{setup}");
    let project = ".venv/bin/python -m pip install --quiet --no-deps -e .";
    assert!(setup.ends_with(project), "{setup}");
    assert_eq!(found.test.as_deref(), Some(".venv/bin/python -m pytest"));
    let no_package = files[0].1.replace("name = \"x\"", "package-mode = false");
    let found = look(
        &[(files[0].0, &no_package), files[1], files[2]],
        &["python3"],
    );
    let setup = found.setup.unwrap();
    assert!(setup.ends_with("locked.txt"), "{setup}");
    let found = look(&files, &["python3", "poetry"]);
    assert_eq!(found.test.as_deref(), Some("poetry run pytest"));
    // What is built by poetry-core alone is no project of poetry.
    let alone = "[build-system]\nrequires = [\"poetry-core\"]\n[project]\nname = \"x\"\n";
    let found = look(&[("pyproject.toml", alone), files[2]], &["python3"]);
    let setup = found.setup.unwrap();
    assert!(!setup.contains("poetry"), "{setup}");
}

#[test]
fn python_of_before_has_requirements_and_unittest() {
    let (_, setup, test) = of(&[
        ("setup.py", "from setuptools import setup\nsetup()\n"),
        ("requirements/dev.txt", "mock\n"),
        ("tests/__init__.py", ""),
        ("tests/test_x.py", "import unittest\n"),
    ]);
    assert!(setup.unwrap().ends_with("-r requirements/dev.txt"));
    let expected = ".venv/bin/python -m unittest discover -s tests -t .";
    assert_eq!(test.as_deref(), Some(expected));
}

#[test]
fn node_package_is_tested_as_it_says_and_not_by_the_text_of_npm_init() {
    let package = |test: &str| format!("{{\"scripts\": {{\"test\": \"{test}\"}}}}");
    let (said, unsaid) = (
        package("mocha"),
        package("echo \\\"Error: no test specified\\\" && exit 1"),
    );
    let (language, setup, test) = of(&[
        ("package.json", &said),
        ("package-lock.json", ""),
        ("index.js", ""),
    ]);
    assert_eq!(
        (language.as_str(), setup.as_deref()),
        ("JavaScript", Some("npm ci"))
    );
    assert_eq!(test.as_deref(), Some("npm test"));
    let (_, _, test) = of(&[("package.json", &unsaid), ("index.js", "")]);
    assert_eq!(test, None);
    // Its own manager is not there: npm reads the same manifest.
    let (_, setup, _) = of(&[
        ("package.json", &said),
        ("pnpm-lock.yaml", ""),
        ("index.ts", ""),
    ]);
    assert_eq!(setup.as_deref(), Some("npm install --no-audit --no-fund"));
}

#[test]
fn compiled_languages_are_tested_by_their_own_tools() {
    let cases: [(Files<'_>, &str, Option<&str>, &str); 5] = [
        (
            &[
                ("Cargo.toml", "[workspace]\n"),
                ("Cargo.lock", ""),
                ("a/src/lib.rs", ""),
            ],
            "Rust",
            Some("cargo fetch --locked"),
            "cargo test --workspace --offline",
        ),
        (
            &[
                ("go.mod", "module x\n"),
                ("vendor/modules.txt", ""),
                ("x.go", ""),
            ],
            "Go",
            None,
            "go test ./...",
        ),
        (
            &[("pom.xml", "<project/>"), ("src/main/java/X.java", "")],
            "Java",
            Some(
                "mvn -B -q test -Dtest='*#orchFetchesOnly' -DfailIfNoTests=false -Dsurefire.failIfNoSpecifiedTests=false",
            ),
            "mvn -B -o test",
        ),
        (
            &[("Makefile", "all:\n\ncheck : all\n\t./t\n"), ("x.c", "")],
            "C",
            None,
            "make check",
        ),
        (
            &[("tests/run.sh", "true\n"), ("README.md", "")],
            "shell",
            None,
            "sh tests/run.sh",
        ),
    ];
    for (files, language, setup, test) in cases {
        let found = of(files);
        assert_eq!(found.0, language);
        assert_eq!(
            (found.1.as_deref(), found.2.as_deref()),
            (setup, Some(test)),
            "{language}"
        );
    }
}

#[test]
fn language_that_can_be_tested_here_comes_before_the_one_with_more_files() {
    let files = [
        ("package.json", "{\"scripts\": {\"test\": \"jest\"}}"),
        ("a.ts", ""),
        ("b.ts", ""),
        ("go.mod", "module x\n"),
        ("x.go", ""),
    ];
    let found = look(&files, &["go"]);
    let names: Vec<&str> = found
        .languages
        .iter()
        .map(|l| l.language.as_str())
        .collect();
    assert_eq!(names, ["Go", "JavaScript"]);
    assert_eq!(found.languages[1].missing, ["node"]);
}

#[test]
fn files_of_services_are_named_and_an_unknown_project_has_no_test() {
    let found = look(&[(".github/workflows/ci.yml", ""), ("README.md", "")], &[]);
    assert_eq!(found.ci[0].maker, "GitHub Actions");
    assert_eq!((found.setup, found.test), (None, None));
    assert!(found.languages.is_empty());
}
