//! How a run ended: one classifier, a closed vocabulary, first match wins.
//!
//! Exit codes alone never decide, unless an operator declared one. Structured fields come first; words of a
//! command line are read only where it reports a failure, and digits in them count only as whole numbers.

mod reset;
mod said;

use orch_domain::left::{Refusal, Strayed};
use orch_domain::outcome::{KillReason, ResultFault, RunOutcome};

use crate::driver::{DeclaredOutcome, Reading, Terminal};
use crate::folder::RunResult;
use crate::words::short;

/// Lines at the end of standard error that are read: what ended a run stands there, what came before is noise.
const STDERR_LINES: usize = 20;

/// What is known of an ended run.
#[derive(Debug, Clone)]
pub struct Known<'a> {
    /// The supervisor's result; none if it left none.
    pub result: Option<&'a RunResult>,
    /// What the driver read.
    pub reading: &'a Reading,
    /// What the operator declared that the exit code means: [`Driver::declared`](crate::driver::Driver::declared).
    pub declared: Option<DeclaredOutcome>,
    /// End of standard error.
    pub stderr: &'a str,
    /// What it changed outside its scope.
    pub out_of_scope: Vec<Strayed>,
    /// What it left that no commit can hold.
    pub refused: Vec<Refusal>,
    /// Artefacts it owes and did not leave.
    pub missing: Vec<String>,
    /// Whether it changed anything.
    pub changed: bool,
    /// Now, Unix milliseconds: what a provider says of a limit's end is relative to it.
    pub now_ms: i64,
}

/// The outcome.
pub fn classify(known: &Known<'_>) -> RunOutcome {
    let Some(result) = known.result else {
        return RunOutcome::Crashed("the supervisor died without a result".to_owned());
    };
    if let Some(reason) = &result.stopped {
        // A limit of the host is one, whoever ends the run for it; only somebody's wish cancels.
        let limit = reason.kill_reason();
        return limit.map_or(RunOutcome::Cancelled, RunOutcome::Killed);
    }
    if let Some(error) = &result.launch_error {
        return RunOutcome::LaunchFailed(error.clone());
    }
    let ended_after_result = result.kill_reason() == Some(KillReason::AfterResult);
    if let Some(reason) = result.kill_reason().filter(|_| !ended_after_result) {
        return RunOutcome::Killed(reason);
    }
    if let Some(declared) = known.declared {
        return as_declared(declared, result, known);
    }
    match known.reading {
        Reading::Terminal(terminal) if terminal.is_error => {
            return provider_said_no(terminal, known.now_ms);
        }
        Reading::Terminal(_) => {}
        Reading::Nothing {
            fault,
            detail,
            said,
        } => return no_result(*fault, detail, said, result, known),
        Reading::ExitCode if result.exit_code == Some(0) => {}
        Reading::ExitCode => return failed(result, "it failed", "", known),
    }
    if !ended_after_result && result.exit_code != Some(0) {
        return failed(result, "it reported success and then failed", "", known);
    }
    said_yes(known)
}

/// What a run that says that it ended well is worth.
fn said_yes(known: &Known<'_>) -> RunOutcome {
    if !known.out_of_scope.is_empty() {
        return RunOutcome::BoundaryViolation(known.out_of_scope.clone());
    }
    if !known.refused.is_empty() {
        return RunOutcome::TreeRefused(known.refused.clone());
    }
    if let Reading::Terminal(terminal) = known.reading
        && !known.changed
    {
        if !terminal.denials.is_empty() {
            return RunOutcome::PermissionBlocked(terminal.denials.clone());
        }
        if terminal.is_metered && terminal.usage.is_some_and(|usage| usage.is_zero()) {
            let why = "it reported success without using a token and changed nothing";
            return RunOutcome::ProviderError(why.to_owned());
        }
    }
    if !known.missing.is_empty() {
        return RunOutcome::ArtefactMissing(known.missing.clone());
    }
    if !known.changed {
        return RunOutcome::NoChange;
    }
    RunOutcome::Completed
}

fn no_result(
    fault: ResultFault,
    detail: &str,
    said: &str,
    result: &RunResult,
    known: &Known<'_>,
) -> RunOutcome {
    if result.exit_code == Some(0) {
        return RunOutcome::ProtocolError {
            fault,
            detail: detail.to_owned(),
        };
    }
    failed(result, detail, said, known)
}

