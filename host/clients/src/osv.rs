//! Which known vulnerabilities have these packages? Looked up at an OSV server: in batches, bounded, with a cache on
//! disk.

mod cache;
mod record;
mod severity;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::time::Duration;

use futures_util::stream::{self, StreamExt, TryStreamExt};
use orch_domain::imports::{Advisory, Answer, Package, ServiceError};
use orch_domain::lookup::{Advisories, Feed};
use reqwest::{Client, RequestBuilder};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::http::{BodyError, ClientError, body, client};
use cache::Cache;

/// Packages of one request.
const BATCH: usize = 500;
/// Records of one lookup.
const RECORDS_MAX: usize = 2_000;
/// Records asked for at once.
const AT_ONCE: usize = 8;
/// Pages of one request's answer.
const PAGES_MAX: usize = 50;
/// Largest answer, bytes.
const ANSWER_BYTES_MAX: usize = 16 * 1024 * 1024;
/// How old an answer may be that stands in while the server does not answer.
const STALE_MAX: Duration = Duration::from_secs(7 * 24 * 3600);

/// Asks OSV servers. One per cache folder.
#[derive(Debug)]
pub struct OsvClient {
    http: Client,
    cache: Cache,
}

/// One lookup under way.
#[derive(Clone, Copy)]
struct Lookup<'a> {
    http: &'a Client,
    cache: &'a Cache,
    feed: &'a Feed,
}

#[derive(Deserialize)]
struct Batch {
    results: Vec<Found>,
}

#[derive(Deserialize, Default)]
struct Found {
    #[serde(default)]
    vulns: Vec<Id>,
    #[serde(default)]
    next_page_token: Option<String>,
}

#[derive(Deserialize)]
struct Id {
    id: String,
}

fn unreachable(why: impl std::fmt::Display) -> ServiceError {
    ServiceError::Unavailable(why.to_string())
}

impl OsvClient {
    /// Sets up the client; nothing is sent yet. The folder is made when the first answer is kept.
    ///
    /// # Errors
    /// [`ClientError`], when the machine has no usable TLS.
    pub fn new(cache: PathBuf) -> Result<Self, ClientError> {
        Ok(Self {
            http: client()?,
            cache: Cache::at(cache),
        })
    }
}

impl Advisories for OsvClient {
    fn lookup<'a>(
        &'a self,
        feed: &'a Feed,
        packages: &'a [Package],
    ) -> Answer<'a, Result<Vec<Advisory>, ServiceError>> {
        let lookup = Lookup {
            http: &self.http,
            cache: &self.cache,
            feed,
        };
        Box::pin(async move { lookup.run(packages).await })
    }
}

