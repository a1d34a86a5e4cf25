//! A stateful fake of Telegram's Bot API on loopback: one bot, its messages, its buttons, and faults on demand.
//!
//! It is as strict as the real one about what the host relies on: text that is too long or badly marked up is refused,
//! an edit that changes nothing is an error, updates stay until they are confirmed.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::{Json, Router};
use serde_json::{Value, json};
use tokio::sync::Notify;

/// The bot's token.
pub const TOKEN: &str = "7001002003:TEST-token_of_the_fake";
/// The chat that the bot is in.
pub const CHAT: i64 = -1_002_200_330_044;
/// Units of UTF-16 in one message.
const UNITS_MAX: usize = 4096;
/// Longest that a question for updates is held open.
const HELD_MAX: Duration = Duration::from_secs(50);

/// A message as people see it.
#[derive(Debug, Clone, PartialEq)]
pub struct ChatMessage {
    /// Its number.
    pub id: i64,
    /// Its text, without markup.
    pub text: String,
    /// Labels and data of its buttons.
    pub buttons: Vec<(String, String)>,
    /// How often its text was changed.
    pub edits: usize,
    /// The topic that it was sent to.
    pub topic: Option<i64>,
    markup: Value,
}

/// How the next calls go wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ChatFault {
    /// So many calls that send or edit are told to wait so many seconds.
    Throttled(usize, u32),
    /// The chat has another number now.
    Moved(i64),
    /// The bot is not in the chat any more.
    Kicked,
    /// Another program asks for updates.
    Polled,
    /// The next call that sends does so and the answer is lost.
    AnswerLost,
    /// Presses are too old to be answered.
    QueryTooOld,
    /// It takes no text that is marked up, and says so in words of its own.
    MarkupRefused,
    /// The topic of the forum is gone.
    TopicGone,
    /// It takes the question for presses and never answers it.
    Mute,
}

#[derive(Debug, Default)]
struct Chat {
    messages: Vec<ChatMessage>,
    updates: VecDeque<Value>,
    next_update: i64,
    sent: i64,
    answers: Vec<Value>,
    faults: Vec<ChatFault>,
    calls: Vec<String>,
}

#[derive(Debug, Default)]
struct Inner {
    chat: Mutex<Chat>,
    arrived: Notify,
}

/// The fake. Its server ends with the runtime that it was started in.
#[derive(Debug, Clone)]
pub struct Telegram {
    address: String,
    inner: Arc<Inner>,
}

impl Telegram {
    /// Starts the fake on a free port.
    ///
    /// # Panics
    /// When loopback cannot be listened on.
    pub async fn start() -> Self {
        let inner = Arc::new(Inner::default());
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await;
        let listener = listener.expect("loopback can be listened on");
        let address = listener.local_addr().expect("a listener has an address");
        let routes = Router::new()
            .route("/{bot}/{method}", post(call))
            .with_state(inner.clone());
        tokio::spawn(async move { axum::serve(listener, routes).await });
        Self {
            address: format!("http://{address}"),
            inner,
        }
    }

    /// Where it listens.
    pub fn url(&self) -> &str {
        &self.address
    }

    /// Every message that stands in the chat.
    pub fn messages(&self) -> Vec<ChatMessage> {
        self.inner.chat().messages.clone()
    }

    /// The messages with a text in them.
    pub fn with(&self, text: &str) -> Vec<ChatMessage> {
        let mut messages = self.messages();
        messages.retain(|message| message.text.contains(text));
        messages
    }

    /// What those who pressed were answered, oldest first.
    pub fn answers(&self) -> Vec<String> {
        let chat = self.inner.chat();
        let text = |answer: &Value| answer["text"].as_str().unwrap_or_default().to_owned();
        chat.answers.iter().map(text).collect()
    }

    /// Methods that were called, in order.
    pub fn calls(&self) -> Vec<String> {
        self.inner.chat().calls.clone()
    }

    /// Goes wrong from now on.
    pub fn fail(&self, fault: ChatFault) {
        self.inner.chat().faults.push(fault);
    }

    /// Goes wrong no more.
    pub fn heal(&self) {
        self.inner.chat().faults.clear();
    }

    /// Takes a message out of the chat, as a person does.
    pub fn delete(&self, id: i64) {
        self.inner
            .chat()
            .messages
            .retain(|message| message.id != id);
    }

    /// Somebody presses a button, by its label.
    ///
    /// # Panics
    /// If the message or the button is not there.
    pub fn tap(&self, user: i64, message: i64, label: &str) {
        let data = {
            let chat = self.inner.chat();
            let found = chat.messages.iter().find(|m| m.id == message);
            let found = found.unwrap_or_else(|| panic!("no message {message}"));
            let mut buttons = found.buttons.iter();
            let button = buttons.find(|(text, _)| text == label);
            let button = button.unwrap_or_else(|| panic!("no button `{label}` at {found:?}"));
            button.1.clone()
        };
        self.press(user, message, &data);
    }

