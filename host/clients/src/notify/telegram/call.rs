//! How is the Bot API called, and what do its refusals mean?

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use orch_domain::port::{PortError, PortFailure};
use reqwest::Client;
use serde_json::{Value, json};

use crate::SecretPlace;
use crate::http::{ClientError, builder, client, now_ms};

/// Limit of one call.
const TIMEOUT: Duration = Duration::from_secs(20);
/// How much longer than the server holds a question open it is waited for.
const POLL_GRACE: Duration = Duration::from_secs(10);
/// Largest answer, bytes.
const ANSWER_BYTES_MAX: usize = 8 * 1024 * 1024;

/// Why the Bot API did not do what it was asked.
#[derive(Debug)]
pub(super) enum Refusal {
    /// The message is like that already.
    Unmodified,
    /// There is no such message, or it cannot be changed any more.
    Gone(String),
    /// It does not like how the text is written, as far as can be told.
    Form(String),
    /// The topic of the forum is closed or gone.
    Topic(String),
    /// Anything else.
    Other(PortFailure, String),
}

impl Refusal {
    pub(super) fn into_error(self, bot: &Bot) -> PortError {
        let (failure, reason) = match self {
            Self::Unmodified => (PortFailure::Refused, "nothing changes".to_owned()),
            Self::Gone(reason) | Self::Form(reason) | Self::Topic(reason) => {
                (PortFailure::Refused, reason)
            }
            Self::Other(failure, reason) => (failure, reason),
        };
        PortError::new(&bot.source, failure, reason)
    }
}

/// A bot in one chat.
#[derive(Debug)]
pub(super) struct Bot {
    http: Client,
    /// Makes each connection anew: one that a proxy cut without a word stays silent for good.
    polls: Client,
    url: String,
    token: SecretPlace,
    /// A group that becomes a supergroup gets another number.
    chat: AtomicI64,
    source: String,
}

impl Bot {
    pub(super) fn new(
        name: &str,
        url: &str,
        token: SecretPlace,
        chat: i64,
    ) -> Result<Self, ClientError> {
        Ok(Self {
            http: client()?,
            polls: builder().pool_max_idle_per_host(0).build()?,
            url: url.trim_end_matches('/').to_owned(),
            token,
            chat: AtomicI64::new(chat),
            source: format!("notifier `{name}`"),
        })
    }

    pub(super) fn source(&self) -> &str {
        &self.source
    }

    /// Calls a method about a chat: the bot's own unless `body` names one. Where the chat has moved, it is followed.
    pub(super) async fn call_in_chat(
        &self,
        method: &str,
        mut body: Value,
    ) -> Result<Value, Refusal> {
        let is_ours = body.get("chat_id").is_none();
        if is_ours {
            body["chat_id"] = json!(self.chat.load(Ordering::SeqCst));
        }
        let first = self.send(&self.http, method, &body, TIMEOUT).await?;
        let Some(moved) = first["parameters"]["migrate_to_chat_id"].as_i64() else {
            return read(first);
        };
        tracing::warn!(
            notifier = self.source,
            chat = moved,
            "the chat has another number now; write it into orch.yaml"
        );
        self.chat.store(moved, Ordering::SeqCst);
        if !is_ours {
            // Its messages stayed behind in the chat that was.
            return Err(Refusal::Gone("the chat has another number now".to_owned()));
        }
        body["chat_id"] = json!(moved);
        read(self.send(&self.http, method, &body, TIMEOUT).await?)
    }

    /// Calls a method.
    pub(super) async fn call(&self, method: &str, body: Value) -> Result<Value, Refusal> {
        read(self.send(&self.http, method, &body, TIMEOUT).await?)
    }

    /// Asks for updates; the server holds the question open for a while.
    pub(super) async fn poll(&self, body: Value, held_s: u32) -> Result<Value, Refusal> {
        let limit = Duration::from_secs(held_s.into()) + POLL_GRACE;
        read(self.send(&self.polls, "getUpdates", &body, limit).await?)
    }

