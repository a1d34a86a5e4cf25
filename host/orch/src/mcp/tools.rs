//! Which tools are there, what do they take, and what do they ask the host?

use anyhow::Context;
use orch_views::diff::{self, DiffRequest};
use orch_views::endpoint::Endpoint;
use orch_views::inbox;
use orch_views::message::Nothing;
use orch_views::page::{ListRequest, PageRequest};
use orch_views::run::{self, LogRequest};
use orch_views::task::{self, NewRequest};
use rmcp::model::{JsonObject, ToolAnnotations};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::client::Host;

/// Most bytes of an answer: what a model can still read.
const ANSWER_BYTES_MAX: usize = 256 * 1024;
/// Lines of a log that are answered.
const LOG_LINES: u32 = 200;

/// What may be asked.
#[derive(Debug, Clone)]
pub(super) enum Scope {
    /// Everything that there is a tool for.
    Operator,
    /// To look at one task.
    Task(String),
}

/// A tool. None of them decides anything that a person has to decide.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tool {
    List,
    Inbox,
    Show,
    Why,
    Verdicts,
    Log,
    Diff,
    Create,
    Stop,
    MyTask,
    MyFindings,
    MyReach,
    MyLog,
}

impl Tool {
    const OPERATOR: [Self; 9] = [
        Self::List,
        Self::Inbox,
        Self::Show,
        Self::Why,
        Self::Verdicts,
        Self::Log,
        Self::Diff,
        Self::Create,
        Self::Stop,
    ];
    const TASK: [Self; 4] = [Self::MyTask, Self::MyFindings, Self::MyReach, Self::MyLog];

    /// The tools of a scope.
    pub(super) fn of(scope: &Scope) -> &'static [Self] {
        match scope {
            Scope::Operator => &Self::OPERATOR,
            Scope::Task(_) => &Self::TASK,
        }
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::List => "list_tasks",
            Self::Inbox => "inbox",
            Self::Show => "show_task",
            Self::Why => "why",
            Self::Verdicts => "verdicts",
            Self::Log => "log",
            Self::Diff => "diff",
            Self::Create => "create_task",
            Self::Stop => "stop_task",
            Self::MyTask => "my_task",
            Self::MyFindings => "my_findings",
            Self::MyReach => "my_reach",
            Self::MyLog => "my_log",
        }
    }

    fn description(self) -> &'static str {
        match self {
            Self::List => {
                "Tasks under way, newest first, with stage, status and what their agents do now"
            }
            Self::Inbox => {
                "What waits for a person, by risk and age, with the command lines that decide it"
            }
            Self::Show => "A task with its verdicts, runs, costs and comments",
            Self::Why => "What a task waits for, since when, and what would move it",
            Self::Verdicts => "What the gates said of a task, with their findings",
            Self::Log => "The end of the log of a task's run, or a part of it",
            Self::Diff => "What a task changed, in all or in one round",
            Self::Create => "Begins a task in a repository",
            Self::Stop => "Stops a task; its work is kept",
            Self::MyTask => "The task of this session: its request, stage and status",
            Self::MyFindings => "What gates and reviewers found that is to be mended",
            Self::MyReach => "What runs of this task asked of the network and were refused",
            Self::MyLog => "The end of the log of this task's last run",
        }
    }

    fn schema(self) -> Value {
        let item =
            json!({"type": "string", "description": "Work item, such as SHOP-12 or shop:SHOP-12"});
        let of = |properties: Value, required: &[&str]| {
            json!({
                "type": "object",
                "properties": properties,
                "required": required,
                "additionalProperties": false,
            })
        };
        match self {
            Self::List => of(
                json!({
                    "all": {"type": "boolean", "description": "With those that have ended"},
                    "after": {"type": "string", "description": "What the answer before said as `next`"},
                }),
                &[],
            ),
            Self::Inbox | Self::MyTask | Self::MyFindings | Self::MyReach | Self::MyLog => {
                of(json!({}), &[])
            }
            Self::Show | Self::Why | Self::Verdicts | Self::Stop => {
                of(json!({"item": item}), &["item"])
            }
            Self::Log => of(
                json!({
                    "item": item,
                    "run": {"type": "integer", "description": "Number of the run; the last one if not given"},
                    "line": {"type": "integer", "minimum": 1, "description": "First line; the end if not given"},
                }),
                &["item"],
            ),
            Self::Diff => of(
                json!({"item": item, "round": {"type": "integer", "minimum": 1}}),
                &["item"],
            ),
            Self::Create => of(
                json!({
                    "repo": {"type": "string", "description": "Registered name of the repository"},
                    "title": {"type": "string", "description": "The request in one line"},
                    "body": {"type": "string", "description": "The request in full, Markdown"},
                    "after": {"type": "array", "items": {"type": "string"}, "description": "Work items that come first"},
                }),
                &["repo", "title"],
            ),
        }
    }

    /// The tool as clients see it.
    pub(super) fn described(self) -> rmcp::model::Tool {
        let schema = match self.schema() {
            Value::Object(schema) => schema,
            _ => JsonObject::new(),
        };
        let looks = !matches!(self, Self::Create | Self::Stop);
        let hints = ToolAnnotations::new()
            .read_only(looks)
            .destructive(self == Self::Stop)
            .open_world(false);
        rmcp::model::Tool::new(self.name(), self.description(), schema).with_annotations(hints)
    }

    /// Asks the host; answers JSON.
    pub(super) async fn call(
        self,
        host: &Host,
        scope: &Scope,
        arguments: JsonObject,
    ) -> anyhow::Result<String> {
        let arguments = Arguments(arguments);
        let answer = match scope {
            Scope::Operator => self.of_operator(host, &arguments).await?,
            Scope::Task(item) => self.of_task(host, item).await?,
        };
        let text = serde_json::to_string(&answer)?;
        anyhow::ensure!(
            text.len() <= ANSWER_BYTES_MAX,
            "the answer has {} bytes, more than {ANSWER_BYTES_MAX}; ask for a part of it",
            text.len()
        );
        Ok(text)
    }

    async fn of_operator(self, host: &Host, arguments: &Arguments) -> anyhow::Result<Value> {
        let item = || arguments.text("item").context("`item` is missing");
        match self {
            Self::List => {
                let request = ListRequest {
                    all: arguments
                        .0
                        .get("all")
                        .and_then(Value::as_bool)
                        .unwrap_or(false),
                    limit: None,
                    after: arguments.text("after"),
                };
                ask(host, &task::LIST, [], &request).await
            }
            Self::Inbox => ask(host, &inbox::INBOX, [], &PageRequest::default()).await,
            Self::Show => ask(host, &task::SHOW, [&item()?], &Nothing {}).await,
            Self::Why => ask(host, &task::WHY, [&item()?], &Nothing {}).await,
            Self::Verdicts => {
                let view = ask(host, &task::SHOW, [&item()?], &Nothing {}).await?;
                Ok(json!({"verdicts": view["verdicts"], "findings": view["findings"]}))
            }
            Self::Log => {
                let run = arguments
                    .number("run")
                    .map_or_else(|| "latest".to_owned(), |n| n.to_string());
                log(host, &item()?, &run, arguments.number("line")).await
            }
            Self::Diff => {
                let round = arguments.number("round").map(u32::try_from).transpose()?;
                ask(host, &diff::DIFF, [&item()?], &DiffRequest { round }).await
            }
            Self::Create => {
                let request: NewRequest =
                    serde_json::from_value(Value::Object(arguments.0.clone()))
                        .context("the arguments are no request for a task")?;
                ask(host, &task::NEW, [], &request).await
            }
            Self::Stop => ask(host, &task::STOP, [&item()?], &Nothing {}).await,
            Self::MyTask | Self::MyFindings | Self::MyReach | Self::MyLog => {
                anyhow::bail!("this tool is of another scope")
            }
        }
    }

    async fn of_task(self, host: &Host, item: &str) -> anyhow::Result<Value> {
        if self == Self::MyLog {
            return log(host, item, "latest", None).await;
        }
        let view = ask(host, &task::SHOW, [item], &Nothing {}).await?;
        let of = |keys: &[&str]| -> Value {
            keys.iter()
                .map(|key| ((*key).to_owned(), view[*key].clone()))
                .collect()
        };
        match self {
            Self::MyTask => Ok(of(&[
                "work_item",
                "repo",
                "title",
                "stage",
                "step",
                "status",
                "why",
                "attempt",
                "rework_rounds",
                "branch",
                "head",
                "comments",
            ])),
            Self::MyFindings => Ok(of(&["findings", "verdicts"])),
            Self::MyReach => Ok(of(&["denied"])),
            _ => anyhow::bail!("this tool is of another scope"),
        }
    }
}

