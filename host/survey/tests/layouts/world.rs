//! What public repositories were seen to have, and what was taken for something else.

use super::{INSTALLED, look, of};

#[test]
fn makefile_of_another_language_makes_no_project_of_c() {
    let makefile = ("Makefile", "test:\n\tgo test ./...\n");
    let (language, _, test) = of(&[makefile, ("go.mod", "module x\n"), ("x.go", "")]);
    assert_eq!(
        (language.as_str(), test.as_deref()),
        ("Go", Some("go test ./..."))
    );
    // Its own way to be tested is taken where its language has none.
    let (language, setup, test) = of(&[makefile, ("x.go", "")]);
    assert_eq!(language, "shell");
    assert_eq!((setup, test.as_deref()), (None, Some("make test")));
}

#[test]
fn tests_that_lie_deep_or_are_called_otherwise_are_found_by_pytest() {
    let cases = "import unittest\nclass A(unittest.TestCase):\n    def test_a(self): pass\n";
    for file in [
        "x/tests/test_a.py",
        "x/tests/inner/test_a.py",
        "tests/a_test.py",
    ] {
        let (_, setup, test) = of(&[("setup.py", ""), ("x/__init__.py", ""), (file, cases)]);
        let setup = setup.unwrap();
        assert!(
            setup.ends_with("-e . && .venv/bin/python -m pip install --quiet pytest"),
            "{setup}"
        );
        assert_eq!(
            test.as_deref(),
            Some(".venv/bin/python -m pytest"),
            "{file}"
        );
    }
}

#[test]
fn group_of_another_table_is_no_extra() {
    let manifest = "[project]\nname = \"x\"\n[project.optional-dependencies]\ntoc = [\n  \"slug\",\n]\n[tool.mine]\ndev = [\"pytest\"]\n";
    let (_, setup, _) = of(&[("pyproject.toml", manifest), ("tests/test_x.py", "")]);
    let setup = setup.unwrap();
    assert!(!setup.contains("[dev]"), "{setup}");
    let (_, setup, _) = of(&[
        ("pyproject.toml", &manifest.replace("[tool.mine]\n", "")),
        ("tests/test_x.py", ""),
    ]);
    assert!(setup.unwrap().contains("-e '.[dev]'"));
}

#[test]
fn groups_that_pip_does_not_read_are_fetched_as_they_are_locked() {
    for (lock, groups, program) in [
        (
            "pdm.lock",
            "[tool.pdm.dev-dependencies]\ntest = [\"pytest\"]\n",
            "pdm export",
        ),
        (
            "uv.lock",
            "[tool.uv]\ndev-dependencies = [\n  \"pytest\",\n]\n",
            "uv export",
        ),
    ] {
        let manifest = format!("[project]\nname = \"x\"\n{groups}");
        let (_, setup, test) = of(&[
            ("pyproject.toml", &manifest),
            (lock, ""),
            ("tests/test_x.py", ""),
        ]);
        let setup = setup.unwrap();
        assert!(
            setup.contains(program) && setup.ends_with("--no-deps -e ."),
            "{setup}"
        );
        assert_eq!(test.as_deref(), Some(".venv/bin/python -m pytest"));
    }
}

#[test]
fn packages_that_the_configuration_of_pytest_asks_for_are_fetched() {
    let (_, setup, _) = of(&[
        ("setup.py", ""),
        (
            "setup.cfg",
            "[tool:pytest]\naddopts =\n    -ra\n    --cov=x\nasyncio_mode = auto\n",
        ),
        ("tests/test_x.py", ""),
    ]);
    let setup = setup.unwrap();
    assert!(
        setup.contains("pytest-cov") && setup.ends_with("pytest-asyncio"),
        "{setup}"
    );
}

