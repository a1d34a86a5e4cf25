//! What may the body of a request carry? A list of its keys and of the parts of a conversation; what is to be fetched or
//! looked up by the provider is none of them.
//!
//! A part that names an address would have the provider go there: a way to the network that no list of hosts knows. One
//! that names a file of the provider's may be anybody's of the same account.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::value::RawValue;

/// Characters of a key that a refusal shows.
const KEY_SHOWN_MAX: usize = 120;
/// Keys of a request, by name: all of them change how a model answers, and nothing else.
const KEYS: [&str; 44] = [
    "cache_control",
    "context_management",
    "frequency_penalty",
    "functions",
    "function_call",
    "include",
    "input",
    "instructions",
    "logit_bias",
    "logprobs",
    "max_completion_tokens",
    "max_output_tokens",
    "max_tokens",
    "max_tool_calls",
    "messages",
    "metadata",
    "modalities",
    "model",
    "n",
    "output_config",
    "output_format",
    "parallel_tool_calls",
    "prediction",
    "presence_penalty",
    "prompt_cache_key",
    "prompt_cache_retention",
    "reasoning",
    "reasoning_effort",
    "response_format",
    "safety_identifier",
    "seed",
    "service_tier",
    "stop",
    "stop_sequences",
    "store",
    "stream",
    "stream_options",
    "system",
    "temperature",
    "text",
    "thinking",
    "tool_choice",
    "tools",
    "top_p",
];
/// More of them.
const KEYS_TOO: [&str; 7] = [
    "speed",
    "top_k",
    "top_logprobs",
    "truncation",
    "user",
    "verbosity",
    "inference_geo",
];
/// Keys that hold the conversation.
const CONVERSATION: [&str; 4] = ["input", "instructions", "messages", "system"];
/// Parts of a conversation, by their types: what was said, and what the agent's own tools were asked and answered.
const PARTS: [&str; 34] = [
    "apply_patch_call",
    "apply_patch_call_output",
    "compaction",
    "computer_call",
    "computer_call_output",
    "computer_screenshot",
    "custom_tool_call",
    "custom_tool_call_output",
    "document",
    "file",
    "function",
    "function_call",
    "function_call_output",
    "image",
    "image_url",
    "input_audio",
    "input_file",
    "input_image",
    "input_text",
    "local_shell_call",
    "local_shell_call_output",
    "message",
    "output_text",
    "reasoning",
    "reasoning_text",
    "redacted_thinking",
    "refusal",
    "search_result",
    "shell_call",
    "shell_call_output",
    "text",
    "thinking",
    "tool_result",
    "tool_use",
];
/// More of them.
const PARTS_TOO: [&str; 2] = ["summary_text", "tool_reference"];
/// Where the content of a picture or document may be: in the request itself.
const SOURCES: [&str; 3] = ["base64", "content", "text"];
/// Deepest part within a part.
const DEPTH_MAX: usize = 8;

/// One part of a conversation, as far as it is judged. What a tool was asked (`input`, `arguments`) is the model's own word
/// and is not looked at.
#[derive(Deserialize)]
struct Part<'a> {
    #[serde(rename = "type", default, borrow)]
    kind: Option<Cow<'a, str>>,
    #[serde(default, borrow)]
    content: Option<&'a RawValue>,
    #[serde(default, borrow)]
    output: Option<&'a RawValue>,
    #[serde(default, borrow)]
    source: Option<&'a RawValue>,
    #[serde(default, borrow)]
    image_url: Option<&'a RawValue>,
    #[serde(default, borrow)]
    file_url: Option<&'a RawValue>,
    #[serde(default, borrow)]
    file_id: Option<&'a RawValue>,
    #[serde(default, borrow)]
    file: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Address<'a> {
    #[serde(default, borrow)]
    url: Option<Cow<'a, str>>,
}

