//! The host's pages: what waits for people, what moves and what does not, in a browser.
//!
//! Every page reads the views that the other ways of asking read, and orders by the same commands: nothing is here that
//! the command line cannot do. Pages are made on the host and need no script; with one they follow by themselves.
//!
//! Not here: what is shown (`orch-views`, filled by the engine), who may do what (the endpoints say it), and the endpoints
//! for programs (`orch-http`).

mod act;
mod assets;
mod chart;
mod cookie;
mod door;
mod form;
mod live;
mod login;
mod markdown;
mod order;
mod page;
mod pages;
mod problem;
mod text;

use axum::Router;
use axum::middleware;
use axum::routing::{get, post};
use orch_engine::Api;
use tokio::sync::watch;

use crate::live::Hub;

/// What the pages are made from. Clones share everything.
#[derive(Debug, Clone)]
pub(crate) struct Window {
    pub(crate) api: Api,
    pub(crate) hub: Hub,
}

/// The pages, below `/ui/`. They look themselves at who asks; streams end when `stopped` turns true.
pub fn router(api: Api, stopped: watch::Receiver<bool>) -> Router {
    let hub = Hub::new(api.views.live.clone(), stopped);
    let window = Window { api, hub };
    Router::new()
        .route("/", get(pages::front))
        .route("/ui", get(pages::front))
        .route("/ui/", get(pages::front))
        .route("/ui/login", get(login::show).post(login::take))
        .route("/ui/logout", post(login::leave))
        .route("/ui/assets/{version}/{name}", get(assets::answer))
        .route("/ui/live", get(live::answer))
        .route("/ui/inbox", get(pages::inbox::show))
        .route("/ui/board", get(pages::board::show))
        .route("/ui/tasks", get(pages::tasks::show).post(order::begin))
        .route("/ui/tasks/{item}", get(pages::task::show))
        .route("/ui/tasks/{item}/diff", get(pages::diff::show))
        .route("/ui/tasks/{item}/artefacts", get(pages::artefacts::show))
        .route("/ui/tasks/{item}/runs/{run}", get(pages::run::show))
        .route("/ui/tasks/{item}/runs/{run}/raw", get(pages::raw::show))
        .route("/ui/tasks/{item}/{verb}", post(order::about_task))
        .route("/ui/evaluations/{id}", get(pages::evaluation::show))
        .route("/ui/gates", get(pages::gates::show))
        .route("/ui/gates/{name}/{verb}", post(order::about_gate))
        .route("/ui/drills", post(order::drill))
        .route("/ui/queue", get(pages::queue::show))
        .route("/ui/pauses", post(order::pause))
        .route("/ui/pauses/release", post(order::unpause))
        .route("/ui/leases/release", post(order::release))
        .route("/ui/alerts/acknowledge", post(order::acknowledge))
        .route("/ui/system", get(pages::system::show))
        .route("/ui/{*rest}", get(pages::nowhere))
        .layer(middleware::from_fn_with_state(window.clone(), door::guard))
        .with_state(window)
}
