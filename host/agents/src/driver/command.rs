//! The driver for any program: prompt on standard input or as a file, result by a declared rule.

use orch_domain::outcome::ResultFault;
use serde::Deserialize;

use super::{Plan, PlanInput, Reading, Terminal, cost, json};
use crate::usage::Usage;
use crate::words::short;

pub(super) fn plan(input: &PlanInput, prompt_as_file: bool) -> Plan {
    let prompt = input.prompt_file.to_string_lossy();
    let args = input
        .args
        .iter()
        .map(|arg| arg.replace("{prompt}", &prompt))
        .collect();
    Plan {
        args,
        env: Vec::new(),
        prompt_on_stdin: !prompt_as_file,
        terminal_line: None,
        events: None,
    }
}

#[derive(Deserialize)]
struct Line {
    is_error: bool,
    #[serde(default)]
    result: String,
    /// Read by themselves: what is counted wrongly does not make the work worthless.
    #[serde(default)]
    total_cost_usd: serde_json::Value,
    #[serde(default)]
    usage: serde_json::Value,
}

/// The rule is a JSON object at the end of the output. What follows it on its line or on some lines more, colours, and
/// being printed over several lines do not make it another one.
pub(super) fn read(stdout: &[u8], json_result: bool) -> Reading {
    if let Some(silence) = Reading::of_silence(stdout) {
        return silence;
    }
    if !json_result {
        return Reading::ExitCode;
    }
    let text = String::from_utf8_lossy(stdout);
    let found = json::last_object(&text);
    let line = found.map(|found| {
        let line = found.and_then(|value| {
            serde_json::from_value::<Line>(value).map_err(|error| error.to_string())
        });
        line.map_err(|why| format!("the last JSON object is not a result: {why}"))
    });
    let line = match (line, Reading::of_endless_line(stdout)) {
        (Some(Err(_)) | None, Some(endless)) => return endless,
        (line, _) => line,
    };
    match line {
        Some(Ok(line)) => Reading::Terminal(Terminal {
            is_error: line.is_error,
            text: line.result,
            cost_usd: cost(&line.total_cost_usd),
            usage: serde_json::from_value(line.usage)
                .ok()
                .and_then(Usage::believed),
            ..Terminal::default()
        }),
        Some(Err(why)) => Reading::nothing(ResultFault::ResultMalformed, why),
        None => {
            let last = text.lines().rev().find(|line| !line.trim().is_empty());
            let last = short(last.unwrap_or_default());
            let why = format!("no JSON object ends the output; its last line is `{last}`");
            Reading::nothing(ResultFault::ResultMissing, why)
        }
    }
}