struct Arguments(JsonObject);

impl Arguments {
    fn text(&self, key: &str) -> Option<String> {
        self.0.get(key)?.as_str().map(str::to_owned)
    }

    fn number(&self, key: &str) -> Option<u64> {
        self.0.get(key)?.as_u64()
    }
}

async fn log(host: &Host, item: &str, run: &str, line: Option<u64>) -> anyhow::Result<Value> {
    let request = LogRequest {
        line,
        tail: line.is_none(),
        lines: Some(LOG_LINES),
        ..LogRequest::default()
    };
    ask(host, &run::LOG, [item, run], &request).await
}

async fn ask<const N: usize, Q: Serialize, A: DeserializeOwned + Serialize>(
    host: &Host,
    endpoint: &Endpoint<N, Q, A>,
    names: [&str; N],
    request: &Q,
) -> anyhow::Result<Value> {
    Ok(serde_json::to_value(
        host.ask(endpoint, names, request).await?,
    )?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_tool_decides_what_a_person_decides() {
        let all = Tool::OPERATOR.into_iter().chain(Tool::TASK);
        let names: Vec<&str> = all.clone().map(Tool::name).collect();
        for word in [
            "approve", "reject", "resume", "waive", "merge", "gate", "grant", "pause", "token",
            "release", "config",
        ] {
            assert!(
                !names.iter().any(|name| name.contains(word)),
                "{word} in {names:?}"
            );
        }
        let acts: Vec<&str> = all
            .filter(|tool| {
                tool.described().annotations.and_then(|a| a.read_only_hint) == Some(false)
            })
            .map(Tool::name)
            .collect();
        assert_eq!(acts, ["create_task", "stop_task"]);
        assert!(
            Tool::TASK
                .into_iter()
                .all(|tool| !acts.contains(&tool.name()))
        );
    }
}
