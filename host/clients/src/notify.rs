//! Notifiers: where people are told what they should know.

mod command;
mod cut;
mod email;
mod event;
mod late;
mod log;
mod telegram;
mod webhook;

pub use command::{CommandNotifier, CommandNotifierConfig};
pub use email::{EmailError, EmailNotifier, EmailNotifierConfig};
pub use log::LogNotifier;
pub use telegram::{Telegram, TelegramSetup};
pub use webhook::WebhookNotifier;