    /// Somebody sends the data of a button, which may be gone by now.
    pub fn press(&self, user: i64, message: i64, data: &str) {
        let mut chat = self.inner.chat();
        chat.next_update += 1;
        let (update, text) = (
            chat.next_update,
            chat.messages
                .iter()
                .find(|m| m.id == message)
                .map(|m| m.text.clone()),
        );
        chat.updates.push_back(json!({
            "update_id": 900_000 + update,
            "callback_query": {
                "id": format!("query-{update}"),
                "from": {"id": user, "is_bot": false, "first_name": "Somebody"},
                "message": {"message_id": message, "chat": {"id": CHAT, "type": "supergroup"},
                    "date": 1_787_230_867, "text": text},
                "chat_instance": "1",
                "data": data,
            },
        }));
        drop(chat);
        self.inner.arrived.notify_waiters();
    }
}

impl Inner {
    fn chat(&self) -> MutexGuard<'_, Chat> {
        self.chat.lock().expect("no test panics under the lock")
    }
}

fn refused(code: u16, description: &str, parameters: Value) -> Response {
    let status = StatusCode::from_u16(code).expect("a status");
    let mut body = json!({"ok": false, "error_code": code, "description": description});
    if !parameters.is_null() {
        body["parameters"] = parameters;
    }
    (status, Json(body)).into_response()
}

fn done(result: Value) -> Response {
    Json(json!({"ok": true, "result": result})).into_response()
}

async fn call(
    State(inner): State<Arc<Inner>>,
    Path((bot, method)): Path<(String, String)>,
    Json(body): Json<Value>,
) -> Response {
    if bot != format!("bot{TOKEN}") {
        return refused(401, "Unauthorized", Value::Null);
    }
    inner.chat().calls.push(method.clone());
    match method.as_str() {
        "getUpdates" => updates(&inner, &body).await,
        "sendMessage" | "editMessageText" | "editMessageReplyMarkup" => {
            let mut chat = inner.chat();
            match chat.fault(&body) {
                Some(fault) => fault,
                None if method == "sendMessage" => chat.send(&body),
                None => chat.edit(&body, method == "editMessageText"),
            }
        }
        "answerCallbackQuery" => {
            let mut chat = inner.chat();
            if chat.faults.contains(&ChatFault::QueryTooOld) {
                let text = "Bad Request: query is too old and response timeout expired or query ID is invalid";
                return refused(400, text, Value::Null);
            }
            chat.answers.push(body);
            done(json!(true))
        }
        _ => refused(404, "Not Found", Value::Null),
    }
}

async fn updates(inner: &Inner, body: &Value) -> Response {
    let held = Duration::from_secs(body["timeout"].as_u64().unwrap_or(0)).min(HELD_MAX);
    let offset = body["offset"].as_i64().unwrap_or(0);
    let deadline = tokio::time::Instant::now() + held;
    if inner.chat().faults.contains(&ChatFault::Mute) {
        // Until whoever asked hangs up.
        std::future::pending::<()>().await;
    }
    loop {
        let arrived = inner.arrived.notified();
        {
            let mut chat = inner.chat();
            if chat.faults.contains(&ChatFault::Polled) {
                let text = "Conflict: terminated by other getUpdates request; make sure that only one bot instance is running";
                return refused(409, text, Value::Null);
            }
            // What is below the offset is confirmed and gone.
            chat.updates
                .retain(|update| update["update_id"].as_i64() >= Some(offset));
            if !chat.updates.is_empty() {
                return done(Value::Array(chat.updates.iter().cloned().collect()));
            }
        }
        if tokio::time::timeout_at(deadline, arrived).await.is_err() {
            return done(json!([]));
        }
    }
}

