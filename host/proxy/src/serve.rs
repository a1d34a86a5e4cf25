//! Listens on the socket of one run for as long as it is polled.

use std::convert::Infallible;
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use orch_domain::reach::Reached;
use rustix::fs::{Mode, OFlags};
use rustix::net::{RecvFlags, recv};
use tokio::io::Interest;
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::metered::Meter;
use crate::request::answer;
use crate::run::Run;
use crate::{Policy, Record, SOCKET, names, socks, tunnel};

/// Largest head of a request, bytes.
const HEAD_BYTES_MAX: usize = 32 * 1024;
/// How long a head may take.
const HEAD_MAX: Duration = Duration::from_secs(30);
/// Records that wait to be taken.
const RECORDS_MAX: usize = 1024;
/// Pause after an error of the listener, such as too many open files.
const PAUSE: Duration = Duration::from_millis(200);

/// The proxy of one run.
#[derive(Debug)]
pub struct Proxy {
    listener: UnixListener,
    run: Arc<Run>,
    connections: JoinSet<()>,
}

/// Takes the socket `name` in `folder`, from a host before that is dead. Whoever sees the folder may connect.
///
/// # Errors
/// When it cannot be made.
pub fn listen(folder: &Path, name: &str) -> io::Result<UnixListener> {
    match std::fs::remove_file(folder.join(name)) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        Ok(()) | Err(_) => {}
    }
    // By a descriptor: the whole path is often longer than an address of a socket may be.
    let opened = rustix::fs::open(folder, OFlags::PATH | OFlags::CLOEXEC, Mode::empty())?;
    let near = format!("/proc/self/fd/{}/{name}", opened.as_raw_fd());
    let listener = UnixListener::bind(near)?;
    // The run may be another user; nobody else sees the folder.
    let open = std::fs::Permissions::from_mode(0o666);
    std::fs::set_permissions(folder.join(name), open)?;
    Ok(listener)
}

impl Proxy {
    /// Takes the socket in `folder`, from a host before that is dead; answers the records beside it, which whoever has
    /// the proxy served takes meanwhile.
    ///
    /// # Errors
    /// When the socket cannot be made.
    pub fn bind(folder: &Path, policy: Policy) -> io::Result<(Self, mpsc::Receiver<Record>)> {
        let listener = listen(folder, SOCKET)?;
        let (send, records) = mpsc::channel(RECORDS_MAX);
        let run = Run {
            meter: Arc::new(Meter::new(policy.limits, send)),
            policy,
            servers: Mutex::default(),
        };
        let proxy = Self {
            listener,
            run: Arc::new(run),
            connections: JoinSet::new(),
        };
        Ok((proxy, records))
    }

    /// Serves until it is dropped, and with it every connection.
    pub async fn serve(&mut self) -> Infallible {
        loop {
            tokio::select! {
                accepted = self.listener.accept() => match accepted {
                    Ok((stream, _)) => self.take(stream),
                    Err(error) => {
                        tracing::warn!(error = %error, "a connection of a run cannot be taken");
                        tokio::time::sleep(PAUSE).await;
                    }
                },
                Some(_) = self.connections.join_next() => {}
            }
        }
    }

    fn take(&mut self, stream: UnixStream) {
        if self.connections.len() >= self.run.policy.limits.connections {
            self.run.refused(String::new(), 0, Reached::TooMany);
            return;
        }
        self.connections.spawn(connection(stream, self.run.clone()));
    }
}

/// What a connection speaks is seen by its first byte: names are asked for with the length of the question, SOCKS begins
/// with its version, TLS with its kind of message, and HTTP with a letter.
async fn connection(stream: UnixStream, run: Arc<Run>) {
    match timeout(HEAD_MAX, first_byte(&stream)).await {
        Ok(Ok(Some(0..=4))) => names::answer(stream, &run).await,
        Ok(Ok(Some(5))) => socks::carry(stream, &run).await,
        Ok(Ok(Some(0x16))) => tunnel::carry_unasked(stream, &run).await,
        Ok(Ok(Some(_))) => http(stream, run).await,
        // Whoever says nothing asks for nothing.
        Ok(Ok(None) | Err(_)) | Err(_) => {}
    }
}

/// The first byte that comes, left where it is; none at the end.
async fn first_byte(stream: &UnixStream) -> io::Result<Option<u8>> {
    let mut byte = [0];
    let look = || Ok(recv(stream, &mut byte, RecvFlags::PEEK)?.0);
    let count = stream.async_io(Interest::READABLE, look).await?;
    Ok(byte.first().copied().filter(|_| count > 0))
}

async fn http(stream: UnixStream, run: Arc<Run>) {
    let tunnel = Mutex::new(None);
    let service =
        service_fn(async |request| Ok::<_, Infallible>(answer(&run, request, &tunnel).await));
    let mut server = http1::Builder::new();
    server
        .max_buf_size(HEAD_BYTES_MAX)
        // A client that has said all it wants still reads the answer.
        .half_close(true)
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_MAX);
    let served = server
        .serve_connection(TokioIo::new(stream), service)
        .with_upgrades()
        .await;
    let made = tunnel.lock().unwrap_or_else(PoisonError::into_inner).take();
    // What makes no sense is answered by the server itself; a client that is gone needs no answer.
    if let (Ok(()), Some(tunnel)) = (served, made) {
        tunnel.carry().await;
    }
}
