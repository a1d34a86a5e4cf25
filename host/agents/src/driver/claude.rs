//! The driver for the Claude command line, headless: `-p`, one JSON event in each line of output, prompt on standard
//! input.
//!
//! `is_error` decides. The sub-type reads `success` and the exit code 0 in some versions even when the API
//! answered with an error.

mod result;

use super::{Plan, PlanInput};
use crate::stream::Format;

pub(super) use result::read;

/// Start of the line that ends a run.
const RESULT_LINE: &str = r#"{"type":"result""#;

/// How long it may take to say that it is there: the first event needs no model.
pub(super) const START_UP_MS: u64 = 5 * 60_000;
/// How long it may do nothing that it tells of. A tool's call may last ten minutes, and a model's answer some.
pub(super) const IDLE_MS: u64 = 20 * 60_000;

/// Tools that wait for a person or for a later call-back, which a headless run never gets.
const NEVER: &str = "AskUserQuestion,EnterPlanMode,ExitPlanMode,CronCreate,ScheduleWakeup,Monitor,WebSearch,WebFetch";

pub(super) fn plan(input: &PlanInput, model: Option<&str>, budget_usd: Option<f64>) -> Plan {
    let fixed = [
        "-p",
        "--output-format",
        "stream-json",
        "--verbose",
        "--strict-mcp-config",
        "--permission-mode",
        "acceptEdits",
        "--allowedTools",
        "Bash,Edit,Write,Read,Glob,Grep",
        "--disallowedTools",
        NEVER,
    ];
    let mut args: Vec<String> = fixed.into_iter().map(str::to_owned).collect();
    if let Some(model) = model {
        args.extend(["--model".to_owned(), model.to_owned()]);
    }
    if let Some(usd) = budget_usd {
        args.extend(["--max-budget-usd".to_owned(), usd.to_string()]);
    }
    args.extend(input.args.iter().cloned());
    let env = [
        ("DISABLE_TELEMETRY", "1"),
        ("DISABLE_ERROR_REPORTING", "1"),
        ("DISABLE_AUTOUPDATER", "1"),
        ("DISABLE_BUG_COMMAND", "1"),
        ("CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC", "1"),
        ("CLAUDE_CODE_DISABLE_BACKGROUND_TASKS", "1"),
    ];
    let env = env
        .into_iter()
        .map(|(k, v)| (k.to_owned(), v.to_owned()))
        .collect();
    Plan {
        args,
        env,
        prompt_on_stdin: true,
        terminal_line: Some(RESULT_LINE.to_owned()),
        events: Some(Format::Claude),
    }
}