impl Chat {
    fn fault(&mut self, body: &Value) -> Option<Response> {
        for at in 0..self.faults.len() {
            match self.faults[at].clone() {
                ChatFault::Throttled(0, _) => {}
                ChatFault::Throttled(left, seconds) => {
                    self.faults[at] = ChatFault::Throttled(left - 1, seconds);
                    let text = format!("Too Many Requests: retry after {seconds}");
                    return Some(refused(429, &text, json!({"retry_after": seconds})));
                }
                ChatFault::Moved(to) if body["chat_id"] != to => {
                    let text = "Bad Request: group chat was upgraded to a supergroup chat";
                    return Some(refused(400, text, json!({"migrate_to_chat_id": to})));
                }
                ChatFault::Kicked => {
                    let text = "Forbidden: bot was kicked from the supergroup chat";
                    return Some(refused(403, text, Value::Null));
                }
                ChatFault::MarkupRefused if body["parse_mode"] == "HTML" => {
                    let text = "Bad Request: unsupported start tag";
                    return Some(refused(400, text, Value::Null));
                }
                ChatFault::TopicGone if body["message_thread_id"].is_i64() => {
                    let text = "Bad Request: message thread not found";
                    return Some(refused(400, text, Value::Null));
                }
                ChatFault::Moved(_)
                | ChatFault::Polled
                | ChatFault::AnswerLost
                | ChatFault::QueryTooOld
                | ChatFault::MarkupRefused
                | ChatFault::Mute
                | ChatFault::TopicGone => {}
            }
        }
        None
    }

    fn is_here(&self, body: &Value) -> bool {
        let moved = self.faults.iter().any(
            |fault| matches!(fault, ChatFault::Moved(to) if body["chat_id"].as_i64() == Some(*to)),
        );
        moved || body["chat_id"].as_i64() == Some(CHAT)
    }

    fn send(&mut self, body: &Value) -> Response {
        if !self.is_here(body) {
            return refused(400, "Bad Request: chat not found", Value::Null);
        }
        if body["link_preview_options"]["is_disabled"] != true {
            return refused(400, "Bad Request: the fake wants no previews", Value::Null);
        }
        let text = match text(body) {
            Ok(text) => text,
            Err(why) => return refused(400, why, Value::Null),
        };
        // A number is never used again, though its message is deleted.
        self.sent += 1;
        let id = 4_411 + self.sent;
        let markup = body["reply_markup"].clone();
        self.messages.push(ChatMessage {
            id,
            text: text.clone(),
            buttons: buttons(&markup),
            edits: 0,
            topic: body["message_thread_id"].as_i64(),
            markup,
        });
        let lost = self
            .faults
            .iter()
            .position(|fault| *fault == ChatFault::AnswerLost);
        if let Some(at) = lost {
            self.faults.remove(at);
            return StatusCode::BAD_GATEWAY.into_response();
        }
        done(
            json!({"message_id": id, "chat": {"id": body["chat_id"], "type": "supergroup"},
            "date": 1_787_230_867, "text": text}),
        )
    }

    fn edit(&mut self, body: &Value, is_text: bool) -> Response {
        let found = self
            .messages
            .iter_mut()
            .find(|message| Some(message.id) == body["message_id"].as_i64());
        let Some(message) = found else {
            return refused(400, "Bad Request: message to edit not found", Value::Null);
        };
        let text = match is_text {
            true => match text(body) {
                Ok(text) => text,
                Err(why) => return refused(400, why, Value::Null),
            },
            false => message.text.clone(),
        };
        let markup = body["reply_markup"].clone();
        if message.text == text && message.markup == markup {
            let same = "Bad Request: message is not modified: specified new message content and reply markup are exactly the same as a current content and reply markup of the message";
            return refused(400, same, Value::Null);
        }
        message.edits += usize::from(is_text);
        message.text = text;
        message.buttons = buttons(&markup);
        message.markup = markup;
        done(json!({"message_id": message.id, "chat": {"id": CHAT}, "text": message.text}))
    }
}

/// The text of a call as people see it; why it is refused if it cannot be shown.
fn text(body: &Value) -> Result<String, &'static str> {
    let mut text = body["text"].as_str().unwrap_or_default().to_owned();
    if body["parse_mode"] == "HTML" {
        for tag in ["<b>", "</b>"] {
            text = text.replace(tag, "");
        }
        if text.contains(['<', '>']) {
            return Err("Bad Request: can't parse entities");
        }
        text = text
            .replace("&lt;", "<")
            .replace("&gt;", ">")
            .replace("&amp;", "&");
    }
    if text.trim().is_empty() {
        return Err("Bad Request: message text is empty");
    }
    if text.encode_utf16().count() > UNITS_MAX {
        return Err("Bad Request: message is too long");
    }
    Ok(text)
}

fn buttons(markup: &Value) -> Vec<(String, String)> {
    let rows = markup["inline_keyboard"]
        .as_array()
        .cloned()
        .unwrap_or_default();
    let all = rows
        .iter()
        .flat_map(|row| row.as_array().cloned().unwrap_or_default());
    all.map(|button| {
        let of = |name: &str| button[name].as_str().unwrap_or_default().to_owned();
        let (text, data) = (of("text"), of("callback_data"));
        assert!(
            (1..=64).contains(&data.len()),
            "`{data}` is no data of a button"
        );
        (text, data)
    })
    .collect()
}
