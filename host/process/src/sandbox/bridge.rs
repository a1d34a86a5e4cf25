//! How does a program inside get to the proxy of the host? By a process beside it that listens on loopback and carries
//! bytes, unread, to a socket in a folder that is mounted for it.
//!
//! Whatever is asked is judged on the other side. The socket is looked for by its name each time: a host that was started
//! again has made it anew.

use std::fs::File;
use std::net::Ipv4Addr;
use std::os::fd::AsFd;
use std::path::Path;
use std::time::{Duration, Instant};

use tokio::io::copy_bidirectional_with_sizes;
use tokio::net::{TcpListener, TcpStream, UnixStream};
use tokio::task::JoinSet;

use super::{calls, raw};

/// Name of the proxy's socket in its folder.
pub const SOCKET: &str = "proxy.sock";
/// Where the bridge listens: above what the kernel hands out by itself.
const PORT: u16 = 61_128;
/// How long a connection waits for a host that is being started again.
const HOST_MAX: Duration = Duration::from_secs(60);
/// Pause between two looks for the host.
const PAUSE: Duration = Duration::from_millis(200);
/// Connections at once; the proxy has a bound of its own.
const CONNECTIONS_MAX: usize = 512;
/// Bytes that are carried at once.
const BUFFER: usize = 64 * 1024;

/// Variables by which programs of all kinds find the bridge.
pub fn variables() -> Vec<(String, String)> {
    let proxy = format!("http://127.0.0.1:{PORT}");
    let own = "localhost,127.0.0.1,::1";
    let java = format!(
        "-Dhttp.proxyHost=127.0.0.1 -Dhttp.proxyPort={PORT} -Dhttps.proxyHost=127.0.0.1 -Dhttps.proxyPort={PORT}"
    );
    let to_proxy = [
        "HTTP_PROXY",
        "HTTPS_PROXY",
        "http_proxy",
        "https_proxy",
        "CARGO_HTTP_PROXY",
        "PIP_PROXY",
        "npm_config_proxy",
        "npm_config_https_proxy",
    ];
    let all = to_proxy.map(|name| (name, proxy.as_str())).into_iter();
    all.chain([
        ("NO_PROXY", own),
        ("no_proxy", own),
        ("NODE_USE_ENV_PROXY", "1"),
        ("JAVA_TOOL_OPTIONS", java.as_str()),
    ])
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .collect()
}

/// Starts the bridge; it listens when this returns, and ends with the namespace of processes. Only in a process with one
/// thread, which has shut itself in already.
pub(super) fn start(folder: &Path) -> std::io::Result<()> {
    let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, PORT))?;
    listener.set_nonblocking(true)?;
    raw::fork(|| i32::from(run(&listener, folder).is_err()))?;
    Ok(())
}

fn run(listener: &std::net::TcpListener, folder: &Path) -> std::io::Result<()> {
    // It keeps its listener and nothing that the host had open.
    let nothing = File::options().read(true).write(true).open("/dev/null")?;
    rustix::stdio::dup2_stdin(listener)?;
    rustix::stdio::dup2_stdout(&nothing)?;
    rustix::stdio::dup2_stderr(&nothing)?;
    raw::close_all()?;
    std::env::set_current_dir(folder)?;
    calls::filter().map_err(std::io::Error::other)?;
    let listener = rustix::stdio::stdin().as_fd().try_clone_to_owned()?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(serve(listener.into()))
}

async fn serve(listener: std::net::TcpListener) -> std::io::Result<()> {
    let listener = TcpListener::from_std(listener)?;
    let mut connections = JoinSet::new();
    loop {
        while connections.try_join_next().is_some() {}
        let accepted = listener.accept().await;
        if connections.len() >= CONNECTIONS_MAX {
            continue;
        }
        match accepted {
            Ok((stream, _)) => {
                connections.spawn(carry(stream));
            }
            Err(_) => tokio::time::sleep(PAUSE).await,
        }
    }
}

async fn carry(mut from: TcpStream) {
    let begun = Instant::now();
    let mut to = loop {
        match UnixStream::connect(SOCKET).await {
            Ok(stream) => break stream,
            Err(_) if begun.elapsed() < HOST_MAX => tokio::time::sleep(PAUSE).await,
            Err(_) => return,
        }
    };
    // Whichever side ended it, nothing is left to be done.
    copy_bidirectional_with_sizes(&mut from, &mut to, BUFFER, BUFFER)
        .await
        .ok();
}
