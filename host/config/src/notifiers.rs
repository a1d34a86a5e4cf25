//! Where people are told things, and what is told where.

use std::collections::BTreeMap;
use std::path::PathBuf;

use orch_domain::id::DoorName;
use orch_domain::notice::News;
use serde::{Deserialize, Serialize};

use crate::strict::{self, ConfigError};
use crate::webhooks::SecretFrom;

/// Name of the notifier that is always there.
pub const LOG_NOTIFIER: &str = "log";

/// A notifier.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct NotifierConfig {
    /// What it tells: `alerts`, `needs-person`, `done`, `stages`, `escalations`; what its kind is usually for if not given.
    #[serde(default)]
    pub tells: Option<Vec<String>>,
    /// A chat of Telegram.
    #[serde(default)]
    pub telegram: Option<TelegramConfig>,
    /// An address that signed JSON is posted to.
    #[serde(default)]
    pub webhook: Option<WebhookNotifierConfig>,
    /// A program that is started with each notice on its standard input.
    #[serde(default)]
    pub command: Option<CommandConfig>,
    /// Mail.
    #[serde(default)]
    pub email: Option<EmailConfig>,
}

/// A chat of Telegram.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct TelegramConfig {
    /// The bot's token.
    pub token: SecretFrom,
    /// The chat's number; groups have negative ones.
    pub chat: i64,
    /// The topic of a forum.
    #[serde(default)]
    pub topic: Option<i64>,
    /// Where the Bot API is.
    #[serde(default = "telegram_url")]
    pub url: String,
    /// How long the server holds a question for answers open, seconds.
    #[serde(default = "poll_s")]
    pub poll_s: u32,
}

fn telegram_url() -> String {
    "https://api.telegram.org".to_owned()
}

fn poll_s() -> u32 {
    25
}

/// An address that is told.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct WebhookNotifierConfig {
    /// Where to.
    pub url: String,
    /// What each body is signed with.
    pub secret: SecretFrom,
}

/// A program that is told.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct CommandConfig {
    /// The program; from the folder of the configuration if it has a slash.
    pub program: PathBuf,
    /// Its arguments, as they are: nothing is put into them.
    #[serde(default)]
    pub args: Vec<String>,
    /// Limit, seconds.
    #[serde(default = "command_s")]
    pub timeout_s: u32,
}

fn command_s() -> u32 {
    20
}

/// Mail.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct EmailConfig {
    /// `smtps://HOST`, or `smtp://HOST:PORT?tls=required`.
    pub server: String,
    /// Name at the server.
    #[serde(default)]
    pub user: Option<String>,
    /// Password at the server.
    #[serde(default)]
    pub password: Option<SecretFrom>,
    /// Whose mail it is.
    pub from: String,
    /// To whom.
    pub to: Vec<String>,
}

impl NotifierConfig {
    /// What it tells.
    pub fn news(&self) -> Vec<News> {
        match &self.tells {
            Some(tells) => tells.iter().filter_map(|name| News::parse(name)).collect(),
            None if self.telegram.is_some() => [&USUAL[..], &[News::Stages]].concat(),
            None => USUAL.to_vec(),
        }
    }
}

/// What a notifier tells that does not say what.
pub const USUAL: [News; 3] = [News::Alerts, News::NeedsPerson, News::Done];