#[test]
fn of_several_lock_files_setup_and_test_follow_the_same_one() {
    let scripts = "\"scripts\": {\"test\": \"vitest run\"}";
    let locks = [
        ("package-lock.json", "{}"),
        ("pnpm-lock.yaml", "lockfileVersion: '9.0'\n"),
    ];
    for (named, manager) in [("npm@11.0.0", "npm"), ("pnpm@10.1.0", "pnpm"), ("", "pnpm")] {
        let package = match named {
            "" => format!("{{{scripts}}}"),
            named => format!("{{{scripts}, \"packageManager\": \"{named}\"}}"),
        };
        let files = [("package.json", package.as_str()), locks[0], locks[1]];
        let found = look(&files, &["node", "npm", "npx", "pnpm"]);
        let (setup, test) = (found.setup.unwrap(), found.test.unwrap());
        assert!(
            setup.starts_with(manager) && test.starts_with(manager),
            "{named}: {setup}; {test}"
        );
    }
}

#[test]
fn lock_of_a_newer_yarn_is_followed_by_the_line_that_wrote_it() {
    let package = ("package.json", "{\"scripts\": {\"test\": \"jest\"}}");
    for (version, line) in [("8", "yarn@4"), ("6", "yarn@3")] {
        let lock = format!("# generated\n\n__metadata:\n  version: {version}\n");
        let found = look(&[package, ("yarn.lock", &lock)], &["node", "npm", "npx"]);
        let (setup, test) = (found.setup.unwrap(), found.test.unwrap());
        assert!(
            setup.contains(line) && setup.ends_with("install --immutable"),
            "{setup}"
        );
        assert!(
            test.contains(line) && test.starts_with("npx --yes --offline"),
            "{test}"
        );
    }
}

#[test]
fn question_to_the_network_after_the_tests_is_left_out() {
    let package =
        "{\"scripts\": {\"test\": \"tape\", \"posttest\": \"npx npm@10 audit --production\"}}";
    let (_, _, test) = of(&[("package.json", package)]);
    assert_eq!(test.as_deref(), Some("npm test --ignore-scripts"));
}

#[test]
fn folder_that_says_how_it_is_tested_stands_in_for_a_top_that_does_not() {
    let found = look(
        &[
            ("README.md", ""),
            (".github/workflows/ci.yml", ""),
            ("docs/package.json", "{\"scripts\": {\"test\": \"x\"}}"),
            ("my app/go.mod", "module x\n"),
            ("my app/x.go", ""),
            (
                "web/package.json",
                "{\"scripts\": {\"test\": \"vitest run\"}}",
            ),
            ("web/package-lock.json", "{}"),
            ("web/src/a.ts", ""),
            ("web/src/b.ts", ""),
        ],
        &INSTALLED,
    );
    assert_eq!(found.folder.as_deref(), Some("web"));
    assert_eq!(found.setup.as_deref(), Some("cd web && npm ci"));
    assert_eq!(found.test.as_deref(), Some("cd web && npm test"));
    assert_eq!(found.ci.len(), 1);
    let found = look(
        &[("my app/go.mod", "module x\n"), ("my app/x.go", "")],
        &INSTALLED,
    );
    assert_eq!(
        found.test.as_deref(),
        Some("cd './my app' && go test ./...")
    );
}

#[test]
fn workspace_of_go_is_tested_module_by_module() {
    let all = "go list -f '{{.Dir}}/...' -m | xargs go test";
    let files = [
        ("go.work", "go 1.22\nuse ./a\n"),
        ("a/go.mod", "module a\n"),
        ("a/a.go", ""),
    ];
    let (language, setup, test) = of(&files);
    assert_eq!(
        (language.as_str(), setup.as_deref(), test.as_deref()),
        ("Go", Some("go mod download"), Some(all))
    );
}

