//! A stateful fake of Plane's API on loopback, with the shapes and habits that were recorded from a running server.
//!
//! What it does as the recorded server does: lists by pages with a cursor that is always there, filters that do nothing,
//! a pair of external ids that counts for the project, activities that say who moved what, 403 for what a key may not
//! see, 404 on GET and 200 on PATCH for what is in the archive, redirects where the last slash is missing, a limit of
//! calls. What servers do that differ is a fault to be switched on.

mod answer;
mod board;

use std::sync::{Arc, Mutex, MutexGuard};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, Method, Uri};
use axum::response::Response;
use serde_json::Value;

use self::answer::Asked;
pub use self::board::{PlaneBoard, PlaneFault, PlaneItem};

/// Key of the host's own user.
pub const PLANE_KEY: &str = "plane_api_TEST";
/// The host's own user.
pub const PLANE_BOT: &str = "952bee74-72a3-4f0c-a1ac-a119438a9308";
/// The workspace.
pub const WORKSPACE: &str = "acme";
/// Its id, which every row has.
pub(crate) const WORKSPACE_ID: &str = "e34b036a-17bd-475b-9351-f6e395f0486b";
/// Its project.
pub const PROJECT: &str = "2d2370f1-45b8-48ab-94ae-e0a359b8dab0";

/// The fake. Its server ends with the runtime that it was started in.
#[derive(Debug, Clone)]
pub struct Plane {
    address: String,
    board: Arc<Mutex<PlaneBoard>>,
}

impl Plane {
    /// Starts the fake on a free port, with one project and the states that Plane begins with.
    ///
    /// # Panics
    /// When loopback cannot be listened on.
    pub async fn start() -> Self {
        let board = Arc::new(Mutex::new(PlaneBoard::new()));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await;
        let listener = listener.expect("loopback can be listened on");
        let address = listener.local_addr().expect("a listener has an address");
        let routes = Router::new().fallback(any).with_state(board.clone());
        tokio::spawn(async move { axum::serve(listener, routes).await });
        Self {
            address: format!("http://{address}"),
            board,
        }
    }

    /// Where it listens.
    pub fn url(&self) -> &str {
        &self.address
    }

    /// What stands on the board, to be looked at or changed as people do.
    ///
    /// # Panics
    /// Never: no test panics under the lock.
    pub fn board(&self) -> MutexGuard<'_, PlaneBoard> {
        self.board.lock().expect("no test panics under the lock")
    }
}

async fn any(
    State(board): State<Arc<Mutex<PlaneBoard>>>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let asked = Asked {
        key: headers
            .get("x-api-key")
            .and_then(|key| key.to_str().ok())
            .map(str::to_owned),
        path: uri.path().to_owned(),
        query: uri.query().unwrap_or_default().to_owned(),
        body: serde_json::from_slice(&body).unwrap_or(Value::Null),
        method,
    };
    let hangs = {
        let mut board = board.lock().expect("no test panics under the lock");
        match board.has(PlaneFault::Hangs) {
            true => None,
            false => Some(board.answer(&asked)),
        }
    };
    match hangs {
        Some(response) => response,
        None => std::future::pending().await,
    }
}
