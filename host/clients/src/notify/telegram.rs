//! A chat of Telegram as a notifier and as a window: one live message per task, alerts as messages of their own, and
//! questions with buttons.

mod call;
mod words;

use orch_domain::notice::{Notice, Progress};
use orch_domain::port::notifier::Notifier;
use orch_domain::port::window::{Buttons, Shown, Tap, Window};
use orch_domain::port::{PortAnswer, PortError, PortFailure, Receipt};
use orch_domain::prompt::PromptId;
use serde_json::{Value, json};

use self::call::{Bot, Refusal};
use self::words::{keyboard, press};
use super::late;
use crate::SecretPlace;
use crate::http::ClientError;

/// Notices that are told in one message from this number on.
const JOINED_FROM: usize = 4;
/// Presses that are taken at once.
const TAPS_MAX: u32 = 100;
/// Characters of what only whoever pressed is shown.
const SAID_CHARS_MAX: usize = 190;

/// What a chat needs.
#[derive(Debug, Clone)]
pub struct TelegramSetup {
    /// Where the Bot API is.
    pub url: String,
    /// The bot's token.
    pub token: SecretPlace,
    /// The chat.
    pub chat: i64,
    /// The topic of a forum.
    pub topic: Option<i64>,
    /// How long the server holds a question for presses open, seconds.
    pub poll_s: u32,
}

/// A chat. It is a notifier and a window.
#[derive(Debug)]
pub struct Telegram {
    bot: Bot,
    topic: Option<i64>,
    poll_s: u32,
}

impl Telegram {
    /// Sets up the chat; nothing is sent yet. `name` is the notifier's own.
    ///
    /// # Errors
    /// [`ClientError`], when the machine has no usable TLS.
    pub fn new(name: &str, setup: TelegramSetup) -> Result<Self, ClientError> {
        let TelegramSetup {
            url,
            token,
            chat,
            topic,
            poll_s,
        } = setup;
        Ok(Self {
            bot: Bot::new(name, &url, token, chat)?,
            topic,
            poll_s,
        })
    }

    /// Sends a text as a message of its own. What Telegram cannot read as marked up is sent as it is, once.
    async fn send(&self, text: &str, buttons: Option<Value>) -> Result<Receipt, PortError> {
        let mut body = json!({"link_preview_options": {"is_disabled": true}});
        if let Some(topic) = self.topic {
            body["message_thread_id"] = json!(topic);
        }
        if let Some(buttons) = buttons {
            body["reply_markup"] = buttons;
        }
        let mut sent = self.with_text("sendMessage", body.clone(), text).await;
        if let (Err(Refusal::Topic(why)), Some(body)) = (&sent, body.as_object_mut()) {
            tracing::warn!(
                notifier = self.bot.source(),
                why,
                "told outside of the topic"
            );
            body.remove("message_thread_id");
            sent = self
                .with_text("sendMessage", Value::Object(body.clone()), text)
                .await;
        }
        sent.map(|answer| receipt(&answer))
            .map_err(|refusal| refusal.into_error(&self.bot))
    }

    /// Calls a method that takes a text: marked up, and if that is refused for its form, plain.
    async fn with_text(&self, method: &str, body: Value, text: &str) -> Result<Value, Refusal> {
        let mut marked = body.clone();
        marked["text"] = json!(words::marked_up(text));
        marked["parse_mode"] = json!("HTML");
        match self.bot.call_in_chat(method, marked).await {
            Err(Refusal::Form(_)) => {
                let mut plain = body;
                plain["text"] = json!(words::plain(text));
                self.bot.call_in_chat(method, plain).await
            }
            other => other,
        }
    }

    /// Changes the text of a message; false if there is no such message any more.
    async fn edit(&self, message: &str, text: &str) -> Result<bool, PortError> {
        let Some((chat, id)) = place(message) else {
            return Ok(false);
        };
        let body = json!({"chat_id": chat, "message_id": id,
            "link_preview_options": {"is_disabled": true}});
        match self.with_text("editMessageText", body, text).await {
            Ok(_) | Err(Refusal::Unmodified) => Ok(true),
            Err(Refusal::Gone(_)) => Ok(false),
            Err(refusal) => Err(refusal.into_error(&self.bot)),
        }
    }

