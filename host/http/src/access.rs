//! Who may ask: a token over TCP, the right process over the unix socket.

use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use axum::extract::{Request, State};
use axum::http::header::AUTHORIZATION;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use orch_process::identity::{ancestors, parent};
use orch_views::host;
use orch_views::problem::ProblemCode;
use subtle::ConstantTimeEq;

use crate::refusal::Refusal;

/// The host's access token.
#[derive(Clone)]
pub struct Token(String);

impl std::fmt::Debug for Token {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Token(…)")
    }
}

impl Token {
    /// Reads the token file, or makes one that only this user can read.
    ///
    /// # Errors
    /// When the file cannot be read or made.
    pub fn load(path: &Path) -> std::io::Result<Self> {
        if let Ok(text) = std::fs::read_to_string(path)
            && text.trim().len() >= 32
        {
            return Ok(Self(text.trim().to_owned()));
        }
        let mut bytes = [0_u8; 32];
        let mut source = std::fs::File::open("/dev/urandom")?;
        std::io::Read::read_exact(&mut source, &mut bytes)?;
        let text: String = bytes.iter().map(|b| format!("{b:02x}")).collect();
        let mut file = std::fs::File::options()
            .create(true)
            .truncate(true)
            .write(true)
            .mode(0o600)
            .open(path)?;
        file.write_all(text.as_bytes())?;
        Ok(Self(text))
    }

    fn matches(&self, given: &str) -> bool {
        self.0.as_bytes().ct_eq(given.as_bytes()).into()
    }
}

/// Demands the token on everything but `/health`.
pub(crate) async fn demand_token(
    State(token): State<Token>,
    request: Request,
    next: Next,
) -> Response {
    if request.uri().path() == host::HEALTH.path {
        return next.run(request).await;
    }
    let given = request
        .headers()
        .get(AUTHORIZATION)
        .and_then(|v| v.to_str().ok())
        .unwrap_or_default();
    if token.matches(given.strip_prefix("Bearer ").unwrap_or_default()) {
        return next.run(request).await;
    }
    Refusal::new(ProblemCode::Unauthorized, "the request has no valid token")
        .with_remedy(
            "send `Authorization: Bearer TOKEN` with the token from the host's data folder",
        )
        .into_response()
}

/// Variable that every process of a supervised run carries.
const RUN_MARK: &str = "ORCH_RUN_TOKEN";

/// Whether the process at the other end of the socket may give orders: not if the host started it, and not if
/// it belongs to a supervised run.
pub(crate) fn may_order(pid: u32) -> bool {
    let host = std::process::id();
    if pid == host {
        return true;
    }
    let chain = ancestors(pid);
    if chain.is_empty() && parent(pid).is_none() {
        // Gone already: nobody can be vouched for.
        return false;
    }
    let marked = |pid: u32| {
        std::fs::read(format!("/proc/{pid}/environ")).is_ok_and(|env| {
            env.split(|b| *b == 0)
                .any(|v| v.starts_with(format!("{RUN_MARK}=").as_bytes()))
        })
    };
    let supervisor = |pid: u32| {
        std::fs::read(format!("/proc/{pid}/cmdline"))
            .is_ok_and(|line| line.split(|b| *b == 0).nth(1) == Some(b"supervise".as_slice()))
    };
    let bad = |pid: u32| pid == host || marked(pid) || supervisor(pid);
    !marked(pid) && !chain.into_iter().any(bad)
}
