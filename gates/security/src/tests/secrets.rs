//! Does a secret always block, and is it never shown?

use super::*;

const LEAK: &str = r#"[{"RuleID":"aws-access-token","Description":"AWS credentials","File":"src/pay.py",
    "StartLine":7,"Commit":"0123456789abcdef0123456789abcdef01234567","Author":"Ann","Message":"add hunter2hunter2",
    "Match":"key = hunter2hunter2","Secret":"hunter2hunter2","Fingerprint":"0123:src/pay.py:7"}]"#;

fn history(code: i32, report: &'static str) -> Fixture {
    clean().tool("gitleaks-history", ends(code, report))
}

#[test]
fn secret_in_the_branch_fails() {
    let verdict = judge(&history(77, LEAK));
    assert!(verdict.is_fail());
    assert_eq!(field(&verdict, "secrets_found"), "1");
    let leak = found(&verdict, "secret/aws-access-token")[0];
    assert!(leak.blocking);
    assert_eq!(leak.severity, Severity::Critical);
    let place = leak.at.clone().unwrap();
    assert_eq!((place.path.as_str(), place.line), ("src/pay.py", Some(7)));
    for part in [
        "src/pay.py:7",
        "0123456789ab:",
        "AWS credentials",
        "****",
        "rotated",
    ] {
        assert!(leak.message.contains(part), "{part}: {}", leak.message);
    }
    assert!(leak.help.as_deref().unwrap().contains("Rotate the key"));
}

#[test]
fn secret_is_not_shown_even_where_the_tool_did_not_mask_it() {
    assert!(!visible(&judge(&history(77, LEAK))).contains("hunter2"));
    let spread = r#"[{"RuleID":"hunter2hunter2","Description":"hunter2hunter2 leaked",
        "File":"keys/hunter2hunter2.txt","Commit":"hunter2hunter2","Match":"","Secret":"hunter2hunter2"}]"#;
    let verdict = judge(&history(77, spread));
    assert!(verdict.is_fail());
    assert!(!visible(&verdict).contains("hunter2"));
}

#[test]
fn secret_blocks_under_every_setting() {
    for settings in [
        r#"{"dep_block_severity":"critical","manifests":[]}"#,
        r#"{"dep_audit_fail_closed":false}"#,
    ] {
        assert!(judge(&history(77, LEAK).settings(settings)).is_fail());
    }
    let files = clean().tool("gitleaks-files", ends(77, LEAK));
    assert!(judge(&files).is_fail());
}

#[test]
fn one_leak_found_twice_counts_once() {
    let both = history(77, LEAK).tool("gitleaks-files", ends(77, LEAK));
    assert_eq!(field(&judge(&both), "secrets_found"), "1");
}

#[test]
fn leaks_beyond_a_hundred_are_counted_and_not_listed() {
    let many: Vec<String> = (0..150)
        .map(|line| format!(r#"{{"RuleID":"key","File":"a","StartLine":{line}}}"#))
        .collect();
    let many: &'static str = format!("[{}]", many.join(",")).leak();
    let verdict = judge(&history(77, many));
    assert_eq!(field(&verdict, "secrets_found"), "150");
    assert_eq!(verdict.findings().len(), 100);
    assert!(visible(&verdict).contains("50 of them are not listed"));
}

#[test]
fn scan_that_found_something_fails_though_its_report_is_unreadable() {
    for report in [
        "",
        "[]",
        "null",
        "not JSON",
        "{}",
        r#"[{"StartLine":"hunter2"}]"#,
    ] {
        let verdict = judge(&history(77, report));
        assert!(verdict.is_fail(), "{report}");
        assert_eq!(verdict.findings().len(), 1, "{report}");
        assert_eq!(field(&verdict, "secrets_found"), "1");
        assert!(!visible(&verdict).contains("hunter2"));
    }
}

#[test]
fn scan_that_claims_to_be_clean_and_reports_a_leak_fails() {
    assert!(judge(&history(0, LEAK)).is_fail());
    assert!(judge(&history(0, "garbage")).is_fail());
    for nothing in ["", "[]", "null\n"] {
        assert!(judge(&history(0, nothing)).is_pass(), "{nothing}");
    }
}

#[test]
fn tool_error_is_no_verdict() {
    for code in [1, 2, 126, -1] {
        let Err(GateError::Unavailable(why)) = history(code, "[]").judge::<Security>() else {
            panic!("exit code {code} gave a verdict");
        };
        assert!(
            why.contains("words of the tool") && why.contains("gitleaks-history"),
            "{why}"
        );
    }
}

#[test]
fn tool_that_did_not_run_is_no_verdict_and_names_the_remedy() {
    let errors = [
        ToolError::NotInstalled("no such file".to_owned()),
        ToolError::TimedOut(1000),
        ToolError::Killed("out of memory".to_owned()),
        ToolError::Failed("no sandbox".to_owned()),
    ];
    for error in errors {
        let fixture = clean().tool("gitleaks-files", move |_| Err(error.clone()));
        let Err(GateError::Unavailable(why)) = fixture.judge::<Security>() else {
            panic!("a verdict without a scan");
        };
        assert!(
            why.contains("`gitleaks-files`") && why.contains(';'),
            "{why}"
        );
    }
    let missing = Fixture::new().tool("gitleaks-history", ends(0, "[]"));
    assert!(matches!(
        missing.judge::<Security>(),
        Err(GateError::Unavailable(_))
    ));
}

#[test]
fn tool_that_is_not_granted_is_a_mistake_of_the_configuration() {
    let fixture = clean().tool("gitleaks-files", |_| {
        Err(ToolError::NotGranted("not in its list".to_owned()))
    });
    assert!(matches!(
        fixture.judge::<Security>(),
        Err(GateError::Misconfigured(_))
    ));
}

const NEW: &str = r#"[{"RuleID":"key","File":"a.ini","StartLine":2,"Secret":"sealed:11"},
    {"RuleID":"key","File":"b.ini","StartLine":4,"Secret":"sealed:22"}]"#;

#[test]
fn secret_that_the_base_has_already_is_a_remark() {
    let base = r#"[{"RuleID":"key","File":"elsewhere.ini","StartLine":9,"Secret":"sealed:11"},
        {"RuleID":"key","File":"b.ini","StartLine":1,"Secret":"sealed:22"}]"#;
    let fixture = clean()
        .tool("gitleaks-files", ends(77, NEW))
        .tool("gitleaks-base", ends(77, base));
    let verdict = judge(&fixture);
    assert!(verdict.is_pass(), "{verdict:?}");
    assert_eq!(field(&verdict, "secrets_found"), "0");
    let remark = found(&verdict, "secret-of-the-base/key")[0];
    assert!(
        !remark.blocking && remark.message.starts_with("a.ini:2: "),
        "{}",
        remark.message
    );
    assert!(
        verdict
            .summary()
            .contains("2 secrets that the base has already")
    );
}