#[test]
fn target_is_found_however_a_makefile_and_its_kin_write_it() {
    for (file, text, test) in [
        ("Makefile", "test:\n\t./t\n", Some("make test")),
        ("Makefile", "build test: a\n\t./t\n", Some("make test")),
        ("Makefile", "test:: a\n\t./t\n", Some("make test")),
        ("GNUmakefile", "check test:\r\n\t./t\r\n", Some("make test")),
        ("Makefile", "tests: a\n\t./t\n", Some("make tests")),
        ("Makefile", "test := x\nall:\n\ttrue\n", None),
        ("Makefile", ".PHONY: test\nall:\n\ttrue\n", None),
        (
            "Justfile",
            "[group('x')]\n@test *ARGS: build\n    ./t\n",
            Some("just test"),
        ),
        (".justfile", "test:\n    ./t\n", Some("just test")),
        ("justfile", "test := 'x'\n", None),
        (
            "Taskfile.yaml",
            "version: '3'\ntasks:\n  test:\n    cmds: [./t]\n",
            Some("task test"),
        ),
        (
            "taskfile.yml",
            "version: '3'\ntasks:\n  build:\n    cmds: [./t]\n",
            None,
        ),
    ] {
        let found = look(
            &[(file, text), ("x.sh", "")],
            &["sh", "make", "just", "task"],
        );
        assert_eq!(found.test.as_deref(), test, "{file}: {text}");
    }
}

#[test]
fn project_of_ruby_is_tested_with_and_without_a_rakefile() {
    for (files, begins) in [
        (
            &[("Gemfile", ""), ("Rakefile", "Rake::TestTask.new\n")][..],
            "bundle exec rake test",
        ),
        (
            &[("Gemfile", ""), ("Rakefile", "task default: :lint\n")],
            "bundle exec rake",
        ),
        (
            &[("Gemfile", ""), ("test/cart_test.rb", "")],
            "bundle exec ruby -Ilib -Itest",
        ),
        (
            &[("Gemfile", ""), ("spec/cart_spec.rb", "")],
            "bundle exec rspec",
        ),
        (
            &[("x.gemspec", ""), ("test/test_cart.rb", "")],
            "ruby -Ilib -Itest",
        ),
        (&[("Rakefile", "Rake::TestTask.new { |t| }\n")], "rake test"),
    ] {
        let files = [files, &[("lib/cart.rb", "")]].concat();
        let found = look(&files, &["ruby", "bundle"]);
        let test = found.test.unwrap();
        assert!(test.starts_with(begins), "{files:?}: {test}");
    }
}

#[test]
fn autotools_are_begun_by_their_own_script_where_there_is_one() {
    let files = [("configure.ac", ""), ("Makefile.am", ""), ("x.c", "")];
    let installed = ["gcc", "make", "autoreconf"];
    let found = look(&files, &installed);
    let setup = found.setup.unwrap();
    assert!(setup.starts_with("autoreconf --install"), "{setup}");
    assert_eq!(found.test.as_deref(), Some("make check"));
    let own = [&files[..], &[("autogen.sh", "#!/bin/sh\nautoreconf -fi\n")]].concat();
    let setup = look(&own, &installed).setup.unwrap();
    assert_eq!(setup, "./autogen.sh && ./configure && make");
    let whole = [
        &files[..],
        &[("autogen.sh", "autoreconf -fi\n./configure \"$@\"\n")],
    ]
    .concat();
    let setup = look(&whole, &installed).setup.unwrap();
    assert_eq!(setup, "./autogen.sh && make");
}

#[test]
fn what_could_be_tested_too_and_is_not_is_named() {
    let found = look(
        &[
            ("package.json", "{\"scripts\": {\"test\": \"jest\"}}"),
            ("a.js", ""),
            ("b.js", ""),
            ("go.mod", "module x\n"),
            ("x.go", ""),
            ("Makefile", "test:\n\tgo test ./...\n"),
        ],
        &INSTALLED,
    );
    let go = ("Go".to_owned(), "go test ./...".to_owned());
    assert_eq!(
        (found.test.as_deref(), found.others),
        (Some("npm test"), vec![go])
    );
    let found = look(
        &[
            ("ansi/go.mod", "module ansi\n"),
            ("ansi/a.go", ""),
            ("ansi/b.go", ""),
            ("ansi/inner/go.mod", "module inner\n"),
            ("ansi/inner/a.go", ""),
            ("web/package.json", "{\"scripts\": {\"test\": \"jest\"}}"),
            ("web/a.js", ""),
        ],
        &INSTALLED,
    );
    assert_eq!(found.folder.as_deref(), Some("ansi"));
    let web = ("web".to_owned(), "cd web && npm test".to_owned());
    assert_eq!(found.others, [web]);
}
