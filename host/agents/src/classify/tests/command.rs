//! Claims about programs of any kind: exit codes that an operator declared, and words on standard error.

use std::collections::BTreeMap;

use orch_domain::outcome::{ResultFault, RunOutcome};

use super::{Known, classify, command, ended, known, outcome};
use crate::driver::{DeclaredOutcome, Driver, Reading};
use crate::folder::RESULT_BYTES_MAX;
use crate::folder::RunResult;
use crate::usage::Usage;

fn declaring(codes: &[(i32, DeclaredOutcome)]) -> Driver {
    Driver::Command {
        prompt_as_file: false,
        json_result: false,
        exit_codes: BTreeMap::from_iter(codes.iter().copied()),
    }
}

/// What the engine makes of an ended run of `driver`.
fn judged(driver: &Driver, stdout: &str, stderr: &str, result: &RunResult) -> RunOutcome {
    let reading = driver.read(stdout.as_bytes());
    classify(&Known {
        declared: driver.declared(result.exit_code),
        stderr,
        ..known(result, &reading)
    })
}

#[test]
fn declared_exit_code_wins_over_words() {
    let driver = declaring(&[
        (41, DeclaredOutcome::AuthRequired),
        (53, DeclaredOutcome::TurnLimit),
        (75, DeclaredOutcome::RateLimited),
        (76, DeclaredOutcome::QuotaExhausted),
        (77, DeclaredOutcome::PermissionBlocked),
        (69, DeclaredOutcome::ProviderError),
        (1, DeclaredOutcome::Crashed),
    ]);
    let at = |code: i32| judged(&driver, "working", "HTTP 401, sign in\n\n", &ended(code));
    let words = |code: i32| format!("exit code {code}: HTTP 401, sign in");
    assert_eq!(at(41), RunOutcome::AuthRequired(words(41)));
    assert_eq!(at(53), RunOutcome::TurnLimit);
    assert_eq!(at(75), RunOutcome::RateLimited { until_ms: None });
    assert_eq!(at(76), RunOutcome::QuotaExhausted);
    assert_eq!(at(77), RunOutcome::PermissionBlocked(vec![words(77)]));
    assert_eq!(at(69), RunOutcome::ProviderError(words(69)));
    assert_eq!(at(1), RunOutcome::Crashed(words(1)));
    assert!(matches!(at(2), RunOutcome::AuthRequired(_)), "undeclared");
}

#[test]
fn declared_limit_ends_when_the_programs_words_say() {
    let driver = declaring(&[(75, DeclaredOutcome::RateLimited)]);
    assert_eq!(
        judged(&driver, "", "busy, retry after 30 seconds", &ended(75)),
        RunOutcome::RateLimited {
            until_ms: Some(30_000)
        }
    );
}

#[test]
fn declared_exit_code_wins_over_a_reported_success() {
    let driver = Driver::Command {
        prompt_as_file: false,
        json_result: true,
        exit_codes: BTreeMap::from([(53, DeclaredOutcome::TurnLimit)]),
    };
    let done = r#"{"is_error":false,"result":"done"}"#;
    assert_eq!(judged(&driver, done, "", &ended(53)), RunOutcome::TurnLimit);
    assert_eq!(judged(&driver, done, "", &ended(0)), RunOutcome::Completed);
}

#[test]
fn declared_exit_code_yields_to_a_stop_and_to_a_limit_of_the_host() {
    let driver = declaring(&[(130, DeclaredOutcome::Crashed)]);
    let stopped = RunResult {
        stopped: Some(crate::folder::StopReason::Person),
        ..ended(130)
    };
    assert_eq!(judged(&driver, "x", "", &stopped), RunOutcome::Cancelled);
    let killed = RunResult {
        killed: Some("wall".into()),
        ..ended(130)
    };
    assert!(matches!(
        judged(&driver, "x", "", &killed),
        RunOutcome::Killed(_)
    ));
}

