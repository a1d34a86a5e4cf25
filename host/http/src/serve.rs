//! Listens: on the unix socket always, on TCP if an address is configured.

use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use axum::Router;
use axum::middleware;
use orch_engine::Api;
use tokio::net::{TcpListener, UnixListener};
use tokio::sync::watch;

use crate::access::{Peer, by_peer, by_token};
use crate::api::router;

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

impl Bound {
    /// Address of the TCP listener, if there is one.
    pub fn address(&self) -> Option<SocketAddr> {
        self.tcp.as_ref().and_then(|tcp| tcp.local_addr().ok())
    }

    /// Serves until `stopped` turns true: the endpoints, and over TCP `pages`, which look themselves at who asks.
    ///
    /// # Errors
    /// When accepting fails for good.
    pub async fn serve(
        self,
        api: Api,
        pages: Router,
        stopped: watch::Receiver<bool>,
    ) -> std::io::Result<()> {
        let people = api.people.clone();
        let open: Router = router(api.clone());
        let guarded = open
            .clone()
            .layer(middleware::from_fn_with_state(people, by_token));
        let guarded = pages.merge(guarded);
        let checked = open.layer(middleware::from_fn_with_state(api.people, by_peer));
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
                let guarded = guarded.into_make_service_with_connect_info::<SocketAddr>();
                let tcp = axum::serve(tcp, guarded).with_graceful_shutdown(until(stopped));
                let (a, b) = tokio::join!(unix.into_future(), tcp.into_future());
                a.and(b)
            }
        }
    }
}