    async fn send(
        &self,
        http: &Client,
        method: &str,
        body: &Value,
        limit: Duration,
    ) -> Result<Value, Refusal> {
        let silent =
            |why: String| Refusal::Other(PortFailure::Unavailable, format!("{method}: {why}"));
        // The token is part of the address; errors do not show it.
        let token = self.token.read();
        let token = token.map_err(|e| Refusal::Other(PortFailure::Unauthorised, e.to_string()))?;
        let url = format!("{}/bot{}/{method}", self.url, token.expose());
        let sent = http.post(url).timeout(limit).json(body).send().await;
        let answer = sent.map_err(|e| silent(e.without_url().to_string()))?;
        let status = answer.status();
        let bytes = crate::http::body(answer, ANSWER_BYTES_MAX)
            .await
            .map_err(|e| silent(e.to_string()))?;
        serde_json::from_slice(&bytes).map_err(|_| silent(format!("{status} without JSON")))
    }
}

/// Whether a refusal may be one of the text: it says nothing of the chat and of what the bot may do there.
fn is_about_form(words: &str) -> bool {
    let of_chat = ["chat", "rights", "peer_id", "user_", "bot_", "query"];
    !of_chat.iter().any(|part| words.contains(part))
}

/// The result of an answer, or what its refusal means.
fn read(mut answer: Value) -> Result<Value, Refusal> {
    if answer["ok"] == true {
        return Ok(answer["result"].take());
    }
    let code = answer["error_code"].as_i64().unwrap_or(0);
    let reason = answer["description"].as_str().unwrap_or("no reason given");
    let reason = reason.chars().take(300).collect::<String>();
    let words = reason.to_lowercase();
    let other = |failure| Err(Refusal::Other(failure, reason.clone()));
    match code {
        400 if words.contains("message is not modified") => Err(Refusal::Unmodified),
        400 if words.contains("message to edit not found")
            || words.contains("message can't be edited")
            || words.contains("message_id_invalid") =>
        {
            Err(Refusal::Gone(reason))
        }
        400 if words.contains("message thread not found") || words.contains("topic_") => {
            Err(Refusal::Topic(reason))
        }
        // Whatever else it has against a message may be how its text is marked up.
        400 if is_about_form(&words) => Err(Refusal::Form(reason)),
        401 | 404 => other(PortFailure::Unauthorised),
        409 => Err(Refusal::Other(
            PortFailure::Refused,
            format!(
                "{reason}; another program asks with the same token, and each gets half of the answers"
            ),
        )),
        429 => {
            let seconds = answer["parameters"]["retry_after"].as_i64();
            let until_ms =
                seconds.map(|s| now_ms().saturating_add(s.clamp(0, 86_400).saturating_mul(1000)));
            other(PortFailure::RateLimited { until_ms })
        }
        400..=499 => other(PortFailure::Refused),
        _ => other(PortFailure::Unavailable),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(code: i64, description: &str) -> Refusal {
        read(
            json!({"ok": false, "error_code": code, "description": description,
            "parameters": {"retry_after": 17}}),
        )
        .unwrap_err()
    }

    #[test]
    fn refusals_are_told_apart_by_what_can_be_done_about_them() {
        let same = "Bad Request: message is not modified: specified new message content and reply markup are exactly the same";
        assert!(matches!(of(400, same), Refusal::Unmodified));
        let gone = "Bad Request: message to edit not found";
        assert!(matches!(of(400, gone), Refusal::Gone(_)));
        let form =
            "Bad Request: can't parse entities: Unsupported start tag \"unit\" at byte offset 38";
        assert!(matches!(of(400, form), Refusal::Form(_)));
        assert!(matches!(
            of(400, "Bad Request: message is too long"),
            Refusal::Form(_)
        ));
        for (code, expected) in [
            (401, PortFailure::Unauthorised),
            (403, PortFailure::Refused),
            (409, PortFailure::Refused),
            (500, PortFailure::Unavailable),
        ] {
            assert!(
                matches!(of(code, "x"), Refusal::Other(failure, _) if failure == expected),
                "{code}"
            );
        }
        let before = now_ms();
        let Refusal::Other(PortFailure::RateLimited { until_ms }, _) = of(429, "Too Many Requests")
        else {
            panic!("429 is a limit");
        };
        assert!(until_ms.unwrap() >= before + 17_000);
    }
}