#[test]
fn exit_code_zero_is_declared_by_nobody() {
    let driver = declaring(&[(0, DeclaredOutcome::Crashed)]);
    assert_eq!(driver.declared(Some(0)), None);
    assert_eq!(driver.declared(None), None);
}

#[test]
fn words_on_standard_error_tell_why_a_program_failed() {
    let after = |stderr: &str| judged(&declaring(&[]), "working", stderr, &ended(1));
    assert_eq!(
        after("ERROR: Rate limit reached. Please try again in 1.5s.\n"),
        RunOutcome::RateLimited {
            until_ms: Some(1_500)
        }
    );
    assert!(matches!(
        after("Error: unexpected status 401 Unauthorized"),
        RunOutcome::AuthRequired(_)
    ));
    assert_eq!(
        after("You exceeded your current quota, check your plan"),
        RunOutcome::QuotaExhausted
    );
    assert!(matches!(
        after("stream disconnected before completion"),
        RunOutcome::ProviderError(_)
    ));
    assert_eq!(
        after("Your input exceeds the context window of this model"),
        RunOutcome::ContextOverflow
    );
}

#[test]
fn words_that_nobody_knows_are_kept() {
    let outcome = judged(
        &declaring(&[]),
        "working",
        "\nthe flux\tcapacitor is cold\n\n",
        &ended(3),
    );
    assert_eq!(
        outcome,
        RunOutcome::Crashed("exit code 3: the flux capacitor is cold; it failed".to_owned())
    );
}

#[test]
fn words_far_from_the_end_of_standard_error_do_not_count() {
    let noise = "a test of rate limits passed\n".to_owned() + &"compiling\n".repeat(30);
    assert!(matches!(
        judged(&declaring(&[]), "working", &noise, &ended(1)),
        RunOutcome::Crashed(_)
    ));
}

#[test]
fn number_is_a_status_only_where_one_is_spoken_of() {
    let after = |stderr: &str| judged(&declaring(&[]), "working", stderr, &ended(1));
    assert_eq!(
        after("request failed with status 429"),
        RunOutcome::RateLimited { until_ms: None }
    );
    for stderr in [
        "429 passed, 1 failed",
        "error: src/a.rs:429:5: unknown name",
        "529 files",
    ] {
        assert!(matches!(after(stderr), RunOutcome::Crashed(_)), "{stderr}");
    }
}

#[test]
fn agents_own_words_on_standard_output_say_nothing_of_the_provider() {
    for stdout in ["I fixed the rate limit\n", "HTTP 401 is handled now\n"] {
        for driver in [command(), declaring(&[])] {
            assert!(
                matches!(
                    judged(&driver, stdout, "", &ended(1)),
                    RunOutcome::Crashed(_)
                ),
                "{stdout}"
            );
        }
    }
}

#[test]
fn error_of_the_last_line_is_read_like_the_providers() {
    let log = r#"{"is_error":true,"result":"usage limit reached, try again in 5 minutes"}"#;
    assert_eq!(
        outcome(&command(), log, &ended(0)),
        RunOutcome::RateLimited {
            until_ms: Some(300_000)
        }
    );
}

