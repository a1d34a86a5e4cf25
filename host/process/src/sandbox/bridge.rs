//! How does a program inside get to the proxy and the model gateway of the host? By a process beside it that listens on
//! loopback and carries bytes, unread, to sockets in a folder that is mounted for it.
//!
//! Whatever is asked is judged on the other side. A socket is looked for by its name each time: a host that was started
//! again has made it anew.

use std::fs::File;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use orch_domain::reach::DOOR;
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional_with_sizes};
use tokio::net::{TcpStream, UdpSocket, UnixStream};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::{calls, raw};

/// Name of the proxy's socket in its folder.
pub const SOCKET: &str = "proxy.sock";
/// Name of the model gateway's socket in the same folder.
pub const GATEWAY_SOCKET: &str = "gateway.sock";
/// Where the bridge listens for the proxy: above what the kernel hands out by itself.
const PORT: u16 = 61_128;
/// Where it listens for the model gateway.
const GATEWAY_PORT: u16 = 61_129;
/// Where names are asked for.
const NAMES_PORT: u16 = 53;
/// Where programs begin TLS that know no proxy.
const TLS_PORT: u16 = 443;
/// Longest question for a name, bytes, of those that come in one piece.
const QUESTION_BYTES_MAX: usize = 1024;
/// Questions that are asked at once.
const QUESTIONS_MAX: usize = 64;
/// How long an answer may take; whoever asked asks again.
const ANSWER_MAX: Duration = Duration::from_secs(10);
/// How long a connection waits for a host that is being started again.
const HOST_MAX: Duration = Duration::from_secs(60);
/// Pause between two looks for the host.
const PAUSE: Duration = Duration::from_millis(200);
/// Connections at once; the proxy has a bound of its own.
const CONNECTIONS_MAX: usize = 512;
/// Bytes that are carried at once.
const BUFFER: usize = 64 * 1024;

/// Where the model gateway is found inside.
pub fn gateway_address() -> String {
    format!("http://127.0.0.1:{GATEWAY_PORT}")
}

/// What programs read that look names up themselves.
pub(super) fn name_servers() -> Vec<u8> {
    b"nameserver 127.0.0.1\noptions attempts:2 timeout:5\n".to_vec()
}

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

/// What the bridge listens on.
struct Listeners {
    proxy: TcpListener,
    tls: TcpListener,
    names: TcpListener,
    questions: std::net::UdpSocket,
    gateway: Option<TcpListener>,
}

impl Listeners {
    /// Needs the rights that the first process still has in its own network.
    fn bind(has_gateway: bool) -> std::io::Result<Self> {
        let tcp = |at, port| -> std::io::Result<TcpListener> {
            let listener = TcpListener::bind((at, port))?;
            listener.set_nonblocking(true)?;
            Ok(listener)
        };
        let own = Ipv4Addr::LOCALHOST;
        let questions = std::net::UdpSocket::bind((own, NAMES_PORT))?;
        questions.set_nonblocking(true)?;
        Ok(Self {
            proxy: tcp(own, PORT)?,
            tls: tcp(DOOR, TLS_PORT)?,
            names: tcp(own, NAMES_PORT)?,
            questions,
            gateway: has_gateway.then(|| tcp(own, GATEWAY_PORT)).transpose()?,
        })
    }
}

/// Starts the bridge; it listens when this returns, and ends with the namespace of processes. Only in a process with one
/// thread, which has shut itself in already.
pub(super) fn start(folder: &Path, has_gateway: bool) -> std::io::Result<()> {
    let (said, say) = rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC)?;
    let mut say = Some(File::from(say));
    raw::fork(|| match say.take() {
        Some(say) => i32::from(run(say, folder, has_gateway).is_err()),
        None => 1,
    })?;
    drop(say.take());
    let mut text = String::new();
    File::from(said).read_to_string(&mut text)?;
    match text.as_str() {
        LISTENS => Ok(()),
        why => Err(std::io::Error::other(why.to_owned())),
    }
}

/// What it says when it listens.
const LISTENS: &str = "listens";

