//! What does a run ask for? A tunnel, or something at an absolute address; each request is judged by itself.

use bytes::Bytes;
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::header::{CONNECTION, CONTENT_TYPE, HOST, HeaderName, HeaderValue, UPGRADE};
use hyper::{Method, Request, Response, StatusCode, Uri};
use hyper_util::rt::TokioIo;
use orch_domain::reach::{Reached, Target};

use crate::dial::dial;
use crate::metered::Metered;
use crate::run::{NAME_MAX, Run};
use crate::tunnel::Tunnel;

/// What is answered: the server's own words, or the host's.
pub(crate) type Answer = Response<BoxBody<Bytes, hyper::Error>>;

/// Port of an absolute address that names none.
const HTTP_PORT: u16 = 80;
/// Headers that are said from one hop to the next.
const HOP: [HeaderName; 3] = [CONNECTION, UPGRADE, HeaderName::from_static("keep-alive")];
const PROXY: [&str; 2] = ["proxy-authorization", "proxy-connection"];

/// Answers a request; a tunnel that was allowed is left in `tunnel`, to be carried when the answer is out.
pub(crate) async fn answer(
    run: &Run,
    request: Request<Incoming>,
    tunnel: &std::sync::Mutex<Option<Tunnel>>,
) -> Answer {
    let is_tunnel = request.method() == Method::CONNECT;
    let target = match target(&request) {
        Ok(target) => target,
        Err(asked) => return run.refuse(asked, Reached::NoName),
    };
    let asked = (target.host().to_owned(), target.port());
    let fetches = matches!(*request.method(), Method::GET | Method::HEAD);
    if !is_tunnel && !fetches && run.policy.is_fetch_only(&target) {
        return run.refuse(asked, Reached::OnlyFetched);
    }
    let stream = match dial(&run.policy, &target).await {
        Ok(stream) => stream,
        Err(why) => return run.refuse(asked, why),
    };
    let to = run.metered(stream, target.clone());
    if is_tunnel {
        let from = hyper::upgrade::on(request);
        let made = Tunnel { from, to, target };
        *tunnel
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner) = Some(made);
        return Response::new(said(String::new()));
    }
    match forward(run, request, to).await {
        Ok(answer) => answer,
        Err(error) => text(
            StatusCode::BAD_GATEWAY,
            format!("{target} answers nothing that can be read: {error}\n"),
        ),
    }
}

/// Host and port that are asked for; else what stood there.
fn target(request: &Request<Incoming>) -> Result<Target, (String, u16)> {
    let uri = request.uri();
    let host = uri.host().unwrap_or_default();
    let is_tunnel = request.method() == Method::CONNECT;
    let port = match uri.port_u16() {
        Some(port) => port,
        None if !is_tunnel && uri.scheme_str() == Some("http") => HTTP_PORT,
        None => 0,
    };
    let has_user = uri.authority().is_some_and(|a| a.as_str().contains('@'));
    let is_http = is_tunnel || uri.scheme_str() == Some("http");
    Target::new(host, port)
        .ok()
        .filter(|_| is_http && !has_user)
        .ok_or_else(|| (host.chars().take(NAME_MAX).collect(), port))
}

impl Run {
    fn refuse(&self, (host, port): (String, u16), why: Reached) -> Answer {
        let status = match why {
            Reached::Unreachable => StatusCode::BAD_GATEWAY,
            _ => StatusCode::FORBIDDEN,
        };
        let rule = why.as_str();
        let words = why.in_words();
        let body = format!("orch: {host}:{port} is not reached ({rule}): {words}\n");
        self.refused(host, port, why);
        text(status, body)
    }
}

/// Sends one request on, and nothing after it: the connection is for this one.
async fn forward(
    run: &Run,
    request: Request<Incoming>,
    to: Metered,
) -> Result<Answer, hyper::Error> {
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(to)).await?;
    {
        let mut servers = run
            .servers
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        while servers.try_join_next().is_some() {}
        servers.spawn(async move {
            // Whoever reads the answer sees that it broke off.
            connection.await.ok();
        });
    }
    let (mut parts, body) = request.into_parts();
    let authority = parts.uri.authority().map(ToString::to_string);
    let path = parts.uri.path_and_query().cloned();
    parts.uri = path.map_or_else(|| Uri::from_static("/"), Uri::from);
    for name in HOP {
        parts.headers.remove(name);
    }
    for name in PROXY {
        parts.headers.remove(name);
    }
    // The name that was judged: what a client says besides is not asked for.
    if let Some(host) = authority.and_then(|a| HeaderValue::from_str(&a).ok()) {
        parts.headers.insert(HOST, host);
    }
    let answer = sender
        .send_request(Request::from_parts(parts, body))
        .await?;
    let (mut parts, body) = answer.into_parts();
    for name in HOP {
        parts.headers.remove(name);
    }
    Ok(Response::from_parts(parts, body.boxed()))
}

fn said(text: String) -> BoxBody<Bytes, hyper::Error> {
    Full::new(Bytes::from(text))
        .map_err(|never| match never {})
        .boxed()
}

fn text(status: StatusCode, text: String) -> Answer {
    let mut answer = Response::new(said(text));
    *answer.status_mut() = status;
    let plain = HeaderValue::from_static("text/plain; charset=utf-8");
    answer.headers_mut().insert(CONTENT_TYPE, plain);
    answer
}
