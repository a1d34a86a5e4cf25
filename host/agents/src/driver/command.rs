//! The driver for any program: prompt on standard input or as a file, result by a declared rule.

use serde::Deserialize;

use super::{Plan, PlanInput, Reading, Terminal};

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
}

pub(super) fn read(stdout: &[u8], json_result: bool) -> Reading {
    let text = String::from_utf8_lossy(stdout);
    let Some(last) = text.lines().rev().find(|line| !line.trim().is_empty()) else {
        return Reading::Nothing("the log is empty".to_owned());
    };
    if !json_result {
        return Reading::ExitCode;
    }
    match serde_json::from_str::<Line>(last) {
        Ok(line) => Reading::Terminal(Terminal {
            is_error: line.is_error,
            text: line.result,
            api_status: None,
            subtype: String::new(),
            denials: Vec::new(),
            cost_usd: line.total_cost_usd,
        }),
        Err(error) => Reading::Nothing(format!("the last line is no result: {error}")),
    }
}
