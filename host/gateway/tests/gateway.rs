//! Claims about the model gateway of a run, asked over its socket as a run asks, with a provider on loopback that answers
//! what it is told to.
#![expect(
    clippy::unwrap_used,
    reason = "a helper of a test ends it as the test itself does"
)]

use std::collections::BTreeMap;

use orch_domain::reach::Reached;
use orch_gateway::{Account, Api, Asked, Call, Gateway, Key, Policy, Price, Spent, Told, ask};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, UnixListener, UnixStream};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

const KEY: &str = "sk-kept-outside-123";

/// A gateway that serves, and a provider that answers each request with the same bytes and keeps what came.
struct Site {
    folder: tempfile::TempDir,
    told: mpsc::Receiver<Told>,
    came: mpsc::Receiver<String>,
    serving: JoinHandle<()>,
}

impl Drop for Site {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

impl Site {
    async fn answering(answer: &str, budget_usd: Option<f64>) -> Self {
        let provider = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = provider.local_addr().unwrap().port();
        let (send, came) = mpsc::channel(16);
        let answer = answer.to_owned();
        tokio::spawn(async move {
            loop {
                let (mut stream, _) = provider.accept().await.unwrap();
                let mut request = String::new();
                // A request is there when the length that it states has come.
                while !is_whole(&request) {
                    let mut bytes = [0; 4096];
                    let count = stream.read(&mut bytes).await.unwrap();
                    request.push_str(&String::from_utf8_lossy(&bytes[..count]));
                    if count == 0 {
                        break;
                    }
                }
                send.send(request).await.unwrap();
                stream.write_all(answer.as_bytes()).await.unwrap();
            }
        });
        let folder = tempfile::tempdir().unwrap();
        let listener = UnixListener::bind(folder.path().join("gateway.sock")).unwrap();
        let price = Price {
            input: 1e6,
            output: 1e6,
            ..Price::default()
        };
        let policy = Policy {
            api: Api::Anthropic,
            upstream: format!("http://127.0.0.1:{port}"),
            key: Key::new(KEY).unwrap(),
            models: BTreeMap::from([("claude-*".to_owned(), price)]),
        };
        let account = Account::open(&folder.path().join("spent"), budget_usd).unwrap();
        let (mut gateway, told) = Gateway::new(listener, policy, account).unwrap();
        let serving = tokio::spawn(async move { match gateway.serve().await {} });
        Self {
            folder,
            told,
            came,
            serving,
        }
    }

    /// Sends a request and reads to the end.
    async fn ask(&self, line: &str, body: &str) -> String {
        let path = self.folder.path().join("gateway.sock");
        let mut stream = UnixStream::connect(path).await.unwrap();
        let text = format!(
            "{line} HTTP/1.1\r\nhost: x\r\nx-api-key: orch-run\r\ncookie: a=b\r\nconnection: close\r\n\
             content-length: {}\r\n\r\n{body}",
            body.len()
        );
        stream.write_all(text.as_bytes()).await.unwrap();
        let mut said = Vec::new();
        // One that was cut off was cut off on purpose.
        stream.read_to_end(&mut said).await.ok();
        String::from_utf8_lossy(&said).into_owned()
    }

    fn spent(&self) -> Spent {
        Spent::read(&self.folder.path().join("spent")).unwrap()
    }

