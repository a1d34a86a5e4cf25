//! What does a request ask for? Its model, how much it may write, and nothing that the provider would do for it beyond
//! answering ([`carried`]).

use std::collections::BTreeMap;

use orch_domain::reach::Reached;
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::api::Api;
use crate::carried;

/// Tokens that an answer is taken to have at most where nothing is said.
const OUTPUT_MAX: u64 = 32_000;
/// Bytes of a request that are one token at least: no language has fewer.
const BYTES_OF_TOKEN: u64 = 2;
/// Longest name of a model in a record, characters.
pub(crate) const NAME_MAX: usize = 120;
/// Tools that the agent carries out itself, by how their types begin; without a type it is one of its own.
const OWN_TOOLS: [&str; 10] = [
    "apply_patch",
    "bash_",
    "computer_",
    "custom",
    "function",
    "local_shell",
    "memory_",
    "namespace",
    "shell",
    "text_editor_",
];
/// Keys by which a provider goes out by itself, or on after the answer.
const FOREIGN_KEYS: [&str; 4] = [
    "background",
    "container",
    "mcp_servers",
    "web_search_options",
];

/// Keys by which an answer costs other than the operator's price says, and what of them costs as much.
const AT_THE_PRICE: [(&str, &[&str]); 2] = [
    (
        "service_tier",
        &["auto", "default", "flex", "standard", "standard_only"],
    ),
    ("speed", &["standard"]),
];

/// A request that may be sent.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Ask {
    pub(crate) model: String,
    /// Tokens that it costs at most, as far as can be seen before.
    pub(crate) input_max: u64,
    pub(crate) output_max: u64,
    /// The very bytes that are sent: each key once, as it was judged.
    pub(crate) body: Vec<u8>,
}

/// Why a request is not sent.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Refused {
    /// The model, if it could be read.
    pub(crate) what: String,
    pub(crate) why: Reached,
    pub(crate) detail: String,
}

#[derive(Deserialize)]
struct Tool {
    #[serde(default, rename = "type")]
    kind: Option<String>,
}

