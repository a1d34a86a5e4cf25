//! How is a Gitea or Forgejo server asked? One place for credential, limits of time and number, retries, and what an
//! answer that is none means.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, UNIX_EPOCH};

use orch_domain::id::UnixMs;
use orch_domain::port::{PortError, PortFailure};
use orch_process::git::SshRemote;
use reqwest::header::{AUTHORIZATION, LOCATION, RETRY_AFTER};
use reqwest::{Certificate, Client, Method, Response, StatusCode};
use serde_json::Value;
use tokio::sync::Semaphore;

use crate::http::{BodyError, ClientError, body, builder};
use crate::secret::{Secret, SecretPlace};

/// Largest answer that is read, bytes.
const BODY_BYTES_MAX: usize = 8 * 1024 * 1024;
/// Limit of a question.
const READ_TIMEOUT: Duration = Duration::from_secs(20);
/// Limit of an order: a server tests inside of it whether a merge is possible.
const WRITE_TIMEOUT: Duration = Duration::from_secs(100);
/// Calls to one server at once.
const AT_ONCE: usize = 8;
/// Tries of a question.
const TRIES: u32 = 3;
/// First pause between two tries.
const PAUSE: Duration = Duration::from_millis(200);
/// Silences in a row after which a server is left alone for a while.
const SILENCES_MAX: u32 = 3;
/// How long a server is left alone before one call tries it again.
const LEFT_ALONE: Duration = Duration::from_secs(10);
/// Bytes of a server's words that an error shows.
const SHOWN_BYTES_MAX: usize = 300;

/// What a server is made from.
#[derive(Debug, Clone)]
pub struct GiteaServerConfig {
    /// Its name in `orch.yaml`.
    pub name: String,
    /// Its address, with the path below which it lies.
    pub url: String,
    /// Where the host's token is.
    pub token: SecretPlace,
    /// Certificates of its authority, in PEM, beside those of the machine.
    pub ca: Option<PathBuf>,
    /// How git reaches it if not by HTTP.
    pub ssh: Option<GiteaSsh>,
}

/// How git reaches a server by ssh.
#[derive(Debug, Clone)]
pub struct GiteaSsh {
    /// The program that speaks it.
    pub program: PathBuf,
    /// Its address, such as `ssh://git@git.example.org:22`.
    pub url: String,
    /// The private key of the host's user.
    pub key: PathBuf,
    /// The keys by which the server is known.
    pub known_hosts: PathBuf,
}

/// Why a server cannot be used at all.
#[derive(Debug, thiserror::Error)]
pub enum GiteaServerError {
    /// The HTTP client could not be made.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// The certificates cannot be read.
    #[error("the certificates `{path}` of forge `{name}` cannot be used: {reason}")]
    Ca {
        /// Which forge.
        name: String,
        /// Which file.
        path: PathBuf,
        /// Why.
        reason: String,
    },
}

/// A server. Clones share its limits.
#[derive(Debug, Clone)]
pub struct GiteaServer(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    config: GiteaServerConfig,
    http: Client,
    calls: Semaphore,
    silence: Mutex<Silence>,
}

/// Since when a server has not answered.
#[derive(Debug, Default)]
struct Silence {
    in_a_row: u32,
    since: Option<Instant>,
    left_alone_until: Option<Instant>,
}

/// An answer, whatever it says.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) json: Value,
    /// Rows in all, if the server says so.
    pub(super) total: Option<u64>,
    /// What it said, shortened, for people.
    pub(super) words: String,
}

impl GiteaServer {
    /// A server. Nothing is asked yet.
    ///
    /// # Errors
    /// [`GiteaServerError`].
    pub fn new(mut config: GiteaServerConfig) -> Result<Self, GiteaServerError> {
        config.url = config.url.trim_end_matches('/').to_owned();
        let mut http = builder();
        if let Some(path) = &config.ca {
            let refuse = |reason: String| GiteaServerError::Ca {
                name: config.name.clone(),
                path: path.clone(),
                reason,
            };
            let pem = std::fs::read(path).map_err(|e| refuse(e.to_string()))?;
            let all = Certificate::from_pem_bundle(&pem).map_err(|e| refuse(e.to_string()))?;
            for certificate in all {
                http = http.add_root_certificate(certificate);
            }
        }
        // Below the idle limit of any server, so that no order goes out on a connection that is being closed.
        let http = http.pool_idle_timeout(Duration::from_secs(4)).build();
        Ok(Self(Arc::new(Inner {
            http: http.map_err(ClientError::from)?,
            config,
            calls: Semaphore::new(AT_ONCE),
            silence: Mutex::default(),
        })))
    }

    /// The server, for people.
    pub(super) fn shown(&self) -> String {
        format!("forge `{}`", self.0.config.name)
    }

    /// Address of a repository for git, without a credential.
    pub(super) fn clone_url(&self, repo: &str) -> String {
        format!("{}/{repo}.git", self.0.config.url)
    }

