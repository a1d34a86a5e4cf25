//! How is Plane asked, and what do its answers mean?

use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use orch_domain::port::{PortError, PortFailure};
use reqwest::{Client, Method, Response, StatusCode, Url};
use serde::de::DeserializeOwned;
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::budget::{Budget, Urgency};
use super::shape::{HasId, Me, Page};
use crate::SecretPlace;
use crate::http::{ClientError, body, client, now_ms};

/// Limit of one call.
const TIMEOUT: Duration = Duration::from_secs(20);
/// Longest that a call waits for its turn; what would wait longer is put off.
const TURN_MAX: Duration = Duration::from_secs(8);
/// Largest answer, bytes.
const ANSWER_BYTES_MAX: usize = 16 * 1024 * 1024;
/// Rows of a page: the most that Plane gives.
const ROWS: u32 = 1000;
/// Pages of one list.
const PAGES_MAX: usize = 50;
/// A pause that Plane asks for without saying how long.
const PAUSE: Duration = Duration::from_secs(60);

/// Plane's API with one key.
#[derive(Debug)]
pub(super) struct Api {
    http: Client,
    url: String,
    workspace: String,
    key: SecretPlace,
    budget: Mutex<Budget>,
    source: String,
}

/// An answer with the server's own clock.
struct Answer {
    body: Value,
    /// Microseconds, to the second; none if the server does not say.
    date_us: Option<i64>,
}

impl Api {
    pub(super) fn new(
        source: String,
        url: &str,
        workspace: &str,
        key: SecretPlace,
        calls_per_minute: u32,
    ) -> Result<Self, ClientError> {
        Ok(Self {
            http: client()?,
            url: url.trim_end_matches('/').to_owned(),
            workspace: workspace.to_owned(),
            key,
            budget: Mutex::new(Budget::new(calls_per_minute)),
            source,
        })
    }

    pub(super) fn source(&self) -> &str {
        &self.source
    }

    fn error(&self, failure: PortFailure, reason: impl Into<String>) -> PortError {
        PortError::new(&self.source, failure, reason)
    }

    pub(super) fn refused(&self, reason: impl Into<String>) -> PortError {
        self.error(PortFailure::Refused, reason)
    }

    /// An address below the workspace. Without the slash at its end Plane would send the call elsewhere.
    fn below_workspace(&self, path: &str) -> String {
        format!("{}/api/v1/workspaces/{}/{path}", self.url, self.workspace)
    }

    /// Names the key as it is now.
    pub(super) fn key_sum(&self) -> Result<[u8; 32], PortError> {
        let key = self.key.read();
        let key = key.map_err(|e| self.error(PortFailure::Unauthorised, e.to_string()))?;
        Ok(Sha256::digest(key.expose()).into())
    }

    /// The user who owns the key.
    pub(super) async fn whoami(&self) -> Result<Me, PortError> {
        let url = format!("{}/api/v1/users/me/", self.url);
        let answer = self
            .ask(Urgency::State, Method::GET, &url, &[], None)
            .await?;
        self.parsed(answer.body)
    }

    pub(super) async fn get<T: DeserializeOwned>(
        &self,
        urgency: Urgency,
        path: &str,
        query: &[(&str, String)],
    ) -> Result<T, PortError> {
        let url = self.below_workspace(path);
        let answer = self.ask(urgency, Method::GET, &url, query, None).await?;
        self.parsed(answer.body)
    }

    pub(super) async fn patch<T: DeserializeOwned>(
        &self,
        urgency: Urgency,
        path: &str,
        change: &Value,
    ) -> Result<T, PortError> {
        let url = self.below_workspace(path);
        let answer = self
            .ask(urgency, Method::PATCH, &url, &[], Some(change))
            .await?;
        self.parsed(answer.body)
    }

    /// Makes something and answers its id; something of the same external id or name is found instead.
    pub(super) async fn create(
        &self,
        urgency: Urgency,
        path: &str,
        new: &Value,
    ) -> Result<String, PortError> {
        let url = self.below_workspace(path);
        let answer = self
            .ask(urgency, Method::POST, &url, &[], Some(new))
            .await?;
        let id = answer.body["id"].as_str().map(str::to_owned);
        id.ok_or_else(|| self.error(PortFailure::Unavailable, "its answer has no id"))
    }

