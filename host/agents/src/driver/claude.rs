//! The driver for the Claude command line, headless: `-p`, JSON output, prompt on standard input.
//!
//! `is_error` decides. The sub-type reads `success` and the exit code 0 in some versions even when the API
//! answered with an error.

use serde::Deserialize;

use super::{Plan, PlanInput, Reading, Terminal};

/// Start of the line that ends a run.
const RESULT_LINE: &str = r#"{"type":"result""#;

/// Tools that wait for a person or for a later call-back, which a headless run never gets.
const NEVER: &str = "AskUserQuestion,EnterPlanMode,ExitPlanMode,CronCreate,ScheduleWakeup,Monitor,WebSearch,WebFetch";

pub(super) fn plan(input: &PlanInput, model: Option<&str>, budget_usd: Option<f64>) -> Plan {
    let fixed = [
        "-p",
        "--output-format",
        "json",
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
    }
}

#[derive(Deserialize)]
struct Event {
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    subtype: String,
    is_error: Option<bool>,
    #[serde(default)]
    result: Option<String>,
    #[serde(default)]
    api_error_status: Option<u16>,
    #[serde(default)]
    total_cost_usd: Option<f64>,
    #[serde(default)]
    permission_denials: Vec<Denial>,
}

#[derive(Deserialize)]
struct Denial {
    #[serde(default)]
    tool_name: String,
}

pub(super) fn read(stdout: &[u8]) -> Reading {
    let text = String::from_utf8_lossy(stdout);
    if text.trim().is_empty() {
        return Reading::Nothing("the log is empty".to_owned());
    }
    let result = text
        .lines()
        .rev()
        .filter_map(|line| serde_json::from_str::<Event>(line.trim()).ok());
    let Some(event) = result.into_iter().find(|event| event.kind == "result") else {
        return Reading::Nothing("the log holds no result event".to_owned());
    };
    Reading::Terminal(Terminal {
        // A result without the flag is not a success that anyone has seen.
        is_error: event.is_error.unwrap_or(true),
        text: event.result.unwrap_or_default(),
        api_status: event.api_error_status,
        subtype: event.subtype,
        denials: event
            .permission_denials
            .into_iter()
            .map(|d| d.tool_name)
            .collect(),
        cost_usd: event.total_cost_usd,
    })
}
