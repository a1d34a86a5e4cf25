//! The events of the Claude command line (`stream-json`), one JSON object in a line.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use orch_domain::run_event::{RunEvent, bounded};
use serde_json::Value;

use crate::usage::Usage;
use crate::words::short;

/// Most calls of tools whose ends are awaited at once; the oldest is forgotten then.
const CALLS_MAX: usize = 256;
/// Tools that change the file that they name.
const EDITS: [&str; 4] = ["Edit", "MultiEdit", "Write", "NotebookEdit"];

/// Reads lines; remembers which calls have not ended.
pub(super) struct Claude {
    tree: PathBuf,
    calls: BTreeMap<String, Call>,
    order: u64,
    /// What was used before the present message, and by it.
    used: Usage,
    message: (String, Usage),
}

/// A call of a tool that has not ended.
struct Call {
    order: u64,
    tool: String,
    edits: Option<String>,
}

impl Claude {
    pub(super) fn in_tree(tree: &Path) -> Self {
        Self {
            tree: tree.to_owned(),
            calls: BTreeMap::new(),
            order: 0,
            used: Usage::default(),
            message: (String::new(), Usage::default()),
        }
    }

    /// What a line tells; none if it is no event of the command line.
    pub(super) fn line(&mut self, line: &str) -> Option<Vec<RunEvent>> {
        let event: Value = serde_json::from_str(line).ok()?;
        let kind = event.get("type")?.as_str()?;
        Some(match kind {
            "assistant" => self.said(&event),
            "user" => self.answered(&event),
            "rate_limit_event" => limit(&event).into_iter().collect(),
            "system" => retry(&event).into_iter().collect(),
            "result" => self.counted(&event).into_iter().collect(),
            // Others are signs of life that tell nothing.
            _ => Vec::new(),
        })
    }

    fn said(&mut self, event: &Value) -> Vec<RunEvent> {
        let message = event.get("message");
        let mut events: Vec<RunEvent> = blocks(message)
            .filter_map(|block| self.block(block))
            .collect();
        events.extend(message.and_then(|message| self.used(message)));
        events
    }

    fn block(&mut self, block: &Value) -> Option<RunEvent> {
        match text(block, "type")? {
            "text" => Some(RunEvent::Says {
                text: bounded(text(block, "text")?.trim()),
            }),
            "thinking" => Some(RunEvent::Thinks {
                text: bounded(text(block, "thinking")?.trim()),
            }),
            "tool_use" => {
                let tool = short(text(block, "name")?);
                let input = block.get("input").unwrap_or(&Value::Null);
                let path = text(input, "file_path").or_else(|| text(input, "notebook_path"));
                let path = path.map(|path| self.in_tree_path(path));
                let shown = match (&path, text(input, "command")) {
                    (Some(path), _) => path.clone(),
                    (None, Some(command)) => command.to_owned(),
                    (None, None) => input.to_string(),
                };
                if let Some(id) = text(block, "id") {
                    let edits = path.filter(|_| EDITS.contains(&tool.as_str()));
                    self.remember(id, &tool, edits);
                }
                Some(RunEvent::CallsTool {
                    tool,
                    input: bounded(shown.trim()),
                })
            }
            _ => None,
        }
    }

    fn remember(&mut self, id: &str, tool: &str, edits: Option<String>) {
        if self.calls.len() >= CALLS_MAX {
            let oldest = self.calls.iter().min_by_key(|(_, call)| call.order);
            if let Some(oldest) = oldest.map(|(id, _)| id.clone()) {
                self.calls.remove(&oldest);
            }
        }
        self.order += 1;
        let call = Call {
            order: self.order,
            tool: tool.to_owned(),
            edits,
        };
        self.calls.insert(id.chars().take(200).collect(), call);
    }