    /// All rows of a list.
    pub(super) async fn list<T: DeserializeOwned + HasId>(
        &self,
        urgency: Urgency,
        path: &str,
        query: &[(&str, String)],
    ) -> Result<Vec<T>, PortError> {
        let all = self.list_while(urgency, path, query, |_| true).await?;
        Ok(all.0)
    }

    /// Rows of a list, page by page for as long as `goes_on` says so of the last row of one; and the server's clock when
    /// the first page was made. A server that gives the same rows again has no more.
    pub(super) async fn list_while<T: DeserializeOwned + HasId>(
        &self,
        urgency: Urgency,
        path: &str,
        query: &[(&str, String)],
        goes_on: impl Fn(&T) -> bool,
    ) -> Result<(Vec<T>, Option<i64>), PortError> {
        let url = self.below_workspace(path);
        let (mut rows, mut seen): (Vec<T>, HashSet<String>) = (Vec::new(), HashSet::new());
        let (mut cursor, mut date_us) = (None::<String>, None);
        for _ in 0..PAGES_MAX {
            let mut query = query.to_vec();
            query.push(("per_page", ROWS.to_string()));
            if let Some(cursor) = &cursor {
                query.push(("cursor", cursor.clone()));
            }
            let answer = self.ask(urgency, Method::GET, &url, &query, None).await?;
            date_us = date_us.or(answer.date_us);
            let page: Page<T> = self.parsed(answer.body)?;
            let before = rows.len();
            for row in page.results {
                if seen.insert(row.id().to_owned()) {
                    rows.push(row);
                }
            }
            let is_new = rows.len() > before;
            let more = rows.last().is_some_and(&goes_on);
            if !page.next_page_results || page.next_cursor.is_empty() || !is_new || !more {
                return Ok((rows, date_us));
            }
            cursor = Some(page.next_cursor);
        }
        let reason = format!("a list has more than {PAGES_MAX} pages");
        Err(self.error(PortFailure::Refused, reason))
    }

    fn parsed<T: DeserializeOwned>(&self, body: Value) -> Result<T, PortError> {
        serde_json::from_value(body)
            .map_err(|e| self.error(PortFailure::Unavailable, format!("its answer: {e}")))
    }

    /// Waits until a call of this urgency may be made.
    async fn turn(&self, urgency: Urgency) -> Result<(), PortError> {
        let deadline = Instant::now() + TURN_MAX;
        loop {
            let now = Instant::now();
            let (admitted, is_held) = {
                let mut budget = self.budget.lock().unwrap_or_else(PoisonError::into_inner);
                (budget.admit(now, urgency), budget.is_held(now))
            };
            let Err(wait) = admitted else { return Ok(()) };
            if is_held || now + wait > deadline {
                let ms = i64::try_from(wait.as_millis()).unwrap_or(i64::MAX);
                let until_ms = Some(now_ms().saturating_add(ms));
                let reason = match is_held {
                    true => "it asked for a pause",
                    false => "the calls of this minute are used up",
                };
                return Err(self.error(PortFailure::RateLimited { until_ms }, reason));
            }
            tokio::time::sleep(wait).await;
        }
    }

    /// A file. Plane sends elsewhere for its bytes: the key goes to Plane alone, and there is one step.
    pub(super) async fn file(
        &self,
        urgency: Urgency,
        path: &str,
        bytes_max: usize,
    ) -> Result<Vec<u8>, PortError> {
        self.turn(urgency).await?;
        let silent =
            |e: reqwest::Error| self.error(PortFailure::Unavailable, e.without_url().to_string());
        let key = self.key.read();
        let key = key.map_err(|e| self.error(PortFailure::Unauthorised, e.to_string()))?;
        let from = self.http.get(self.below_workspace(path)).timeout(TIMEOUT);
        let mut answer = from
            .header("x-api-key", key.expose())
            .send()
            .await
            .map_err(silent)?;
        if answer.status().is_redirection() {
            let to = answer
                .headers()
                .get("location")
                .and_then(|to| to.to_str().ok());
            let to = to.and_then(|to| answer.url().join(to).ok());
            let to = to.filter(|to| matches!(to.scheme(), "http" | "https"));
            let nowhere = || self.error(PortFailure::Refused, "it sends nowhere for the file");
            let to = to.ok_or_else(nowhere)?;
            answer = self
                .http
                .get(to)
                .timeout(TIMEOUT)
                .send()
                .await
                .map_err(silent)?;
            if !answer.status().is_success() {
                let reason = format!("where it keeps the file, the answer is {}", answer.status());
                return Err(self.error(PortFailure::Unavailable, reason));
            }
        }
        if !answer.status().is_success() {
            let reason = format!("it answers {} to the file", answer.status());
            return Err(self
                .read(answer)
                .await
                .err()
                .unwrap_or_else(|| self.error(PortFailure::Unavailable, reason)));
        }
        body(answer, bytes_max)
            .await
            .map_err(|e| self.error(PortFailure::Refused, e.to_string()))
    }