/// Why a body may not be sent; none if it may.
pub(crate) fn refusal(keys: &BTreeMap<String, Box<RawValue>>) -> Option<String> {
    let is_listed =
        |key: &&String| KEYS.contains(&key.as_str()) || KEYS_TOO.contains(&key.as_str());
    if let Some(key) = keys.keys().find(|key| !is_listed(key)) {
        let key: String = key.chars().take(KEY_SHOWN_MAX).collect();
        return Some(format!("`{key}` is not among what a request may carry"));
    }
    let said = CONVERSATION.iter().filter_map(|key| keys.get(*key));
    said.filter_map(|said| parts(said, 0).err()).next()
}

/// Looks at a conversation, or the content of a part: a text, a part, or a list of them.
fn parts(raw: &RawValue, depth: usize) -> Result<(), String> {
    if depth > DEPTH_MAX {
        return Err("parts of the conversation lie too deep in each other".to_owned());
    }
    let unread = |error: serde_json::Error| format!("the conversation cannot be read: {error}");
    match raw.get().as_bytes().first() {
        Some(b'[') => {
            let list: Vec<&RawValue> = serde_json::from_str(raw.get()).map_err(unread)?;
            list.into_iter().try_for_each(|one| parts(one, depth + 1))
        }
        Some(b'{') => {
            let part: Part<'_> = serde_json::from_str(raw.get()).map_err(unread)?;
            one(&part, depth)
        }
        Some(_) | None => Ok(()),
    }
}

fn one(part: &Part<'_>, depth: usize) -> Result<(), String> {
    if let Some(kind) = part.kind.as_deref()
        && !PARTS.contains(&kind)
        && !PARTS_TOO.contains(&kind)
    {
        let kind: String = kind.chars().take(KEY_SHOWN_MAX).collect();
        return Err(format!(
            "a part of type `{kind}` is not among what a request may carry"
        ));
    }
    if part.file_url.is_some() {
        return Err(FETCHED.to_owned());
    }
    if part.file_id.is_some() {
        return Err(KEPT.to_owned());
    }
    if let Some(address) = part.image_url
        && !is_here(address)
    {
        return Err(FETCHED.to_owned());
    }
    if let Some(source) = part.source
        && source.get().starts_with('{')
    {
        let source: Part<'_> = serde_json::from_str(source.get())
            .map_err(|error| format!("a source cannot be read: {error}"))?;
        match source.kind.as_deref() {
            Some(kind) if SOURCES.contains(&kind) => {}
            Some("file") => return Err(KEPT.to_owned()),
            Some(_) | None => return Err(FETCHED.to_owned()),
        }
        source
            .content
            .map_or(Ok(()), |inner| parts(inner, depth + 1))?;
    }
    let inner = [part.content, part.output, part.file].into_iter().flatten();
    inner
        .into_iter()
        .try_for_each(|inner| parts(inner, depth + 1))
}

const FETCHED: &str =
    "the provider would fetch an address that the request names: send the content itself (base64)";
const KEPT: &str = "it names a file that is kept by the provider: send the content itself (base64)";

