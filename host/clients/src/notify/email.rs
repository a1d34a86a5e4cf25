//! Tells people by mail. Every try of one notice has the same message id, so that a mailbox can tell it from another.

use std::time::Duration;

use lettre::message::header::ContentType;
use lettre::message::{Mailbox, Message};
use lettre::transport::smtp::authentication::Credentials;
use lettre::{AsyncSmtpTransport, AsyncTransport, Tokio1Executor};
use orch_domain::notice::{Notice, Progress};
use orch_domain::port::notifier::Notifier;
use orch_domain::port::{PortAnswer, PortError, PortFailure, Receipt};
use sha2::{Digest, Sha256};

use super::cut::to_bytes;
use super::late;
use crate::SecretPlace;
use crate::http::choose_tls;

/// Limit of one exchange with the server.
const TIMEOUT: Duration = Duration::from_secs(20);
/// Bytes of a subject.
const SUBJECT_BYTES_MAX: usize = 200;
/// Bytes of a text.
const TEXT_BYTES_MAX: usize = 64 * 1024;
/// Notices that are sent in one mail from this number on.
const JOINED_FROM: usize = 4;

/// How mail is sent.
#[derive(Debug, Clone)]
pub struct EmailNotifierConfig {
    /// `smtps://HOST` or `smtp://HOST:PORT`.
    pub server: String,
    /// Name and password at the server.
    pub login: Option<(String, SecretPlace)>,
    /// Whose mail it is.
    pub from: String,
    /// To whom.
    pub to: Vec<String>,
}

/// Why mail cannot be sent at all.
#[derive(Debug, thiserror::Error)]
pub enum EmailError {
    /// The server's address says nothing.
    #[error("`{0}` is no address of a mail server; use `smtps://HOST`, or `smtp://HOST:PORT`")]
    Server(String),
    /// An address is none.
    #[error("`{0}` is no mail address")]
    Address(String),
    /// The password is not there.
    #[error("the password of the mail server is not there")]
    Password(#[from] crate::SecretError),
    /// Nobody would get it.
    #[error("there is nobody in `to`")]
    Nobody,
}

/// Mail as a notifier.
#[derive(Debug)]
pub struct EmailNotifier {
    transport: AsyncSmtpTransport<Tokio1Executor>,
    from: Mailbox,
    to: Vec<Mailbox>,
    source: String,
}

impl EmailNotifier {
    /// Sends as `config` says; nothing is sent yet. `name` is the notifier's own.
    ///
    /// # Errors
    /// [`EmailError`] with what is wrong in the configuration.
    pub fn new(name: &str, config: EmailNotifierConfig) -> Result<Self, EmailError> {
        choose_tls();
        let mailbox = |text: &String| {
            text.parse::<Mailbox>()
                .map_err(|_| EmailError::Address(text.clone()))
        };
        let mut transport = AsyncSmtpTransport::<Tokio1Executor>::from_url(&config.server)
            .map_err(|_| EmailError::Server(config.server.clone()))?
            .timeout(Some(TIMEOUT));
        if let Some((user, password)) = config.login {
            let password = password.read()?.expose().to_owned();
            transport = transport.credentials(Credentials::new(user, password));
        }
        let to: Vec<Mailbox> = config.to.iter().map(mailbox).collect::<Result<_, _>>()?;
        if to.is_empty() {
            return Err(EmailError::Nobody);
        }
        Ok(Self {
            transport: transport.build(),
            from: mailbox(&config.from)?,
            to,
            source: format!("notifier `{name}`"),
        })
    }

    fn message(&self, subject: &str, text: &str, key: &str) -> Result<Message, PortError> {
        // One line, whatever stands in it: what follows a line's end would be a header of its own.
        let subject: String = subject
            .chars()
            .map(|c| if c.is_control() { ' ' } else { c })
            .collect();
        let id = hex::encode(&Sha256::digest(key.as_bytes())[..16]);
        let mut message = Message::builder()
            .from(self.from.clone())
            .subject(to_bytes(&subject, SUBJECT_BYTES_MAX))
            .message_id(Some(format!("<{id}@{}>", self.from.email.domain())))
            .header(ContentType::TEXT_PLAIN);
        for to in &self.to {
            message = message.to(to.clone());
        }
        let message = message.body(to_bytes(text, TEXT_BYTES_MAX));
        message.map_err(|e| PortError::new(&self.source, PortFailure::Refused, e.to_string()))
    }