    async fn ask(
        &self,
        urgency: Urgency,
        method: Method,
        url: &str,
        query: &[(&str, String)],
        body: Option<&Value>,
    ) -> Result<Answer, PortError> {
        self.turn(urgency).await?;
        let mut to = Url::parse(url).map_err(|e| {
            let reason = format!("its `url` in orch.yaml: {e}");
            self.error(PortFailure::Refused, reason)
        })?;
        if !query.is_empty() {
            to.query_pairs_mut().extend_pairs(query);
        }
        let key = self.key.read();
        let key = key.map_err(|e| self.error(PortFailure::Unauthorised, e.to_string()))?;
        let mut request = self
            .http
            .request(method, to)
            .timeout(TIMEOUT)
            .header("x-api-key", key.expose());
        if let Some(body) = body {
            request = request.json(body);
        }
        let sent = request.send().await;
        let answer = sent.map_err(|e| {
            let reason = e.without_url().to_string();
            self.error(PortFailure::Unavailable, reason)
        })?;
        self.read(answer).await
    }

    async fn read(&self, answer: Response) -> Result<Answer, PortError> {
        let status = answer.status();
        let headers = answer.headers().clone();
        let date = headers.get("date").and_then(|date| date.to_str().ok());
        let date = date.and_then(|text| jiff::fmt::rfc2822::parse(text).ok());
        let bytes = body(answer, ANSWER_BYTES_MAX)
            .await
            .map_err(|e| self.error(PortFailure::Unavailable, e.to_string()))?;
        let json = serde_json::from_slice::<Value>(&bytes).ok();
        // 409 with an id: it is there.
        let is_there = status == StatusCode::CONFLICT
            && json.as_ref().is_some_and(|body| body["id"].is_string());
        if status.is_success() || is_there {
            let body = match (json, bytes.is_empty()) {
                (Some(body), _) => body,
                (None, true) => Value::Null,
                (None, false) => {
                    return Err(self.error(PortFailure::Unavailable, "its answer is no JSON"));
                }
            };
            return Ok(Answer {
                body,
                date_us: date.map(|date| date.timestamp().as_microsecond()),
            });
        }
        let said: String = json
            .map(|body| body.to_string())
            .unwrap_or_default()
            .chars()
            .take(300)
            .collect();
        let reason = format!("{status} {said}");
        let failure = match status {
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => PortFailure::Unauthorised,
            StatusCode::NOT_FOUND => PortFailure::NotFound,
            StatusCode::TOO_MANY_REQUESTS => {
                let seconds = headers.get("retry-after").and_then(|v| v.to_str().ok());
                let pause = seconds.and_then(|s| s.trim().parse::<u64>().ok());
                let pause = pause.map_or(PAUSE, |s| Duration::from_secs(s.min(3600) + 1));
                let mut budget = self.budget.lock().unwrap_or_else(PoisonError::into_inner);
                budget.hold(Instant::now(), pause);
                let ms = i64::try_from(pause.as_millis()).unwrap_or(i64::MAX);
                PortFailure::RateLimited {
                    until_ms: Some(now_ms().saturating_add(ms)),
                }
            }
            status if status.is_redirection() => {
                return Err(self.error(
                    PortFailure::Refused,
                    format!("{status}: it sends elsewhere; correct `url` in orch.yaml"),
                ));
            }
            status if status.is_client_error() => PortFailure::Refused,
            _ => PortFailure::Unavailable,
        };
        Err(self.error(failure, reason))
    }
}