    async fn call(&mut self) -> Call {
        loop {
            if let Told::Call(call) = self.told.recv().await.unwrap() {
                return call;
            }
        }
    }
}

fn is_whole(request: &str) -> bool {
    let Some((head, body)) = request.split_once("\r\n\r\n") else {
        return false;
    };
    let length = head.to_lowercase();
    let length = length.split("content-length: ").nth(1);
    let length = length.and_then(|rest| rest.lines().next()?.parse().ok());
    body.len() >= length.unwrap_or(0)
}

fn streamed(events: &str) -> String {
    format!(
        "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nset-cookie: a=b\r\nrequest-id: r-1\r\n\
         connection: close\r\n\r\n{events}"
    )
}

const ASK: &str = r#"{"model":"claude-x","max_tokens":50,"stream":true,"messages":[]}"#;
const BEGUN: &str = "data: {\"type\":\"message_start\",\"message\":{\"usage\":{\"input_tokens\":3,\"output_tokens\":1}}}\n\n";
const ENDED: &str = "data: {\"type\":\"message_delta\",\"usage\":{\"output_tokens\":4}}\n\n\
                     data: {\"type\":\"message_stop\"}\n\n";

#[tokio::test]
async fn request_goes_out_with_the_key_and_the_answer_is_metered() {
    let mut site = Site::answering(&streamed(&format!("{BEGUN}{ENDED}")), None).await;
    let said = site.ask("POST /v1/messages?beta=true", ASK).await;
    assert!(said.starts_with("HTTP/1.1 200"), "{said}");
    assert!(
        said.contains("message_stop") && said.contains("request-id: r-1"),
        "{said}"
    );
    assert!(!said.contains("set-cookie"), "{said}");
    let came = site.came.recv().await.unwrap();
    assert!(came.starts_with("POST /v1/messages?beta=true "), "{came}");
    assert!(came.contains(&format!("x-api-key: {KEY}")), "{came}");
    assert!(
        !came.contains("orch-run") && !came.contains("cookie"),
        "{came}"
    );
    let call = site.call().await;
    assert_eq!(
        (call.what.as_str(), call.reached),
        ("claude-x", Reached::Allowed)
    );
    let spent = site.spent();
    assert_eq!((spent.tokens.input, spent.tokens.output), (3, 4));
    assert_eq!((spent.usd, spent.open_usd, spent.requests), (7.0, 0.0, 1));
}

#[tokio::test]
async fn whoever_hangs_up_before_the_end_pays_what_was_set_aside() {
    let mut site = Site::answering(&streamed(BEGUN), None).await;
    site.ask("POST /v1/messages", ASK).await;
    site.call().await;
    assert_eq!(site.spent().tokens.output, 50);
}

#[tokio::test]
async fn what_is_not_listed_is_refused_and_nothing_of_it_is_sent() {
    let mut site = Site::answering(&streamed(ENDED), None).await;
    for (line, body, why) in [
        ("GET /v1/files", "", Reached::CallNotListed),
        ("POST /v1/messages/../files", ASK, Reached::CallNotListed),
        ("POST //v1/messages", ASK, Reached::CallNotListed),
        (
            "POST /v1/messages/%2e%2e/files",
            ASK,
            Reached::CallNotListed,
        ),
        (
            "POST /v1/messages",
            r#"{"model":"gpt"}"#,
            Reached::ModelNotListed,
        ),
        (
            "POST /v1/messages/count_tokens",
            r#"{"model":"gpt"}"#,
            Reached::ModelNotListed,
        ),
        (
            "POST /v1/messages",
            r#"{"model":"claude-x","tools":[{"type":"web_search_20250305"}]}"#,
            Reached::CallNotListed,
        ),
    ] {
        let said = site.ask(line, body).await;
        assert!(said.starts_with("HTTP/1.1 403"), "{line}: {said}");
        assert!(
            said.contains("permission_error") && said.contains(why.as_str()),
            "{said}"
        );
        assert_eq!(site.call().await.reached, why, "{line}");
    }
    assert!(site.came.try_recv().is_err(), "nothing went out");
}

#[tokio::test]
async fn provider_that_sends_elsewhere_or_shows_the_key_is_not_followed() {
    let redirect = "HTTP/1.1 307 x\r\nlocation: http://127.0.0.1:1/\r\ncontent-length: 0\r\n\r\n";
    let site = Site::answering(redirect, None).await;
    let said = site.ask("POST /v1/messages", ASK).await;
    assert!(
        said.starts_with("HTTP/1.1 502") && !said.contains("127.0.0.1:1/"),
        "{said}"
    );
    let echo = format!(
        "HTTP/1.1 401 x\r\ncontent-type: application/json\r\nrequest-id: {KEY}\r\nconnection: close\r\n\r\n\
         {{\"error\":\"the key {KEY} is wrong\"}}"
    );
    let site = Site::answering(&echo, None).await;
    let said = site.ask("POST /v1/messages", ASK).await;
    assert!(said.starts_with("HTTP/1.1 401"), "{said}");
    assert!(
        !said.contains(KEY) && said.contains("the key [removed] is wrong"),
        "{said}"
    );
    let spent = site.spent();
    assert_eq!(
        (spent.usd, spent.open_usd),
        (0.0, 0.0),
        "a refusal used nothing"
    );
}

#[tokio::test]
async fn spent_budget_ends_it_and_is_told_once() {
    let mut site = Site::answering(&streamed(&format!("{BEGUN}{ENDED}")), Some(5.0)).await;
    assert!(
        site.ask("POST /v1/messages", ASK)
            .await
            .starts_with("HTTP/1.1 200")
    );
    for _ in 0..2 {
        let said = site.ask("POST /v1/messages", ASK).await;
        assert!(
            said.starts_with("HTTP/1.1 402") && said.contains("over-budget"),
            "{said}"
        );
    }
    let mut overdrawn = 0;
    while let Ok(told) = site.told.try_recv() {
        overdrawn += usize::from(told == Told::Overdrawn);
    }
    assert_eq!(overdrawn, 1);
    site.came.recv().await.unwrap();
    assert!(site.came.try_recv().is_err(), "one request went out");
}

#[tokio::test]
async fn limits_and_outages_of_the_provider_are_told() {
    let limited =
        "HTTP/1.1 429 x\r\nretry-after: 7\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
    let mut site = Site::answering(limited, None).await;
    let said = site.ask("POST /v1/messages", ASK).await;
    assert!(said.contains("retry-after: 7"), "{said}");
    assert_eq!(
        site.told.recv().await.unwrap(),
        Told::RateLimited { after_s: Some(7) }
    );
    let overloaded = "HTTP/1.1 529 x\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
    let mut site = Site::answering(overloaded, None).await;
    for _ in 0..3 {
        site.ask("POST /v1/messages", ASK).await;
    }
    let mut failed = 0;
    while let Ok(told) = site.told.try_recv() {
        failed += usize::from(told == Told::Failed);
    }
    assert_eq!(failed, 1, "one outage is one");
}

#[tokio::test]
async fn provider_is_asked_with_the_key_and_what_it_says_of_it_is_told() {
    for (answer, expected) in [
        ("200 OK", Asked::Taken),
        ("401 Unauthorized", Asked::KeyRefused(401)),
        (
            "307 Temporary Redirect\r\nlocation: http://127.0.0.1:1/",
            Asked::Otherwise(307),
        ),
    ] {
        let server = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = server.local_addr().unwrap().port();
        let policy = Policy {
            api: Api::Anthropic,
            upstream: format!("http://127.0.0.1:{port}"),
            key: Key::new(KEY).unwrap(),
            models: BTreeMap::new(),
        };
        let serving = tokio::spawn(async move {
            let (mut stream, _) = server.accept().await.unwrap();
            let mut bytes = vec![0; 4096];
            let count = stream.read(&mut bytes).await.unwrap();
            let text = format!("HTTP/1.1 {answer}\r\ncontent-length: 2\r\n\r\n{{}}");
            stream.write_all(text.as_bytes()).await.unwrap();
            String::from_utf8_lossy(&bytes[..count]).into_owned()
        });
        assert_eq!(ask(&policy).await, expected);
        let asked = serving.await.unwrap();
        assert!(asked.starts_with("GET /v1/models HTTP/1.1\r\n"), "{asked}");
        assert!(asked.contains(&format!("x-api-key: {KEY}\r\n")), "{asked}");
    }
    let policy = Policy {
        api: Api::Anthropic,
        // Nobody listens on this port of the loopback.
        upstream: "http://127.0.0.1:1".to_owned(),
        key: Key::new(KEY).unwrap(),
        models: BTreeMap::new(),
    };
    assert_eq!(ask(&policy).await, Asked::Silent);
}
