//! How soon a delivery of a webhook is on the disk and answered, and what a flood of forged ones does to that.

use std::fs::File;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use crate::host::{Host, answers};
use crate::page::Table;
use crate::times::{histogram, ms, record};

/// Signed deliveries, each another one.
const SIGNED: u32 = 10_000;
/// Forged ones.
const FORGED: u32 = 100_000;
/// Connections that send at once.
const CONNECTIONS: u32 = 64;
/// Pause between two honest deliveries during the flood.
const HONEST_PAUSE: Duration = Duration::from_millis(5);
const SECRET: &str = "secret-of-the-bench";
/// Longest start of the host.
const START: Duration = Duration::from_secs(60);

/// A connection that is kept.
struct Sender(BufReader<TcpStream>);

impl Sender {
    async fn new(to: SocketAddr) -> anyhow::Result<Self> {
        let stream = TcpStream::connect(to).await?;
        stream.set_nodelay(true)?;
        Ok(Self(BufReader::new(stream)))
    }

    /// Sends a delivery and answers the status.
    async fn send(&mut self, id: &str, body: &str, signature: &str) -> anyhow::Result<u16> {
        let request = format!(
            "POST /webhook/gitea HTTP/1.1\r\nhost: bench\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\
             x-gitea-delivery: {id}\r\nx-gitea-event: push\r\nx-gitea-signature: {signature}\r\n\r\n{body}",
            body.len()
        );
        self.0.get_mut().write_all(request.as_bytes()).await?;
        let (mut status, mut length, mut line) = (0, 0, String::new());
        loop {
            line.clear();
            anyhow::ensure!(self.0.read_line(&mut line).await? > 0, "the host hung up");
            let head = line.trim_end().to_ascii_lowercase();
            if head.is_empty() {
                break;
            }
            if let Some(rest) = head.strip_prefix("http/1.1 ") {
                status = rest.split(' ').next().unwrap_or_default().parse()?;
            }
            if let Some(rest) = head.strip_prefix("content-length:") {
                length = rest.trim().parse()?;
            }
        }
        let mut body = vec![0; length];
        self.0.read_exact(&mut body).await?;
        Ok(status)
    }
}

/// A delivery of the size that servers send: id, body and signature.
fn delivery(number: u32) -> anyhow::Result<(String, String, String)> {
    let filler = "x".repeat(6_000);
    let body = format!(
        "{{\"ref\": \"refs/heads/orch/B-{number}\", \"repository\": {{\"id\": 1, \"full_name\": \"acme/shop\"}}, \"x\": \"{filler}\"}}"
    );
    let mut mac = Hmac::<Sha256>::new_from_slice(SECRET.as_bytes())?;
    mac.update(body.as_bytes());
    let signature = hex::encode(mac.finalize().into_bytes());
    Ok((format!("delivery-{number}"), body, signature))
}

/// Sends `count` deliveries over all connections; answers how long each took, and all of them.
async fn all_signed(to: SocketAddr, from: u32) -> anyhow::Result<(Histogram<u64>, f64)> {
    let (next, begun) = (Arc::new(AtomicU32::new(0)), Instant::now());
    let mut senders: JoinSet<anyhow::Result<Histogram<u64>>> = JoinSet::new();
    for _ in 0..CONNECTIONS {
        let next = next.clone();
        senders.spawn(async move {
            let (mut sender, mut times) = (Sender::new(to).await?, histogram());
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                if number >= SIGNED {
                    return Ok(times);
                }
                let (id, body, signature) = delivery(from + number)?;
                let begun = Instant::now();
                let status = sender.send(&id, &body, &signature).await?;
                anyhow::ensure!(status == 202, "a signed delivery was answered {status}");
                record(&mut times, begun)?;
            }
        });
    }
    let mut times = histogram();
    while let Some(sent) = senders.join_next().await {
        times.add(sent??)?;
    }
    Ok((times, begun.elapsed().as_secs_f64()))
}