/// A run that failed without a result: what it `said` and its standard error are all that is known.
fn failed(result: &RunResult, why: &str, said: &str, known: &Known<'_>) -> RunOutcome {
    let Some(code) = result.exit_code else {
        let signal = result.signal.unwrap_or(0);
        return RunOutcome::Crashed(format!("signal {signal}; {why}"));
    };
    let words = format!("{said}\n{}", end_of(known.stderr));
    match said::outcome(&words, known.now_ms) {
        Some(RunOutcome::AuthRequired(_)) => {
            RunOutcome::AuthRequired(with_last_line(code, known.stderr, said))
        }
        Some(outcome) => outcome,
        None => RunOutcome::Crashed(format!(
            "{}; {why}",
            with_last_line(code, known.stderr, said)
        )),
    }
}

fn as_declared(declared: DeclaredOutcome, result: &RunResult, known: &Known<'_>) -> RunOutcome {
    let text = match known.reading {
        Reading::Terminal(terminal) => terminal.text.as_str(),
        Reading::Nothing { said, .. } => said.as_str(),
        Reading::ExitCode => "",
    };
    let detail = with_last_line(result.exit_code.unwrap_or(0), known.stderr, text);
    match declared {
        DeclaredOutcome::AuthRequired => RunOutcome::AuthRequired(detail),
        DeclaredOutcome::RateLimited => {
            let words = format!("{text}\n{}", end_of(known.stderr));
            RunOutcome::RateLimited {
                until_ms: reset::until_ms(&words, known.now_ms),
            }
        }
        DeclaredOutcome::QuotaExhausted => RunOutcome::QuotaExhausted,
        DeclaredOutcome::TurnLimit => RunOutcome::TurnLimit,
        DeclaredOutcome::PermissionBlocked => match known.reading {
            Reading::Terminal(terminal) if !terminal.denials.is_empty() => {
                RunOutcome::PermissionBlocked(terminal.denials.clone())
            }
            Reading::Terminal(_) | Reading::Nothing { .. } | Reading::ExitCode => {
                RunOutcome::PermissionBlocked(vec![detail])
            }
        },
        DeclaredOutcome::ProviderError => RunOutcome::ProviderError(detail),
        DeclaredOutcome::Crashed => RunOutcome::Crashed(detail),
    }
}

/// What follows from a result that carries the error flag.
fn provider_said_no(terminal: &Terminal, now_ms: i64) -> RunOutcome {
    match terminal.subtype.as_str() {
        "error_max_turns" => return RunOutcome::TurnLimit,
        "error_max_budget_usd" => return RunOutcome::Killed(KillReason::Budget),
        _ => {}
    }
    let text = terminal.text.as_str();
    let words = match short(text) {
        nothing if nothing.is_empty() => terminal.subtype.clone(),
        words => words,
    };
    let until_ms = || {
        let event = terminal.resets_ms.and_then(|at| reset::within(at, now_ms));
        event.or_else(|| reset::until_ms(text, now_ms))
    };
    let said = match (said::outcome(text, now_ms), terminal.api_status) {
        // A window that opens again is no empty account, whatever it is called.
        (Some(RunOutcome::QuotaExhausted), Some(429)) if until_ms().is_none() => {
            RunOutcome::QuotaExhausted
        }
        (_, Some(429)) => RunOutcome::RateLimited { until_ms: None },
        (_, Some(401)) => RunOutcome::AuthRequired(words),
        (_, Some(402)) => RunOutcome::QuotaExhausted,
        (_, Some(status)) if status >= 500 => {
            RunOutcome::ProviderError(format!("status {status}: {words}"))
        }
        // Too many at once arrives as "forbidden" too; only a refusal that says nothing else is about the login.
        (None, Some(403)) => RunOutcome::AuthRequired(words),
        (Some(outcome), _) => outcome,
        (None, _) => RunOutcome::ProviderError(words),
    };
    match said {
        RunOutcome::RateLimited { .. } => RunOutcome::RateLimited {
            until_ms: until_ms(),
        },
        other => other,
    }
}

fn end_of(stderr: &str) -> String {
    let mut last: Vec<&str> = stderr.lines().rev().take(STDERR_LINES).collect();
    last.reverse();
    last.join("\n")
}

/// The exit code and the last words that there are.
fn with_last_line(code: i32, stderr: &str, said: &str) -> String {
    let last = stderr.lines().rev().find(|line| !line.trim().is_empty());
    match short(last.unwrap_or(said)) {
        nothing if nothing.is_empty() => format!("exit code {code}"),
        words => format!("exit code {code}: {words}"),
    }
}

#[cfg(test)]
mod tests;
