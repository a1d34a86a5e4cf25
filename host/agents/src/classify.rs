//! How a run ended: one classifier, a closed vocabulary, first match wins.
//!
//! Exit codes alone never decide. Structured fields come first; words of an agent are read only where it
//! reports an error, and digits in them count only as whole numbers.

use orch_domain::outcome::RunOutcome;

use crate::driver::{Reading, Terminal};
use crate::folder::RunResult;

/// What is known of an ended run.
#[derive(Debug, Clone)]
pub struct Known<'a> {
    /// The supervisor's result; none if it left none.
    pub result: Option<&'a RunResult>,
    /// What the driver read.
    pub reading: &'a Reading,
    /// End of standard error.
    pub stderr: &'a str,
    /// Paths it changed outside its scope.
    pub out_of_scope: Vec<String>,
    /// Artefacts it owes and did not leave.
    pub missing: Vec<String>,
    /// Whether it changed anything.
    pub changed: bool,
}

/// The outcome.
pub fn classify(known: &Known<'_>) -> RunOutcome {
    let Some(result) = known.result else {
        return RunOutcome::Crashed("the supervisor died without a result".to_owned());
    };
    if result.stopped.is_some() {
        return RunOutcome::Cancelled;
    }
    if let Some(error) = &result.launch_error {
        return RunOutcome::LaunchFailed(error.clone());
    }
    let ended_after_result =
        result.kill_reason() == Some(orch_domain::outcome::KillReason::AfterResult);
    if let Some(reason) = result.kill_reason().filter(|_| !ended_after_result) {
        return RunOutcome::Killed(reason);
    }
    match known.reading {
        Reading::Terminal(terminal) if terminal.is_error => return provider_said_no(terminal),
        Reading::Terminal(_) => {}
        Reading::Nothing(why) => return no_result(result, why, known.stderr),
        Reading::ExitCode if result.exit_code == Some(0) => {}
        Reading::ExitCode => return no_result(result, "it failed", known.stderr),
    }
    if !ended_after_result && result.exit_code != Some(0) {
        return no_result(result, "it reported success and then failed", known.stderr);
    }
    if !known.out_of_scope.is_empty() {
        return RunOutcome::BoundaryViolation(known.out_of_scope.clone());
    }
    if let Reading::Terminal(terminal) = known.reading
        && !terminal.denials.is_empty()
        && !known.changed
    {
        return RunOutcome::PermissionBlocked(terminal.denials.clone());
    }
    if !known.missing.is_empty() {
        return RunOutcome::ArtefactMissing(known.missing.clone());
    }
    if !known.changed {
        return RunOutcome::NoChange;
    }
    RunOutcome::Completed
}

fn no_result(result: &RunResult, why: &str, stderr: &str) -> RunOutcome {
    let last = stderr
        .lines()
        .rev()
        .find(|l| !l.trim().is_empty())
        .unwrap_or_default();
    let last: String = last.chars().take(300).collect();
    match (result.exit_code, result.signal) {
        (Some(0), _) => RunOutcome::ProtocolError(why.to_owned()),
        (Some(code), _) if is_auth(stderr) => {
            RunOutcome::AuthRequired(format!("exit code {code}: {last}"))
        }
        (Some(code), _) => RunOutcome::Crashed(format!("exit code {code}; {why}; {last}")),
        (None, signal) => RunOutcome::Crashed(format!("signal {}; {why}", signal.unwrap_or(0))),
    }
}

fn provider_said_no(terminal: &Terminal) -> RunOutcome {
    let text = terminal.text.as_str();
    let short: String = text.chars().take(300).collect();
    match terminal.api_status {
        Some(401 | 403) => return RunOutcome::AuthRequired(short),
        Some(429) => return RunOutcome::RateLimited { until_ms: None },
        Some(status) if status >= 500 => {
            return RunOutcome::ProviderError(format!("status {status}: {short}"));
        }
        Some(_) | None => {}
    }
    match terminal.subtype.as_str() {
        "error_max_turns" => return RunOutcome::TurnLimit,
        "error_max_budget_usd" => {
            return RunOutcome::Killed(orch_domain::outcome::KillReason::Budget);
        }
        _ => {}
    }
    let lower = text.to_lowercase();
    if is_auth(text) {
        return RunOutcome::AuthRequired(short);
    }
    if lower.contains("credit balance is too low") || lower.contains("quota exceeded") {
        return RunOutcome::QuotaExhausted;
    }
    if lower.contains("hit your") && lower.contains("limit")
        || lower.contains("rate limit")
        || has_number(text, "429")
    {
        return RunOutcome::RateLimited { until_ms: None };
    }
    if lower.contains("prompt is too long") || lower.contains("context window") {
        return RunOutcome::ContextOverflow;
    }
    RunOutcome::ProviderError(short)
}

/// The reference's markers of a missing login.
fn is_auth(text: &str) -> bool {
    let lower = text.to_lowercase();
    [
        "not logged in",
        "please run /login",
        "invalid api key",
        "unauthorized",
        "failed to authenticate",
    ]
    .iter()
    .any(|marker| lower.contains(marker))
        || has_number(text, "401")
}

/// Whether `number` stands in `text` as a number of its own.
fn has_number(text: &str, number: &str) -> bool {
    text.match_indices(number).any(|(at, _)| {
        let before = text[..at].chars().next_back();
        let after = text[at + number.len()..].chars().next();
        !before.is_some_and(|c| c.is_alphanumeric()) && !after.is_some_and(|c| c.is_alphanumeric())
    })
}

#[cfg(test)]
mod tests;
