//! How much later does the first byte of a model's answer come through the gateway?

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Instant;

use anyhow::ensure;
use hdrhistogram::Histogram;
use orch_gateway::{Account, Api, Gateway, Key, Policy, Price};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};

use crate::page::Table;
use crate::times::{histogram, ms, record};

/// Requests of each kind, alternating.
const ROUNDS: usize = 1_000;
/// How much later it may come, milliseconds.
const GOAL_MS: f64 = 2.0;
const ASK: &str = r#"{"model":"claude-bench","max_tokens":50,"stream":true,"messages":[]}"#;
const EVENTS: &str = "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"usage\":{\"input_tokens\":3,\"output_tokens\":1}}}\n\n\
    event: message_delta\ndata: {\"type\":\"message_delta\",\"usage\":{\"output_tokens\":4}}\n\n\
    event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n";

pub(super) async fn run() -> anyhow::Result<Table> {
    let provider = TcpListener::bind("127.0.0.1:0").await?;
    let at = provider.local_addr()?;
    let providing = tokio::spawn(provide(provider));
    let folder = tempfile::tempdir()?;
    let socket = folder.path().join("gateway.sock");
    let policy = Policy {
        api: Api::Anthropic,
        upstream: format!("http://{at}"),
        key: Key::new("sk-of-the-bench")?,
        models: BTreeMap::from([("claude-*".to_owned(), Price::default())]),
    };
    let account = Account::open(&folder.path().join("spent"), None)?;
    let (mut gateway, mut told) = Gateway::new(UnixListener::bind(&socket)?, policy, account)?;
    let serving = tokio::spawn(async move { match gateway.serve().await {} });
    let listening = tokio::spawn(async move { while told.recv().await.is_some() {} });
    let (mut direct, mut through) = (histogram(), histogram());
    for _ in 0..ROUNDS {
        let stream = TcpStream::connect(at).await?;
        stream.set_nodelay(true)?;
        first_byte(stream, &mut direct).await?;
        first_byte(UnixStream::connect(Path::new(&socket)).await?, &mut through).await?;
    }
    for task in [serving, providing, listening] {
        task.abort();
    }
    let median = |times: &Histogram<u64>| times.value_at_quantile(0.5) as f64 / 1e6;
    let later = median(&through) - median(&direct);
    let met = if later <= GOAL_MS { "met" } else { "missed" };
    let row =
        |name: &str, times: &Histogram<u64>| vec![name.to_owned(), ms(times, 0.5), ms(times, 0.99)];
    Ok(Table {
        title: "First byte through the model gateway",
        note: format!(
            "From a request to the first byte of its answer, {ROUNDS} requests of each kind, alternating, each by a connection of its own; the provider is on loopback and answers at once. `through` is asked by the socket that lies in a cage. Goal: {GOAL_MS:.0} ms later at the median; it is {later:.2} ms later: {met}."
        ),
        header: vec!["way", "p50 ms", "p99 ms"],
        rows: vec![row("direct", &direct), row("through", &through)],
    })
}

/// Answers every request with the same events.
async fn provide(provider: TcpListener) {
    while let Ok((mut stream, _)) = provider.accept().await {
        tokio::spawn(async move {
            let mut request = Vec::new();
            while !is_whole(&request) {
                if !matches!(stream.read_buf(&mut request).await, Ok(1..)) {
                    return;
                }
            }
            let head =
                "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n";
            // Whoever hangs up has seen the first byte.
            stream.set_nodelay(true).ok();
            stream
                .write_all(format!("{head}{EVENTS}").as_bytes())
                .await
                .ok();
        });
    }
}

/// Whether all of a request has come, by the length that it states.
fn is_whole(request: &[u8]) -> bool {
    let text = String::from_utf8_lossy(request).to_ascii_lowercase();
    let Some((head, body)) = text.split_once("\r\n\r\n") else {
        return false;
    };
    let length = head.split("content-length:").nth(1);
    let length = length.and_then(|rest| rest.lines().next()?.trim().parse().ok());
    body.len() >= length.unwrap_or(0)
}

/// Asks, keeps how long the first byte took, and reads to the end.
async fn first_byte(
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
    times: &mut Histogram<u64>,
) -> anyhow::Result<()> {
    let request = format!(
        "POST /v1/messages HTTP/1.1\r\nhost: bench\r\nx-api-key: orch-run\r\ncontent-type: application/json\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{ASK}",
        ASK.len()
    );
    let begun = Instant::now();
    stream.write_all(request.as_bytes()).await?;
    let mut answer = vec![stream.read_u8().await?];
    record(times, begun)?;
    stream.read_to_end(&mut answer).await?;
    let answer = String::from_utf8_lossy(&answer);
    ensure!(
        answer.starts_with("HTTP/1.1 200") && answer.contains("message_stop"),
        "the answer is {answer}"
    );
    Ok(())
}
