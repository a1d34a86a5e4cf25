//! Claims about logs: where the result of the Claude command line is found, and what it is when it is not there.

use orch_domain::outcome::{ResultFault, RunOutcome};

use super::{LOGGED_OUT, SUCCESS, says};

fn fault(log: &[u8]) -> ResultFault {
    let reading = super::claude().read(log);
    let result = super::ended(0);
    match super::classify(&super::known(&result, &reading)) {
        RunOutcome::ProtocolError { fault, detail } => {
            assert!(!detail.is_empty());
            fault
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn log_without_a_result_at_exit_zero_is_a_failure_with_its_own_reason() {
    for (log, expected) in [
        ("", ResultFault::LogEmpty),
        (" \n\t\n", ResultFault::LogBlank),
        (
            "this is not json at all, just noise\n",
            ResultFault::ResultMissing,
        ),
        ("{\"type\":\"assistant\"}\n", ResultFault::ResultMissing),
        ("[{\"type\":\"assistant\"}]\n", ResultFault::ResultMissing),
        ("[]", ResultFault::ResultMissing),
        ("{}\nnull\n1\n", ResultFault::ResultMissing),
        ("{\"type\":\"result\",\"is_er", ResultFault::ResultMalformed),
        (
            "[{\"type\":\"system\"},{\"type\":\"result\",\"is_er",
            ResultFault::ResultMalformed,
        ),
        (
            "{\"type\":\"result\",\"is_error\":\"no\"}",
            ResultFault::ResultMalformed,
        ),
    ] {
        assert_eq!(fault(log.as_bytes()), expected, "{log:?}");
    }
}

#[test]
fn torn_result_is_not_replaced_by_an_earlier_one() {
    let log = format!("{SUCCESS}\n{{\"type\":\"result\",\"is_error\":tr");
    assert_eq!(fault(log.as_bytes()), ResultFault::ResultMalformed);
}

#[test]
fn missing_result_keeps_the_last_words() {
    let RunOutcome::ProtocolError { detail, .. } = says("a\nthe flux capacitor is cold\n\n", 0)
    else {
        panic!("it is a protocol error");
    };
    assert!(detail.contains("the flux capacitor is cold"), "{detail}");
}

#[test]
fn command_lines_own_last_words_count_when_it_fails_without_a_result() {
    assert!(matches!(
        says("Invalid API key · Please run /login\n", 1),
        RunOutcome::AuthRequired(_)
    ));
    assert_eq!(
        says("Claude AI usage limit reached|60\n", 1),
        RunOutcome::RateLimited {
            until_ms: Some(60_000)
        }
    );
    // An agent that writes of limits is not a provider that does.
    let agents = r#"{"type":"assistant","message":"the rate limit is 401"}"#;
    for log in [agents.to_owned(), agents[20..].to_owned()] {
        assert!(matches!(says(&log, 1), RunOutcome::Crashed(_)), "{log}");
    }
}

#[test]
fn result_is_found_in_every_format_that_it_is_printed_in() {
    let result = SUCCESS.trim();
    let event = r#"{"type":"system","subtype":"init"}"#;
    let pretty: serde_json::Value = serde_json::from_str(result).unwrap();
    let pretty = serde_json::to_string_pretty(&pretty).unwrap();
    for log in [
        result.to_owned(),
        format!("{result}\n"),
        format!("  {result}\r\n"),
        format!("{event}\n{event}\n{result}\n"),
        format!("[{event},{result}]\n"),
        format!("[{event}, {result}]"),
        format!("[{result},{event}]"),
        format!("a warning\n[{event},{result}]\n"),
        pretty.clone(),
        format!("[\n{event},\n{pretty}\n]"),
        format!("some preamble text from the agent run...\n{result}\n"),
    ] {
        assert_eq!(says(&log, 0), RunOutcome::Completed, "{log}");
    }
}

#[test]
fn output_after_the_result_does_not_hide_it() {
    let result = SUCCESS.trim();
    for log in [
        format!("{result}\nan MCP server says good-bye\n"),
        format!("{result}\n{{\"type\":\"system\"}}\n[warn] late\n"),
        format!("{result}a warning without a line of its own\n"),
    ] {
        assert_eq!(says(&log, 0), RunOutcome::Completed, "{log}");
    }
    let log = format!("{}\n{LOGGED_OUT}\nbye\n", SUCCESS.trim());
    assert!(
        matches!(says(&log, 0), RunOutcome::AuthRequired(_)),
        "the last result counts"
    );
}

#[test]
fn result_is_found_behind_a_line_that_is_torn_or_huge() {
    let result = SUCCESS.trim();
    let torn = "x".repeat(3 * 1024 * 1024) + r#""}]}}"#;
    assert_eq!(
        says(&format!("{torn}\n{result}\n"), 0),
        RunOutcome::Completed
    );
    // The front of an array is what is cut off when only its end is read.
    let array = format!("{torn},{result}]");
    assert_eq!(says(&array, 0), RunOutcome::Completed);
    let huge = result.replace("512 tests pass", &"ü".repeat(1024 * 1024));
    assert_eq!(says(&huge, 0), RunOutcome::Completed);
}

#[test]
fn character_that_is_cut_at_the_edge_harms_nobody() {
    let whole = format!("größer\n{}", SUCCESS.trim());
    let log = &whole.as_bytes()[3..];
    assert!(std::str::from_utf8(log).is_err());
    let reading = super::claude().read(log);
    let result = super::ended(0);
    assert_eq!(
        super::classify(&super::known(&result, &reading)),
        RunOutcome::Completed
    );
    let cut_end = "done: ü".as_bytes();
    assert_eq!(
        fault(&cut_end[..cut_end.len() - 1]),
        ResultFault::ResultMissing
    );
}

#[test]
fn result_inside_an_agents_words_is_none() {
    let words = serde_json::Value::from(format!("[{},{}]", "{}", SUCCESS.trim()));
    let log = format!(r#"[{{"type":"assistant","text":{words}}}"#);
    assert_eq!(fault(log.as_bytes()), ResultFault::ResultMissing);
    let log = format!(r#"{{"type":"assistant","text":{words}}}"#);
    assert_eq!(fault(log.as_bytes()), ResultFault::ResultMissing);
}

#[test]
fn keys_that_are_null_or_odd_do_not_spoil_a_result() {
    let log = r#"{"type":"result","is_error":false,"subtype":null,"result":{"ok":true},"permission_denials":null,"total_cost_usd":"free","usage":null,"api_error_status":null}"#;
    assert_eq!(says(log, 0), RunOutcome::Completed);
}
