//! How fast do bytes come to a caged process through its bridge and the host's proxy?

use std::path::Path;
use std::process::Stdio;
use std::time::Instant;

use anyhow::ensure;
use orch_domain::reach::Rule;
use orch_process::sandbox::{Confinement, Network, proxy_variables};
use orch_proxy::{Policy, Proxy};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::process::Command;

use super::cage;
use crate::page::Table;

/// Bytes of one download.
const BYTES: u64 = 1 << 30;
/// Downloads of each kind; the median counts.
const ROUNDS: usize = 5;
/// What may not be undercut, MB/s.
const GOAL: f64 = 500.0;

pub(super) async fn run(orch: &Path) -> anyhow::Result<Table> {
    let server = TcpListener::bind("127.0.0.1:0").await?;
    let port = server.local_addr()?.port();
    let serving = tokio::spawn(serve(server));
    let folder = tempfile::tempdir_in("/var/tmp")?;
    let proxied = cage(folder.path(), Network::Proxied)?;
    let policy = Policy {
        reach_private: vec![format!("localhost:{port}").parse::<Rule>()?],
        ..Policy::default()
    };
    let sockets = folder.path().join("net");
    let (mut proxy, _records) = Proxy::bind(&sockets, policy)?;
    let proxying = tokio::spawn(async move { match proxy.serve().await {} });
    let (mut direct, mut through) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        direct.push(download(orch, None, port).await?);
        through.push(download(orch, Some(&proxied), port).await?);
    }
    proxying.abort();
    serving.abort();
    let (direct, through) = (median(&mut direct), median(&mut through));
    let met = if through >= GOAL { "met" } else { "missed" };
    Ok(Table {
        title: "Bytes through the proxy",
        note: format!(
            "A download of {} MiB in plain HTTP on loopback, {ROUNDS} times of each kind, alternating; the median. A shell asks, `cat` reads. `through` passes the bridge of the cage and the proxy of the host. Goal: {GOAL:.0} MB/s; {met}.",
            BYTES >> 20
        ),
        header: vec!["way", "MB/s"],
        rows: vec![
            vec!["direct".to_owned(), format!("{direct:.0}")],
            vec!["through".to_owned(), format!("{through:.0}")],
        ],
    })
}

fn median(rates: &mut [f64]) -> f64 {
    rates.sort_by(f64::total_cmp);
    rates[rates.len() / 2]
}

/// Answers every request with the same bytes.
async fn serve(server: TcpListener) {
    let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {BYTES}\r\nconnection: close\r\n\r\n");
    let block = vec![0x5a; 1 << 20];
    while let Ok((mut stream, _)) = server.accept().await {
        let mut request = [0; 4096];
        // A request of the benchmark comes in one piece; whoever hangs up has enough.
        if !matches!(stream.read(&mut request).await, Ok(1..)) {
            continue;
        }
        let mut sent = stream.write_all(head.as_bytes()).await;
        for _ in 0..BYTES / block.len() as u64 {
            if sent.is_err() {
                break;
            }
            sent = stream.write_all(&block).await;
        }
    }
}

/// Downloads once; answers MB/s.
async fn download(orch: &Path, cage: Option<&Confinement>, port: u16) -> anyhow::Result<f64> {
    let ask = |at: &str| {
        format!(
            "exec 3<>/dev/tcp/127.0.0.1/{at} && printf 'GET http://localhost:{port}/x HTTP/1.1\\r\\nhost: localhost\\r\\nconnection: close\\r\\n\\r\\n' >&3 && cat <&3 | wc -c"
        )
    };
    let mut command = match cage {
        None => {
            let mut command = Command::new("/bin/bash");
            command.args(["-c", &ask(&port.to_string())]);
            command
        }
        Some(cage) => {
            let args = ["-c".to_owned(), ask("${HTTP_PROXY##*:}")];
            let wrapped = cage.wrap(orch, Path::new("/bin/bash"), &args);
            let mut command = Command::new(&wrapped.program);
            command.args(&wrapped.args).envs(proxy_variables());
            command.env(&wrapped.variable.0, &wrapped.variable.1);
            command.current_dir(&cage.write[0]);
            command
        }
    };
    let begun = Instant::now();
    let done = command.stdin(Stdio::null()).output().await?;
    let seconds = begun.elapsed().as_secs_f64();
    let said = String::from_utf8_lossy(&done.stdout);
    let came: u64 = said.trim().parse().unwrap_or(0);
    let complaint = String::from_utf8_lossy(&done.stderr);
    ensure!(came > BYTES, "{came} bytes came: {complaint}");
    Ok(BYTES as f64 / 1e6 / seconds)
}
