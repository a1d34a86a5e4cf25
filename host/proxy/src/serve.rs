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
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use crate::metered::Meter;
use crate::request::{Run, answer};
use crate::{Policy, Record, SOCKET};

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

impl Proxy {
    /// Takes the socket in `folder`, from a host before that is dead; answers the records beside it, which whoever has
    /// the proxy served takes meanwhile.
    ///
    /// # Errors
    /// When the socket cannot be made.
    pub fn bind(folder: &Path, policy: Policy) -> io::Result<(Self, mpsc::Receiver<Record>)> {
        match std::fs::remove_file(folder.join(SOCKET)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            Ok(()) | Err(_) => {}
        }
        // By a descriptor: the whole path is often longer than an address of a socket may be.
        let opened = rustix::fs::open(folder, OFlags::PATH | OFlags::CLOEXEC, Mode::empty())?;
        let near = format!("/proc/self/fd/{}/{SOCKET}", opened.as_raw_fd());
        let listener = UnixListener::bind(near)?;
        // The run may be another user; nobody else sees the folder.
        let open = std::fs::Permissions::from_mode(0o666);
        std::fs::set_permissions(folder.join(SOCKET), open)?;
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
            self.run.meter.record(Record {
                host: String::new(),
                port: 0,
                reached: Reached::TooMany,
                sent: 0,
                received: 0,
            });
            return;
        }
        self.connections.spawn(connection(stream, self.run.clone()));
    }
}

async fn connection(stream: UnixStream, run: Arc<Run>) {
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
