//! Is what pip-audit reports, skips or leaves out of a requirements file judged for what it is?

use super::*;

const VULNERABLE: &str = r#"{"dependencies":[{"name":"Jinja2","version":"3.0.0","vulns":[
    {"id":"PYSEC-1","fix_versions":["3.1.0"],"aliases":["CVE-1"],"description":"escapes\nmore"}]}],"fixes":[]}"#;
const FINE: &str =
    r#"{"dependencies":[{"name":"jinja2","version":"3.0.0","vulns":[]}],"fixes":[]}"#;

fn pinned(code: i32, report: &'static str) -> Fixture {
    clean()
        .file(Revision::Head, "requirements.txt", "Jinja2==3.0.0\n")
        .tool("pip-audit", ends(code, report))
}

fn alias(alias: &str, severity: Option<Severity>) -> Advisory {
    Advisory {
        aliases: vec![alias.to_owned()],
        ..advisory("GHSA-9", severity)
    }
}

#[test]
fn tool_gets_the_pinned_lines_and_nothing_else() {
    let text = "# x\nJinja2 == 3.0.0 ; python_version > '3'\nflask\n-r more.txt\n";
    let fixture = clean()
        .file(Revision::Head, "a/requirements-dev.txt", text)
        .tool("pip-audit", |request| {
            assert_eq!(request.inputs.len(), 1);
            assert_eq!(request.inputs[0].path, "requirements.txt");
            assert_eq!(request.inputs[0].content, "jinja2==3.0.0\n");
            ends(0, FINE)(request)
        });
    let verdict = judge(&fixture);
    assert!(verdict.is_pass());
    assert_eq!(field(&verdict, "deps_unaudited"), "2");
    assert_eq!(field(&verdict, "deps_audit_degraded"), "false");
    let report = visible(&verdict);
    assert!(report.contains("a/requirements-dev.txt: flask") && report.contains("1 package at"));
}

#[test]
fn unpinned_lines_alone_run_no_tool() {
    let fixture = clean().file(Revision::Head, "requirements.txt", "flask\nrequests>=2\n");
    let verdict = judge(&fixture);
    assert!(verdict.is_pass());
    assert_eq!(field(&verdict, "deps_unaudited"), "2");
    assert_eq!(field(&verdict, "deps_audit_degraded"), "false");
}

#[test]
fn skipped_and_unmentioned_packages_are_unaudited() {
    let skipped = r#"{"dependencies":[{"name":"jinja2","skip_reason":"not found"}]}"#;
    for report in [skipped, r#"{"dependencies":[]}"#] {
        let verdict = judge(&pinned(0, report));
        assert!(verdict.is_pass());
        assert_eq!(field(&verdict, "deps_unaudited"), "1", "{report}");
    }
}

#[test]
fn severity_comes_from_the_feed_by_id_or_alias() {
    let by_id = advisory("PYSEC-1", Some(Severity::High));
    let by_alias = alias("CVE-1", Some(Severity::Critical));
    for advisory in [by_id, by_alias] {
        let verdict = judge(&pinned(1, VULNERABLE).advisories(vec![("jinja2", advisory)]));
        assert!(verdict.is_fail());
        let known = found(&verdict, "PYSEC-1")[0];
        assert!(known.blocking);
        assert_eq!(known.message, "jinja2 3.0.0: reads too far, fixed in 3.1.0");
    }
}

#[test]
fn gravest_of_several_matches_counts() {
    let known = vec![
        ("jinja2", advisory("PYSEC-1", None)),
        ("jinja2", alias("CVE-1", Some(Severity::High))),
    ];
    assert!(judge(&pinned(1, VULNERABLE).advisories(known)).is_fail());
}

#[test]
fn unknown_severity_warns() {
    let other = advisory("GHSA-of-something-else", Some(Severity::Critical));
    for known in [vec![("jinja2", other)], Vec::new()] {
        let verdict = judge(&pinned(1, VULNERABLE).advisories(known));
        assert!(verdict.is_pass());
        assert_eq!(field(&verdict, "deps_warning"), "1");
        assert_eq!(field(&verdict, "deps_audit_degraded"), "false");
        let message = &found(&verdict, "PYSEC-1")[0].message;
        assert_eq!(
            message,
            "jinja2 3.0.0: escapes, fixed in 3.1.0; its severity is unknown"
        );
    }
}

