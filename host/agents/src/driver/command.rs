//! The driver for any program: prompt on standard input or as a file, result by a declared rule.

use orch_domain::outcome::ResultFault;
use serde::Deserialize;

use super::{Plan, PlanInput, Reading, Terminal};
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
    }
}

#[derive(Deserialize)]
struct Line {
    is_error: bool,
    #[serde(default)]
    result: String,
    #[serde(default)]
    total_cost_usd: Option<f64>,
    /// Read by itself: tokens that are counted wrongly do not make the work worthless.
    #[serde(default)]
    usage: serde_json::Value,
}

pub(super) fn read(stdout: &[u8], json_result: bool) -> Reading {
    if let Some(silence) = Reading::of_silence(stdout) {
        return silence;
    }
    if !json_result {
        return Reading::ExitCode;
    }
    let text = String::from_utf8_lossy(stdout);
    let mut lines = text.lines().rev().map(str::trim);
    let last = lines.find(|line| !line.is_empty()).unwrap_or_default();
    match serde_json::from_str::<Line>(last) {
        Ok(line) => Reading::Terminal(Terminal {
            is_error: line.is_error,
            text: line.result,
            cost_usd: line.total_cost_usd,
            usage: serde_json::from_value(line.usage).ok(),
            ..Terminal::default()
        }),
        Err(error) if last.starts_with('{') => Reading::nothing(
            ResultFault::ResultMalformed,
            format!("the last line is no result: {error}"),
        ),
        Err(_) => Reading::nothing(
            ResultFault::ResultMissing,
            format!("the last line is no JSON object: `{}`", short(last)),
        ),
    }
}