    /// Address of a repository for git by ssh, with what it takes; none where git goes by HTTP.
    pub(super) fn by_ssh(&self, repo: &str) -> Option<SshRemote> {
        let ssh = self.0.config.ssh.as_ref()?;
        Some(SshRemote {
            program: ssh.program.clone(),
            url: format!("{}/{repo}.git", ssh.url.trim_end_matches('/')),
            key: ssh.key.clone(),
            known_hosts: ssh.known_hosts.clone(),
        })
    }

    pub(super) fn has_ssh(&self) -> bool {
        self.0.config.ssh.is_some()
    }

    /// Its name in `orch.yaml`.
    pub(super) fn key(&self) -> &str {
        &self.0.config.name
    }

    pub(super) fn ca(&self) -> Option<PathBuf> {
        self.0.config.ca.clone()
    }

    /// The token as it is now: one that was replaced is in force at once.
    pub(super) fn token(&self, source: &str) -> Result<Secret, PortError> {
        let read = self.0.config.token.read();
        read.map_err(|error| {
            let reason = format!(
                "the token `forges.{}.token` is not there: {error}",
                self.0.config.name
            );
            PortError::new(source, PortFailure::Unauthorised, reason)
        })
    }

    /// Asks, again if the server does not answer: a question changes nothing.
    pub(super) async fn get(&self, source: &str, path: &str) -> Result<Answer, PortError> {
        let answer = self.ask(source, path).await?;
        self.judged(source, answer)
    }

    /// [`Self::get`], whatever the answer says.
    pub(super) async fn ask(&self, source: &str, path: &str) -> Result<Answer, PortError> {
        let mut tries = 0;
        loop {
            tries += 1;
            let asked = self.once(source, Method::GET, path, None).await;
            let is_worth = match &asked {
                Ok(answer) => matches!(answer.status.as_u16(), 502..=504),
                Err(error) => error.failure == PortFailure::Unavailable && !self.is_left_alone(),
            };
            if !is_worth || tries == TRIES {
                return asked;
            }
            tokio::time::sleep(PAUSE * (1 << tries) / 2 + jitter(PAUSE)).await;
        }
    }

    /// Orders, once: whether it happened is read back by whoever ordered it. The answer is handed over whatever its
    /// status is, except where the credential or the repository's place is at fault.
    pub(super) async fn order(
        &self,
        source: &str,
        method: Method,
        path: &str,
        said: &Value,
    ) -> Result<Answer, PortError> {
        orch_durable::point("order: before");
        let answer = self.once(source, method, path, Some(said)).await?;
        orch_durable::point("order: after");
        match answer.status.as_u16() {
            301..=308 | 401 | 423 | 429 => self.judged(source, answer),
            _ => Ok(answer),
        }
    }

    async fn once(
        &self,
        source: &str,
        method: Method,
        path: &str,
        said: Option<&Value>,
    ) -> Result<Answer, PortError> {
        let unavailable = |reason: String| PortError::new(source, PortFailure::Unavailable, reason);
        self.may_ask().map_err(unavailable)?;
        let token = self.token(source)?;
        let Ok(_permit) = self.0.calls.acquire().await else {
            return Err(unavailable("the host ends".to_owned()));
        };
        let timeout = match method {
            Method::GET => READ_TIMEOUT,
            _ => WRITE_TIMEOUT,
        };
        let url = format!("{}/api/v1{path}", self.0.config.url);
        let mut request = self
            .0
            .http
            .request(method, url)
            .header(AUTHORIZATION, format!("token {}", token.expose()))
            .timeout(timeout);
        if let Some(said) = said {
            request = request.json(said);
        }
        let answered = match request.send().await {
            Ok(response) => read(response).await,
            Err(error) => Err(told(&error)),
        };
        match answered {
            Ok(answer) => {
                self.answered();
                Ok(answer)
            }
            Err(reason) => {
                self.was_silent();
                Err(unavailable(reason))
            }
        }
    }

    /// An answer that is one; anything else as what it means for the host.
    pub(super) fn judged(&self, source: &str, answer: Answer) -> Result<Answer, PortError> {
        let name = &self.0.config.name;
        let words = &answer.words;
        let (failure, reason) = match answer.status.as_u16() {
            200..=299 => return Ok(answer),
            301..=308 => (
                PortFailure::Unavailable,
                format!(
                    "it is elsewhere now: {words}; set `forge.repo` of the repository to its new name"
                ),
            ),
            401 => (
                PortFailure::Unauthorised,
                format!("{words}; put a valid token where `forges.{name}.token` says"),
            ),
            403 => (
                PortFailure::Unauthorised,
                format!(
                    "{words}; the token of `forges.{name}` needs `write:repository` and `write:issue`, and its user the right to write"
                ),
            ),
            404 => (PortFailure::NotFound, words.clone()),
            423 => (
                PortFailure::Unavailable,
                format!("{words}; the repository is archived: take it out of the archive"),
            ),
            429 => {
                let until_ms = answer.json["until_ms"].as_i64();
                (PortFailure::RateLimited { until_ms }, words.clone())
            }
            status if status >= 500 => (
                PortFailure::Unavailable,
                format!("it answered {status}: {words}"),
            ),
            status => (
                PortFailure::Refused,
                format!("it answered {status}: {words}"),
            ),
        };
        Err(PortError::new(source, failure, reason))
    }

