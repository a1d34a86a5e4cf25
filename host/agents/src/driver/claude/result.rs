//! The end of the Claude command line's output, in whichever of its formats it was asked for.
//!
//! One JSON object (`json`), one array with the object at its end (`json` with `--verbose`), or one event per
//! line (`stream-json`). Only the end of the log is read, so whatever stands before the result may be torn.

use orch_domain::outcome::ResultFault;
use serde_json::Value;

use super::RESULT_LINE;
use crate::driver::{Reading, Terminal, cost, json};
use crate::usage::Usage;
use crate::words::short;

/// A result event, or why the text that should be one is none.
type Found = Result<Value, String>;

pub(in crate::driver) fn read(stdout: &[u8]) -> Reading {
    if let Some(silence) = Reading::of_silence(stdout) {
        return silence;
    }
    // A character that is cut at the edge of what was read harms nobody: it cannot be part of a whole result.
    let text = String::from_utf8_lossy(stdout);
    let text = json::plain(&text);
    let lines = || text.lines().rev().map(str::trim);
    let found = lines().find_map(in_line).or_else(|| in_whole(&text));
    match found.map(|found| found.and_then(|event| terminal(&event))) {
        Some(Ok(mut terminal)) => {
            if terminal.is_error {
                terminal.resets_ms = lines().find_map(refused_until);
            }
            Reading::Terminal(terminal)
        }
        Some(Err(why)) => Reading::of_endless_line(stdout)
            .unwrap_or_else(|| Reading::nothing(ResultFault::ResultMalformed, why)),
        None => Reading::of_endless_line(stdout)
            .unwrap_or_else(|| missing(lines().find(|line| !line.is_empty()).unwrap_or_default())),
    }
}

fn missing(last: &str) -> Reading {
    // What an agent says stands inside of JSON; a line that is none of it is the command line's own.
    let is_json = last.starts_with(['{', '[']) || last.ends_with(['}', ']', '"', ',']);
    let said = match is_json {
        true => String::new(),
        false => short(last),
    };
    Reading::Nothing {
        fault: ResultFault::ResultMissing,
        detail: format!(
            "the log holds no result; its last line is `{}`",
            short(last)
        ),
        said,
    }
}

/// The result event of a line, if it is one, holds one, or should have been one.
fn in_line(line: &str) -> Option<Found> {
    match line.chars().next()? {
        '{' => match first_value(line) {
            Ok(value) => is_result(&value).then_some(Ok(value)),
            Err(why) => line.starts_with(RESULT_LINE).then_some(Err(why)),
        },
        '[' => match first_value(line) {
            Ok(Value::Array(events)) => events.into_iter().rev().find(is_result).map(Ok),
            Ok(_) | Err(_) => in_torn_array(line),
        },
        _ if line.ends_with(']') => in_torn_array(line),
        _ => None,
    }
}

/// A result that is printed over several lines, whatever stands before and after it.
fn in_whole(text: &str) -> Option<Found> {
    match first_value(text.trim()) {
        Ok(Value::Array(events)) => return events.into_iter().rev().find(is_result).map(Ok),
        Ok(value) if is_result(&value) => return Some(Ok(value)),
        Ok(_) | Err(_) => {}
    }
    let last = json::last_object(text)?;
    last.ok().filter(is_result).map(Ok)
}

/// The last element of an array of which the front or the end is not there. Inside of strings quotes are escaped,
/// so an agent's words cannot look like an element.
fn in_torn_array(line: &str) -> Option<Found> {
    let at = line.rfind(RESULT_LINE)?;
    line[..at].trim_end().ends_with(['[', ',']).then_some(())?;
    Some(first_value(&line[at..]))
}

fn first_value(text: &str) -> Found {
    json::first_value(text).map(|(value, _)| value)
}

fn is_result(event: &Value) -> bool {
    event.get("type").and_then(Value::as_str) == Some("result")
}

fn terminal(event: &Value) -> Result<Terminal, String> {
    let is_error = match event.get("is_error") {
        // A result without the flag is not a success that anyone has seen.
        None | Some(Value::Null) => true,
        Some(Value::Bool(is_error)) => *is_error,
        Some(other) => {
            return Err(format!(
                "`is_error` of the result is not true or false: {other}"
            ));
        }
    };
    let text = match event.get("result") {
        None | Some(Value::Null) => strings(event, "errors").join("; "),
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
    };
    let status = event.get("api_error_status").and_then(Value::as_u64);
    let subtype = event.get("subtype").and_then(Value::as_str);
    let subtype = subtype.unwrap_or_default().to_owned();
    Ok(Terminal {
        // Some versions end at a limit of their own without the flag.
        is_error: is_error || subtype.starts_with("error"),
        text,
        api_status: status.and_then(|status| u16::try_from(status).ok()),
        subtype,
        resets_ms: None,
        denials: denials(event),
        cost_usd: event.get("total_cost_usd").and_then(cost),
        usage: usage(event).and_then(Usage::believed),
        is_metered: true,
    })
}

fn strings(event: &Value, key: &str) -> Vec<String> {
    let list = event.get(key).and_then(Value::as_array);
    let texts = list.into_iter().flatten().filter_map(Value::as_str);
    texts.map(str::to_owned).collect()
}

/// The tools that were refused, each once.
fn denials(event: &Value) -> Vec<String> {
    let list = event.get("permission_denials").and_then(Value::as_array);
    let mut tools: Vec<String> = Vec::new();
    for denial in list.into_iter().flatten() {
        let tool = denial.get("tool_name").and_then(Value::as_str);
        let tool = tool.unwrap_or("a tool without a name");
        if !tools.iter().any(|known| known == tool) {
            tools.push(tool.to_owned());
        }
    }
    tools
}

/// The result's own totals; what it says by model, where it has none.
fn usage(event: &Value) -> Option<Usage> {
    let own = event
        .get("usage")
        .and_then(|usage| serde_json::from_value::<Usage>(usage.clone()).ok());
    if own.is_some_and(|usage| !usage.is_zero()) {
        return own;
    }
    let models = event.get("modelUsage").and_then(Value::as_object);
    let sum = models
        .into_iter()
        .flatten()
        .map(|(_, model)| {
            let tokens = |key: &str| model.get(key).and_then(Value::as_u64).unwrap_or(0);
            Usage {
                input_tokens: tokens("inputTokens"),
                output_tokens: tokens("outputTokens"),
                cache_read_input_tokens: tokens("cacheReadInputTokens"),
                cache_creation_input_tokens: tokens("cacheCreationInputTokens"),
            }
        })
        .reduce(Usage::plus);
    sum.or(own)
}

/// When the limit of a refusal ends, if the line is the event of one. The same event tells of limits that were not
/// reached.
fn refused_until(line: &str) -> Option<i64> {
    if !line.contains(r#""rate_limit_event""#) {
        return None;
    }
    let events = match first_value(line).ok()? {
        Value::Array(events) => events,
        event => vec![event],
    };
    events.iter().rev().find_map(|event| {
        let kind = event.get("type").and_then(Value::as_str);
        let limit = event.get("rate_limit_info")?;
        let status = limit.get("status").and_then(Value::as_str);
        if kind != Some("rate_limit_event") || status != Some("rejected") {
            return None;
        }
        limit.get("resetsAt")?.as_i64()?.checked_mul(1_000)
    })
}
