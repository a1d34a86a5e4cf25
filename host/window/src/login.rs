//! How does somebody log in and out? By a token in a form, or by a link from the host's socket that works once.

use std::net::SocketAddr;

use askama::Template;
use axum::Extension;
use axum::body::Body;
use axum::extract::{ConnectInfo, Query, State};
use axum::http::header::{CONTENT_TYPE, SET_COOKIE};
use axum::http::{Method, StatusCode};
use axum::response::{IntoResponse, Redirect, Response};
use orch_engine::commands::{LoggedIn, Shown};
use serde::Deserialize;

use crate::door::{Viewer, Way};
use crate::form::{Form, own_path};
use crate::problem::Problem;
use crate::text::visible;
use crate::{Window, assets, cookie};

#[derive(Template)]
#[template(path = "login.html")]
struct Login<'p> {
    css: String,
    mark: String,
    /// Why somebody is not in.
    refused: Option<&'p str>,
    back: &'p str,
    /// Whom a link has let in.
    welcome: Option<&'p str>,
}

/// What the address says.
#[derive(Debug, Deserialize)]
pub(crate) struct Wanted {
    #[serde(default)]
    link: Option<String>,
    #[serde(default)]
    back: String,
}

/// Shows the form, or lets in whoever has a link. The link itself is no order: it comes from a terminal, and says who.
pub(crate) async fn show(
    State(window): State<Window>,
    Extension(way): Extension<Way>,
    Query(wanted): Query<Wanted>,
    method: Method,
    viewer: Option<Extension<Viewer>>,
) -> Result<Response, Problem> {
    let back = own_path(&wanted.back).unwrap_or("/ui/inbox");
    let Some(link) = wanted.link.filter(|_| method == Method::GET) else {
        return match viewer {
            Some(_) => Ok(Redirect::to(back).into_response()),
            None => page(StatusCode::OK, None, back, None),
        };
    };
    match window.api.sessions.by_link(&link).await? {
        Some(entered) => {
            // The browser sends the cookie from a page of ours, and not yet when it came from another one.
            let person = entered.caller.person.to_string();
            let mut response = page(StatusCode::OK, None, "/ui/inbox", Some(&person))?;
            let kept = kept(&entered, &way);
            response
                .headers_mut()
                .insert(SET_COOKIE, kept.parse().map_err(|_| unkept())?);
            Ok(response)
        }
        None => page(
            StatusCode::FORBIDDEN,
            Some("This link does not work, or has worked before: `orch open` prints another one."),
            back,
            None,
        ),
    }
}

/// Lets in whoever has a token.
pub(crate) async fn take(
    State(window): State<Window>,
    Extension(way): Extension<Way>,
    ConnectInfo(from): ConnectInfo<SocketAddr>,
    body: Body,
) -> Result<Response, Problem> {
    let form = Form::any(body).await?;
    let back = form.back("/ui/inbox");
    let token = form.get("token").trim();
    let (status, why) = match window.api.people.by_token(from.ip(), token).await? {
        Shown::Counts(caller, Some(id)) => {
            let entered = window.api.sessions.by_token(id, caller).await?;
            let kept = [(SET_COOKIE, kept(&entered, &way))];
            return Ok((kept, Redirect::to(&back)).into_response());
        }
        Shown::Counts(_, None) => (
            StatusCode::FORBIDDEN,
            "The old token file logs nobody in: `orch token new NAME --role ROLE` makes a person's own.",
        ),
        Shown::Wrong => (
            StatusCode::FORBIDDEN,
            "This token is nobody's, or does not count any more.",
        ),
        Shown::TooMany => (
            StatusCode::TOO_MANY_REQUESTS,
            "Too many wrong tokens came from your address: wait a minute.",
        ),
    };
    page(status, Some(why), &back, None)
}

/// Logs out.
pub(crate) async fn leave(
    State(window): State<Window>,
    Extension(way): Extension<Way>,
    Extension(viewer): Extension<Viewer>,
    body: Body,
) -> Result<Response, Problem> {
    Form::own(body, &viewer).await?;
    window.api.sessions.end(&viewer.session).await?;
    let gone = [(SET_COOKIE, cookie::kept(&way.cookie, "", 0, way.is_public))];
    Ok((gone, Redirect::to("/ui/login")).into_response())
}

fn kept(entered: &LoggedIn, way: &Way) -> String {
    cookie::kept(&way.cookie, &entered.secret, entered.seconds, way.is_public)
}

fn unkept() -> Problem {
    Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "the session has no text")
}

fn page(
    status: StatusCode,
    refused: Option<&str>,
    back: &str,
    welcome: Option<&str>,
) -> Result<Response, Problem> {
    let page = Login {
        css: assets::address("window.css"),
        mark: assets::address("mark.svg"),
        refused,
        back,
        welcome,
    };
    let html = page
        .render()
        .map_err(|e| Problem::new(StatusCode::INTERNAL_SERVER_ERROR, e.to_string()))?;
    let kind = [(CONTENT_TYPE, "text/html; charset=utf-8")];
    Ok((status, kind, visible(html)).into_response())
}