#[test]
fn vulnerability_without_a_feed_warns_and_degrades() {
    let verdict = judge(&pinned(1, VULNERABLE));
    assert!(verdict.is_pass());
    assert_eq!(field(&verdict, "deps_warning"), "1");
    assert_eq!(field(&verdict, "deps_audit_degraded"), "true");
}

#[test]
fn pin_that_the_base_has_already_warns() {
    let known = || vec![("jinja2", advisory("PYSEC-1", Some(Severity::Critical)))];
    let base = |text| {
        let fixture = pinned(1, VULNERABLE).advisories(known());
        judge(&fixture.file(Revision::Base, "requirements.txt", text))
    };
    let same = base("jinja2==3.0.0 # spelled otherwise\n");
    assert!(same.is_pass());
    assert_eq!(field(&same, "deps_preexisting"), "1");
    assert!(base("jinja2==2.9.0\n").is_fail());
    assert!(base("jinja2\n").is_fail());
}

#[test]
fn second_version_of_one_package_goes_to_the_feed() {
    let text = "jinja2==3.0.0\njinja2==9.0.0 ; python_version < '3'\n";
    let fixture = clean()
        .file(Revision::Head, "requirements.txt", text)
        .tool("pip-audit", |request| {
            assert_eq!(request.inputs[0].content.lines().count(), 1);
            ends(0, FINE)(request)
        })
        .advisories(vec![("jinja2", advisory("GHSA-9", Some(Severity::High)))]);
    let verdict = judge(&fixture);
    assert!(verdict.is_fail());
    assert!(found(&verdict, "GHSA-9")[0].message.contains("9.0.0"));
}

