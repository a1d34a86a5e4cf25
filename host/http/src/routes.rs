//! How does an endpoint get its answer? What it takes is read, a function of the host answers, and the answer is
//! written as JSON: here once, for every endpoint.

use std::future::Future;

use axum::extract::{Request, State};
use axum::routing::{get, post};
use axum::{Json, Router};
use orch_engine::{Api, CommandError};
use orch_views::endpoint::{Endpoint, Method};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::refusal::Refusal;
use crate::request::read;

/// The endpoints that are there so far.
#[derive(Default)]
pub(crate) struct Routes {
    pub(crate) router: Router<Api>,
    #[cfg(test)]
    pub(crate) paths: Vec<String>,
}

impl Routes {
    /// Answers an endpoint by a function of the host, the names in the path and the request.
    pub(crate) fn on<const N: usize, Q, A, F, Fut>(
        mut self,
        endpoint: &Endpoint<N, Q, A>,
        answer: F,
    ) -> Self
    where
        Q: DeserializeOwned + Send + 'static,
        A: Serialize + 'static,
        F: Fn(Api, [String; N], Q) -> Fut + Clone + Send + Sync + 'static,
        Fut: Future<Output = Result<A, CommandError>> + Send,
    {
        let (method, sent) = (endpoint.method, endpoint.sent);
        let handler = move |State(api): State<Api>, request: Request| async move {
            let (names, request) = read::<N, Q>(sent, request).await?;
            let answer = answer(api, names, request).await?;
            Ok::<_, Refusal>(Json(answer))
        };
        let route = match method {
            Method::Get => get(handler),
            Method::Post => post(handler),
        };
        self.router = self.router.route(endpoint.path, route);
        #[cfg(test)]
        self.paths
            .push(format!("{} {}", method.as_str(), endpoint.path));
        self
    }
}
