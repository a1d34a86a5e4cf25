//! How does a page come together? The same function makes it whole for whoever opens it, and its content alone for a page
//! that follows by itself.

use askama::Template;
use axum::extract::FromRequestParts;
use axum::http::header::{CONTENT_TYPE, SET_COOKIE, VARY};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use orch_views::page::PageRequest;

use crate::door::{Viewer, Way};
use crate::problem::Problem;
use crate::text::visible;
use crate::{Window, assets, cookie};

/// A page that is asked for, by somebody who is logged in.
#[derive(Debug)]
pub(crate) struct Asked {
    pub(crate) viewer: Viewer,
    pub(crate) way: Way,
    /// Path and query.
    pub(crate) path: String,
    /// Whether only the content is wanted.
    pub(crate) is_fragment: bool,
    /// The latest event when it was asked for: what is shown is as of then, or newer.
    cursor: i64,
    /// What the order before it came to.
    said: Option<String>,
}

impl FromRequestParts<Window> for Asked {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, window: &Window) -> Result<Self, Response> {
        let viewer = parts.extensions.get::<Viewer>().cloned();
        let way = parts.extensions.get::<Way>().cloned();
        let (Some(viewer), Some(way)) = (viewer, way) else {
            return Err(StatusCode::UNAUTHORIZED.into_response());
        };
        let cursor = window.api.views.live.latest().await;
        let path = parts.uri.path_and_query().map_or("/ui/", |p| p.as_str());
        Ok(Self {
            viewer,
            way,
            path: path.to_owned(),
            is_fragment: is_fragment(&parts.headers),
            cursor: cursor.map_err(|e| Problem::from(e).into_response())?,
            said: cookie::to_say(&parts.headers),
        })
    }
}

/// Whether a page that is open asks for its content anew.
pub(crate) fn is_fragment(headers: &HeaderMap) -> bool {
    headers.contains_key("hx-request")
}

/// Where one is, for the navigation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Here {
    Inbox,
    Board,
    Tasks,
    Gates,
    Queue,
    System,
}

/// What follows by itself on a page.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Follows<'p> {
    /// Whatever happens.
    Everything,
    /// What happens to one task, and to the queue.
    Task(&'p str),
    /// Nothing: what is shown does not change.
    Nothing,
}

#[derive(Template)]
#[template(path = "shell.html")]
struct Shell<'p> {
    title: &'p str,
    links: Vec<Link>,
    person: &'p str,
    role: &'p str,
    csrf: &'p str,
    path: &'p str,
    cursor: i64,
    topics: &'p str,
    version: &'static str,
    css: String,
    htmx: String,
    script: String,
    mark: String,
    said: &'p str,
    content: &'p str,
}

struct Link {
    name: &'static str,
    path: &'static str,
    key: char,
    is_here: bool,
    counts: bool,
}

#[derive(Template)]
#[template(path = "content.html")]
struct Content<'p> {
    title: &'p str,
    said: &'p str,
    waiting: u64,
    body: &'p str,
}

/// A page: where it is, what it is called, and what follows by itself.
#[derive(Debug)]
pub(crate) struct Page<'p> {
    pub(crate) here: Here,
    pub(crate) title: &'p str,
    pub(crate) follows: Follows<'p>,
}

impl Page<'_> {
    /// The answer, with `body` as its content.
    pub(crate) async fn answer(
        self,
        window: &Window,
        asked: &Asked,
        body: &impl Template,
    ) -> Result<Response, Problem> {
        let first = PageRequest {
            limit: Some(1),
            after: None,
        };
        let waiting = window.api.views.inbox.list(first).await?.total;
        let failed = |error: askama::Error| {
            Problem::new(StatusCode::INTERNAL_SERVER_ERROR, error.to_string())
        };
        let body = body.render().map_err(failed)?;
        let content = Content {
            title: self.title,
            said: asked.said.as_deref().unwrap_or_default(),
            waiting,
            body: &body,
        };
        let content = content.render().map_err(failed)?;
        let html = if asked.is_fragment {
            content
        } else {
            self.whole(asked, &content).map_err(failed)?
        };
        let headers = [
            (CONTENT_TYPE, "text/html; charset=utf-8"),
            (VARY, "hx-request"),
        ];
        let mut response = (headers, visible(html)).into_response();
        if asked.said.is_some()
            && let Ok(value) = HeaderValue::from_str(&cookie::was_said(asked.way.is_public))
        {
            response.headers_mut().append(SET_COOKIE, value);
        }
        Ok(response)
    }

    fn whole(&self, asked: &Asked, content: &str) -> Result<String, askama::Error> {
        let link = |name, path, key, here| Link {
            name,
            path,
            key,
            is_here: self.here == here,
            counts: here == Here::Inbox,
        };
        let topics = match self.follows {
            Follows::Everything => "*",
            Follows::Task(item) => item,
            Follows::Nothing => "",
        };
        Shell {
            title: self.title,
            links: vec![
                link("Inbox", "/ui/inbox", 'i', Here::Inbox),
                link("Board", "/ui/board", 'b', Here::Board),
                link("Tasks", "/ui/tasks", 't', Here::Tasks),
                link("Queue", "/ui/queue", 'q', Here::Queue),
                link("Gates", "/ui/gates", 'g', Here::Gates),
                link("System", "/ui/system", 's', Here::System),
            ],
            person: asked.viewer.caller.person.as_str(),
            role: asked.viewer.caller.role.as_str(),
            csrf: &asked.viewer.csrf,
            path: &asked.path,
            cursor: asked.cursor,
            topics,
            version: env!("CARGO_PKG_VERSION"),
            css: assets::address("window.css"),
            htmx: assets::address("htmx-4.0.1.min.js"),
            script: assets::address("window.js"),
            mark: assets::address("mark.svg"),
            said: asked.said.as_deref().unwrap_or_default(),
            content,
        }
        .render()
    }
}