/// Sends forged deliveries over all connections but one, on which honest ones go meanwhile; answers how long those took,
/// and how many there were.
async fn flooded(to: SocketAddr, from: u32) -> anyhow::Result<(Histogram<u64>, u32, f64)> {
    let (next, begun) = (Arc::new(AtomicU32::new(0)), Instant::now());
    let mut forgers: JoinSet<anyhow::Result<()>> = JoinSet::new();
    for _ in 1..CONNECTIONS {
        let next = next.clone();
        forgers.spawn(async move {
            let (_, body, _) = delivery(0)?;
            let wrong = "0".repeat(64);
            let mut sender = Sender::new(to).await?;
            while next.fetch_add(1, Ordering::Relaxed) < FORGED {
                let status = sender.send("forged", &body, &wrong).await?;
                anyhow::ensure!(
                    matches!(status, 401 | 429),
                    "a forged delivery was answered {status}"
                );
            }
            Ok(())
        });
    }
    let (mut sender, mut times, mut honest) = (Sender::new(to).await?, histogram(), 0);
    while next.load(Ordering::Relaxed) < FORGED {
        let (id, body, signature) = delivery(from + honest)?;
        let sent = Instant::now();
        let status = sender.send(&id, &body, &signature).await?;
        anyhow::ensure!(status == 202, "an honest delivery was answered {status}");
        record(&mut times, sent)?;
        honest += 1;
        tokio::time::sleep(HONEST_PAUSE).await;
    }
    while let Some(ended) = forgers.join_next().await {
        ended??;
    }
    Ok((times, honest, begun.elapsed().as_secs_f64()))
}

/// How many deliveries are kept.
async fn kept(database: &Path) -> anyhow::Result<u32> {
    let owner = orch_store::Owner("bench".into());
    let store = orch_store::Store::open(database, owner).await?;
    let count = store.read(|tx| Box::pin(tx.count_deliveries())).await?;
    crate::store::close(store).await?;
    Ok(count)
}

fn free_port() -> anyhow::Result<SocketAddr> {
    Ok(std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?)
}

pub(crate) async fn run(orch: &Path) -> anyhow::Result<Table> {
    let folder = tempfile::tempdir_in("target")?;
    let folder_path = std::fs::canonicalize(folder.path())?;
    let bare = folder_path.join("shop.git");
    let made = Command::new("git")
        .args(["init", "--quiet", "--bare", "--initial-branch=main"])
        .arg(&bare)
        .status()?;
    anyhow::ensure!(made.success(), "git made no repository");
    std::fs::write(folder_path.join("secret"), SECRET)?;
    let listen = free_port()?;
    let config = folder_path.join("orch.yaml");
    // It looks at nothing but what the deliveries say.
    std::fs::write(
        &config,
        format!(
            "data: data\ngates_dir: {}\nhttp: {{listen: \"{listen}\"}}\nreconcile: {{enabled: false}}\n\
             repositories: {{shop: {{path: {}}}}}\n\
             webhooks: {{gitea: {{kind: gitea, secrets: [{{file: secret}}], repositories: [shop]}}}}\n",
            std::fs::canonicalize("gates")?.display(),
            bare.display()
        ),
    )?;
    let log = folder_path.join("host.log");
    let mut host = Host::start(orch, &config, File::create(&log)?)?;
    let (begun, socket) = (Instant::now(), folder_path.join("data/orch.sock"));
    while !answers(&socket).await {
        anyhow::ensure!(
            !host.has_ended() && begun.elapsed() < START,
            "the host does not answer:\n{}",
            std::fs::read_to_string(&log)?
        );
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let (times, seconds) = all_signed(listen, 0).await?;
    let (honest_times, honest, flood_s) = flooded(listen, SIGNED).await?;
    drop(host);
    let kept = kept(&folder_path.join("data/orch.db")).await?;
    anyhow::ensure!(
        kept == SIGNED + honest,
        "{} were acknowledged, {kept} are kept",
        SIGNED + honest
    );
    let mut rows = vec![
        vec!["signed deliveries".to_owned(), SIGNED.to_string()],
        vec![
            "acknowledged per second".to_owned(),
            format!("{:.0}", f64::from(SIGNED) / seconds),
        ],
    ];
    for (quantile, label) in [(0.5, "p50"), (0.99, "p99"), (1.0, "max")] {
        rows.push(vec![format!("acknowledged, {label}"), ms(&times, quantile)]);
    }
    rows.push(vec![
        "forged per second in the flood".to_owned(),
        format!("{:.0}", f64::from(FORGED) / flood_s),
    ]);
    rows.push(vec!["honest ones in it".to_owned(), honest.to_string()]);
    for (quantile, label) in [(0.5, "p50"), (0.99, "p99"), (1.0, "max")] {
        let value = ms(&honest_times, quantile);
        rows.push(vec![format!("honest, acknowledged, {label}"), value]);
    }
    Ok(Table {
        title: "Webhooks",
        note: format!(
            "{SIGNED} deliveries of 6 KB over {CONNECTIONS} connections of loopback, each signed and another one; sender and host share the machine. An acknowledgement comes after the flush to the disk. Then {FORGED} with a wrong signature over {} connections, while an honest one is sent every {} ms on one more. Milliseconds. A delivery that was acknowledged and is not kept, or a forged one that is, is an error and there is no page.",
            CONNECTIONS - 1,
            HONEST_PAUSE.as_millis()
        ),
        header: vec!["what", "value"],
        rows,
    })
}