#[test]
fn new_secret_beside_one_of_the_base_fails() {
    let base = r#"[{"RuleID":"key","File":"a.ini","StartLine":2,"Secret":"sealed:11"}]"#;
    let fixture = clean()
        .tool("gitleaks-files", ends(77, NEW))
        .tool("gitleaks-base", ends(77, base));
    let verdict = judge(&fixture);
    assert!(verdict.is_fail());
    assert_eq!(field(&verdict, "secrets_found"), "1");
    assert_eq!(found(&verdict, "secret/key").len(), 1);
    assert_eq!(found(&verdict, "secret-of-the-base/key").len(), 1);
}

#[test]
fn base_that_cannot_be_scanned_excuses_nothing() {
    let answers: [fn(&Request) -> Answer; 3] = [
        |_| Err(ToolError::TimedOut(1)),
        |_| Err(ToolError::NotGranted("no".to_owned())),
        |request| ends(77, "not JSON")(request),
    ];
    for answer in answers {
        let fixture = clean()
            .tool("gitleaks-files", ends(77, NEW))
            .tool("gitleaks-base", answer);
        let verdict = judge(&fixture);
        assert!(verdict.is_fail());
        assert_eq!(field(&verdict, "secrets_found"), "2");
        assert!(
            visible(&verdict).contains("nothing is excused"),
            "{verdict:?}"
        );
    }
}

#[test]
fn secrets_that_are_not_sealed_are_never_taken_for_equal() {
    let masked = r#"[{"RuleID":"key","File":"a.ini","StartLine":2,"Secret":"REDACTED"}]"#;
    let fixture = clean()
        .tool("gitleaks-files", ends(77, masked))
        .tool("gitleaks-base", ends(77, masked));
    assert!(judge(&fixture).is_fail());
}

#[test]
fn one_secret_in_several_versions_of_a_file_counts_once() {
    let earlier = r#"[{"RuleID":"key","File":"a.ini","StartLine":1,"Commit":"c1","Secret":"sealed:11"},
        {"RuleID":"key","File":"a.ini","StartLine":7,"Commit":"c2","Secret":"sealed:11"}]"#;
    let fixture = clean()
        .tool("gitleaks-files", ends(77, NEW))
        .tool("gitleaks-history", ends(77, earlier));
    assert_eq!(field(&judge(&fixture), "secrets_found"), "2");
}

#[test]
fn secrets_beyond_the_report_are_counted_and_block() {
    let report =
        r#"[{"RuleID":"key","File":"a.ini","StartLine":2,"Secret":"sealed:11"},{"Beyond":18000}]"#;
    let fixture = clean()
        .tool("gitleaks-files", ends(77, report))
        .tool("gitleaks-base", ends(77, report));
    let verdict = judge(&fixture);
    assert!(verdict.is_fail());
    assert_eq!(field(&verdict, "secrets_found"), "18000");
}

#[test]
fn report_says_what_nobody_looked_at() {
    let verdict = judge(&clean());
    for part in [
        "Not looked at",
        "archives",
        "*.svg",
        "*.bin",
        "lock files",
        "messages of commits",
        "names of files",
    ] {
        assert!(visible(&verdict).contains(part), "{part}");
    }
}