    async fn send(&self, subject: String, text: String, key: &str) -> Result<Receipt, PortError> {
        let message = self.message(&subject, &text, key)?;
        let sent = self.transport.send(message).await;
        let receipt = sent.map(|_| None);
        receipt.map_err(|error| {
            let failure = match error.is_permanent() {
                true => PortFailure::Refused,
                false => PortFailure::Unavailable,
            };
            PortError::new(&self.source, failure, error.to_string())
        })
    }
}

/// The first line of a text.
fn first_line(text: &str) -> String {
    text.lines().next().unwrap_or_default().to_owned()
}

impl Notifier for EmailNotifier {
    fn tell<'a>(&'a self, notice: &'a Notice, key: &'a str) -> PortAnswer<'a, Receipt> {
        let text = late::text(notice);
        Box::pin(self.send(format!("[orch] {}", first_line(&text)), text, key))
    }

    fn joins_from(&self) -> Option<usize> {
        Some(JOINED_FROM)
    }

    fn tell_together<'a>(&'a self, notices: &'a [Notice], key: &'a str) -> PortAnswer<'a, Receipt> {
        let texts: Vec<String> = notices.iter().map(late::text).collect();
        let subject = format!("[orch] {} notices at once", notices.len());
        Box::pin(self.send(subject, texts.join("\n\n"), key))
    }

    fn show<'a>(
        &'a self,
        progress: &'a Progress,
        _before: Option<&'a str>,
        key: &'a str,
    ) -> PortAnswer<'a, Receipt> {
        let text = orch_words::progress::text(progress);
        Box::pin(self.send(format!("[orch] {text}"), text, key))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn notifier() -> EmailNotifier {
        let config = EmailNotifierConfig {
            server: "smtp://127.0.0.1:1".to_owned(),
            login: None,
            from: "Orch <orch@acme.test>".to_owned(),
            to: vec!["ann@acme.test".to_owned()],
        };
        EmailNotifier::new("mail", config).unwrap()
    }

    #[tokio::test]
    async fn text_of_others_adds_no_header_and_no_recipient() {
        let mail = notifier();
        let subject = "SHOP-1\r\nBcc: eve@evil.test\r\n\r\nbody";
        let message = mail
            .message(subject, "Zoë says\r\n.\r\nDATA", "k1")
            .unwrap();
        assert_eq!(message.envelope().to().len(), 1);
        let raw = String::from_utf8(message.formatted()).unwrap();
        let (head, _) = raw.split_once("\r\n\r\n").unwrap();
        assert!(!head.lines().any(|line| line.starts_with("Bcc")), "{head}");
        let again = mail.message("other", "other", "k1").unwrap();
        let id = |message: &Message| {
            let raw = String::from_utf8(message.formatted()).unwrap();
            let line = raw.lines().find(|l| l.starts_with("Message-ID")).unwrap();
            line.to_owned()
        };
        assert_eq!(id(&message), id(&again));
    }

    #[tokio::test]
    async fn configuration_that_cannot_work_says_what_is_wrong() {
        let config = EmailNotifierConfig {
            server: "smtp://127.0.0.1:1".to_owned(),
            login: None,
            from: "orch@acme.test".to_owned(),
            to: Vec::new(),
        };
        let nobody = EmailNotifier::new("mail", config.clone()).unwrap_err();
        assert!(matches!(nobody, EmailError::Nobody));
        let to = vec!["ann".to_owned()];
        let none = EmailNotifier::new("mail", EmailNotifierConfig { to, ..config });
        assert!(none.unwrap_err().to_string().contains("`ann`"));
    }
}
