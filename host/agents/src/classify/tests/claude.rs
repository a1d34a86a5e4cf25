//! Claims about the Claude command line: what it says of a failure, and what it says of a success.

use jiff::Timestamp;
use orch_domain::outcome::{KillReason, RunOutcome};

use super::{Known, SESSION_LIMIT, SUCCESS, classify, claude, ended, known, says};
use crate::driver::{Reading, Terminal};
use crate::usage::Usage;

const AUTH_LOST: &str = include_str!("payloads/claude-stream-auth-failed.jsonl");

/// A result with the error flag, as it is printed with sub-type `success` and exit code 0.
fn refused(status: &str, text: &str) -> String {
    let text = serde_json::Value::from(text);
    format!(
        r#"{{"type":"result","subtype":"success","is_error":true,"api_error_status":{status},"result":{text}}}"#
    )
}

fn ms(at: &str) -> i64 {
    at.parse::<Timestamp>().unwrap().as_millisecond()
}

fn terminal(log: &str) -> Terminal {
    match claude().read(log.as_bytes()) {
        Reading::Terminal(terminal) => terminal,
        other => panic!("{other:?}"),
    }
}

fn at(log: &str, now_ms: i64) -> RunOutcome {
    let (result, reading) = (ended(0), claude().read(log.as_bytes()));
    classify(&Known {
        now_ms,
        ..known(&result, &reading)
    })
}

fn unchanged(log: &str) -> RunOutcome {
    let (result, reading) = (ended(0), claude().read(log.as_bytes()));
    classify(&Known {
        changed: false,
        ..known(&result, &reading)
    })
}

fn limited(until_ms: Option<i64>) -> RunOutcome {
    RunOutcome::RateLimited { until_ms }
}

#[test]
fn session_limit_at_exit_zero_lasts_until_the_stated_time() {
    let now = ms("2026-10-05T12:00:00Z");
    let until = ms("2026-10-06T02:10:00Z");
    assert_eq!(at(SESSION_LIMIT, now), limited(Some(until)));
}

#[test]
fn every_wording_of_a_limit_is_one() {
    for text in [
        "You've hit your session limit",
        "You\u{2019}ve hit your limit",
        "Claude AI usage limit reached",
        "Weekly limit reached ∙ resets Friday",
        "You have reached your weekly limit",
        r#"API Error: 429 {"type":"error","error":{"type":"rate_limit_error","message":"This request would exceed your account's rate limit."}}"#,
        "Number of concurrent connections has exceeded your rate limit",
        "Too many requests",
        "concurrency limit exceeded for account",
    ] {
        for status in ["null", "429", "403"] {
            assert_eq!(
                at(&refused(status, text), 0),
                limited(None),
                "{status} {text}"
            );
        }
    }
}

#[test]
fn forbidden_is_a_missing_login_only_if_it_says_nothing_else() {
    let plain = refused("403", "Request not allowed");
    assert!(matches!(says(&plain, 0), RunOutcome::AuthRequired(_)));
    let busy = refused(
        "403",
        "Too many concurrent sessions; retry after 30 seconds",
    );
    assert_eq!(at(&busy, 5_000), limited(Some(35_000)));
    let overloaded = refused("403", "overloaded_error");
    assert!(matches!(says(&overloaded, 0), RunOutcome::ProviderError(_)));
}

#[test]
fn refusal_event_says_when_a_limit_ends_and_other_events_do_not() {
    let event = |status: &str, at: i64| {
        format!(
            r#"{{"type":"rate_limit_event","rate_limit_info":{{"status":"{status}","resetsAt":{at},"rateLimitType":"five_hour"}}}}"#
        )
    };
    let result = refused("429", "You've hit your limit");
    let (rejected, allowed) = (event("rejected", 7_200), event("allowed_warning", 9_000));
    let stream = format!("{rejected}\n{allowed}\n{result}\n");
    assert_eq!(at(&stream, 0), limited(Some(7_200_000)));
    let array = format!("[{rejected},{allowed},{result}]");
    assert_eq!(at(&array, 0), limited(Some(7_200_000)));
    let passed = format!("{rejected}\n{result}\n");
    assert_eq!(at(&passed, 7_200_000), limited(None));
    let warned = format!("{allowed}\n{result}\n");
    assert_eq!(at(&warned, 0), limited(None));
    // A limit that was refused and waited out is no end of a run that went well.
    assert_eq!(
        at(&format!("{rejected}\n{SUCCESS}"), 0),
        RunOutcome::Completed
    );
}

