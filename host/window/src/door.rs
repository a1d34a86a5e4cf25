//! Who is at the door, and may they come in? Whether the request comes to the address that the pages have, who is logged
//! in, and for an order that a page of the host's own sent it.

use std::net::SocketAddr;

use axum::extract::{ConnectInfo, Request, State};
use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, HOST, ORIGIN, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
    X_FRAME_OPTIONS,
};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Redirect, Response};
use orch_domain::person::{Caller, PersonRole};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use crate::problem::Problem;
use crate::{Window, cookie};

/// Nothing from another host, no script in a page, and no page in a frame of another's.
const POLICY: &str = "default-src 'self'; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'";

/// How a browser came here.
#[derive(Debug, Clone)]
pub(crate) struct Way {
    /// The address of the pages as the browser names it.
    pub(crate) origin: String,
    /// Whether a proxy with TLS is in front.
    pub(crate) is_public: bool,
    /// Under which name the browser keeps the session.
    pub(crate) cookie: String,
}

/// Somebody who is logged in.
#[derive(Debug, Clone)]
pub(crate) struct Viewer {
    pub(crate) caller: Caller,
    /// What forms of their pages carry.
    pub(crate) csrf: String,
    /// What their browser keeps.
    pub(crate) session: String,
}

impl Viewer {
    /// Whether they may do what takes `least`; what takes nothing everybody may do.
    pub(crate) fn may(&self, least: Option<PersonRole>) -> bool {
        least.is_none_or(|least| self.caller.may(least))
    }
}

/// What forms of a session's pages carry: nothing that says what the session is.
fn csrf_of(session: &str) -> String {
    hex::encode(Sha256::digest(format!("a form of a page: {session}")))
}

/// Lets in who may come in, and puts the policy of the pages on every answer.
pub(crate) async fn guard(
    State(window): State<Window>,
    ConnectInfo(from): ConnectInfo<SocketAddr>,
    request: Request,
    next: Next,
) -> Response {
    let mut response = match passed(&window, from, request, next).await {
        Ok(response) | Err(response) => response,
    };
    let headers = response.headers_mut();
    let mut set = |name: HeaderName, value: &'static str| {
        headers
            .entry(name)
            .or_insert(HeaderValue::from_static(value));
    };
    set(CONTENT_SECURITY_POLICY, POLICY);
    set(X_CONTENT_TYPE_OPTIONS, "nosniff");
    set(X_FRAME_OPTIONS, "DENY");
    // Forms name their origin only if something of it may be said at all.
    set(REFERRER_POLICY, "same-origin");
    set(CACHE_CONTROL, "no-store");
    set(
        HeaderName::from_static("cross-origin-opener-policy"),
        "same-origin",
    );
    response
}

async fn passed(
    window: &Window,
    from: SocketAddr,
    mut request: Request,
    next: Next,
) -> Result<Response, Response> {
    let way = way(window, from, request.headers()).map_err(IntoResponse::into_response)?;
    let is_look = matches!(*request.method(), Method::GET | Method::HEAD);
    if !is_look && !is_own(&request, &way) {
        let problem = Problem::new(StatusCode::FORBIDDEN, "another page sent this order")
            .with_remedy("order from the host's own pages");
        return Err(problem.into_response());
    }
    let session = cookie::value(request.headers(), &way.cookie).map(str::to_owned);
    let caller = match &session {
        Some(session) => window.api.sessions.caller(session).await,
        None => Ok(None),
    };
    let caller = caller.map_err(|error| Problem::from(error).into_response())?;
    let path = request.uri().path().to_owned();
    let is_open = path == "/ui/login" || path.starts_with("/ui/assets/");
    match (caller, session) {
        (Some(caller), Some(session)) => {
            let csrf = csrf_of(&session);
            request.extensions_mut().insert(Viewer {
                caller,
                csrf,
                session,
            });
        }
        _ if is_open => {}
        _ => return Err(outside(&request)),
    }
    request.extensions_mut().insert(way);
    Ok(next.run(request).await)
}