    fn tap(update: &Value) -> Option<Tap> {
        let position = update["update_id"].as_i64()?;
        let query = &update["callback_query"];
        let user = query["from"]["id"].as_i64().map(|id| id.to_string());
        let is_bot = query["from"]["is_bot"].as_bool().unwrap_or(false);
        let message = &query["message"];
        Some(Tap {
            position,
            id: query["id"].as_str().unwrap_or_default().to_owned(),
            says: query["data"].as_str().and_then(press),
            account: user.filter(|_| !is_bot),
            message: receipt(message),
            text: message["text"].as_str().unwrap_or_default().to_owned(),
        })
    }
}

/// The name of a message: its chat and number.
fn receipt(message: &Value) -> Receipt {
    let (chat, id) = (
        message["chat"]["id"].as_i64()?,
        message["message_id"].as_i64()?,
    );
    Some(format!("{chat}:{id}"))
}

fn place(receipt: &str) -> Option<(i64, i64)> {
    let (chat, id) = receipt.split_once(':')?;
    Some((chat.parse().ok()?, id.parse().ok()?))
}

impl Notifier for Telegram {
    fn tell<'a>(&'a self, notice: &'a Notice, _key: &'a str) -> PortAnswer<'a, Receipt> {
        Box::pin(async move { self.send(&late::text(notice), None).await })
    }

    fn ask<'a>(
        &'a self,
        notice: &'a Notice,
        prompt: PromptId,
        _key: &'a str,
    ) -> PortAnswer<'a, Receipt> {
        Box::pin(async move {
            let text = late::text(notice);
            self.send(&text, keyboard(prompt, Buttons::All)).await
        })
    }

    fn joins_from(&self) -> Option<usize> {
        Some(JOINED_FROM)
    }

    fn tell_together<'a>(
        &'a self,
        notices: &'a [Notice],
        _key: &'a str,
    ) -> PortAnswer<'a, Receipt> {
        Box::pin(async move { self.send(&words::together(notices), None).await })
    }

    fn show<'a>(
        &'a self,
        progress: &'a Progress,
        before: Option<&'a str>,
        _key: &'a str,
    ) -> PortAnswer<'a, Receipt> {
        Box::pin(async move {
            let text = words::card(progress);
            if let Some(message) = before
                && self.edit(message, &text).await?
            {
                return Ok(Some(message.to_owned()));
            }
            self.send(&text, None).await
        })
    }
}

impl Window for Telegram {
    fn taps(&self, position: i64) -> PortAnswer<'_, Vec<Tap>> {
        Box::pin(async move {
            let mut body = json!({"timeout": self.poll_s, "limit": TAPS_MAX,
                "allowed_updates": ["callback_query"]});
            if position > 0 {
                body["offset"] = json!(position.saturating_add(1));
            }
            let answer = self.bot.poll(body, self.poll_s).await;
            let answer = answer.map_err(|refusal| refusal.into_error(&self.bot))?;
            let updates = answer.as_array().ok_or_else(|| {
                let reason = "its updates are no list";
                PortError::new(self.bot.source(), PortFailure::Unavailable, reason)
            })?;
            Ok(updates.iter().filter_map(Self::tap).collect())
        })
    }

    fn reply<'a>(&'a self, tap: &'a Tap, shown: &'a Shown) -> PortAnswer<'a, ()> {
        Box::pin(async move {
            let said: String = shown.said.chars().take(SAID_CHARS_MAX).collect();
            let body = json!({"callback_query_id": tap.id, "text": said,
                "show_alert": !said.is_empty() && shown.settled.is_none()});
            // A question that is too old to be answered can still be shown as settled.
            let answered = self.bot.call("answerCallbackQuery", body).await;
            if let Err(refusal) = answered {
                let error = refusal.into_error(&self.bot).to_string();
                tracing::debug!(error, "a press was not answered");
            }
            let (Some(message), Some((prompt, _))) = (&tap.message, tap.says) else {
                return Ok(());
            };
            // What is said of a message of days ago is without its text, which must not be lost.
            if let Some(settled) = shown.settled.as_ref().filter(|_| !tap.text.is_empty()) {
                let text = words::settled(&tap.text, settled);
                return self.edit(message, &text).await.map(drop);
            }
            let Some((chat, id)) = place(message) else {
                return Ok(());
            };
            let Some(buttons) = keyboard(prompt, shown.buttons) else {
                return Ok(());
            };
            let body = json!({"chat_id": chat, "message_id": id, "reply_markup": buttons});
            match self.bot.call("editMessageReplyMarkup", body).await {
                Ok(_) | Err(Refusal::Unmodified | Refusal::Gone(_)) => Ok(()),
                Err(refusal) => Err(refusal.into_error(&self.bot)),
            }
        })
    }
}