    fn answered(&mut self, event: &Value) -> Vec<RunEvent> {
        let mut events = Vec::new();
        for block in blocks(event.get("message")) {
            if text(block, "type") != Some("tool_result") {
                continue;
            }
            let id: String = text(block, "tool_use_id")
                .unwrap_or_default()
                .chars()
                .take(200)
                .collect();
            let call = self.calls.remove(&id);
            let failed = block.get("is_error").and_then(Value::as_bool) == Some(true);
            let (tool, edits) = call.map_or((String::new(), None), |call| (call.tool, call.edits));
            events.push(RunEvent::ToolEnded {
                tool,
                failed,
                text: bounded(answer(block).trim()),
            });
            if let Some(path) = edits.filter(|_| !failed) {
                events.push(RunEvent::Edited { path });
            }
        }
        events
    }

    /// Tokens up to now. A message comes in several events that all say what it used so far.
    fn used(&mut self, message: &Value) -> Option<RunEvent> {
        let usage: Usage = serde_json::from_value(message.get("usage")?.clone()).ok()?;
        let id = text(message, "id").unwrap_or_default();
        if self.message.0 != id {
            self.used = self.used.plus(self.message.1);
            self.message = (id.to_owned(), Usage::default());
        }
        if usage == self.message.1 {
            return None;
        }
        self.message.1 = usage;
        Some(tokens(self.used.plus(usage)))
    }

    /// What the command line itself counted at the end.
    fn counted(&mut self, event: &Value) -> Option<RunEvent> {
        let usage: Usage = serde_json::from_value(event.get("usage")?.clone()).ok()?;
        (!usage.is_zero()).then(|| tokens(usage))
    }

    /// A path relative to the work tree, if it lies there.
    fn in_tree_path(&self, path: &str) -> String {
        let relative = Path::new(path).strip_prefix(&self.tree).ok();
        let path = relative.and_then(Path::to_str).unwrap_or(path);
        bounded(path)
    }
}

fn tokens(usage: Usage) -> RunEvent {
    RunEvent::Tokens {
        input: usage.input_tokens,
        output: usage.output_tokens,
        cache_read: usage.cache_read_input_tokens,
        cache_write: usage.cache_creation_input_tokens,
    }
}

fn text<'a>(value: &'a Value, key: &str) -> Option<&'a str> {
    value.get(key)?.as_str()
}

fn blocks(message: Option<&Value>) -> impl Iterator<Item = &Value> {
    let content = message.and_then(|message| message.get("content")?.as_array());
    content.into_iter().flatten()
}

/// What a tool answered: text, or parts of which some are text.
fn answer(block: &Value) -> String {
    match block.get("content") {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Array(parts)) => {
            let texts: Vec<&str> = parts.iter().filter_map(|part| text(part, "text")).collect();
            texts.join("\n")
        }
        _ => String::new(),
    }
}

fn limit(event: &Value) -> Option<RunEvent> {
    let info = event.get("rate_limit_info")?;
    let ends = info.get("resetsAt").and_then(Value::as_i64);
    Some(RunEvent::Limit {
        refused: text(info, "status") == Some("rejected"),
        name: short(text(info, "rateLimitType").unwrap_or("rate limit")),
        until_ms: ends.and_then(|ends| ends.checked_mul(1_000)),
    })
}