/// Reads a request with a body.
pub(crate) fn read(api: Api, body: &[u8], lists: impl Fn(&str) -> bool) -> Result<Ask, Refused> {
    let refuse = |what: &str, why, detail: String| {
        Err(Refused {
            what: what.chars().take(NAME_MAX).collect(),
            why,
            detail,
        })
    };
    let parsed = serde_json::from_slice::<BTreeMap<String, Box<RawValue>>>(body);
    let mut keys = match parsed {
        Ok(keys) => keys,
        Err(error) => {
            let detail = format!("the request is no JSON object: {error}");
            return refuse("", Reached::CallNotListed, detail);
        }
    };
    let text = |key: &str| {
        let raw = keys.get(key)?;
        serde_json::from_str::<String>(raw.get()).ok()
    };
    let Some(model) = text("model") else {
        let detail = "the request names no model".to_owned();
        return refuse("", Reached::ModelNotListed, detail);
    };
    if !lists(&model) {
        let detail =
            "the operator does not list it under `gateway.models` of this agent".to_owned();
        return refuse(&model, Reached::ModelNotListed, detail);
    }
    let is_on = |key: &&&str| {
        let value = keys.get(**key).map(|raw| raw.get());
        value.is_some_and(|value| !matches!(value, "null" | "false" | "[]" | "{}"))
    };
    if let Some(key) = FOREIGN_KEYS.iter().find(is_on) {
        let detail = format!("`{key}` has the provider go out by itself or go on after the answer");
        return refuse(&model, Reached::CallNotListed, detail);
    }
    for (key, listed) in AT_THE_PRICE {
        let Some(value) = keys.get(key).filter(|raw| raw.get() != "null") else {
            continue;
        };
        let value = serde_json::from_str::<String>(value.get()).unwrap_or_default();
        if !listed.contains(&value.as_str()) {
            let value: String = value.chars().take(NAME_MAX).collect();
            let detail = format!(
                "`{key}: {value}` costs other than the price that the operator gave; use one of {listed:?}"
            );
            return refuse(&model, Reached::CallNotListed, detail);
        }
    }
    // What is off is as good as not there, and keys that are on were looked at one by one.
    keys.retain(|key, _| !FOREIGN_KEYS.contains(&key.as_str()));
    if let Some(detail) = carried::refusal(&keys) {
        return refuse(&model, Reached::CallNotListed, detail);
    }
    let tools = keys.get("tools").map(|raw| raw.get()).unwrap_or("null");
    match serde_json::from_str::<Option<Vec<Tool>>>(tools) {
        Err(error) => {
            let detail = format!("`tools` cannot be read: {error}");
            return refuse(&model, Reached::CallNotListed, detail);
        }
        Ok(tools) => {
            let kinds = tools.into_iter().flatten().filter_map(|tool| tool.kind);
            let is_own = |kind: &String| OWN_TOOLS.iter().any(|own| kind.starts_with(own));
            if let Some(kind) = kinds.into_iter().find(|kind| !is_own(kind)) {
                let detail = format!("the provider would carry out the tool `{kind}` itself");
                return refuse(&model, Reached::CallNotListed, detail);
            }
        }
    }
    let number = |key: &str| {
        let raw = keys.get(key)?;
        serde_json::from_str::<u64>(raw.get()).ok()
    };
    let most = ["max_tokens", "max_completion_tokens", "max_output_tokens"];
    // Each of several answers to one request is as long as it likes.
    let answers = number("n").unwrap_or(1).max(1);
    let output_max = most.into_iter().find_map(number).unwrap_or(OUTPUT_MAX);
    let output_max = output_max.saturating_mul(answers);
    let is_streamed = keys.get("stream").is_some_and(|raw| raw.get() == "true");
    if api == Api::OpenAi && is_streamed && keys.contains_key("messages") {
        // Without it a stream says nothing of what it used.
        let usage = serde_json::value::to_raw_value(&serde_json::json!({"include_usage": true}));
        if let Ok(usage) = usage {
            keys.insert("stream_options".to_owned(), usage);
        }
    }
    match serde_json::to_vec(&keys) {
        Ok(body) => Ok(Ask {
            model: model.clone(),
            input_max: body.len() as u64 / BYTES_OF_TOKEN,
            output_max,
            body,
        }),
        Err(error) => refuse(&model, Reached::CallNotListed, error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(api: Api, body: &str) -> Result<Ask, Reached> {
        read(api, body.as_bytes(), |model| model == "m").map_err(|refused| refused.why)
    }

    #[test]
    fn what_was_judged_is_what_is_sent() {
        let twice =
            r#"{"model":"evil","max_tokens":7,"model":"m","messages":[{"content":"\ud800"}]}"#;
        let ask = asked(Api::Anthropic, twice).unwrap();
        let sent = String::from_utf8(ask.body).unwrap();
        assert!(!sent.contains("evil") && sent.contains(r"\ud800"), "{sent}");
        assert_eq!((ask.model.as_str(), ask.output_max), ("m", 7));
        let escaped = asked(Api::Anthropic, r#"{"model":"\u006d"}"#).unwrap();
        assert_eq!(
            (escaped.model.as_str(), escaped.output_max),
            ("m", OUTPUT_MAX)
        );
        let hidden = asked(Api::Anthropic, r#"{"m\u006fdel":"evil","model":"m"}"#).unwrap();
        assert_eq!(hidden.body, br#"{"model":"m"}"#);
        let stream = asked(Api::OpenAi, r#"{"model":"m","messages":[],"stream":true}"#).unwrap();
        let sent = String::from_utf8(stream.body).unwrap();
        assert!(sent.contains(r#""include_usage":true"#), "{sent}");
    }

    #[test]
    fn what_costs_more_than_it_is_counted_is_set_aside_or_refused() {
        let ask = asked(Api::OpenAi, r#"{"model":"m","max_tokens":7,"n":9}"#).unwrap();
        assert_eq!(ask.output_max, 63);
        let most = asked(Api::OpenAi, r#"{"model":"m","n":18446744073709551615}"#).unwrap();
        assert_eq!(most.output_max, u64::MAX);
        for body in [
            r#"{"model":"m","service_tier":"priority"}"#,
            r#"{"model":"m","service_tier":"\u0070riority"}"#,
            r#"{"model":"m","service_tier":["priority"]}"#,
            r#"{"model":"m","speed":"fast"}"#,
        ] {
            let refused = asked(Api::Anthropic, body).unwrap_err();
            assert_eq!(refused, Reached::CallNotListed, "{body}");
        }
        for body in [
            r#"{"model":"m","service_tier":"auto"}"#,
            r#"{"model":"m","speed":null}"#,
        ] {
            assert!(asked(Api::Anthropic, body).is_ok(), "{body}");
        }
    }

    #[test]
    fn other_models_and_what_the_provider_would_do_itself_are_refused() {
        let refused = |body: &str| asked(Api::Anthropic, body).unwrap_err();
        for body in [r#"{"model":"other"}"#, r#"{"model":7}"#, "{}"] {
            assert_eq!(refused(body), Reached::ModelNotListed, "{body}");
        }
        for body in [
            "[]",
            "nonsense",
            r#"{"model":"m","mcp_servers":[{"url":"https://evil.test"}]}"#,
            r#"{"model":"m","tools":[{"type":"web_fetch_20250910","name":"web_fetch"}]}"#,
            r#"{"model":"m","tools":[{"name":"own"},{"type":"code_execution_20250522"}]}"#,
            r#"{"model":"m","tools":{"type":"web_search"}}"#,
            r#"{"model":"m","background":true}"#,
        ] {
            assert_eq!(refused(body), Reached::CallNotListed, "{body}");
        }
        let own = r#"{"model":"m","background":false,"tools":[{"name":"Bash"},{"type":"custom"},{"type":"bash_20250124"}]}"#;
        assert!(asked(Api::Anthropic, own).is_ok());
    }
}
