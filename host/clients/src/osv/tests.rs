//! The client against a server that pages, lies, is down and comes back.

use std::sync::{Arc, Mutex};

use super::*;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

type Script = dyn Fn(&str, &Value) -> (u16, String) + Send + Sync;

/// A server that answers by a script: path and body in, status and body out. Counts its requests.
async fn server(
    script: impl Fn(&str, &Value) -> (u16, String) + Send + Sync + 'static,
) -> (String, Arc<Mutex<usize>>) {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let (script, count): (Arc<Script>, _) = (Arc::new(script), Arc::new(Mutex::new(0)));
    let counted = count.clone();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let (script, count) = (script.clone(), counted.clone());
            tokio::spawn(async move {
                let mut text = Vec::new();
                let mut chunk = [0; 65536];
                let (path, body) = loop {
                    let read = stream.read(&mut chunk).await.unwrap_or(0);
                    text.extend_from_slice(&chunk[..read]);
                    let all = String::from_utf8_lossy(&text).into_owned();
                    if let Some((head, body)) = all.split_once("\r\n\r\n") {
                        let length = head.to_ascii_lowercase();
                        let length = length
                            .lines()
                            .find_map(|l| l.strip_prefix("content-length: ")?.trim().parse().ok());
                        if body.len() >= length.unwrap_or(0) {
                            let path = head.split(' ').nth(1).unwrap_or_default().to_owned();
                            break (path, serde_json::from_str(body).unwrap_or_default());
                        }
                    }
                    if read == 0 {
                        return;
                    }
                };
                *count.lock().unwrap() += 1;
                let (status, answer) = script(&path, &body);
                let head = format!(
                    "HTTP/1.1 {status} X\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
                    answer.len()
                );
                stream
                    .write_all(format!("{head}{answer}").as_bytes())
                    .await
                    .ok();
            });
        }
    });
    (address, count)
}

fn package(name: &str) -> Package {
    Package {
        ecosystem: "PyPI".into(),
        name: name.into(),
        version: "1.0".into(),
    }
}

/// A client with the feed that it is asked to look at.
struct Asking {
    client: OsvClient,
    feed: Feed,
}

impl Asking {
    async fn lookup(&self, packages: &[Package]) -> Result<Vec<Advisory>, ServiceError> {
        self.client.lookup(&self.feed, packages).await
    }
}

fn client(url: &str, folder: &tempfile::TempDir, fresh_for: Duration) -> Asking {
    Asking {
        client: OsvClient::new(folder.path().join("cache")).unwrap(),
        feed: Feed {
            url: url.to_owned(),
            timeout: Duration::from_secs(5),
            fresh_for,
        },
    }
}

fn record(id: &str, name: &str, word: &str, aliases: &[&str]) -> String {
    json!({"id": id, "summary": "bad\nand more", "aliases": aliases, "database_specific": {"severity": word},
        "affected": [{"package": {"ecosystem": "PyPI", "name": name},
            "ranges": [{"events": [{"introduced": "0"}, {"fixed": "2.0"}]}]}]})
    .to_string()
}

const HOUR: Duration = Duration::from_secs(3600);