/// The provider refused and is asked again: what keeps a run waiting.
fn retry(event: &Value) -> Option<RunEvent> {
    (text(event, "subtype") == Some("api_retry")).then(|| RunEvent::Limit {
        refused: true,
        name: short(text(event, "error").unwrap_or("the provider is asked again")),
        until_ms: None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(lines: &[&str]) -> Vec<RunEvent> {
        let mut claude = Claude::in_tree(Path::new("/srv/agent/tree"));
        let of = |line: &&str| claude.line(line).unwrap_or_default();
        lines.iter().flat_map(of).collect()
    }

    #[test]
    fn recorded_stream_is_told_event_by_event() {
        let recorded = include_str!("../classify/tests/payloads/claude-stream-auth-failed.jsonl");
        let lines: Vec<&str> = recorded.lines().collect();
        let events = told(&lines);
        let kinds: Vec<&str> = events.iter().map(RunEvent::kind).collect();
        assert_eq!(
            kinds,
            [
                "says",
                "calls-tool",
                "tokens",
                "tool-ended",
                "says",
                "tokens"
            ]
        );
        assert_eq!(
            events[1],
            RunEvent::CallsTool {
                tool: "Read".into(),
                input: "ledger/posting.py".into()
            }
        );
        assert_eq!(
            events[3],
            RunEvent::ToolEnded {
                tool: "Read".into(),
                failed: false,
                text: "def post(...): ...".into()
            }
        );
    }

    #[test]
    fn file_counts_as_edited_when_the_tool_did_not_fail() {
        let call = |id: &str, path: &str| {
            format!(
                r#"{{"type":"assistant","message":{{"id":"m","content":[{{"type":"tool_use","id":"{id}","name":"Write","input":{{"file_path":"{path}"}}}}]}}}}"#
            )
        };
        let end = |id: &str, error: bool| {
            format!(
                r#"{{"type":"user","message":{{"content":[{{"type":"tool_result","tool_use_id":"{id}","is_error":{error},"content":[{{"type":"text","text":"t"}}]}}]}}}}"#
            )
        };
        let lines = [
            call("a", "/srv/agent/tree/src/lib.rs"),
            call("b", "/etc/passwd"),
            end("b", true),
            end("a", false),
            end("unknown", false),
        ];
        let events = told(&lines.iter().map(String::as_str).collect::<Vec<_>>());
        let edited: Vec<&RunEvent> = events.iter().filter(|e| e.kind() == "edited").collect();
        assert_eq!(
            edited,
            [&RunEvent::Edited {
                path: "src/lib.rs".into()
            }]
        );
        assert_eq!(
            events.iter().filter(|e| e.kind() == "tool-ended").count(),
            3
        );
    }

    #[test]
    fn tokens_of_messages_add_up_and_parts_of_one_do_not() {
        let line = |id: &str, output: u64| {
            format!(
                r#"{{"type":"assistant","message":{{"id":"{id}","content":[],"usage":{{"input_tokens":10,"output_tokens":{output}}}}}}}"#
            )
        };
        let lines = [line("a", 1), line("a", 1), line("a", 7), line("b", 2)];
        let events = told(&lines.iter().map(String::as_str).collect::<Vec<_>>());
        let sums: Vec<(u64, u64)> = events
            .iter()
            .map(|event| match event {
                RunEvent::Tokens { input, output, .. } => (*input, *output),
                other => panic!("{other:?}"),
            })
            .collect();
        assert_eq!(sums, [(10, 1), (10, 7), (20, 9)]);
    }

    #[test]
    fn limits_are_told_with_their_ends() {
        let line = r#"{"type":"rate_limit_event","rate_limit_info":{"status":"rejected","resetsAt":1795262941,"rateLimitType":"five_hour"}}"#;
        assert_eq!(
            told(&[line]),
            [RunEvent::Limit {
                refused: true,
                name: "five_hour".into(),
                until_ms: Some(1_795_262_941_000)
            }]
        );
    }

    #[test]
    fn hostile_lines_are_passed_over() {
        let mut claude = Claude::in_tree(Path::new("/t"));
        for line in [
            "",
            "null",
            "[]",
            "{",
            "{\"type\":7}",
            "\"assistant\"",
            "{\"type\":\"assistant\"}",
        ] {
            assert!(claude.line(line).unwrap_or_default().is_empty(), "{line}");
        }
        let deep = format!("{{\"type\":{}1{}}}", "[".repeat(10_000), "]".repeat(10_000));
        assert_eq!(claude.line(&deep), None);
        for n in 0..2 * CALLS_MAX {
            let line = format!(
                r#"{{"type":"assistant","message":{{"content":[{{"type":"tool_use","id":"{n}","name":"Bash","input":{{}}}}]}}}}"#
            );
            claude.line(&line);
        }
        assert_eq!(claude.calls.len(), CALLS_MAX);
    }
}