#[test]
fn overloaded_broken_or_unreachable_provider_is_a_provider_error() {
    for (status, text) in [
        ("529", "Overloaded"),
        ("500", "Internal server error"),
        ("503", "upstream connect error or disconnect"),
        ("null", "API Error: Repeated 529 Overloaded errors"),
        (
            "null",
            r#"API Error: 529 {"type":"error","error":{"type":"overloaded_error"}}"#,
        ),
        ("null", "API Error: 502 Bad Gateway"),
        ("null", "API Error: Connection error."),
        ("null", "TypeError: fetch failed"),
        ("null", "read ECONNRESET"),
        ("null", "getaddrinfo ENOTFOUND api.example.org"),
        ("null", "Request timed out"),
        ("400", "something that nobody has seen"),
    ] {
        let outcome = says(&refused(status, text), 0);
        let RunOutcome::ProviderError(detail) = outcome else {
            panic!("{status} {text}: {outcome:?}");
        };
        assert!(detail.contains(text), "its words are kept: {detail}");
    }
}

#[test]
fn login_lost_on_the_way_is_seen_in_a_stream_and_in_one_object() {
    let object = AUTH_LOST.lines().last().unwrap();
    let without_status = object.replace(r#""api_error_status":401,"#, "");
    assert_ne!(without_status, object);
    for log in [AUTH_LOST, object, without_status.as_str()] {
        for exit_code in [0, 1] {
            let outcome = says(log, exit_code);
            let RunOutcome::AuthRequired(detail) = outcome else {
                panic!("{outcome:?}");
            };
            assert!(detail.contains("OAuth session expired"), "{detail}");
        }
    }
}

#[test]
fn limits_of_the_command_line_itself_have_their_own_names() {
    let ended_by = |subtype: &str, more: &str| {
        format!(r#"{{"type":"result","subtype":"{subtype}","is_error":true{more}}}"#)
    };
    assert_eq!(
        says(&ended_by("error_max_turns", ""), 1),
        RunOutcome::TurnLimit
    );
    assert_eq!(
        says(&ended_by("error_max_budget_usd", ""), 1),
        RunOutcome::Killed(KillReason::Budget)
    );
    assert_eq!(
        says(&ended_by("error_during_execution", ""), 1),
        RunOutcome::ProviderError("error_during_execution".to_owned())
    );
    let flagless = ended_by("error_max_turns", "").replace("true", "false");
    assert_eq!(says(&flagless, 0), RunOutcome::TurnLimit);
    let words = r#","errors":["[ede_diagnostic] stop","tool crashed"]"#;
    assert_eq!(
        says(&ended_by("error_during_execution", words), 1),
        RunOutcome::ProviderError("[ede_diagnostic] stop; tool crashed".to_owned())
    );
    let lost = r#","errors":["Not logged in · Please run /login"]"#;
    assert!(matches!(
        says(&ended_by("error_during_execution", lost), 1),
        RunOutcome::AuthRequired(_)
    ));
}

#[test]
fn conversation_that_outgrew_the_model_is_no_rate_limit() {
    for text in [
        "Prompt is too long",
        "prompt is too long: 208310 tokens > 200000 maximum",
        "input length and `max_tokens` exceed context limit: 190000 + 21333 > 200000",
        "Context limit reached · /compact or /clear to continue",
        "The conversation is longer than the model's context window",
        "Request too large (max 20MB)",
    ] {
        for status in ["null", "400", "413"] {
            assert_eq!(
                says(&refused(status, text), 1),
                RunOutcome::ContextOverflow,
                "{status} {text}"
            );
        }
    }
}

#[test]
fn empty_account_is_exhausted_and_a_window_that_opens_again_is_not() {
    for (status, text) in [
        ("400", "Your credit balance is too low to access the API"),
        ("402", "Payment required"),
        ("null", "Quota exceeded"),
        (
            "400",
            "You have reached your specified API usage limits. You will regain access on 2026-11-01 at 00:00 UTC.",
        ),
        ("429", "Your credit balance is too low to access the API"),
    ] {
        assert_eq!(
            says(&refused(status, text), 1),
            RunOutcome::QuotaExhausted,
            "{text}"
        );
    }
    let window = refused("429", "Quota exceeded. Please retry in 34.5s.");
    assert_eq!(at(&window, 0), limited(Some(34_500)));
}

#[test]
fn refused_tools_block_only_a_run_that_changed_nothing() {
    let log = r#"{"type":"result","is_error":false,"result":"I could not","permission_denials":[{"tool_name":"Bash"},{"tool_name":"Bash"},{"tool_name":"Write"}]}"#;
    assert_eq!(
        unchanged(log),
        RunOutcome::PermissionBlocked(vec!["Bash".to_owned(), "Write".to_owned()])
    );
    assert_eq!(says(log, 0), RunOutcome::Completed);
}

#[test]
fn success_without_a_token_and_without_a_change_is_not_believed() {
    let zero = r#"{"type":"result","is_error":false,"result":"done","usage":{"input_tokens":0,"output_tokens":0}}"#;
    assert!(matches!(unchanged(zero), RunOutcome::ProviderError(_)));
    assert_eq!(
        says(zero, 0),
        RunOutcome::Completed,
        "it did change something"
    );
    let cached = zero.replace(r#""output_tokens":0"#, r#""cache_read_input_tokens":9"#);
    assert_eq!(unchanged(&cached), RunOutcome::NoChange);
    let uncounted = r#"{"type":"result","is_error":false,"result":"done"}"#;
    assert_eq!(unchanged(uncounted), RunOutcome::NoChange);
}

#[test]
fn usage_is_the_results_own_total() {
    assert_eq!(
        terminal(SUCCESS).usage,
        Some(Usage {
            input_tokens: 412,
            output_tokens: 9_120,
            cache_read_input_tokens: 402_118,
            cache_creation_input_tokens: 18_230,
        })
    );
    assert_eq!(terminal(SESSION_LIMIT).usage, Some(Usage::default()));
    let by_model = r#"{"type":"result","is_error":false,"modelUsage":{"a":{"inputTokens":1,"outputTokens":2},"b":{"inputTokens":999999999999}}}"#;
    assert_eq!(
        terminal(by_model).usage,
        Some(Usage {
            input_tokens: crate::usage::TOKENS_MAX,
            output_tokens: 2,
            ..Usage::default()
        })
    );
    let zero = by_model.replace(
        r#""modelUsage""#,
        r#""usage":{"input_tokens":0},"modelUsage""#,
    );
    assert_eq!(terminal(&zero).usage, terminal(by_model).usage);
    let own = zero.replace(r#""input_tokens":0"#, r#""input_tokens":7"#);
    assert_eq!(terminal(&own).usage.map(Usage::total), Some(7));
    let wrong = r#"{"type":"result","is_error":false,"usage":{"input_tokens":-1}}"#;
    assert_eq!(terminal(wrong).usage, None, "and the result still counts");
}

#[test]
fn result_is_read_though_half_a_character_or_an_absurd_count_is_in_it() {
    let half =
        r#"{"type":"result","is_error":false,"result":"half \ud83d","total_cost_usd":1e400}"#;
    let read = terminal(half);
    assert_eq!((read.text.as_str(), read.cost_usd), ("half \u{fffd}", None));
    let coloured = format!("\u{1b}[32m{half}\u{1b}[0m bye\n");
    assert_eq!(terminal(&coloured), read);
    let negative = half.replace("1e400", "-5");
    assert_eq!(terminal(&negative).cost_usd, None);
    let many = r#"{"type":"result","is_error":false,"modelUsage":{"a":{"inputTokens":18446744073709551615},"b":{"inputTokens":1}}}"#;
    assert_eq!(terminal(many).usage, None);
    let printed = "starting\n{\n  \"type\": \"result\",\n  \"is_error\": false\n}\nbye\n";
    assert!(!terminal(printed).is_error);
}