/// Whether a picture is in the request itself.
fn is_here(address: &RawValue) -> bool {
    let text = match address.get().as_bytes().first() {
        Some(b'{') => {
            serde_json::from_str::<Address<'_>>(address.get()).map(|at| at.url.unwrap_or_default())
        }
        Some(_) | None => serde_json::from_str::<Cow<'_, str>>(address.get()),
    };
    text.is_ok_and(|text| text.starts_with("data:"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(body: &str) -> Option<String> {
        refusal(&serde_json::from_str(body).unwrap())
    }

    #[test]
    fn address_that_the_provider_would_fetch_is_refused_wherever_it_stands() {
        for body in [
            r#"{"messages":[{"role":"user","content":[{"type":"image","source":{"type":"url","url":"https://evil.test/x"}}]}]}"#,
            r#"{"messages":[{"role":"user","content":[{"type":"document","source":{"url":"https://evil.test/x"}}]}]}"#,
            r#"{"messages":[{"role":"user","content":[{"type":"tool_result","content":[{"type":"image","source":{"type":"url","url":"https://evil.test/x"}}]}]}]}"#,
            r#"{"messages":[{"role":"user","content":[{"type":"document","source":{"type":"content","content":[{"type":"image","source":{"type":"url","url":"https://evil.test/x"}}]}}]}]}"#,
            r#"{"messages":[{"role":"user","content":[{"type":"image_url","image_url":{"url":"https://evil.test/x"}}]}]}"#,
            r#"{"messages":[{"role":"user","content":[{"type":"image_url","image_url":{"u\u0072l":"HTTPS://evil.test"}}]}]}"#,
            r#"{"input":[{"role":"user","content":[{"type":"input_image","image_url":"https://evil.test/x"}]}]}"#,
            r#"{"input":[{"role":"user","content":[{"type":"input_file","file_url":"https://evil.test/x"}]}]}"#,
            r#"{"input":[{"type":"function_call_output","output":[{"type":"input_image","image_url":"http://evil.test"}]}]}"#,
            r#"{"input":[{"role":"user","content":[{"type":"input_image","file_id":"file-of-somebody"}]}]}"#,
            r#"{"messages":[{"role":"user","content":[{"type":"file","file":{"file_id":"file-of-somebody"}}]}]}"#,
            r#"{"messages":[{"role":"user","content":[{"type":"image","source":{"type":"file","file_id":"f"}}]}]}"#,
            r#"{"messages":[{"role":"user","content":[{"type":"container_upload","file_id":"f"}]}]}"#,
            r#"{"messages":[{"role":"user","content":[{"type":"web_search_tool_result","content":[]}]}]}"#,
            r#"{"messages":[],"prompt":{"id":"pmpt_of_somebody"}}"#,
            r#"{"input":"x","previous_response_id":"resp_of_somebody"}"#,
            r#"{"system":[{"type":"text","source":{"type":"url"}}]}"#,
            r#"{"messages":[{"role":"user","content":[{"type":"text","type":"image"}]}]}"#,
        ] {
            assert!(refused(body).is_some(), "{body}");
        }
    }

    #[test]
    fn what_agents_say_goes_through_with_addresses_in_their_own_words() {
        for body in [
            r#"{"model":"m","system":[{"type":"text","text":"see https://x.test","cache_control":{"type":"ephemeral"}}],"messages":[{"role":"user","content":"https://x.test"}],"thinking":{"type":"enabled"},"metadata":{"user_id":"u"},"context_management":{"edits":[]}}"#,
            r#"{"messages":[{"role":"assistant","content":[{"type":"thinking","thinking":"","signature":"s"},{"type":"tool_use","id":"t","name":"Fetch","input":{"type":"url","url":"https://x.test","image_url":"https://x.test","file_id":"f"}}]}]}"#,
            r#"{"messages":[{"role":"user","content":[{"type":"image","source":{"type":"base64","media_type":"image/png","data":"AA=="}}]}]}"#,
            r#"{"messages":[{"role":"user","content":[{"type":"image_url","image_url":{"url":"data:image/png;base64,AA=="}}]}]}"#,
            r#"{"messages":[{"role":"assistant","content":null,"tool_calls":[{"type":"function","function":{"arguments":"{\"url\":\"https://x.test\"}"}}]}]}"#,
            r#"{"input":[{"type":"message","role":"user","content":[{"type":"input_text","text":"x"}]},{"type":"reasoning","summary":[],"encrypted_content":"x"},{"type":"function_call","arguments":"{}"},{"type":"function_call_output","output":"https://x.test"}],"instructions":"x","store":false,"include":["reasoning.encrypted_content"],"prompt_cache_key":"k","parallel_tool_calls":false}"#,
        ] {
            assert_eq!(refused(body), None, "{body}");
        }
    }
}