/// Says by `say` that it listens, or why it does not, and serves.
fn run(say: File, folder: &Path, has_gateway: bool) -> std::io::Result<()> {
    // It keeps nothing that the host had open; what it says goes where its output would.
    rustix::stdio::dup2_stdout(&say)?;
    drop(say);
    raw::close_all()?;
    let mut say = File::from(rustix::io::fcntl_dupfd_cloexec(rustix::stdio::stdout(), 3)?);
    let nothing = File::options().read(true).write(true).open("/dev/null")?;
    rustix::stdio::dup2_stdin(&nothing)?;
    rustix::stdio::dup2_stdout(&nothing)?;
    rustix::stdio::dup2_stderr(&nothing)?;
    let listeners = std::env::set_current_dir(folder)
        .and_then(|()| Listeners::bind(has_gateway))
        .and_then(|listeners| {
            calls::filter(calls::World::Own).map_err(std::io::Error::other)?;
            Ok(listeners)
        });
    let listeners = match listeners {
        Ok(listeners) => listeners,
        Err(error) => return say.write_all(error.to_string().as_bytes()),
    };
    say.write_all(LISTENS.as_bytes())?;
    drop(say);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(serve(listeners))
}

async fn serve(listeners: Listeners) -> std::io::Result<()> {
    let Listeners {
        proxy,
        tls,
        names,
        questions,
        gateway,
    } = listeners;
    let room = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    let mut doors = JoinSet::new();
    for listener in [proxy, tls, names] {
        doors.spawn(serve_one(listener, SOCKET, room.clone()));
    }
    if let Some(listener) = gateway {
        doors.spawn(serve_one(listener, GATEWAY_SOCKET, room));
    }
    let questions = UdpSocket::from_std(questions)?;
    doors.spawn(async move { answer(questions).await });
    // None of them ends by itself.
    match doors.join_next().await {
        Some(Ok(ended)) => ended,
        Some(Err(_)) | None => Err(std::io::Error::other("a door of the bridge is gone")),
    }
}

async fn serve_one(
    listener: TcpListener,
    socket: &'static str,
    room: Arc<Semaphore>,
) -> std::io::Result<()> {
    let listener = tokio::net::TcpListener::from_std(listener)?;
    let mut connections = JoinSet::new();
    loop {
        while connections.try_join_next().is_some() {}
        let accepted = listener.accept().await;
        let Ok(place) = room.clone().try_acquire_owned() else {
            continue;
        };
        match accepted {
            Ok((stream, _)) => {
                connections.spawn(async move {
                    carry(stream, socket).await;
                    drop(place);
                });
            }
            Err(_) => tokio::time::sleep(PAUSE).await,
        }
    }
}

async fn carry(mut from: TcpStream, socket: &str) {
    let Some(mut to) = connect(socket).await else {
        return;
    };
    // Small pieces are answers that somebody waits for.
    from.set_nodelay(true).ok();
    // Whichever side ended it, nothing is left to be done.
    copy_bidirectional_with_sizes(&mut from, &mut to, BUFFER, BUFFER)
        .await
        .ok();
}

async fn connect(socket: &str) -> Option<UnixStream> {
    let begun = Instant::now();
    loop {
        match UnixStream::connect(socket).await {
            Ok(stream) => return Some(stream),
            Err(_) if begun.elapsed() < HOST_MAX => tokio::time::sleep(PAUSE).await,
            Err(_) => return None,
        }
    }
}

/// Questions for names that come in one piece; with their length before them they are those of a connection.
async fn answer(socket: UdpSocket) -> std::io::Result<()> {
    let socket = Arc::new(socket);
    let mut asked = JoinSet::new();
    let mut question = [0; QUESTION_BYTES_MAX];
    loop {
        while asked.try_join_next().is_some() {}
        let (length, from) = match socket.recv_from(&mut question).await {
            Ok(came) => came,
            Err(_) => {
                // Somebody did not wait for an earlier answer.
                tokio::time::sleep(PAUSE).await;
                continue;
            }
        };
        if asked.len() >= QUESTIONS_MAX {
            continue;
        }
        let (question, socket) = (question[..length].to_vec(), socket.clone());
        asked.spawn(async move {
            if let Ok(Some(answer)) = timeout(ANSWER_MAX, ask(&question)).await {
                // Whoever does not get it asks again.
                socket.send_to(&answer, from).await.ok();
            }
        });
    }
}

async fn ask(question: &[u8]) -> Option<Vec<u8>> {
    let length = u16::try_from(question.len()).ok()?;
    let mut host = connect(SOCKET).await?;
    let framed = [&length.to_be_bytes()[..], question].concat();
    host.write_all(&framed).await.ok()?;
    let length = host.read_u16().await.ok()?;
    let mut answer = vec![0; usize::from(length)];
    host.read_exact(&mut answer).await.ok()?;
    Some(answer)
}