impl Lookup<'_> {
    async fn run(&self, packages: &[Package]) -> Result<Vec<Advisory>, ServiceError> {
        let limit = self.feed.timeout;
        match tokio::time::timeout(limit, self.ask(packages)).await {
            Ok(answer) => answer,
            Err(_) => self.stale(packages).ok_or_else(|| {
                unreachable(format!(
                    "the feed did not answer within {} s",
                    limit.as_secs()
                ))
            }),
        }
    }

    async fn ask(&self, packages: &[Package]) -> Result<Vec<Advisory>, ServiceError> {
        let fresh = self.feed.fresh_for;
        let mut ids: BTreeMap<usize, BTreeSet<String>> = BTreeMap::new();
        let mut unknown: Vec<usize> = Vec::new();
        for (index, package) in packages.iter().enumerate() {
            match self.cache.ids(package, fresh) {
                Some(known) => drop(ids.insert(index, known)),
                None => unknown.push(index),
            }
        }
        for batch in unknown.chunks(BATCH) {
            match self.ids(packages, batch).await {
                Ok(found) => {
                    for (index, set) in found {
                        self.cache.put_ids(&packages[index], &set);
                        ids.insert(index, set);
                    }
                }
                Err(error) => return self.stale(packages).ok_or(error),
            }
        }
        let wanted: BTreeSet<&String> = ids.values().flatten().collect();
        if wanted.len() > RECORDS_MAX {
            return Err(unreachable(format!(
                "the feed names {} records, more than {RECORDS_MAX}",
                wanted.len()
            )));
        }
        let wanted: Vec<String> = wanted.into_iter().cloned().collect();
        let records: Result<BTreeMap<String, Value>, ServiceError> = stream::iter(wanted)
            .map(|id| async move { Ok((id.clone(), self.record(&id).await?)) })
            .buffer_unordered(AT_ONCE)
            .try_collect()
            .await;
        match records {
            Ok(records) => Ok(record::advisories(packages, &ids, &records)),
            Err(error) => self.stale(packages).ok_or(error),
        }
    }

    /// Ids of the records about the packages of one batch, all pages.
    async fn ids(
        &self,
        packages: &[Package],
        batch: &[usize],
    ) -> Result<BTreeMap<usize, BTreeSet<String>>, ServiceError> {
        let mut found: BTreeMap<usize, BTreeSet<String>> = batch
            .iter()
            .map(|index| (*index, BTreeSet::new()))
            .collect();
        let mut open: Vec<(usize, Option<String>)> = batch.iter().map(|i| (*i, None)).collect();
        for _ in 0..PAGES_MAX {
            if open.is_empty() {
                return Ok(found);
            }
            let queries: Vec<Value> = open
                .iter()
                .map(|(index, page)| {
                    let package = &packages[*index];
                    let mut query = json!({"version": package.version,
                        "package": {"name": package.name, "ecosystem": package.ecosystem}});
                    if let Some(token) = page {
                        query["page_token"] = json!(token);
                    }
                    query
                })
                .collect();
            let url = self.url("v1/querybatch");
            let sent = self.http.post(url).json(&json!({"queries": queries}));
            let answer: Batch = self.answer(sent).await?;
            if answer.results.len() != open.len() {
                return Err(unreachable("the feed answered another number of questions"));
            }
            let mut next = Vec::new();
            for ((index, _), result) in open.into_iter().zip(answer.results) {
                for Id { id } in result.vulns {
                    if !is_plain(&id) {
                        return Err(unreachable("the feed named a record by an id that is none"));
                    }
                    found.entry(index).or_default().insert(id);
                }
                if let Some(token) = result.next_page_token.filter(|t| !t.is_empty()) {
                    next.push((index, Some(token)));
                }
            }
            open = next;
        }
        Err(unreachable("the feed's answer has no end"))
    }

    async fn record(&self, id: &str) -> Result<Value, ServiceError> {
        if let Some(record) = self.cache.record(id, self.feed.fresh_for) {
            return Ok(record);
        }
        let record: Value = self
            .answer(self.http.get(self.url(&format!("v1/vulns/{id}"))))
            .await?;
        if record["id"] != id {
            return Err(unreachable(format!(
                "the feed's record `{id}` is another one"
            )));
        }
        self.cache.put_record(id, &record);
        Ok(record)
    }

    /// The answer from the cache alone, if it holds all of it: better than none while the server is down.
    fn stale(&self, packages: &[Package]) -> Option<Vec<Advisory>> {
        let mut ids = BTreeMap::new();
        let mut records = BTreeMap::new();
        for (index, package) in packages.iter().enumerate() {
            let known = self.cache.ids(package, STALE_MAX)?;
            for id in &known {
                records.insert(id.clone(), self.cache.record(id, STALE_MAX)?);
            }
            ids.insert(index, known);
        }
        tracing::warn!("the feed of advisories does not answer; earlier answers stand in");
        Some(record::advisories(packages, &ids, &records))
    }

    fn url(&self, path: &str) -> String {
        format!("{}/{path}", self.feed.url.trim_end_matches('/'))
    }

    async fn answer<T: serde::de::DeserializeOwned>(
        &self,
        request: RequestBuilder,
    ) -> Result<T, ServiceError> {
        // The address may hold credentials; errors do not show it.
        let failed = |e: reqwest::Error| unreachable(format!("the feed: {}", e.without_url()));
        let request = request.timeout(self.feed.timeout);
        let response = request.send().await.map_err(failed)?;
        if !response.status().is_success() {
            return Err(unreachable(format!(
                "the feed answered {}",
                response.status()
            )));
        }
        let body = body(response, ANSWER_BYTES_MAX)
            .await
            .map_err(|e| match e {
                BodyError::Broken(error) => failed(error),
                BodyError::TooLarge(max) => {
                    unreachable(format!("the feed's answer is larger than {max} bytes"))
                }
            })?;
        serde_json::from_slice(&body).map_err(|e| unreachable(format!("the feed's answer: {e}")))
    }
}

/// Whether an id can stand in an address and in a file name.
fn is_plain(id: &str) -> bool {
    (1..=100).contains(&id.len())
        && id.starts_with(|c: char| c.is_ascii_alphanumeric())
        && id
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b':' | b'-'))
}

#[cfg(test)]
mod tests;