#[tokio::test]
async fn pages_and_batches_are_followed_and_aliases_are_one() {
    let (url, count) = server(|path, body| {
        if path == "/v1/querybatch" {
            let queries = body["queries"].as_array().unwrap();
            assert!(queries.len() <= BATCH);
            let results: Vec<Value> = queries
                .iter()
                .map(|q| {
                    match (
                        q["package"]["name"].as_str().unwrap(),
                        q["page_token"].as_str(),
                    ) {
                        ("p7", None) => {
                            json!({"vulns": [{"id": "PYSEC-1"}], "next_page_token": "t"})
                        }
                        ("p7", Some("t")) => json!({"vulns": [{"id": "GHSA-1"}]}),
                        _ => json!({}),
                    }
                })
                .collect();
            return (200, json!({"results": results}).to_string());
        }
        match path {
            "/v1/vulns/PYSEC-1" => (200, record("PYSEC-1", "P_7", "", &["CVE-1"])),
            _ => (200, record("GHSA-1", "p7", "MODERATE", &["CVE-1"])),
        }
    })
    .await;
    let folder = tempfile::tempdir().unwrap();
    let client = client(&url, &folder, HOUR);
    let packages: Vec<Package> = (0..700).map(|n| package(&format!("p{n}"))).collect();
    let found = client.lookup(&packages).await.unwrap();
    assert_eq!(found.len(), 1, "{found:?}");
    let advisory = &found[0];
    assert_eq!((advisory.subject, advisory.id.as_str()), (7, "GHSA-1"));
    assert_eq!(advisory.aliases, ["CVE-1", "PYSEC-1"]);
    assert_eq!(
        advisory.severity,
        Some(orch_domain::verdict::Severity::Medium)
    );
    assert_eq!(advisory.fixed_in, ["2.0"]);
    assert_eq!(advisory.summary, "bad");
    assert_eq!(
        *count.lock().unwrap(),
        5,
        "two batches, one more page, two records"
    );
    client.lookup(&packages).await.unwrap();
    assert_eq!(
        *count.lock().unwrap(),
        5,
        "the second answer came from the cache"
    );
}

#[tokio::test]
async fn feed_that_lies_or_fails_is_unreachable_and_never_empty() {
    let ids = |text: &str| json!({"results": [{"vulns": [{"id": text}]}]}).to_string();
    let large = format!("\"{}\"", "x".repeat(ANSWER_BYTES_MAX + 1));
    for (status, answer) in [
        (500, String::new()),
        (302, String::new()),
        (200, "no JSON".to_owned()),
        (200, json!({"results": []}).to_string()),
        (200, ids("../../etc/passwd")),
        (200, ids("")),
        (
            200,
            json!({"results": [{"next_page_token": "again"}]}).to_string(),
        ),
        (200, large),
    ] {
        let shown: String = answer.chars().take(40).collect();
        let (url, _) = server(move |_, _| (status, answer.clone())).await;
        let folder = tempfile::tempdir().unwrap();
        let found = client(&url, &folder, HOUR).lookup(&[package("p")]).await;
        assert!(
            matches!(found, Err(ServiceError::Unavailable(_))),
            "{status} {shown}: {found:?}"
        );
    }
    let folder = tempfile::tempdir().unwrap();
    let found = client("http://127.0.0.1:1", &folder, HOUR)
        .lookup(&[package("p")])
        .await;
    assert!(
        matches!(found, Err(ServiceError::Unavailable(_))),
        "{found:?}"
    );
}

#[tokio::test]
async fn earlier_answer_stands_in_while_the_feed_is_down_and_damage_is_asked_again() {
    let up = Arc::new(Mutex::new(true));
    let is_up = up.clone();
    let (url, count) = server(move |path, _| {
        if !*is_up.lock().unwrap() {
            return (503, String::new());
        }
        match path {
            "/v1/querybatch" => (
                200,
                json!({"results": [{"vulns": [{"id": "GHSA-1"}]}]}).to_string(),
            ),
            _ => (200, record("GHSA-1", "p", "HIGH", &[])),
        }
    })
    .await;
    let folder = tempfile::tempdir().unwrap();
    // Every answer is stale at once: only a silent server makes it good enough.
    let client = client(&url, &folder, Duration::ZERO);
    let first = client.lookup(&[package("p")]).await.unwrap();
    *up.lock().unwrap() = false;
    assert_eq!(client.lookup(&[package("p")]).await.unwrap(), first);
    assert!(
        client.lookup(&[package("p"), package("q")]).await.is_err(),
        "half an answer is none"
    );
    for file in std::fs::read_dir(folder.path().join("cache")).unwrap() {
        std::fs::write(file.unwrap().path(), "{").unwrap();
    }
    assert!(client.lookup(&[package("p")]).await.is_err());
    *up.lock().unwrap() = true;
    let before = *count.lock().unwrap();
    assert_eq!(client.lookup(&[package("p")]).await.unwrap(), first);
    assert_eq!(*count.lock().unwrap(), before + 2);
}
