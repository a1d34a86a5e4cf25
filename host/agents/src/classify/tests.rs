//! Claims about the classifier, on the words that real command lines print.

mod claude;
mod command;
mod logs;

use orch_domain::left::{ChangeKind, Refusal, RefusalKind, Strayed};
use orch_domain::outcome::{KillReason, RunOutcome};

use super::{Known, classify};
use crate::driver::{Driver, Reading};
use crate::folder::{PROTOCOL, RunResult, StopReason};

fn ended(exit_code: i32) -> RunResult {
    RunResult {
        protocol: PROTOCOL,
        exit_code: Some(exit_code),
        signal: None,
        killed: None,
        stopped: None,
        launch_error: None,
        started_ms: 0,
        ended_ms: 1,
        truncated: false,
        survivors: 0,
    }
}

fn claude() -> Driver {
    Driver::Claude {
        model: None,
        budget_usd: None,
    }
}

fn command() -> Driver {
    Driver::Command {
        prompt_as_file: false,
        json_result: true,
        exit_codes: std::collections::BTreeMap::new(),
    }
}

fn outcome(driver: &Driver, stdout: &str, result: &RunResult) -> RunOutcome {
    let reading = driver.read(stdout.as_bytes());
    classify(&known(result, &reading))
}

fn known<'a>(result: &'a RunResult, reading: &'a Reading) -> Known<'a> {
    Known {
        result: Some(result),
        reading,
        declared: None,
        stderr: "",
        out_of_scope: Vec::new(),
        refused: Vec::new(),
        missing: Vec::new(),
        changed: true,
        now_ms: 0,
    }
}

/// What a log comes to when the run ended by itself.
fn says(log: &str, exit_code: i32) -> RunOutcome {
    outcome(&claude(), log, &ended(exit_code))
}

const SUCCESS: &str = include_str!("tests/payloads/claude-result-success.json");
const SESSION_LIMIT: &str = include_str!("tests/payloads/claude-result-session-limit.json");
const LOGGED_OUT: &str = r#"{"type":"result","subtype":"success","is_error":true,"result":"Not logged in · Please run /login"}"#;

#[test]
fn error_flag_beats_subtype_and_exit_code() {
    assert_eq!(
        outcome(&claude(), SUCCESS, &ended(0)),
        RunOutcome::Completed
    );
    assert!(matches!(
        outcome(&claude(), LOGGED_OUT, &ended(0)),
        RunOutcome::AuthRequired(_)
    ));
    assert!(matches!(
        outcome(&claude(), LOGGED_OUT, &ended(1)),
        RunOutcome::AuthRequired(_)
    ));
}

#[test]
fn result_without_the_error_flag_is_no_success() {
    let log = r#"{"type":"result","subtype":"success","result":"done"}"#;
    assert!(matches!(
        outcome(&claude(), log, &ended(0)),
        RunOutcome::ProviderError(_)
    ));
}

#[test]
fn success_followed_by_a_failing_exit_is_a_crash() {
    assert!(matches!(
        outcome(&claude(), SUCCESS, &ended(1)),
        RunOutcome::Crashed(_)
    ));
}

#[test]
fn run_ended_after_its_result_keeps_the_result() {
    let killed = RunResult {
        killed: Some("after-result".into()),
        exit_code: None,
        signal: Some(15),
        ..ended(0)
    };
    assert_eq!(outcome(&claude(), SUCCESS, &killed), RunOutcome::Completed);
    let wall = RunResult {
        killed: Some("wall".into()),
        ..killed
    };
    assert_eq!(
        outcome(&claude(), SUCCESS, &wall),
        RunOutcome::Killed(KillReason::Wall)
    );
}

#[test]
fn stop_wins_over_everything_and_a_lost_supervisor_is_a_crash() {
    let stopped = RunResult {
        stopped: Some(StopReason::Person),
        killed: Some("wall".into()),
        ..ended(0)
    };
    assert_eq!(outcome(&claude(), SUCCESS, &stopped), RunOutcome::Cancelled);
    let reading = claude().read(SUCCESS.as_bytes());
    let lost = Known {
        result: None,
        ..known(&stopped, &reading)
    };
    assert!(matches!(classify(&lost), RunOutcome::Crashed(_)));
}

#[test]
fn stop_for_a_limit_of_the_host_is_that_limit() {
    for (reason, outcome) in [
        (StopReason::TooOld, RunOutcome::Killed(KillReason::Wall)),
        (StopReason::Disk, RunOutcome::Killed(KillReason::Disk)),
        (
            StopReason::Shutdown,
            RunOutcome::Killed(KillReason::Shutdown),
        ),
        (StopReason::Budget, RunOutcome::Killed(KillReason::Budget)),
        (StopReason::Other("x".into()), RunOutcome::Cancelled),
    ] {
        let stopped = RunResult {
            stopped: Some(reason),
            ..ended(0)
        };
        assert_eq!(self::outcome(&claude(), SUCCESS, &stopped), outcome);
    }
}

#[test]
fn success_that_left_its_scope_or_owes_an_artefact_is_not_completed() {
    let result = ended(0);
    let reading = claude().read(SUCCESS.as_bytes());
    let strayed = vec![Strayed {
        path: "src/a.rs".into(),
        kind: ChangeKind::Changed,
    }];
    let outside = Known {
        out_of_scope: strayed.clone(),
        ..known(&result, &reading)
    };
    assert_eq!(classify(&outside), RunOutcome::BoundaryViolation(strayed));
    let refused = vec![Refusal {
        path: "vendor".into(),
        kind: RefusalKind::NestedRepository,
    }];
    let nested = Known {
        refused: refused.clone(),
        ..known(&result, &reading)
    };
    assert_eq!(classify(&nested), RunOutcome::TreeRefused(refused));
    let owes = Known {
        missing: vec!["12-review.md".into()],
        ..known(&result, &reading)
    };
    assert_eq!(
        classify(&owes),
        RunOutcome::ArtefactMissing(vec!["12-review.md".into()])
    );
    let idle = Known {
        changed: false,
        ..known(&result, &reading)
    };
    assert_eq!(classify(&idle), RunOutcome::NoChange);
}

#[test]
fn numbers_count_only_as_whole_numbers() {
    let log = |text: &str| format!(r#"{{"type":"result","is_error":true,"result":"{text}"}}"#);
    assert!(matches!(
        outcome(&claude(), &log("API Error: 401"), &ended(1)),
        RunOutcome::AuthRequired(_)
    ));
    assert!(matches!(
        outcome(&claude(), &log("read 14012 lines"), &ended(1)),
        RunOutcome::ProviderError(_)
    ));
    assert!(matches!(
        outcome(&claude(), &log("Prompt is too long"), &ended(1)),
        RunOutcome::ContextOverflow
    ));
}

#[test]
fn program_that_is_not_there_failed_to_launch() {
    let result = RunResult {
        launch_error: Some("no such file".into()),
        exit_code: None,
        ..ended(0)
    };
    assert!(matches!(
        outcome(&command(), "", &result),
        RunOutcome::LaunchFailed(_) | RunOutcome::NotTakenIn(_)
    ));
}
