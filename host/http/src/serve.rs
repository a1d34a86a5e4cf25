//! Listens: on the unix socket always, on TCP if an address is configured.

use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use axum::Router;
use axum::extract::connect_info::Connected;
use axum::extract::{ConnectInfo, Request};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::serve::IncomingStream;
use orch_engine::Api;
use orch_views::host;
use orch_views::problem::ProblemCode;
use tokio::net::{TcpListener, UnixListener};
use tokio::sync::watch;

use crate::access::{Token, demand_token, may_order};
use crate::api::router;
use crate::refusal::Refusal;

/// Why the host cannot listen.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The port is taken or not allowed.
    #[error("cannot listen on {address}: {source}; stop what uses the port, or set `http.listen`")]
    Tcp {
        /// The address.
        address: SocketAddr,
        /// Why.
        source: std::io::Error,
    },
    /// The socket cannot be made.
    #[error("cannot listen on `{path}`: {source}")]
    Socket {
        /// The socket.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
}

/// Listeners that are ready to serve.
#[derive(Debug)]
pub struct Bound {
    tcp: Option<TcpListener>,
    unix: UnixListener,
}

/// Takes the address and the socket. The caller holds the store's lock, so a socket that is there is a dead
/// host's.
///
/// # Errors
/// [`ServeError`] with the remedy.
pub async fn bind(listen: Option<SocketAddr>, socket: &Path) -> Result<Bound, ServeError> {
    let tcp = match listen {
        Some(address) => Some(
            TcpListener::bind(address)
                .await
                .map_err(|source| ServeError::Tcp { address, source })?,
        ),
        None => None,
    };
    let failed = |source| ServeError::Socket {
        path: socket.to_owned(),
        source,
    };
    match std::fs::remove_file(socket) {
        Ok(()) => {}
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
        Err(error) => return Err(failed(error)),
    }
    let unix = UnixListener::bind(socket).map_err(failed)?;
    std::fs::set_permissions(socket, std::fs::Permissions::from_mode(0o600)).map_err(failed)?;
    Ok(Bound { tcp, unix })
}

/// Process at the other end of a connection; none if the kernel does not say.
#[derive(Debug, Clone, Copy)]
struct Peer(Option<u32>);

impl Connected<IncomingStream<'_, UnixListener>> for Peer {
    fn connect_info(stream: IncomingStream<'_, UnixListener>) -> Self {
        let pid = stream
            .io()
            .peer_cred()
            .ok()
            .and_then(|c| c.pid())
            .and_then(|pid| u32::try_from(pid).ok());
        Self(pid)
    }
}

async fn check_peer(
    ConnectInfo(Peer(pid)): ConnectInfo<Peer>,
    request: Request,
    next: Next,
) -> Response {
    if request.uri().path() == host::HEALTH.path || pid.is_some_and(may_order) {
        return next.run(request).await;
    }
    tracing::warn!(
        pid,
        path = request.uri().path(),
        "a process of a run asked for orders and was refused"
    );
    Refusal::new(
        ProblemCode::Forbidden,
        "a process that the host started may not give it orders",
    )
    .with_remedy("ask from a shell of your own")
    .into_response()
}

impl Bound {
    /// Address of the TCP listener, if there is one.
    pub fn address(&self) -> Option<SocketAddr> {
        self.tcp.as_ref().and_then(|tcp| tcp.local_addr().ok())
    }

    /// Serves until `stopped` turns true.
    ///
    /// # Errors
    /// When accepting fails for good.
    pub async fn serve(
        self,
        api: Api,
        token: Token,
        stopped: watch::Receiver<bool>,
    ) -> std::io::Result<()> {
        let open: Router = router(api);
        let guarded = open
            .clone()
            .layer(middleware::from_fn_with_state(token, demand_token));
        let checked = open.layer(middleware::from_fn(check_peer));
        let until = |mut stopped: watch::Receiver<bool>| async move {
            // A sender that is gone means the same.
            while !*stopped.borrow() && stopped.changed().await.is_ok() {}
        };
        let unix = axum::serve(
            self.unix,
            checked.into_make_service_with_connect_info::<Peer>(),
        )
        .with_graceful_shutdown(until(stopped.clone()));
        match self.tcp {
            None => unix.await,
            Some(tcp) => {
                let tcp = axum::serve(tcp, guarded).with_graceful_shutdown(until(stopped));
                let (a, b) = tokio::join!(unix.into_future(), tcp.into_future());
                a.and(b)
            }
        }
    }
}