    fn silence(&self) -> std::sync::MutexGuard<'_, Silence> {
        let silence = self.0.silence.lock();
        silence.unwrap_or_else(PoisonError::into_inner)
    }

    fn is_left_alone(&self) -> bool {
        self.silence().left_alone_until.is_some()
    }

    /// Whether a call is to be made at all; of those that come after a pause, one tries.
    fn may_ask(&self) -> Result<(), String> {
        let mut silence = self.silence();
        let Some(until) = silence.left_alone_until else {
            return Ok(());
        };
        let now = Instant::now();
        if now < until {
            let since = silence.since.map_or(0, |since| since.elapsed().as_secs());
            return Err(format!(
                "it has not answered for {since} s, and is left alone for a while"
            ));
        }
        silence.left_alone_until = Some(now + LEFT_ALONE);
        Ok(())
    }

    fn answered(&self) {
        *self.silence() = Silence::default();
    }

    fn was_silent(&self) {
        let mut silence = self.silence();
        silence.in_a_row += 1;
        silence.since.get_or_insert_with(Instant::now);
        if silence.in_a_row >= SILENCES_MAX {
            silence.left_alone_until = Some(Instant::now() + LEFT_ALONE + jitter(LEFT_ALONE));
        }
    }
}

async fn read(response: Response) -> Result<Answer, String> {
    let status = response.status();
    let header = |name| {
        let value = response.headers().get(name)?;
        value.to_str().ok().map(str::to_owned)
    };
    let total = response.headers().get("x-total-count");
    let total = total.and_then(|t| t.to_str().ok()?.parse().ok());
    let (location, after) = (header(LOCATION), header(RETRY_AFTER));
    let bytes = body(response, BODY_BYTES_MAX).await.map_err(|e| match e {
        BodyError::Broken(error) => told(&error),
        BodyError::TooLarge(max) => format!("the answer has more than {max} bytes"),
    })?;
    // A proxy answers in HTML, and some answers of the server are plain text.
    let mut json: Value = serde_json::from_slice(&bytes).unwrap_or_default();
    let words = match (status.is_redirection(), json["message"].as_str()) {
        (true, _) => location.unwrap_or_default(),
        (false, Some(words)) => words.to_owned(),
        (false, None) => String::from_utf8_lossy(&bytes).into_owned(),
    };
    if status == StatusCode::TOO_MANY_REQUESTS {
        json = serde_json::json!({"until_ms": after.and_then(|after| until_ms(&after))});
    }
    Ok(Answer {
        status,
        json,
        total,
        words: shown(&words),
    })
}

/// When a server wants to be asked again: it says so in seconds, or by a date.
fn until_ms(after: &str) -> Option<UnixMs> {
    let now = UNIX_EPOCH.elapsed().ok()?;
    let at = match after.parse::<u64>() {
        Ok(seconds) => now + Duration::from_secs(seconds),
        Err(_) => httpdate::parse_http_date(after)
            .ok()?
            .duration_since(UNIX_EPOCH)
            .ok()?,
    };
    i64::try_from(at.as_millis()).ok()
}

/// The cause of an error without the address, which says nothing new.
fn told(error: &reqwest::Error) -> String {
    let mut text = match (error.is_timeout(), error.is_connect()) {
        (true, _) => "it took too long".to_owned(),
        (false, true) => "it cannot be reached".to_owned(),
        (false, false) => "the connection broke".to_owned(),
    };
    let mut cause = std::error::Error::source(error);
    while let Some(inner) = cause {
        text.push_str(": ");
        text.push_str(&inner.to_string());
        cause = inner.source();
    }
    text
}

fn shown(words: &str) -> String {
    let line: Vec<&str> = words.split_whitespace().collect();
    let mut line = line.join(" ");
    if line.len() > SHOWN_BYTES_MAX {
        let mut end = SHOWN_BYTES_MAX;
        while !line.is_char_boundary(end) {
            end -= 1;
        }
        line.truncate(end);
        line.push('…');
    }
    line
}

fn jitter(most: Duration) -> Duration {
    most.mul_f64(fastrand::f64())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wish_to_come_back_later_is_read_in_both_forms() {
        let now = i64::try_from(UNIX_EPOCH.elapsed().unwrap().as_millis()).unwrap();
        let late = until_ms("30").unwrap() - now;
        assert!((29_000..=31_000).contains(&late), "{late}");
        assert_eq!(
            until_ms("Sun, 06 Nov 1994 08:49:37 GMT"),
            Some(784_111_777_000)
        );
        assert_eq!(until_ms("soon"), None);
    }

    #[test]
    fn words_of_a_server_are_one_short_line() {
        assert_eq!(shown("a\n  b"), "a b");
        assert!(shown(&"ä ".repeat(900)).len() < 310);
    }
}