pub(crate) fn check(
    notifiers: &BTreeMap<String, NotifierConfig>,
    file: &str,
) -> Result<(), ConfigError> {
    for (name, notifier) in notifiers {
        let place = format!("notifiers.{name}");
        let invalid = |problem: &str| ConfigError::invalid(file, &place, problem);
        DoorName::new(name.clone()).map_err(|e| invalid(&e.to_string()))?;
        if name == LOG_NOTIFIER {
            return Err(invalid(
                "`log` is the host's own log; give this one another name",
            ));
        }
        let NotifierConfig {
            tells,
            telegram,
            webhook,
            command,
            email,
        } = notifier;
        let kinds = [
            telegram.is_some(),
            webhook.is_some(),
            command.is_some(),
            email.is_some(),
        ];
        if kinds.iter().filter(|is| **is).count() != 1 {
            return Err(invalid(
                "give exactly one of `telegram`, `webhook`, `command` and `email`",
            ));
        }
        for word in tells.iter().flatten() {
            if News::parse(word).is_none() {
                let known = News::ALL.map(News::as_str);
                let problem = match strict::nearest(word, &known) {
                    Some(near) => format!("no news `{word}`; did you mean `{near}`?"),
                    None => format!("no news `{word}`; use {}", known.join(", ")),
                };
                return Err(ConfigError::invalid(
                    file,
                    format!("{place}.tells"),
                    problem,
                ));
            }
        }
        if let Some(telegram) = telegram {
            telegram
                .token
                .check(file, &format!("{place}.telegram.token"))?;
            if !(1..=50).contains(&telegram.poll_s) {
                return Err(invalid("use a `poll_s` from 1 to 50"));
            }
        }
        if let Some(webhook) = webhook {
            webhook
                .secret
                .check(file, &format!("{place}.webhook.secret"))?;
        }
        if let Some(password) = email.as_ref().and_then(|email| email.password.as_ref()) {
            password.check(file, &format!("{place}.email.password"))?;
        }
    }
    Ok(())
}

/// Names programs from the folder of the configuration.
pub(crate) fn place(notifiers: &mut BTreeMap<String, NotifierConfig>, folder: &std::path::Path) {
    for notifier in notifiers.values_mut() {
        if let Some(command) = &mut notifier.command
            && command.program.components().count() > 1
        {
            command.program = folder.join(&command.program);
        }
    }
}

impl NotifierConfig {
    /// Every credential that it names.
    pub(crate) fn secrets(&self) -> impl Iterator<Item = &SecretFrom> {
        let telegram = self.telegram.as_ref().map(|t| &t.token);
        let webhook = self.webhook.as_ref().map(|w| &w.secret);
        let email = self.email.as_ref().and_then(|e| e.password.as_ref());
        [telegram, webhook, email].into_iter().flatten()
    }

    /// [`NotifierConfig::secrets`], to be placed.
    pub(crate) fn secrets_mut(&mut self) -> impl Iterator<Item = &mut SecretFrom> {
        let telegram = self.telegram.as_mut().map(|t| &mut t.token);
        let webhook = self.webhook.as_mut().map(|w| &mut w.secret);
        let email = self.email.as_mut().and_then(|e| e.password.as_mut());
        [telegram, webhook, email].into_iter().flatten()
    }
}

#[cfg(test)]
mod tests {
    use orch_domain::notice::News;

    use crate::HostConfig;

    fn refused(text: &str) -> String {
        HostConfig::parse("orch.yaml", text)
            .unwrap_err()
            .to_string()
    }

    #[test]
    fn what_is_told_where_is_data() {
        let text = "notifiers:\n  chat: {telegram: {token: {env: T}, chat: -5}}\n  \
                    pager: {tells: [needs-person], command: {program: ./page.sh}}\n  \
                    hook: {webhook: {url: 'http://127.0.0.1:1', secret: {env: S}}}\n";
        let config = HostConfig::parse("orch.yaml", text).unwrap();
        let news = |name: &str| config.notifiers[name].news();
        // Whoever is told second is named.
        assert_eq!(news("chat"), [&super::USUAL[..], &[News::Stages]].concat());
        assert_eq!(news("pager"), [News::NeedsPerson]);
        assert_eq!(news("hook"), super::USUAL);
    }

    #[test]
    fn notifier_that_cannot_work_is_refused_with_the_place() {
        for (text, what) in [
            (
                "{tells: [alarms], command: {program: x}}",
                "did you mean `alerts`",
            ),
            ("{tells: [alerts]}", "exactly one of"),
            (
                "{command: {program: x}, email: {server: s, from: f, to: []}}",
                "exactly one of",
            ),
            ("{telegram: {token: {}, chat: 1}}", "say where it is"),
            ("{telegram: {token: secret, chat: 1}}", "notifiers.x"),
        ] {
            let said = refused(&format!("notifiers: {{x: {text}}}"));
            assert!(
                said.contains(what) && said.contains("notifiers.x"),
                "{said}"
            );
        }
        assert!(refused("notifiers: {log: {command: {program: x}}}").contains("another name"));
    }
}
