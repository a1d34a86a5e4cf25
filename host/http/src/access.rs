//! Who is asking? A person by their token over TCP, the user of this machine over the unix socket; and whether what
//! they may do is enough for what they ask.

mod peer;

use std::net::SocketAddr;

use axum::extract::{ConnectInfo, Request, State};
use axum::http::header::AUTHORIZATION;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use orch_domain::person::{Caller, Channel, PersonRole};
use orch_engine::commands::{People, Shown};
use orch_views::host;
use orch_views::problem::ProblemCode;

pub(crate) use self::peer::Peer;
pub use self::peer::was_started_by_host;
use crate::refusal::Refusal;
use crate::webhook;

/// Lets through whoever has a token that counts, as the person whose it is; `/health` is open to everybody, and so
/// is what is signed.
pub(crate) async fn by_token(
    State(people): State<People>,
    ConnectInfo(address): ConnectInfo<SocketAddr>,
    mut request: Request,
    next: Next,
) -> Response {
    let path = request.uri().path();
    if path == host::HEALTH.path || path.starts_with(webhook::BELOW) {
        return next.run(request).await;
    }
    let given = request.headers().get(AUTHORIZATION);
    let given = given.and_then(|v| v.to_str().ok()).unwrap_or_default();
    let Some(token) = given.strip_prefix("Bearer ") else {
        return without_token().into_response();
    };
    match people.by_token(address.ip(), token).await {
        Ok(Shown::Counts(caller, _)) => {
            request.extensions_mut().insert(caller);
            next.run(request).await
        }
        Ok(Shown::TooMany) => Refusal::new(
            ProblemCode::TooMany,
            "too many wrong tokens came from this address",
        )
        .with_remedy("wait a minute; `orch token list` on the host shows which tokens count")
        .into_response(),
        Ok(Shown::Wrong) => {
            tracing::warn!(%address, path = request.uri().path(), "a wrong token was refused");
            without_token().into_response()
        }
        Err(error) => Refusal::from(error).into_response(),
    }
}

fn without_token() -> Refusal {
    Refusal::new(ProblemCode::Unauthorized, "the request has no valid token").with_remedy(
        "send `Authorization: Bearer TOKEN`; an admin makes tokens with `orch token new NAME --role ROLE`",
    )
}

/// Lets through the users of this machine whom the host knows, but no process that the host has started.
pub(crate) async fn by_peer(
    State(people): State<People>,
    ConnectInfo(peer): ConnectInfo<Peer>,
    mut request: Request,
    next: Next,
) -> Response {
    if request.uri().path() == host::HEALTH.path {
        return next.run(request).await;
    }
    let path = request.uri().path();
    if peer.pid.is_none_or(was_started_by_host) {
        tracing::warn!(
            pid = peer.pid,
            path,
            "a process of a run asked for orders and was refused"
        );
        return Refusal::new(
            ProblemCode::Forbidden,
            "a process that the host started may not give it orders",
        )
        .with_remedy(
            "ask from a shell of your own, outside of containers; or over TCP with a token",
        )
        .into_response();
    }
    let Some(caller) = people.by_user(peer.uid, Channel::Socket) else {
        tracing::warn!(
            uid = peer.uid,
            path,
            "a user whom nobody has named was refused"
        );
        return Refusal::new(
            ProblemCode::Forbidden,
            format!("user {} is nobody whom the host knows", peer.uid),
        )
        .with_remedy(format!(
            "name them in orch.yaml: `people: {{NAME: {{role: ROLE, unix: [{}]}}}}`",
            peer.uid
        ))
        .into_response();
    };
    request.extensions_mut().insert(caller);
    next.run(request).await
}

/// The caller of a request, if they may do what takes `least`.
pub(crate) fn allowed(request: &Request, least: PersonRole) -> Result<Caller, Refusal> {
    let Some(caller) = request.extensions().get::<Caller>() else {
        return Err(without_token());
    };
    if caller.may(least) {
        return Ok(caller.clone());
    }
    let (person, role) = (&caller.person, caller.role);
    Err(Refusal::new(
        ProblemCode::Forbidden,
        format!("`{person}` is `{role}`, and this takes `{least}`"),
    )
    .with_remedy(format!(
        "ask somebody who is `{least}`, or have an admin make a token for it: `orch token new {person} --role {least}`"
    )))
}