/// To the login, and back afterwards.
fn outside(request: &Request) -> Response {
    let headers = request.headers();
    if headers.contains_key("hx-request") {
        // The whole page goes to the login, not a part of it.
        let go = [(HeaderName::from_static("hx-redirect"), "/ui/login")];
        return (StatusCode::UNAUTHORIZED, go).into_response();
    }
    let wants_page = headers
        .get("accept")
        .and_then(|v| v.to_str().ok())
        .is_none_or(|accept| accept.contains("text/html") || accept.contains("*/*"));
    if request.uri().path() == "/ui/live" || !wants_page {
        return StatusCode::UNAUTHORIZED.into_response();
    }
    let back = match (request.method(), request.uri().path_and_query()) {
        (&Method::GET, Some(path)) if path.as_str() != "/" => path.as_str(),
        _ => return Redirect::to("/ui/login").into_response(),
    };
    let query = serde_urlencoded::to_string([("back", back)]).unwrap_or_default();
    Redirect::to(&format!("/ui/login?{query}")).into_response()
}

/// How the browser came; a refusal for one that came to another address than the pages have. Another name that leads
/// here is somebody else's, who could have a browser send what it knows of ours.
fn way(window: &Window, from: SocketAddr, headers: &HeaderMap) -> Result<Way, Problem> {
    let host = headers.get(HOST).and_then(|v| v.to_str().ok());
    let host = host.unwrap_or_default();
    if let Some(origin) = window.api.sessions.public_origin() {
        if origin.strip_prefix("https://") != Some(host) {
            return Err(Problem::new(
                StatusCode::MISDIRECTED_REQUEST,
                format!("the pages are at {origin}"),
            )
            .with_remedy("open them there; the proxy in front has to pass the `Host` header on"));
        }
        return Ok(Way {
            origin,
            is_public: true,
            cookie: cookie::name(true, host),
        });
    }
    if !from.ip().to_canonical().is_loopback() || !is_loopback(host) {
        return Err(Problem::new(
            StatusCode::FORBIDDEN,
            "without TLS the pages are for browsers on the host's own machine",
        )
        .with_remedy(
            "put a proxy with TLS in front and name it in orch.yaml: `http: {origin: https://…}`; or forward the port: \
             `ssh -L 8080:127.0.0.1:8080 HOST`, then open http://127.0.0.1:8080/",
        ));
    }
    Ok(Way {
        origin: format!("http://{host}"),
        is_public: false,
        cookie: cookie::name(false, host),
    })
}

/// Whether a host name, with its port, is this machine's own for itself.
fn is_loopback(host: &str) -> bool {
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.chars().all(|c| c.is_ascii_digit()) => name,
        _ => host,
    };
    matches!(name, "localhost" | "127.0.0.1" | "[::1]")
}

/// Whether a page of ours sent this order, as the browser says.
fn is_own(request: &Request, way: &Way) -> bool {
    let origin = request.headers().get(ORIGIN);
    origin.and_then(|v| v.to_str().ok()) == Some(way.origin.as_str())
}

/// Whether a form is one of the viewer's own pages.
pub(crate) fn is_of(viewer: &Viewer, csrf: &str) -> bool {
    viewer.csrf.as_bytes().ct_eq(csrf.as_bytes()).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_of_this_machine_for_itself_are_its_own() {
        for own in ["localhost", "localhost:8080", "127.0.0.1:80", "[::1]:8080"] {
            assert!(is_loopback(own), "{own}");
        }
        for other in [
            "",
            "evil.example",
            "localhost.evil.example:8080",
            "127.0.0.1.nip.io",
        ] {
            assert!(!is_loopback(other), "{other}");
        }
    }

    #[test]
    fn what_forms_carry_is_of_one_session_and_does_not_tell_it() {
        let (one, other) = (csrf_of("orch_1_aa"), csrf_of("orch_2_aa"));
        assert_ne!(one, other);
        assert!(!one.contains("aa_") && one.len() == 64);
    }
}
