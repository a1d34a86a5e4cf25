//! A stateful fake of an OSV server on loopback: records by package, faults on demand.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde_json::{Value, json};

/// How the server misbehaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OsvFault {
    /// Not at all.
    #[default]
    None,
    /// It answers every request with 503.
    Down,
    /// It takes a request and never answers.
    Silent,
}

#[derive(Default)]
struct Inner {
    /// Records with the ecosystem, name and version they speak of.
    known: Mutex<Vec<(String, String, String, Value)>>,
    fault: Mutex<OsvFault>,
    requests: Mutex<BTreeMap<String, usize>>,
}

/// The fake. Its server ends with the runtime that it was started in.
#[derive(Clone)]
pub struct Osv {
    address: String,
    inner: Arc<Inner>,
}

impl std::fmt::Debug for Osv {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Osv")
            .field("address", &self.address)
            .finish_non_exhaustive()
    }
}

impl Osv {
    /// Starts the fake on a free port.
    ///
    /// # Panics
    /// When loopback cannot be listened on.
    pub async fn start() -> Self {
        let inner = Arc::new(Inner::default());
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
            .await
            .expect("loopback can be listened on");
        let address = format!(
            "http://{}",
            listener.local_addr().expect("a listener has an address")
        );
        let routes = Router::new()
            .route("/v1/query", post(query))
            .route("/v1/querybatch", post(batch))
            .route("/v1/vulns/{id}", get(record))
            .with_state(inner.clone());
        tokio::spawn(async move { axum::serve(listener, routes).await });
        Self { address, inner }
    }

    /// Where it listens.
    pub fn base_url(&self) -> &str {
        &self.address
    }

    /// Adds a record about one version of a package; `severity` is a CVSS vector or a word.
    ///
    /// # Panics
    /// Never: no other test holds the lock.
    pub fn know(&self, id: &str, ecosystem: &str, name: &str, version: &str, severity: &str) {
        let mut record = json!({
            "id": id, "summary": format!("{name} can be broken into"), "modified": "2026-01-01T00:00:00Z",
            "affected": [{"package": {"ecosystem": ecosystem, "name": name}, "versions": [version],
                "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": "99.0"}]}]}],
        });
        if severity.contains('/') {
            let kind = if severity.starts_with("CVSS:4") {
                "CVSS_V4"
            } else {
                "CVSS_V3"
            };
            record["severity"] = json!([{"type": kind, "score": severity}]);
        } else if !severity.is_empty() {
            record["database_specific"] = json!({"severity": severity});
        }
        let row = (
            ecosystem.to_owned(),
            name.to_owned(),
            version.to_owned(),
            record,
        );
        self.inner
            .known
            .lock()
            .expect("no panic under the lock")
            .push(row);
    }

    /// Misbehaves from now on.
    ///
    /// # Panics
    /// Never: no other test holds the lock.
    pub fn fail(&self, fault: OsvFault) {
        *self.inner.fault.lock().expect("no panic under the lock") = fault;
    }

    /// How many requests there were to a route.
    ///
    /// # Panics
    /// Never: no other test holds the lock.
    pub fn requests(&self, route: &str) -> usize {
        let requests = self.inner.requests.lock().expect("no panic under the lock");
        requests.get(route).copied().unwrap_or(0)
    }
}

impl Inner {
    async fn begin(&self, route: &str) -> Option<Response> {
        *self
            .requests
            .lock()
            .expect("no panic under the lock")
            .entry(route.to_owned())
            .or_default() += 1;
        let fault = *self.fault.lock().expect("no panic under the lock");
        match fault {
            OsvFault::None => None,
            OsvFault::Down => Some(StatusCode::SERVICE_UNAVAILABLE.into_response()),
            OsvFault::Silent => std::future::pending().await,
        }
    }

    fn about(&self, query: &Value) -> Vec<Value> {
        let known = self.known.lock().expect("no panic under the lock");
        let text = |path: &str| {
            query
                .pointer(path)
                .and_then(Value::as_str)
                .unwrap_or_default()
                .to_owned()
        };
        let (name, ecosystem, version) = (
            text("/package/name"),
            text("/package/ecosystem"),
            text("/version"),
        );
        known
            .iter()
            .filter(|(e, n, v, _)| *e == ecosystem && *n == name && *v == version)
            .map(|(_, _, _, record)| record.clone())
            .collect()
    }
}

async fn query(State(inner): State<Arc<Inner>>, body: axum::body::Bytes) -> Response {
    if let Some(fault) = inner.begin("query").await {
        return fault;
    }
    // The audit sends its question without a content type, and takes an empty object for "nothing known".
    let query: Value = serde_json::from_slice(&body).unwrap_or_default();
    match inner.about(&query) {
        none if none.is_empty() => Json(json!({})).into_response(),
        some => Json(json!({"vulns": some})).into_response(),
    }
}

async fn batch(State(inner): State<Arc<Inner>>, Json(request): Json<Value>) -> Response {
    if let Some(fault) = inner.begin("querybatch").await {
        return fault;
    }
    let queries = request["queries"].as_array().cloned().unwrap_or_default();
    let results: Vec<Value> = queries
        .iter()
        .map(|query| {
            let ids: Vec<Value> = inner
                .about(query)
                .iter()
                .map(|r| json!({"id": r["id"]}))
                .collect();
            json!({"vulns": ids})
        })
        .collect();
    Json(json!({"results": results})).into_response()
}

async fn record(State(inner): State<Arc<Inner>>, Path(id): Path<String>) -> Response {
    if let Some(fault) = inner.begin("vulns").await {
        return fault;
    }
    let known = inner.known.lock().expect("no panic under the lock");
    match known.iter().find(|(_, _, _, record)| record["id"] == id) {
        Some((_, _, _, record)) => Json(record.clone()).into_response(),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}