#[test]
fn last_line_may_count_tokens_and_a_wrong_count_spoils_nothing() {
    let usage = |log: &str| match command().read(log.as_bytes()) {
        Reading::Terminal(terminal) => terminal.usage,
        other => panic!("{other:?}"),
    };
    assert_eq!(usage(r#"{"is_error":false}"#), None);
    assert_eq!(
        usage(r#"{"is_error":false,"usage":{"input_tokens":3,"cache_read_input_tokens":4}}"#),
        Some(Usage {
            input_tokens: 3,
            cache_read_input_tokens: 4,
            ..Usage::default()
        })
    );
    assert_eq!(usage(r#"{"is_error":false,"usage":"many"}"#), None);
}

#[test]
fn program_that_counts_nothing_is_not_suspected() {
    let log = r#"{"is_error":false,"usage":{"input_tokens":0}}"#;
    let (result, reading) = (ended(0), command().read(log.as_bytes()));
    let idle = Known {
        changed: false,
        ..known(&result, &reading)
    };
    assert_eq!(classify(&idle), RunOutcome::NoChange);
}

#[test]
fn end_that_is_no_result_is_named_by_its_fault() {
    let far = format!("{{\"is_error\":false}}\n{}", "and more\n".repeat(1_000));
    let endless = format!("{}\"}}", "x".repeat(RESULT_BYTES_MAX));
    for (log, fault) in [
        ("", ResultFault::LogEmpty),
        (" \n\t\n", ResultFault::LogBlank),
        ("I did it!", ResultFault::ResultMissing),
        ("{\"is_error\":fal", ResultFault::ResultMalformed),
        (r#"{"type":"assistant"}"#, ResultFault::ResultMalformed),
        (r#"{"is_error":"no"}"#, ResultFault::ResultMalformed),
        (&far, ResultFault::ResultMissing),
        (&endless, ResultFault::ResultMalformed),
    ] {
        match outcome(&command(), log, &ended(0)) {
            RunOutcome::ProtocolError { fault: found, .. } => assert_eq!(found, fault, "{log:?}"),
            other => panic!("{log:?}: {other:?}"),
        }
    }
}

#[test]
fn result_is_found_whatever_stands_around_it() {
    for log in [
        "{\"is_error\":false}\nbye",
        "{\"is_error\":false} \u{1b}[0mbye",
        "\u{1b}[1;32m{\"is_error\":false}\u{1b}[0m\r\n",
        "working\n{\n  \"is_error\": false,\n  \"result\": \"done\"\n}\n",
        "{\"is_error\":false,\"result\":\"half \\ud83d\"}",
        "{\"is_error\":false,\"total_cost_usd\":1e400}",
        "{\"is_error\":false,\"total_cost_usd\":\"free\"}",
    ] {
        let found = outcome(&command(), log, &ended(0));
        assert_eq!(found, RunOutcome::Completed, "{log:?}");
    }
    // An event of a tool before it is not the result.
    let torn = "{\"is_error\":false}\n{\"is_error\":tr";
    assert!(matches!(
        outcome(&command(), torn, &ended(0)),
        RunOutcome::ProtocolError { .. }
    ));
}

#[test]
fn result_that_is_too_long_is_named_so() {
    let endless = format!("{}\"}}", "x".repeat(RESULT_BYTES_MAX));
    let told = outcome(&command(), &endless, &ended(0)).describe();
    assert!(told.contains(&RESULT_BYTES_MAX.to_string()), "{told}");
    let long = format!(
        "{{\"is_error\":false,\"result\":\"{}\"}}",
        "x".repeat(5_000_000)
    );
    assert_eq!(outcome(&command(), &long, &ended(0)), RunOutcome::Completed);
}

#[test]
fn cost_and_tokens_that_cannot_be_are_not_believed() {
    let terminal = |json: &str| match command().read(json.as_bytes()) {
        Reading::Terminal(terminal) => terminal,
        other => panic!("{json}: {other:?}"),
    };
    let cost =
        |usd: &str| terminal(&format!("{{\"is_error\":false,\"total_cost_usd\":{usd}}}")).cost_usd;
    for usd in [
        "-0.01",
        "1e308",
        "1e400",
        "NaN",
        "-Infinity",
        "10000.01",
        "\"1\"",
    ] {
        assert_eq!(cost(usd), None, "{usd}");
    }
    assert_eq!(cost("-0.0").map(f64::is_sign_positive), Some(true));
    assert_eq!(cost("10000"), Some(crate::driver::COST_USD_MAX));
    let usage = |tokens: u64| {
        let json = format!("{{\"is_error\":false,\"usage\":{{\"output_tokens\":{tokens}}}}}");
        terminal(&json).usage.map(Usage::total)
    };
    let most = crate::usage::TOKENS_MAX;
    assert_eq!((usage(most), usage(most + 1)), (Some(most), None));
}