#[test]
fn failing_tool_degrades_and_blocks_only_when_fail_closed() {
    let broken = [
        (2, FINE),
        (-1, ""),
        (0, ""),
        (0, "{"),
        (1, ""),
        (1, FINE),
        (0, "[]"),
    ];
    for (code, report) in broken {
        let verdict = judge(&pinned(code, report).advisories(Vec::new()));
        assert!(verdict.is_pass(), "{code} {report}");
        assert_eq!(field(&verdict, "deps_audit_degraded"), "true");
        let message = &found(&verdict, "deps/degraded")[0].message;
        assert!(message.contains("pip-audit"), "{message}");
        let closed = pinned(code, report).settings(r#"{"dep_audit_fail_closed":true}"#);
        assert!(judge(&closed).is_fail(), "{code} {report}");
    }
}

#[test]
fn missing_tool_degrades_with_that_reason() {
    let fixture = clean().file(Revision::Head, "requirements.txt", "jinja2==3.0.0\n");
    let verdict = judge(&fixture);
    assert!(verdict.is_pass());
    let message = &found(&verdict, "deps/degraded")[0].message;
    assert!(
        message.contains("`pip-audit` is not installed"),
        "{message}"
    );
}

#[test]
fn tool_that_is_not_granted_is_a_mistake_of_the_configuration() {
    let fixture = pinned(0, FINE).tool("pip-audit", |_| {
        Err(ToolError::NotGranted("not in its list".to_owned()))
    });
    assert!(matches!(
        fixture.judge::<Security>(),
        Err(GateError::Misconfigured(_))
    ));
}

/// A feed that knows `flask` and a tool that says the same of whatever it is handed.
fn flask(fixture: Fixture) -> Fixture {
    fixture
        .tool("pip-audit", |request| {
            let dependencies: Vec<String> = request.inputs[0]
                .content
                .lines()
                .filter_map(|line| line.split_once("=="))
                .map(|(name, version)| {
                    let vulns = if name == "flask" {
                        r#"[{"id":"PYSEC-7"}]"#
                    } else {
                        "[]"
                    };
                    format!(r#"{{"name":"{name}","version":"{version}","vulns":{vulns}}}"#)
                })
                .collect();
            let is_known = request.inputs[0].content.contains("flask==");
            let report = format!(r#"{{"dependencies":[{}]}}"#, dependencies.join(","));
            ends(i32::from(is_known), report.leak())(request)
        })
        .advisories(vec![("flask", advisory("PYSEC-7", Some(Severity::High)))])
}

#[test]
fn pins_are_audited_wherever_the_world_keeps_them() {
    for path in [
        "requirements/base.txt",
        "requirements/ci/test.txt",
        "dev-requirements.txt",
        "constraints.txt",
        "requirements.in",
        "docs/requirements_docs.txt",
    ] {
        let verdict = judge(&flask(clean().file(Revision::Head, path, "flask==0.5\n")));
        assert!(verdict.is_fail(), "{path}");
        let place = found(&verdict, "PYSEC-7")[0].at.clone().unwrap();
        assert_eq!(place.path, path);
    }
}

#[test]
fn pins_behind_another_file_are_audited() {
    for (written, path) in [
        ("-r deps/all.lst", "deps/all.lst"),
        ("-c ../pins.cfg", "pins.cfg"),
        ("--requirement=more", "app/more"),
        ("-r a.lst", "app/a.lst"),
    ] {
        let (top, deps) = match written.contains("deps/") {
            true => ("requirements.txt", path),
            false => ("app/requirements.txt", path),
        };
        // A file that includes itself ends too.
        let text = format!("flask==0.5\n-r {}\n", deps.rsplit('/').next().unwrap());
        let fixture = clean()
            .file(Revision::Head, top, &format!("{written}\n"))
            .file(Revision::Head, deps, &text);
        let verdict = judge(&flask(fixture));
        assert!(verdict.is_fail(), "{written}: {verdict:?}");
    }
    let missing = clean().file(
        Revision::Head,
        "requirements.txt",
        "-r gone.txt\n-r https://x.invalid/a\n",
    );
    let verdict = judge(&missing);
    assert_eq!(field(&verdict, "deps_unaudited"), "2");
    assert!(visible(&verdict).contains("-r gone.txt"));
}

#[test]
fn entry_that_pip_itself_would_refuse_hides_no_other() {
    for odd in ["foo==1.0-custom-x", "pytz==2004d"] {
        let text = format!("flask==0.5\n{odd}\n");
        let verdict = judge(&flask(clean().file(
            Revision::Head,
            "requirements.txt",
            &text,
        )));
        assert!(verdict.is_fail(), "{odd}: {verdict:?}");
        assert_eq!(field(&verdict, "deps_unaudited"), "1");
        assert!(visible(&verdict).contains(odd));
    }
}

#[test]
fn feed_is_asked_for_what_a_failing_tool_leaves_open() {
    let fixture = clean()
        .file(Revision::Head, "requirements.txt", "flask==0.5\n")
        .tool("pip-audit", ends(1, ""))
        .advisories(vec![("flask", advisory("GHSA-9", Some(Severity::High)))]);
    let verdict = judge(&fixture);
    assert!(verdict.is_fail());
    assert_eq!(field(&verdict, "deps_audit_degraded"), "true");
}

#[test]
fn many_files_are_one_run_of_the_tool_and_each_keeps_its_findings() {
    let runs = std::rc::Rc::new(std::cell::Cell::new(0));
    let counted = runs.clone();
    let fixture = clean()
        .file(Revision::Head, "requirements/a.txt", "flask==0.5\n")
        .file(
            Revision::Head,
            "requirements/b.txt",
            "flask==0.5\njinja2==3.0.0\n",
        )
        .tool("pip-audit", move |request| {
            counted.set(counted.get() + 1);
            assert_eq!(request.inputs[0].content, "flask==0.5\njinja2==3.0.0\n");
            ends(
                1,
                r#"{"dependencies":[{"name":"flask","version":"0.5","vulns":[{"id":"PYSEC-7"}]},
                {"name":"jinja2","version":"3.0.0","vulns":[]}]}"#,
            )(request)
        })
        .advisories(vec![("flask", advisory("PYSEC-7", Some(Severity::High)))]);
    let verdict = judge(&fixture);
    assert_eq!(runs.get(), 1);
    assert_eq!(found(&verdict, "PYSEC-7").len(), 2);
}
