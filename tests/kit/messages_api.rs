//! A stateful fake of the Messages API on loopback: scripted tool use over server-sent events, faults on
//! demand. The real agent command line talks to it and really edits files.

use std::sync::{Arc, Mutex};

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::{Json, Router};
use serde_json::{Value, json};

/// Turns a prompt into the shell command that does its work.
pub type Script = dyn Fn(&str) -> String + Send + Sync;

/// Most requests that are kept.
const REQUESTS_MAX: usize = 1000;

struct Inner {
    script: Box<Script>,
    requests: Mutex<Vec<Value>>,
    /// What the requests logged in with.
    keys: Mutex<Vec<String>>,
    fault: Mutex<Option<u16>>,
}

/// The fake. Its server ends with the runtime of the test.
#[derive(Clone)]
pub struct MessagesApi {
    address: String,
    inner: Arc<Inner>,
}

impl std::fmt::Debug for MessagesApi {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MessagesApi")
            .field("address", &self.address)
            .finish_non_exhaustive()
    }
}

impl MessagesApi {
    /// Starts the fake on a free port.
    ///
    /// # Panics
    /// When loopback cannot be listened on.
    pub async fn start(script: impl Fn(&str) -> String + Send + Sync + 'static) -> Self {
        let inner = Arc::new(Inner {
            script: Box::new(script),
            requests: Mutex::default(),
            keys: Mutex::default(),
            fault: Mutex::default(),
        });
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
            .await
            .expect("loopback can be listened on");
        let address = format!(
            "http://{}",
            listener.local_addr().expect("a listener has an address")
        );
        let routes = Router::new()
            .route("/v1/messages", post(messages))
            .with_state(inner.clone());
        tokio::spawn(async move { axum::serve(listener, routes).await });
        Self { address, inner }
    }

    /// Where it listens.
    pub fn base_url(&self) -> &str {
        &self.address
    }

    /// Answers every further request with this status.
    ///
    /// # Panics
    /// Never: no other test holds the lock.
    pub fn fail_with(&self, status: u16) {
        *self.inner.fault.lock().expect("no panic under the lock") = Some(status);
    }

    /// What the requests logged in with, each once.
    ///
    /// # Panics
    /// Never: no other test holds the lock.
    pub fn keys(&self) -> Vec<String> {
        let mut keys = self
            .inner
            .keys
            .lock()
            .expect("no panic under the lock")
            .clone();
        keys.sort();
        keys.dedup();
        keys
    }

    /// How many requests there were.
    ///
    /// # Panics
    /// Never: no other test holds the lock.
    pub fn requests(&self) -> usize {
        self.inner
            .requests
            .lock()
            .expect("no panic under the lock")
            .len()
    }
}

async fn messages(
    State(inner): State<Arc<Inner>>,
    headers: HeaderMap,
    Json(request): Json<Value>,
) -> Response {
    let key = headers.get("x-api-key").and_then(|key| key.to_str().ok());
    let mut keys = inner.keys.lock().expect("no panic under the lock");
    if keys.len() < REQUESTS_MAX {
        keys.push(key.unwrap_or_default().to_owned());
    }
    drop(keys);
    if let Some(status) = *inner.fault.lock().expect("no panic under the lock") {
        let status = StatusCode::from_u16(status).expect("a status");
        let kind = if status == StatusCode::UNAUTHORIZED {
            "authentication_error"
        } else {
            "api_error"
        };
        return (
            status,
            Json(json!({"type": "error", "error": {"type": kind, "message": "no"}})),
        )
            .into_response();
    }
    let blocks = turn(&inner, &request);
    let mut requests = inner.requests.lock().expect("no panic under the lock");
    if requests.len() < REQUESTS_MAX {
        requests.push(request.clone());
    }
    let model = request["model"].as_str().unwrap_or("model");
    (
        [(header::CONTENT_TYPE, "text/event-stream")],
        events(model, &blocks),
    )
        .into_response()
}

/// First the work, by the Bash tool; when its result is there, the end.
fn turn(inner: &Inner, request: &Value) -> Vec<Value> {
    let messages = request["messages"].as_array().cloned().unwrap_or_default();
    let worked = messages
        .iter()
        .any(|m| m.to_string().contains("tool_result"));
    let has_tools = request["tools"]
        .as_array()
        .is_some_and(|tools| !tools.is_empty());
    if worked || !has_tools {
        return vec![json!({"type": "text", "text": "The work is done."})];
    }
    let prompt: String = messages
        .iter()
        .filter_map(|m| m["content"].as_array())
        .flatten()
        .filter_map(|block| block["text"].as_str())
        .collect::<Vec<_>>()
        .join("\n");
    let command = (inner.script)(&prompt);
    vec![json!({"type": "tool_use", "id": "toolu_1", "name": "Bash",
                "input": {"command": command, "description": "do the work"}})]
}

fn events(model: &str, blocks: &[Value]) -> String {
    let mut list = vec![json!({"type": "message_start", "message": {
        "id": "msg_1", "type": "message", "role": "assistant", "model": model, "content": [],
        "stop_reason": null, "stop_sequence": null, "usage": {"input_tokens": 10, "output_tokens": 1}}})];
    let mut stop = "end_turn";
    for (index, block) in blocks.iter().enumerate() {
        let (start, delta) = if block["type"] == "tool_use" {
            stop = "tool_use";
            let start =
                json!({"type": "tool_use", "id": block["id"], "name": block["name"], "input": {}});
            (
                start,
                json!({"type": "input_json_delta", "partial_json": block["input"].to_string()}),
            )
        } else {
            (
                json!({"type": "text", "text": ""}),
                json!({"type": "text_delta", "text": block["text"]}),
            )
        };
        list.push(json!({"type": "content_block_start", "index": index, "content_block": start}));
        list.push(json!({"type": "content_block_delta", "index": index, "delta": delta}));
        list.push(json!({"type": "content_block_stop", "index": index}));
    }
    list.push(
        json!({"type": "message_delta", "delta": {"stop_reason": stop, "stop_sequence": null},
                     "usage": {"output_tokens": 5}}),
    );
    list.push(json!({"type": "message_stop"}));
    list.iter()
        .map(|e| {
            format!(
                "event: {}\ndata: {e}\n\n",
                e["type"].as_str().unwrap_or_default()
            )
        })
        .collect()
}
